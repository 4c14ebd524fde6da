# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""gpiozero with GPIOZERO_PIN_FACTORY=tidegate on lines of a real kernel, without a gateway."""
import json
import pathlib
import sys

import pytest

import gpio_sim
import parts

pytest.importorskip("gpiozero", reason="gpiozero is not installed (python3-gpiozero)")

GPIOZERO = pathlib.Path(__file__).resolve().parents[2] / "gpiozero"
sys.path.insert(0, str(GPIOZERO))

from recipes import RECIPES  # noqa: E402


@pytest.fixture(scope="session")
def verdicts(request, python_environment, tmp_path_factory):
    """What became of the recipes that were asked for: "" where all was well."""
    names = [item.callspec.params["name"] for item in request.session.items if getattr(item, "originalname", "") == "test_a_recipe_does_what_it_says"]
    chip = gpio_sim.Chip("recipes", "header", 28, gpio_sim.PI_LINES)  # of no Raspberry Pi: the lines are found by their names
    try:
        run = start_recipes(chip, names, python_environment, tmp_path_factory.mktemp("recipes"))
    finally:
        chip.remove()
    return run


def start_recipes(chip, names, python_environment, folder, **environment):
    from conftest import Running
    running = Running(["/usr/bin/python3", GPIOZERO / "run.py", "1", chip.sysfs, *names], RUNTIME_DIRECTORY=str(folder), HOME="/nonexistent",
                      GPIOZERO_PIN_FACTORY="tidegate", **{**python_environment, **environment})
    status, lines, errors = running.end(3000)
    assert status == 0 and "Traceback" not in errors and "Sanitizer" not in errors, errors
    return dict(json.loads(line) for line in lines)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_does_what_it_says(name, verdicts):
    assert verdicts[name] == ""


@pytest.fixture
def script(python):
    """A gpiozero script, without a gateway."""
    return lambda text, **environment: python(text, GPIOZERO_PIN_FACTORY="tidegate", **environment)


def test_a_device_has_the_times_of_the_kernel(pi, script):
    one = script("""
from gpiozero import DigitalInputDevice
from signal import pause
eye = DigitalInputDevice(17)
tell = eye.pin.when_changed
times = []
def changed(ticks, state):
    times.append(ticks)
    if len(times) == 4:
        print(times)
eye.pin.when_changed = changed
print("ready")
pause()
""")
    assert one.line() == "ready"
    driven = pi.burst(17, 4, 0.05)
    seen = json.loads(one.line())
    assert all(0 <= ticks - time < 0.1 for ticks, time in zip(seen, driven)), (seen, driven)


def test_an_active_low_output_is_never_driven_the_other_way(pi, script):
    with gpio_sim.Trace(pi) as trace:
        one = script("""
from gpiozero import OutputDevice
relay = OutputDevice(27, active_high=False)
relay.on()
relay.off()
print("done")
""")
        assert one.end()[0] == 0
        did = trace.outputs(27)
    driven = did[:did.index("in")] if "in" in did else did
    values = [value for n, value in enumerate(driven) if isinstance(value, bool) and value not in driven[n - 1:n]]
    assert values == [True, False, True], did
    assert "in" in did, "it is let go of as an input"


def test_a_button_has_its_pull_and_is_given_back(pi, script):
    one = script("""
from gpiozero import Button
from tidegate import gpio
button = Button(17)
line = gpio.find("GPIO17")
print(button.is_pressed, line.bias, line.consumer)
button.close()
print(gpio.find("GPIO17").used)
""")
    assert one.end()[1] == ["False pull-up gpiozero (tidegate)", "False"]


def test_a_line_that_somebody_else_holds_is_told_with_the_holder(pi, start, script):
    holder = start("tidegate", "gpio", "set", "GPIO22=ON")
    holder.line()
    one = script("from gpiozero import LED\nLED(22)\n")
    status, _, errors = one.end()
    assert status == 1 and 'held by "tidegate gpio"' in errors


def test_without_an_environment_variable_the_factory_is_said_in_the_script(pi, python):
    one = python("""
from gpiozero import Device, LED
from tidegate.gpiozero import TidegateFactory
Device.pin_factory = TidegateFactory()
lamp = LED(17)
lamp.on()
print(lamp.is_lit, lamp.pin_factory.pi_info.headers["J8"].rows)
""")
    assert one.end()[1] == ["True 20"]


def test_a_script_that_is_ended_by_sigterm_or_ctrl_c_leaves_its_lines(pi, script, tidegate):
    one = script("""
from gpiozero import LED
from signal import pause
lamp = LED(17)
lamp.blink(0.01, 0.01)
print("ready")
pause()
""")
    assert one.line() == "ready"
    one.interrupt()
    assert "gpiozero" not in tidegate("gpio", "info").stdout
    assert parts.wait_until(lambda: not pi.value(17), "a dark lamp")
