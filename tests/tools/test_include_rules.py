# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""tests/include_rules.py catches each kind of crossing, and lets through what the arrows allow."""

import pathlib
import subprocess
import sys

import pytest

RULES = pathlib.Path(__file__).parent.parent / "include_rules.py"


def check(tree, path, line):
    """Runs the rules over a tree that holds one header of each room, and one file with one #include."""
    for room in (
        "spool/lane",
        "spool/segment",
        "mqtt/session",
        "route/router",
        "base/utf8",
        "event/loop",
        "config/config",
    ):
        header = tree / "core" / f"{room}.hpp"
        header.parent.mkdir(parents=True, exist_ok=True)
        header.write_text("#pragma once\n#include <string>\n")
    (tree / "tests" / "support").mkdir(parents=True)
    (tree / "tests" / "support" / "ports.hpp").write_text("#pragma once\n")
    file = tree / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"// a comment\n#include {line}\n")
    return subprocess.run([sys.executable, RULES, tree], capture_output=True, text=True)


@pytest.mark.parametrize(
    "path, line",
    [
        ("core/spool/log.cpp", '"mqtt/session.hpp"'),
        ("core/mqtt/a.cpp", '"route/router.hpp"'),
        ("core/route/router.cpp", '"spool/lane.hpp"'),
        ("core/forward/pump.cpp", '"spool/segment.hpp"'),
        ("core/forward/pump.cpp", '"config/config.hpp"'),
        ("core/base/topic.cpp", '"event/loop.hpp"'),
        ("core/control/control.cpp", '"spool/lane.hpp"'),
        ("core/include/tidegate/plugin.hpp", '"base/utf8.hpp"'),
        ("plugins/null/null.cpp", '"config/config.hpp"'),
        ("plugins/null/null.cpp", '"base/utf8.hpp"'),
        ("bindings/module.cpp", '"mqtt/session.hpp"'),
        ("core/unheard_of/a.cpp", '"base/utf8.hpp"'),
        ("core/spool/log.cpp", '"../mqtt/session.hpp"'),
        ("core/spool/log.cpp", '"tests/support/ports.hpp"'),
        ("core/spool/log.cpp", '"support/ports.hpp"'),
        ("core/mqtt/session.cpp", "<MQTTAsync.h>"),
        ("core/forward/pump.cpp", "<MQTTAsync.h>"),
        ("core/gateway/main.cpp", "<toml++/toml.h>"),
        ("core/control/control.cpp", "<systemd/sd-event.h>"),
        ("core/base/crc.cpp", "<isa-l/crc.h>"),
        ("core/mqtt/a.cpp", "<nlohmann/json.hpp>"),
        ("core/control/control.cpp", "<CLI/CLI.hpp>"),
        ("core/gateway/main.cpp", "<pybind11/pybind11.h>"),
        ("core/spool/log.cpp", "<gtest/gtest.h>"),
    ],
)
def test_a_crossing_is_named_with_its_file_and_line(tmp_path, path, line):
    ran = check(tmp_path, path, line)
    assert ran.returncode == 1
    assert f"{path}:2: includes {line[1:-1]}:" in ran.stdout
    assert "1 crossing an arrow" in ran.stdout


@pytest.mark.parametrize(
    "path, line",
    [
        ("core/spool/log.cpp", '"spool/segment.hpp"'),
        ("core/spool/log.cpp", '"base/utf8.hpp"'),
        ("core/spool/log.cpp", "<tidegate/message.hpp>"),
        ("core/spool/log.cpp", "<isa-l/crc.h>"),
        ("core/forward/pump.cpp", '"spool/lane.hpp"'),
        ("core/forward/pump.cpp", '"mqtt/session.hpp"'),
        ("core/gateway/main.cpp", '"spool/segment.hpp"'),
        ("core/gateway/main.cpp", '"plugins/table.hpp"'),
        ("core/mqtt/paho_session.cpp", "<MQTTAsync.h>"),
        ("plugins/sysstat/sysstat.cpp", '"proc.hpp"'),
        ("bindings/module.cpp", "<pybind11/pybind11.h>"),
        ("tests/unit/spool/lane.cpp", '"mqtt/session.hpp"'),
        ("tests/unit/spool/lane.cpp", "<gtest/gtest.h>"),
    ],
)
def test_what_the_arrows_allow_passes(tmp_path, path, line):
    ran = check(tmp_path, path, line)
    assert ran.returncode == 0, ran.stdout


def test_a_tree_without_sources_is_not_called_good(tmp_path):
    ran = subprocess.run([sys.executable, RULES, tmp_path], capture_output=True, text=True)
    assert ran.returncode == 1
