# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""etc/tidegate.toml is current, and the program takes it, with everything in it in force too."""
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(os.environ["TIDEGATE_SOURCE_DIR"])
FILE = ROOT / "etc" / "tidegate.toml"
TIDEGATE = pathlib.Path(os.environ["TIDEGATE_BINARY_DIR"]) / "bin" / "tidegate"


def check(file):
    return subprocess.run([TIDEGATE, "check", file], capture_output=True, text=True, timeout=60, check=False)


def test_it_has_the_samples_of_the_plugins():
    ran = subprocess.run([ROOT / "tools" / "samples", "--check"], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr


def test_it_is_valid_as_it_is():
    ran = check(FILE)
    assert ran.returncode == 0, ran.stderr


def test_it_is_valid_with_every_default_in_force(tmp_path):
    everything = tmp_path / "tidegate.toml"
    everything.write_text("".join(re.sub(r"^#( |$)", "", line) for line in FILE.read_text().splitlines(True) if "SPDX" not in line))
    ran = check(everything)
    assert ran.returncode == 0, ran.stderr
    everything.write_text(everything.read_text() + "\n[[gpio.input]]\nname = \"x\"\nline = 17\n")
    assert check(everything).returncode == 78, "it was not read"
