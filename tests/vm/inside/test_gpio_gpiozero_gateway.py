# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""gpiozero with GPIOZERO_PIN_FACTORY=tidegate where the real tidegated holds the lines of a real kernel."""
import subprocess

import pytest

import gpio_sim
import parts
from conftest import Daemon, let_in
from test_gpio_gpiozero import RECIPES, start_recipes
from world import BUTTONS

INPUTS, OUTPUTS, PULSED = (2, 3, 4, 14, 15), (17, 22, 23, 24, 25, 27), (5, 6, 12, 13, 18, 19)


def configuration():
    blocks = []
    for number in INPUTS:
        bias, low = ("pull-up", "true") if number in BUTTONS else ("pull-down", "false")
        blocks.append(f'[[gpio.input]]\nname = "in{number}"\nline = "GPIO{number}"\nbias = "{bias}"\nactive_low = {low}\n')
    blocks += [f'[[gpio.output]]\nname = "out{number}"\nline = "{place}"\n' for number, place in
               zip(OUTPUTS, ("GPIO17", "header:22", "GPIO23", "GPIO24", "GPIO25", "GPIO27"))]
    blocks += [f'[[gpio.pwm]]\nname = "pwm{number}"\nline = "GPIO{number}"\n' for number in PULSED]
    return "".join(blocks)


@pytest.fixture(scope="session")
def verdicts(request, python_environment, tmp_path_factory):
    names = [item.callspec.params["name"] for item in request.session.items if getattr(item, "originalname", "") == "test_a_recipe_does_what_it_says"]
    chip = gpio_sim.Chip("recipes", "header", 28, gpio_sim.PI_LINES)
    folder = tmp_path_factory.mktemp("recipes")
    daemon = Daemon(folder, configuration())
    try:
        daemon.start()
        return start_recipes(chip, names, python_environment, folder, TIDEGATE_BROKER=daemon.url)
    finally:
        daemon.end()
        chip.remove()


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.through_gateway])
def test_a_recipe_does_what_it_says(name, verdicts):
    assert verdicts[name] == ""


LAMP = '[[gpio.output]]\nname = "lamp"\nline = "GPIO27"\nmax_on = "1s"\n'
DOOR = '[[gpio.input]]\nname = "door"\nline = "GPIO17"\n'


@pytest.fixture
def script(python):
    def run(daemon, text, **environment):
        return python(text, GPIOZERO_PIN_FACTORY="tidegate", TIDEGATE_BROKER=daemon.url, **environment)
    return run


def test_what_the_gateway_holds_is_driven_through_it_within_its_limits(pi, make_daemon, script):
    daemon = make_daemon(LAMP.replace('"1s"', '"10s"')).start()
    one = script(daemon, """
from gpiozero import LED
from time import sleep
lamp = LED(27)
lamp.on()
print("lit", lamp.is_lit)
while lamp.is_lit:
    sleep(0.01)
print("max_on is kept:", lamp.is_lit)
""")
    assert [one.line(), one.line()] == ["lit True", "max_on is kept: False"]
    daemon.arrivals.wait_for(lambda seen: ("tidegate/gw/gpio/lamp/set", "ON") in {(each.topic, each.payload) for each in seen}, "the command")
    assert one.end()[0] == 0


@pytest.mark.parametrize("before, during", [("OFF", "on"), ("ON", "off")])
def test_when_a_script_ends_its_outputs_are_as_it_found_them_and_still_the_gateways(pi, make_daemon, script, before, during):
    daemon = make_daemon(LAMP.replace('max_on = "1s"\n', "")).start()
    daemon.command("lamp", before)
    daemon.wait_state("lamp", before)
    one = script(daemon, f"from gpiozero import LED\nlamp = LED('BOARD13', initial_value=None)\nlamp.{during}()\nprint(lamp.is_lit)\n")
    assert one.line() == str(during == "on")
    assert one.end()[0] == 0
    daemon.arrivals.wait_payload(daemon.topic("lamp"), during.upper())
    daemon.wait_state("lamp", before)
    daemon.command("lamp", "TOGGLE")
    daemon.wait_state("lamp", during.upper())
    assert pi.value(27) == (during == "on")


def test_lines_of_the_gateway_and_others_go_together(pi, make_daemon, script):
    daemon = make_daemon(DOOR).start()
    one = script(daemon, """
from gpiozero import Button, LED
from signal import pause
door, lamp = Button(17, pull_up=None, active_state=True), LED(22)
door.when_pressed = lamp.on
door.when_released = lamp.off
print("ready")
pause()
""")
    assert one.line() == "ready"
    for level in (True, False, True):
        pi.pull(17, level)
        parts.wait_until(lambda: pi.value(22) == level, "the lamp")  # noqa: B023


@pytest.mark.parametrize("text, words", [
    ("from gpiozero import LED\nLED(17)", 'GPIO17, which is [[gpio.input]] "door" of the gateway, cannot be driven'),
    ("from gpiozero import Button\nButton(27)", 'GPIO27, which is [[gpio.output]] "lamp" of the gateway, cannot be read'),
    ("from gpiozero import PWMLED\nPWMLED(27)", "make it [[gpio.pwm]] there"),
    ("from gpiozero import Button\nButton(17)", 'has bias = "as-is" there, and the script asks for "pull-up"')])
def test_what_the_gateway_has_otherwise_is_told_with_the_mend(pi, make_daemon, script, text, words):
    daemon = make_daemon(DOOR + LAMP).start()
    status, _, errors = script(daemon, text).end()
    assert words in errors and (status == 0) == ("bias" in words)


def test_a_gateway_that_cannot_be_asked_is_told(pi, make_daemon, python):
    daemon = make_daemon(LAMP).start()
    assert daemon.status()["gateway"]["id"] == "gw"
    one = python("from gpiozero import LED\nLED(27)", GPIOZERO_PIN_FACTORY="tidegate", TIDEGATE_BROKER="mqtt://127.0.0.1:1")
    status, _, errors = one.end()
    assert status == 1 and "GPIO27 is held by the gateway, which does not say so to this script" in errors and "TIDEGATE_BROKER" in errors


def test_who_may_open_no_chip_uses_the_lines_of_the_gateway(pi, make_daemon, python_environment, nobody, tmp_path):
    daemon = make_daemon(LAMP.replace("GPIO27", "J8:13")).start()
    script = tmp_path / "script.py"
    script.write_text("from gpiozero import LED\nfrom tidegate import gpio\nlamp = LED(27)\nlamp.on()\nprint(gpio.chips(), lamp.is_lit)\nLED(22)\n")
    let_in(tmp_path)
    ran = subprocess.run(["/usr/bin/python3", script], capture_output=True, text=True, check=False, **nobody, timeout=parts.DEADLINE,
                         env={"PATH": "/usr/bin", **python_environment, "GPIOZERO_PIN_FACTORY": "tidegate", "TIDEGATE_BROKER": daemon.url})
    assert ran.stdout == "[] True\n", ran.stderr
    assert ran.returncode == 1 and "may not be opened by this user" in ran.stderr  # for the line that is not the gateway's
    daemon.arrivals.wait_payload(daemon.topic("lamp"), "ON")


def test_a_script_goes_on_when_the_gateway_is_restarted(pi, make_daemon, script):
    daemon = make_daemon(DOOR + LAMP.replace('max_on = "1s"\n', "")).start()
    one = script(daemon, """
from gpiozero import Button, LED
from signal import pause
door, lamp = Button(17, pull_up=None, active_state=True), LED(27)
door.when_pressed = lamp.on
door.when_released = lamp.off
print("ready")
pause()
""")
    assert one.line() == "ready"
    daemon.stop()
    daemon.start()
    daemon.wait_state("door", "OFF")
    for level in (True, False):
        pi.pull(17, level)
        parts.wait_until(lambda: pi.value(27) == level, "the lamp", parts.DEADLINE)  # noqa: B023
