# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""P8: a sensor whose read never comes back, in the real tidegated. A pipe without a writer stands for it."""
import json
import os
import pathlib
import sys
import time

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support")]

import parts  # noqa: E402


def chip(root, number, name):
    folder = root / f"sys/class/hwmon/hwmon{number}"
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    return folder / "temp1_input"


@pytest.fixture
def gateway(tmp_path):
    root = tmp_path / "root"
    os.mkfifo(chip(root, 0, "hung"))
    chip(root, 1, "well").write_text("21500\n")
    one = parts.Gateway(tmp_path, f"""
[hwmon]
interval = "100ms"
json = true
root = "{root}"
[sysstat]
interval = "100ms"
collect = ["load"]
""").start()
    yield one
    one.end()


def test_a_sensor_that_hangs_holds_up_no_other_is_said_in_health_and_does_not_keep_the_gateway_from_stopping(gateway):
    witness = parts.Witness(gateway, "tidegate/gw/hwmon/#", "tidegate/gw/sysstat/#")

    def hangs():
        return [one["why"] for one in gateway.status()["health"]["problems"] if one["what"] == "hwmon hung"]
    why = parts.wait_until(hangs, "the sensor in health")  # after ten seconds
    assert "hwmon0/temp1_input does not come back" in why[0]
    before = len(witness.seen())
    witness.wait_for(lambda seen: {one.topic for one in seen[before:]} >= {"tidegate/gw/hwmon/well/temp1", "tidegate/gw/sysstat/load/1m"},
                     "readings of the others")
    well = json.loads(witness.seen("tidegate/gw/hwmon/well/temp1")[-1].payload)
    assert well["value"] == 21.5 and well["quality"] == "good"
    assert not witness.seen("tidegate/gw/hwmon/hung/temp1")
    witness.stop()
    began = time.monotonic()
    assert gateway.stop() == 0
    assert time.monotonic() - began < 5
    assert "left behind" in gateway.said()
