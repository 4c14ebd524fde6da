# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""`pip install .` gives the module and the programs, and says which Debian package is missing."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ["TIDEGATE_SOURCE_DIR"])


def run(*command, **options):
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        **options,
    )


@pytest.fixture(scope="module")
def venv(tmp_path_factory):
    folder = tmp_path_factory.mktemp("venv")
    made = run("/usr/bin/python3", "-m", "venv", folder)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def install(venv, *settings):
    environment = {
        **os.environ,
        **(
            # The same compiler names and relative paths as tools/build has, for the cache tells by them.
            {"CMAKE_C_COMPILER_LAUNCHER": "ccache", "CMAKE_CXX_COMPILER_LAUNCHER": "ccache", "CC": "cc", "CXX": "c++",
             "CCACHE_BASEDIR": str(SOURCE)}
            if shutil.which("ccache")
            else {}
        ),
    }
    ran = run(
        venv / "bin" / "pip",
        "install",
        "--no-color",
        "--disable-pip-version-check",
        *(f"--config-settings={setting}" for setting in settings),
        SOURCE,
        env=environment,
    )
    text = ran.stdout + ran.stderr
    # In these words of pip's, and no others: a build that fails is no index that cannot be reached.
    if ran.returncode and re.search(r"No matching distribution found for (scikit-build-core|pybind11)", text):
        pytest.skip("the Python package index cannot be reached for scikit-build-core")
    return ran.returncode, text


def test_a_missing_library_is_named_by_its_package(venv, tmp_path):
    code, text = install(venv, "cmake.define.CMAKE_DISABLE_FIND_PACKAGE_fmt=ON", f"build-dir={tmp_path}")
    assert code != 0
    assert "apt-get install libfmt-dev" in " ".join(text.split())


def test_it_installs_the_module_and_the_programs(venv):
    code, text = install(venv, f"build-dir={SOURCE}/build/wheel")
    assert code == 0, text[-8000:]
    imported = run(
        venv / "bin" / "python", "-c", "import tidegate; print(tidegate.__version__, tidegate.App)", cwd=venv
    )
    assert imported.returncode == 0, imported.stderr
    version = imported.stdout.split()[0]
    plugin = run(
        venv / "bin" / "python",
        "-c",
        "import tidegate.testing, importlib.metadata as metadata; "
        "print([one.value for one in metadata.distribution('tidegate').entry_points if one.group == 'pytest11'])",
        cwd=venv,
    )
    assert plugin.stdout == "['tidegate.pytest_plugin']\n", plugin.stderr
    assert (venv / "lib" / "tidegate" / "doorkeeper.so").exists(), "where those in bin look for it"
    for program in ("tidegated", "tidegate-broker", "tidegate-apps", "tidegate"):
        told = run(venv / "bin" / program, "--version")
        assert told.returncode == 0, told.stderr
        assert version in told.stdout
