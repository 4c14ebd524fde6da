# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What is installed for systemd: that it is there, that systemd understands it, and how exposed it leaves the services."""
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support")]

import installed  # noqa: E402

UNITS = ("tidegated", "tidegate-broker", "tidegate-apps")

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this machine has no systemd-analyze (package systemd)")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return installed.install(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def units(root):
    return root / "usr/lib/systemd/system"


def analyze(*words):
    return subprocess.run(["systemd-analyze", "--no-pager", *map(str, words)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def test_units_users_and_rules_are_installed_beside_the_programs(root, units):
    for name in UNITS:
        text = (units / f"{name}.service").read_text()
        program = re.search(r"^ExecStart=(\S+)", text, re.M).group(1)
        assert (root / program.lstrip("/")).is_file(), f"{name}.service starts {program}"
        assert "DIR@" not in text
    for file in ("lib/sysusers.d/tidegate.conf", "lib/udev/rules.d/60-tidegate.rules", "lib/systemd/catalog/tidegate.catalog", "share/doc/tidegate/service.md", "share/man/man1/tidegate.1",
                 "share/bash-completion/completions/tidegate", "share/zsh/vendor-completions/_tidegate", "share/fish/vendor_completions.d/tidegate.fish",
                 "share/man/man8/tidegated.8", "share/man/man8/tidegate-broker.8", "share/man/man8/tidegate-apps.8"):
        assert (root / "usr" / file).is_file(), file


def test_systemd_understands_every_line_of_the_units(units):
    """What it does not know, it says and goes on: a sandbox with a misspelt line would be open there."""
    for name in UNITS:
        ran = analyze("verify", "--man=no", "--recursive-errors=no", units / f"{name}.service")
        told = [line for line in ran.stdout.splitlines() if name in line and "is not executable" not in line]
        assert not told, "\n".join(told)


@pytest.mark.parametrize("name, most", [("tidegated", 2.0), ("tidegate-broker", 1.5)])
def test_a_service_is_exposed_no_more_than_it_must_be(units, name, most):
    told = analyze("security", "--offline=yes", units / f"{name}.service").stdout
    score = float(re.search(r"exposure level for .*: ([\d.]+)", told).group(1))
    assert score <= most, told


def test_users_are_made_with_their_groups(root):
    (root / "etc").mkdir(exist_ok=True)
    if subprocess.run(["systemd-sysusers", f"--root={root}"], check=False).returncode != 0:
        pytest.fail("systemd-sysusers refuses tidegate.conf")
    users = {line.split(":")[0] for line in (root / "etc/passwd").read_text().splitlines()}
    groups = {line.split(":")[0] for line in (root / "etc/group").read_text().splitlines()}
    wanted = {name for unit in UNITS for name in re.findall(r"^User=(\S+)", (root / f"usr/lib/systemd/system/{unit}.service").read_text(), re.M)}
    assert wanted == {"tidegate", "tidegate-broker", "tidegate-apps"} and wanted <= users
    assert {"gpio", "i2c"} | wanted <= groups


def test_udev_understands_the_rules(root):
    """Asked itself, where there is one that can be: from 254 on."""
    lines = [line for line in (root / "usr/lib/udev/rules.d/60-tidegate.rules").read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r'(\w+(==|!=|=|\+=)"[^"]*"(, )?)+', line) for line in lines), lines
    if not shutil.which("udevadm") or "verify" not in subprocess.run(["udevadm", "--help"], text=True, capture_output=True, check=False).stdout:
        return
    ran = subprocess.run(["udevadm", "verify", str(root / "usr/lib/udev/rules.d/60-tidegate.rules")], text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, check=False)
    assert ran.returncode == 0, ran.stdout


def test_every_event_of_the_log_is_explained_in_the_catalog(root):
    ids = re.findall(r'"([0-9a-f]{32})"', (installed.SOURCE_DIR / "core/base/events.hpp").read_text())
    explained = re.findall(r"^-- ([0-9a-f]{32})$", (root / "usr/lib/systemd/catalog/tidegate.catalog").read_text(), re.M)
    assert ids and sorted(ids) == sorted(explained)
