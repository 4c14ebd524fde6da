# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Sensors on a real kernel, in a guest: the real tidegated reads an lm75 (hwmon) and IIO dummy devices."""
import datetime
import json
import os
import pathlib
import statistics
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support")]

import guest  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
BINARY_DIR = pathlib.Path(os.environ.get("TIDEGATE_BINARY_DIR", "build/debug")).resolve()
MODULE = pathlib.Path(guest.KERNEL).parent / "i2c-stub.ko"


def why_not():
    return guest.why_not() or ("" if MODULE.is_file() else f"there is no {MODULE.name} beside the kernel, so no chip can be made up")


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """told(word): what the guest said."""
    job = f"export TIDEGATE_BINARY_DIR={BINARY_DIR}\ncd /\n/usr/bin/python3 {HERE}/sensors.py {MODULE.resolve()} >/dev/console 2>&1\n"
    with guest.Guest(tmp_path_factory.mktemp("sensors"), job) as one:
        one.wait_over(400)
        story = one.story()
        lines = dict(line.split(" ", 1) for line in one.said() if " " in line)

    def of(word):
        assert word in lines, f"the guest never said '{word}'\n{story}"
        return json.loads(lines[word])
    return of


def test_a_chip_on_a_bus_is_read_in_degrees(told):
    reading = told("readings")["seen"]["hwmon/lm75/temp1"]
    assert reading["value"] == 25.5 and reading["unit"] == "°C" and reading["quality"] == "good"


def test_a_chip_that_is_unbound_is_bad_with_its_last_value_and_heals_when_it_returns(told):
    bad, good = told("unbound"), told("bound")
    assert bad["reading"]["value"] == 25.5
    assert bad["problems"] == [{"what": "hwmon lm75", "why": "it vanished"}]
    assert good["reading"]["value"] == 25.5 and good["reading"]["time"] > bad["reading"]["time"]
    assert told("stopped") == 0


@pytest.mark.parametrize("device", ["d0", "d1"])
def test_every_channel_of_an_iio_device_is_read_with_its_scale_and_offset(told, device):
    there, seen = told("readings")[device], told("readings")["seen"]
    of = {name: float(text) for name, text in there.items() if name.endswith(("_raw", "_input", "_scale", "_offset"))}
    expected = {  # by the kernel's rules: (raw + offset) * scale, voltages in mV
        "voltage0": ((of["in_voltage0_raw"] + of["in_voltage0_offset"]) * of["in_voltage0_scale"] / 1000, "V"),
        "voltage1-voltage2": (of["in_voltage1-voltage2_raw"] * of["in_voltage-voltage_scale"] / 1000, "V"),
        "voltage3-voltage4": (of["in_voltage3-voltage4_raw"] * of["in_voltage-voltage_scale"] / 1000, "V"),
        "accel_x": (of["in_accel_x_raw"], "m/s²"),
        "activity_running": (of["in_activity_running_input"], "%"),
        "activity_walking": (of["in_activity_walking_input"], "%"),
        "steps": (of["in_steps_input"], None),
    }
    assert {name for name in seen if name.startswith(f"iio/{device}/")} == {f"iio/{device}/{name}" for name in expected}
    assert {name.rsplit("_", 1)[0].removeprefix("in_") for name in of if name.endswith(("_raw", "_input"))} == set(expected)
    for name, (value, unit) in expected.items():
        reading = seen[f"iio/{device}/{name}"]
        assert reading["value"] == pytest.approx(value, rel=1e-9) and reading.get("unit") == unit and reading["quality"] == "good", name


def test_a_buffer_delivers_samples_at_the_rate_of_its_trigger(told):
    stream = told("stream")
    times = [datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() for time in stream["times"]]
    assert times == sorted(times) and abs(times[-1] - stream["now"]) < 60
    # The middle interval: a busy host keeps an emulated guest from some of its timers.
    rate = 1 / statistics.median(later - earlier for earlier, later in zip(times, times[1:]))
    print(f"{len(times)} samples, {rate:.2f} a second, {(len(times) - 1) / (times[-1] - times[0]):.2f} on the whole")
    assert 9 < rate < 11  # of 10
    assert stream["enabled"] == "1"
    assert {name for name in stream["seen"] if name.startswith("iio/d0/")} == {
        f"iio/d0/{name}" for name in ("voltage0", "voltage1-voltage2", "voltage3-voltage4", "accel_x")}


def test_a_device_without_a_buffer_is_read_beside_one_with(told):
    assert told("stream")["seen"]["iio/d1/accel_x"] == {**told("stream")["seen"]["iio/d1/accel_x"], "quality": "good", "unit": "m/s²"}


def test_a_device_that_is_unplugged_from_its_buffer_is_bad_and_streams_again_when_it_returns(told):
    bad, good = told("unplugged"), told("plugged")
    assert good["reading"]["value"] == bad["reading"]["value"] and good["reading"]["time"] > bad["reading"]["time"]


def test_the_stop_switches_off_what_was_switched_on(told):
    stream = told("stream")
    assert stream["stopped"] == 0
    assert stream["left"] == {"buffer/enable": "0", "trigger/current_trigger": "", "scan_elements/in_voltage0_en": "0"}
