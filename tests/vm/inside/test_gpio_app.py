# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The line objects of tidegate.App, with the real tidegated on lines of a real kernel."""
import pytest

import gpio_sim
import parts

CONFIGURATION = """
[[gpio.input]]
name = "door"
line = "GPIO17"
double_click = "0s"
hold = "500ms"
[[gpio.output]]
name = "lamp"
line = "GPIO27"
[[gpio.output]]
name = "valve"
line = "GPIO22"
pulse = "3s"  # a script that the machine keeps waiting sees it, too
[[gpio.pwm]]
name = "fan"
line = "GPIO18"
frequency = 50
[[gpio.rgb]]
name = "mood"
red = "GPIO5"
green = "GPIO6"
blue = "GPIO13"
[[gpio.counter]]
name = "meter"
line = "GPIO4"
factor = 0.5
interval = "100ms"
[[gpio.servo]]
name = "gate"
line = "GPIO12"
"""


@pytest.fixture
def automation(pi, make_daemon, python):
    """Starts the gateway and a script that has `app` and ends with what is given."""
    def run(text):
        daemon = make_daemon(CONFIGURATION).start()
        script = python(f"from tidegate import App\napp = App('test')\n{text}\n", TIDEGATE_BROKER=daemon.url)
        return daemon, script
    return run


def ended(script):
    status, lines, errors = script.end()
    assert status == 0, errors
    return lines


def test_an_led_is_switched_and_its_value_is_what_the_line_has(pi, automation):
    _, script = automation("""
lamp = app.led("lamp")
with app:
    print(lamp.wait_for(False, "60s"), lamp.is_lit)
    lamp.on()
    print(lamp.wait_for(True, "60s"), lamp.is_lit)
    import rest; rest.forever()
""")
    assert script.line() == "True False"
    assert script.line() == "True True" and pi.value(27)
    script.interrupt()


def test_an_output_is_toggled_pulsed_and_dimmed(pi, automation):
    daemon, script = automation("""
valve, fan = app.output("valve"), app.output("fan")
with app:
    valve.wait_for(False, "60s")
    valve.toggle()
    print("toggled", valve.wait_for(True, "60s"))
    valve.pulse("200ms")
    print("over", valve.wait_for(False, "60s"))
    valve.pulse()
    print("pulse", valve.wait_for(True, "60s"), valve.wait_for(False, "60s"))
    fan.value = 40
    print("fan", fan.wait_for(40, "60s"), fan.is_on)
    import rest; rest.forever()
""")
    assert [script.line() for _ in range(4)] == ["toggled True", "over True", "pulse True True", "fan True True"]
    seen = [pi.value(18) for _ in range(2000)]
    assert 0.2 < sum(seen) / len(seen) < 0.6
    script.interrupt()


def test_a_servo_is_an_output_that_is_turned(pi, automation):
    _, script = automation("""
gate = app.output("gate")
with app:
    gate.value = 45
    print(gate.wait_for(45, "60s"), gate.value)
""")
    assert ended(script) == ["True 45"]


def test_an_input_follows_the_line(pi, automation):
    pi.pull(17, True)
    _, script = automation("""
door = app.input("door")
with app:
    print("first", door.wait_for(True, "60s"))
    print("then", door.wait_for(False, "60s"), door.value)
""")
    assert script.line() == "first True"
    pi.pull(17, False)
    assert ended(script) == ["then True False"]


def test_a_button_tells_presses_releases_clicks_and_holds(pi, automation):
    _, script = automation("""
def say(word):
    print(word + "\\n", end="")  # in one piece: two handlers may say something at once
door = app.button("door")
door.when_pressed = lambda: say("pressed")
door.when_released = lambda: say("released")
door.when_clicked = lambda: say("clicked")
door.when_held = lambda: say("held")
app.start()
door.wait_for(False, "60s")
print("ready")
import rest; rest.forever()
""")
    assert script.line() == "ready"
    # Shorter than a hold, however late the script is told; and its functions are called beside each other.
    pi.pulse(17)
    assert sorted(script.line() for _ in range(3)) == ["clicked", "pressed", "released"]
    pi.pull(17, True)
    assert sorted(script.line() for _ in range(2)) == ["held", "pressed"]
    pi.pull(17, False)
    assert script.line() == "released"
    script.interrupt()


def test_an_edge_of_the_line_switches_another_and_is_published(pi, automation):
    daemon, script = automation("""
lamp = app.led("lamp")
@app.edge("door", "pressed", "released", publish="loft/door")
def opened(text):
    lamp.value = text == "press"
    return text
app.start()
app.input("door").wait_for(False, "60s")
print("ready")
import rest; rest.forever()
""")
    assert script.line() == "ready"
    for level, word in ((True, "press"), (False, "release")):
        pi.pull(17, level)
        parts.wait_until(lambda: pi.value(27) == level, "the lamp")  # noqa: B023
        daemon.arrivals.wait_payload("loft/door", word)
    script.interrupt()


def test_an_rgb_led_has_colours_and_a_brightness(pi, automation):
    _, script = automation("""
mood = app.rgbled("mood")
with app:
    mood.wait_for("OFF", "60s")
    mood.color = "blue"
    print(mood.wait_for("#0000ff", "60s"), mood.is_lit)
    import rest; rest.forever()
""")
    assert script.line() == "True True"
    assert parts.wait_until(lambda: pi.value(13), "blue") and not pi.value(5) and not pi.value(6)
    script.interrupt()


def test_a_counter_has_every_pulse_and_a_rate(pi, automation):
    _, script = automation("""
meter = app.counter("meter")
with app:
    print("from", meter.wait_for(0, "60s"))
    print("to", meter.wait_for(5, "60s"), meter.total, meter.rate is not None)
""")
    assert script.line() == "from True"
    gpio_sim.pin()
    pi.burst(4, 20, 0.02)
    assert ended(script) == ["to True 5 True"]
