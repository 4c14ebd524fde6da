# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The GPIO tests of tests/vm/inside, in a guest whose kernel simulates chips; each is a test of its own here, and a guest is
started for each file of them. On a machine whose own kernel does that, and for root, they run without a guest."""
import base64
import os
import pathlib
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parents[1] / "tools")]

import gpio_sim  # noqa: E402
import guest  # noqa: E402

INSIDE = HERE / "inside"
SOURCE_DIR = HERE.parents[1]
BINARY_DIR = pathlib.Path(os.environ.get("TIDEGATE_BINARY_DIR", "build/debug")).resolve()
DEADLINE = 1200
PYTEST = ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-q", "--tb=short", "--color=no"]


def inner_tests():
    """Their ids, as pytest names them: "test_gpio_cli.py::test_x[y]"."""
    ran = subprocess.run([*PYTEST, "--collect-only", "--rootdir", INSIDE, *sorted(INSIDE.glob("test_gpio_*.py"))], cwd=INSIDE, text=True,
                         capture_output=True, check=False, env={**os.environ, "LD_PRELOAD": "", "PYTHONDONTWRITEBYTECODE": "1"})
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return [line for line in ran.stdout.splitlines() if "::" in line]


def command(ids, folder):
    words = [*PYTEST, "--rootdir", INSIDE, f"--basetemp={folder}/pytest", f"--junitxml={folder}/junit.xml", *(INSIDE / one for one in ids)]
    return " ".join(shlex.quote(str(word)) for word in words)


def preload():
    """What Python has to begin with for the module of this build: its sanitizer."""
    told = subprocess.run(["ldd", *BINARY_DIR.glob("python/tidegate/_core*.so")], text=True, capture_output=True, check=False).stdout
    libraries = {name: path for name, path in re.findall(r"(lib(?:asan|stdc\+\+))\.so\S* => (\S+)", told)}
    return ":".join(libraries[name] for name in ("libasan", "libstdc++")) if "libasan" in libraries else ""


def environment(folder):
    return {"TIDEGATE_SOURCE_DIR": SOURCE_DIR, "TIDEGATE_BINARY_DIR": BINARY_DIR, "TMPDIR": folder, "PYTHONDONTWRITEBYTECODE": "1",
            "TIDEGATE_PYTHON_PRELOAD": preload()}


def run_in_guest(ids, folder):
    """(JUnit report or None, what there is to say about it)."""
    exports = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in environment("/run").items())
    job = f'export {exports}\ncd /\n{command(ids, "/run")} >/dev/console 2>&1\necho "junit $(base64 -w0 /run/junit.xml)" >&3\n'
    with guest.Guest(folder, job) as one:
        one.wait_over(DEADLINE)
        told = one.said("junit ")
        return base64.b64decode(told[0].split(" ", 1)[1]) if told else None, one.story()


def run_here(ids, folder):
    ran = subprocess.run(["sh", "-c", command(ids, folder)], text=True, capture_output=True, check=False, timeout=DEADLINE,
                         env={**os.environ, **{name: str(value) for name, value in environment(folder).items()}})
    report = folder / "junit.xml"
    return report.read_bytes() if report.exists() else None, ran.stdout + ran.stderr


def why_not():
    """Why they can run nowhere; empty when they can."""
    without = guest.why_not()
    return without and gpio_sim.why_not() and f"{without}; and without a guest: {gpio_sim.why_not()}"


@pytest.fixture(scope="session")
def verdicts(request, tmp_path_factory):
    """verdicts(id): the testcase of an inner test. The tests of its file that were asked for run once, together."""
    asked = [item.callspec.params["inner"] for item in request.session.items if "inner" in getattr(item, "fixturenames", ())]
    known = {}

    def verdict(inner):
        file = inner.split("::")[0]
        if file not in known:
            run = run_here if guest.why_not() else run_in_guest
            report, story = run([one for one in asked if one.split("::")[0] == file], tmp_path_factory.mktemp(file.removesuffix(".py")))
            cases = ElementTree.fromstring(report).iter("testcase") if report else []
            known[file] = ({case.get("name"): case for case in cases}, story)
        cases, story = known[file]
        name = inner.split("::", 1)[1]
        assert name in cases, f"{inner} left no verdict\n{story}"
        return cases[name]

    return verdict


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
@pytest.mark.parametrize("inner", inner_tests())
def test_inside(inner, verdicts):
    case = verdicts(inner)
    skipped = case.find("skipped")
    if skipped is not None:
        pytest.skip(skipped.get("message") or "no reason given")
    for kind in ("failure", "error"):
        bad = case.find(kind)
        if bad is not None:
            pytest.fail(f"{bad.get('message')}\n{bad.text}\n{case.findtext('system-out') or ''}", pytrace=False)
