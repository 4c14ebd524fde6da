# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""tools/demo ends when it is asked to, at any moment, and leaves nothing behind."""

import os
import pathlib
import signal
import subprocess

import pytest

DEMO = pathlib.Path(__file__).parents[2] / "tools" / "demo"


def processes_of(folder):
    """Process ids whose environment or command line names the folder."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in text and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def start(folder, *arguments):
    return subprocess.Popen(
        [DEMO, "--seconds", "15", "--folder", folder, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def read_until(demo, *marks):
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if any(mark in line for mark in marks):
            return "".join(lines)
    raise AssertionError(f"the demo ended with {demo.wait()} before it said {marks}:\n{''.join(lines)}")


@pytest.mark.parametrize(
    "number, mark",
    [
        (signal.SIGINT, "an upstream broker, and a recorder"),
        (signal.SIGINT, "the upstream is stopped"),
        (signal.SIGTERM, "is killed with SIGKILL"),
        (signal.SIGHUP, "the upstream is back"),
    ],
)
def test_a_signal_ends_it_and_leaves_nothing_behind(tmp_path, number, mark):
    with start(tmp_path) as demo:
        try:
            read_until(demo, mark)
            assert processes_of(tmp_path)
            demo.send_signal(number)
            rest, _ = demo.communicate(timeout=30)
        finally:
            demo.kill()
    assert demo.returncode == 128 + number, rest
    assert "left behind" not in rest
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_too_short_a_time_is_refused():
    ran = subprocess.run([DEMO.with_name("demo.py"), "--seconds", "3"], capture_output=True, text=True)
    assert ran.returncode == os.EX_USAGE
    assert "at least 15" in ran.stderr
