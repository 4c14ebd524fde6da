# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""gpiozero with GPIOZERO_PIN_FACTORY=tidegate_mock: no hardware, no gateway. What the pin factory does with lines of a kernel is in
tests/vm/inside."""
import ast
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

import pytest

import dist_info
import tidegate
from parts import Gateway, Witness, publish, tool_environment

gpiozero = pytest.importorskip("gpiozero", reason="gpiozero is not installed (python3-gpiozero)")

from gpiozero import LED, Button, Device, PWMLED, exc  # noqa: E402
from tidegate.gpiozero import TidegateFactory, TidegateMockFactory  # noqa: E402

GPIOZERO = pathlib.Path(__file__).resolve().parents[1] / "gpiozero"
RECIPES = [node.name for node in ast.parse((GPIOZERO / "recipes.py").read_text()).body if isinstance(node, ast.FunctionDef) and node.decorator_list]
PAGE = (pathlib.Path(os.environ["TIDEGATE_SOURCE_DIR"]) / "docs" / "migrating-from-gpiozero.md").read_text(encoding="utf-8")
gpiozero_1 = not hasattr(gpiozero.Device, "ensure_pin_factory")


def run_recipes(folder, *more_path):
    """What became of each recipe: "" where all was well."""
    path = os.pathsep.join([*map(str, more_path), os.environ["PYTHONPATH"], dist_info.write(folder)])
    ran = subprocess.run([sys.executable, GPIOZERO / "run.py", "4", "memory", *RECIPES], capture_output=True, text=True, timeout=280, check=False,
                         env={**os.environ, "GPIOZERO_PIN_FACTORY": "tidegate_mock", "PYTHONPATH": path})
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr and "Sanitizer" not in ran.stderr, ran.stderr
    return dict(json.loads(line) for line in ran.stdout.splitlines())


@pytest.fixture(scope="session")
def verdicts(tmp_path_factory):
    return run_recipes(tmp_path_factory.mktemp("entry_points"))


@pytest.fixture(scope="session")
def verdicts_of_2(tmp_path_factory):
    """With gpiozero 2.0, as Debian 13 has it, in place of the installed one."""
    if not gpiozero_1:
        pytest.skip("the installed gpiozero is 2.0, which the other tests have")
    place = tmp_path_factory.mktemp("gpiozero-2")
    got = subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", place, "gpiozero==2.0.1", "colorzero==2.0"],
                         capture_output=True, text=True, timeout=120, check=False, env=tool_environment())
    if got.returncode != 0:
        pytest.skip(f"gpiozero 2.0.1 could not be had: {got.stderr.splitlines()[-1:]}")
    return run_recipes(tmp_path_factory.mktemp("entry_points"), place)


def test_without_gpiozero_the_error_says_how_to_install_it():
    ran = subprocess.run([sys.executable, "-c", "import sys; sys.modules['gpiozero'] = None; import tidegate.gpiozero"], capture_output=True, text=True,
                         timeout=60, check=False)
    assert "MissingPackageError" in ran.stderr and "apt install python3-gpiozero" in ran.stderr


def test_there_are_more_recipes_than_forty():
    assert len(RECIPES) == len(set(RECIPES)) > 40


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_does_what_it_says(name, verdicts):
    assert verdicts[name] == ""


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_does_what_it_says_with_gpiozero_2(name, verdicts_of_2):
    assert verdicts_of_2[name] == ""


def test_the_table_of_recipes_in_the_documentation_is_that_of_the_tests():
    from_page = {name: through == "yes" for name, through in re.findall(r"^\| `(\w+)` \| yes \| yes \| (yes|)", PAGE, re.MULTILINE)}
    sys.path.insert(0, str(GPIOZERO))
    from recipes import RECIPES as known
    assert from_page == {name: recipe.through_gateway for name, recipe in known.items()}


def test_the_test_in_the_documentation_passes(tmp_path):
    [text] = re.findall(r"^```python\n(# test_door\.py\n.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / "test_door.py").write_text(text)
    ran = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0 and "1 passed" in ran.stdout, ran.stdout


def test_the_stub_of_the_package_has_every_public_name():
    package = pathlib.Path(tidegate.gpiozero.__file__)
    classes = {node.name: node for node in ast.parse(package.with_suffix(".pyi").read_text()).body if isinstance(node, ast.ClassDef)}
    assert set(tidegate.gpiozero.__all__) <= set(classes)
    for name in tidegate.gpiozero.__all__:
        said = {node.name for node in classes[name].body if isinstance(node, ast.FunctionDef)}
        assert all(hasattr(getattr(tidegate.gpiozero, name), one) for one in said), name


@pytest.fixture
def factory():
    one = Device.pin_factory = TidegateMockFactory()
    yield one
    one.close()
    Device.pin_factory = None


def test_a_test_drives_a_button_and_sees_an_led(factory):
    """As docs/migrating-from-gpiozero.md has it."""
    button, lamp = Button(2), LED(17)
    button.when_pressed = lamp.toggle
    factory.pin(2).drive_low()
    assert lamp.is_lit and factory.pin(17).state
    factory.pin(2).drive_high()
    factory.pin(2).drive_low()
    assert not lamp.is_lit
    factory.pin(17).assert_states([False, True, False])


def test_a_pin_that_two_threads_ask_for_at_once_is_one(factory, monkeypatch):
    pins, make = [], factory.open_port
    other = threading.Thread(target=lambda: pins.append(factory.pin(5)))

    def slowly(number):
        if not other.ident:
            other.start()
            other.join(0.2)  # it does not end before this has
        return make(number)
    monkeypatch.setattr(factory, "open_port", slowly)
    pins.append(factory.pin(5))
    other.join()
    assert pins[0] is pins[1]


def test_states_that_are_missing_or_too_many_are_told(factory):
    LED(17).on()
    with pytest.raises(AssertionError, match="went through"):
        factory.pin(17).assert_states([False])
    with pytest.raises(AssertionError, match="went through"):
        factory.pin(17).assert_states([False, True, False])


def test_times_of_states_are_seconds_since_the_one_before(factory):
    lamp = LED(17)
    lamp.blink(0.1, 0.2, n=2, background=False)
    pin = factory.pin(17)
    went = [tuple(one) for one in pin.states]
    assert [state for _, state in went] == [False, True, False, True, False]
    assert all(seconds >= least - 0.001 for (seconds, _), least in zip(went, (0, 0, 0.1, 0.2, 0.1)))  # later, where the machine is busy
    pin.assert_states_and_times((seconds * 1.02, state) for seconds, state in went)
    went[3] = (went[3][0] * 1.2 + 0.1, True)
    with pytest.raises(AssertionError, match="went through"):
        pin.assert_states_and_times(went)


def test_edges_within_the_bounce_time_are_not_told(factory):
    presses = []
    button = Button(2, bounce_time=0.05)
    button.when_pressed = lambda: presses.append(factory.pin(2)._port._changed)  # the time of the edge, and not that of a call that may come late
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        factory.pin(2).drive_low()
        factory.pin(2).drive_high()
    assert 1 <= len(presses) <= 11
    assert all(later - earlier >= 0.05 for earlier, later in zip(presses, presses[1:]))


def test_a_pulsed_pin_shows_its_share(factory):
    lamp = PWMLED(18)
    lamp.value = 0.3
    assert factory.pin(18).state == 0.3 and factory.pin(18).frequency == 100
    lamp.close()
    assert factory.pin(18).frequency is None


def test_an_output_is_wired_to_an_input(factory):
    lamp, eye = LED(17), Button(4, pull_up=False)
    factory.pin(17).wire_to(factory.pin(4))
    lamp.on()
    assert eye.is_pressed
    lamp.off()
    assert not eye.is_pressed


def test_what_a_script_drives_is_driven_by_nobody_else(factory):
    LED(17)
    lamp = LED(22)
    with pytest.raises(ValueError, match="GPIO22 is an output of the script"):
        factory.pin(22).drive_high()
    assert not lamp.is_lit


def test_pins_are_kept_apart_and_given_back(factory):
    lamp = LED("BOARD11")
    assert repr(lamp.pin) == "GPIO17"
    with pytest.raises(exc.GPIOPinInUse):
        LED("J8:11")
    lamp.close()
    LED(17).close()
    with pytest.raises(exc.PinInvalidPin):
        LED("GPIO99")


def test_what_a_pin_cannot_be_is_refused(factory):
    lamp, button = LED(17), Button(4)
    with pytest.raises(exc.PinFixedPull):
        Button(2, pull_up=False)
    with pytest.raises(exc.PinFixedPull):
        lamp.pin.pull = "up"
    with pytest.raises(exc.PinInvalidPull):
        button.pin.pull = "sideways"
    with pytest.raises(exc.PinSetInput):
        button.pin.state = True
    with pytest.raises(exc.PinInvalidFunction):
        button.pin.function = "clock"
    with pytest.raises(exc.PinInvalidBounce):
        button.pin.bounce = -1
    with pytest.raises(exc.PinInvalidEdges):
        button.pin.edges = "up"
    with pytest.raises(exc.PinPWMFixedValue):
        button.pin.frequency = 100


def test_what_a_handler_raises_is_logged_and_the_next_edge_is_told(factory, caplog):
    calls = []

    def pressed():
        calls.append(1)
        raise RuntimeError("no such lamp")
    button = Button(2)
    button.when_pressed = pressed
    for _ in range(2):
        factory.pin(2).drive_low()
        factory.pin(2).drive_high()
    assert len(calls) == 2
    assert "no such lamp" in caplog.text and "GPIO2" in caplog.text


def test_two_factories_know_nothing_of_each_other(factory):
    other = TidegateMockFactory()
    LED(17).on()
    lamp = LED(17, pin_factory=other)
    assert not lamp.is_lit
    other.close()


def test_without_a_chip_the_real_factory_says_what_is_missing(monkeypatch):
    if any(line.name == "GPIO16" for chip in tidegate.gpio.chips() for line in chip.lines):
        pytest.skip("this machine has a GPIO16")
    monkeypatch.setenv("TIDEGATE_BROKER", "mqtt://127.0.0.1:1")
    factory = TidegateFactory()
    with pytest.raises(tidegate.UnavailableError, match='no GPIO line "GPIO16"'):
        LED(16, pin_factory=factory)
    factory.close()


LINES = """
[[gpio.output]]
name = "lamp"
line = "J8:11"
[[gpio.input]]
name = "door"
line = "GPIO2"
bias = "pull-up"
active_low = true
[[gpio.rgb]]
name = "mood"
red = "GPIO5"
green = "GPIO6"
blue = "GPIO13"
"""


def test_lines_that_a_gateway_says_it_has_are_used_through_it(tmp_path, monkeypatch):
    """A real tidegated. There is no chip: mosquitto_pub says what the plugin would."""
    if any(line.name == "GPIO17" for chip in tidegate.gpio.chips() for line in chip.lines):
        pytest.skip("this machine has a GPIO17")
    gateway = Gateway(tmp_path, LINES).start()
    factory = TidegateFactory()
    try:
        monkeypatch.setenv("TIDEGATE_BROKER", gateway.url)
        commands = Witness(gateway, "tidegate/gw/gpio/lamp/set")
        for name, state in (("lamp", "OFF"), ("door", "OFF")):
            publish(gateway.port, f"tidegate/gw/gpio/{name}", state, 1, True)
        lamp, door = LED(17, pin_factory=factory), Button(2, pin_factory=factory)
        door.when_pressed = lamp.on
        assert not door.is_pressed
        publish(gateway.port, "tidegate/gw/gpio/door", '{"value":true,"quality":"good"}', 1, True)
        commands.wait_payload("tidegate/gw/gpio/lamp/set", "ON")
        assert lamp.is_lit and door.is_pressed
        with pytest.raises(exc.PinInvalidFunction, match=r'GPIO5, which is \[\[gpio.rgb\]\] "mood" of the gateway'):
            LED(5, pin_factory=factory)
        with pytest.raises(tidegate.UnavailableError, match='no GPIO line "GPIO22"'):
            LED(22, pin_factory=factory)
        commands.stop()
    finally:
        factory.close()
        gateway.end()


def test_a_machine_that_is_no_raspberry_pi_has_the_header_with_forty_pins():
    if pathlib.Path("/proc/device-tree/system/linux,revision").exists():
        pytest.skip("this is a Raspberry Pi")
    factory = TidegateFactory()
    assert "J8" in factory.pi_info.headers and not factory.is_pi
    factory.close()
