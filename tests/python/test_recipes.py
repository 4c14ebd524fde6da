# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Each script in docs/recipes runs as a user would run it, on a real Mosquitto. Where it uses lines, mosquitto_pub says what the
gateway "pi" and its plugin gpio would say, as docs/topics.md and docs/gpio.md have it: there is no GPIO chip here."""
import csv
import json
import os
import pathlib
import signal
import socket
import time

import pytest

from conftest import AT, wait_until
from parts import free_port, publish_lines

RECIPES = pathlib.Path(os.environ["TIDEGATE_SOURCE_DIR"]) / "docs" / "recipes"


def test_every_recipe_is_run_here_is_in_the_list_and_is_short():
    tests, listed = pathlib.Path(__file__).read_text(encoding="utf-8"), (RECIPES / "README.md").read_text(encoding="utf-8")
    recipes = sorted(RECIPES.glob("*.py"))
    assert len(recipes) >= 20
    for path in recipes:
        assert f'recipe("{path.name}"' in tests, f"{path.name} has no test"
        assert f"({path.name})" in listed, f"{path.name} is not in docs/recipes/README.md"
        assert len(path.read_text(encoding="utf-8").splitlines()) < 40, f"{path.name} is long"


@pytest.fixture
def recipe(automation, broker):
    def run(name, *arguments, at=None, heard=0):
        """at: the time of its clock once it has heard so many messages."""
        return automation(RECIPES / name, broker, by=() if at is None else ("-c", AT, str(at), str(heard)), more=arguments)
    return run


def before(clock):
    """Seconds since 1970, at a local time soon before clock."""
    return time.mktime(time.strptime(time.strftime("%Y-%m-%d ") + clock, "%Y-%m-%d %H:%M")) - 2


@pytest.fixture
def gateway(device):
    """Says what the gateway "pi" would say."""
    device("tidegate/pi/info", '{"id":"pi","version":"0.1.0","uuid":"b1","started":"2026-11-20T18:38:58.123Z"}', 1, True)

    def say(topic, payload, retain=True):
        device("tidegate/pi/gpio/" + topic, payload, 1, retain)
    return say


@pytest.fixture
def seen(witness):
    """The payloads on a topic so far; with again(), which is done until there is one (a script subscribes after its start)."""
    all = {}

    def look(topic, again=None, count=1):
        def there():
            if again is not None and len(all.get(topic, ())) < count:
                again()
            for one, payload in witness.waiting():
                all.setdefault(one, []).append(payload)
            return len(all.get(topic, ())) >= count
        wait_until(there, f"{count} on {topic}; there is {all}")
        return all[topic]
    return look


def test_temperature_alarm(recipe, device, seen):
    recipe("temperature_alarm.py")
    assert seen("loft/alarm", lambda: device("loft/temperature", "20"))[-1] == "none"
    for celsius in ("27", "29", "27", "25"):
        device("loft/temperature", celsius)
    assert seen("loft/alarm", count=3) == ["none", "too hot", "none"]


def test_rain_gauge(recipe, gateway, seen):
    gateway("rain/total", "100.0")
    recipe("rain_gauge.py", at=before("14:00"), heard=3)
    assert seen("garden/rain/hour") == ["0.0"]
    gateway("rain/total", "101.4")
    assert seen("garden/rain/hour", count=2) == ["0.0", "1.4"]


def test_doorbell(recipe, broker, gateway, seen):
    recipe("doorbell.py")
    rounds = []

    def press():  # impatiently: one of them rings
        rounds.append(5)
        publish_lines(broker.port, "tidegate/pi/gpio/bell/event", ["press"] * 5)
    rings = seen("house/doorbell", press)
    press()
    time.strptime(json.loads(rings[0])["at"], "%H:%M:%S")
    assert seen("tidegate/pi/gpio/chime/set_on_ms")[0] == "500"
    assert 1 <= len(seen("house/doorbell")) <= len(rounds)


def test_host_watchdog(recipe, broker, seen):
    port = free_port()
    recipe("host_watchdog.py", f"127.0.0.1:{broker.port}", f"127.0.0.1:{port}")
    assert seen(f"house/host/127.0.0.1:{broker.port}") == ["ON"]
    assert seen(f"house/host/127.0.0.1:{port}") == ["OFF"]
    with socket.create_server(("127.0.0.1", port)):
        assert seen(f"house/host/127.0.0.1:{port}", count=2) == ["OFF", "ON"]


def test_rgb_lamp(recipe, gateway, device, seen):
    recipe("rgb_lamp.py")
    seen("tidegate/pi/gpio/mood/set", lambda: device("IoT101/Message", "off"))
    device("IoT101/Message", "#ff8000")
    device("IoT101/Message", "30")
    assert seen("tidegate/pi/gpio/mood/brightness/set") == ["30"]
    assert seen("tidegate/pi/gpio/mood/set", count=2)[-1] == "#ff8000"


def test_mean_of_sensors(recipe, device, seen):
    for desk in range(4):
        device(f"lab/{desk}/temperature", str(20 + desk), 1, True)
    recipe("mean_of_sensors.py")
    wait_until(lambda: json.loads(seen("lab/mean")[-1]) == {"mean": 21.5, "of": 4})


def test_daily_report(recipe, device, seen):
    device("lab/b/humidity", "55", 1, True)
    device("lab/a/temperature", "20", 1, True)
    recipe("daily_report.py", at=before("00:00") + 86400, heard=2)
    report = json.loads(seen("report/day")[0])
    assert report == {"lab/a/temperature": {"min": 20, "max": 20, "mean": 20, "count": 1},
                      "lab/b/humidity": {"min": 55, "max": 55, "mean": 55, "count": 1}}


def test_debounced_switch(recipe, broker, device, seen):
    device("hall/switch", "OFF", 1, True)
    recipe("debounced_switch.py")
    assert seen("hall/light/set") == ["OFF"]
    publish_lines(broker.port, "hall/switch", ("ON", "OFF", "ON", "OFF", "ON"))  # at once: processes of their own may be far between
    assert seen("hall/light/set", count=2) == ["OFF", "ON"]


def test_night_light(recipe, gateway, seen):
    from tidegate.schedule import Sun
    one = recipe("night_light.py", at=Sun("sunset", 0, 52.52, 13.40).next(time.time()) - 2)
    assert seen("tidegate/pi/gpio/porch/set") == ["ON"]
    one.end(signal.SIGINT)
    recipe("night_light.py", at=before("22:30"))
    assert seen("tidegate/pi/gpio/porch/set", count=2) == ["ON", "OFF"]


def test_csv_logger(recipe, device, tmp_path):
    device("lab/a", 'a "quoted", text', 1, True)
    recipe("csv_logger.py", str(tmp_path))
    [file] = wait_until(lambda: list(tmp_path.glob("*.csv")), "the file")
    time.strptime(file.stem, "%Y-%m-%d")
    rows = wait_until(lambda: list(csv.reader(open(file, newline=""))), "a line")
    assert rows[0][1:] == ["lab/a", 'a "quoted", text']


def test_stairs_light(recipe, gateway, seen):
    recipe("stairs_light.py")
    assert seen("tidegate/pi/gpio/stairs/set_on_ms", lambda: gateway("motion/event", "press", False))[0] == "120000"


def test_door_left_open(recipe, gateway, seen):
    gateway("door", "OFF")
    recipe("door_left_open.py", "0.5")
    gateway("door", "ON")
    assert seen("house/door/open_too_long") == ["ON"]
    gateway("door", "OFF")
    assert seen("house/door/open_too_long", count=2) == ["ON", "OFF"]


def test_power_meter(recipe, gateway, seen):
    gateway("power/total", "1234.5")
    recipe("power_meter.py")
    power = seen("house/power", lambda: gateway("power/rate", "0.75", False))
    assert json.loads(power[0]) == {"kW": 0.75, "kWh": 1234.5, "cost_per_hour": 0.24}


def test_split_json(recipe, device, seen):
    device("zigbee/attic", '{"temperature":21.5,"battery":93,"linkquality":null,"name":"attic"}', 1, True)
    recipe("split_json.py")
    assert seen("attic/temperature") == ["21.5"] and seen("attic/battery") == ["93"]


def test_thermostat(recipe, gateway, device, seen):
    device("loft/wanted", "21", 1, True)
    recipe("thermostat.py")
    commands = "tidegate/pi/gpio/heater/set"
    assert seen(commands)[0] == "OFF"  # nothing is known yet
    wait_until(lambda: seen(commands, lambda: device("loft/temperature", "19"), 2)[-1] == "ON")
    device("loft/temperature", "22")
    wait_until(lambda: seen(commands)[-1] == "OFF")


def test_colour_button(recipe, gateway, seen):
    recipe("colour_button.py")
    assert seen("tidegate/pi/gpio/mood/set", lambda: gateway("step/event", "press", False))[0] == "red"
    gateway("step/event", "press", False)
    wait_until(lambda: "green" in seen("tidegate/pi/gpio/mood/set"))
    gateway("step/event", "hold", False)
    wait_until(lambda: "OFF" in seen("tidegate/pi/gpio/mood/set"))


def test_watering(recipe, gateway, seen):
    gateway("rain/total", "100.0")
    recipe("watering.py", at=before("06:00"), heard=2)
    assert seen("tidegate/pi/gpio/valve/set_on_ms") == ["600000"]
    assert seen("garden/watering") == ["10 minutes"]


def test_alarm_that_arrives_without_a_gateway_and_its_receipts(recipe, device, seen, broker):
    """The gateway's answers come from a script, as docs/topics.md has them; test_gateway.py has the real ones."""
    from tidegate import App
    far = App("scripted", broker.url)

    @far.on("alarm/smoke")
    def answer(msg):
        for step in ({"receipt": "accepted", "upstreams": ["cloud"]}, {"receipt": "durable", "upstream": "cloud"},
                     {"receipt": "delivered", "upstream": "cloud"}):
            far.publish(msg.properties.response_topic, step, correlation_data=msg.properties.correlation_data, receipt=False)

    with far:
        wait_until(lambda: far.connected)
        device("house/smoke", "kitchen", 1, True)
        one = recipe("alarm_that_arrives.py")
        one.wait_for("safe on disk")
        assert one.wait_for("delivered") == "delivered to cloud"


def test_busy_machine(recipe, seen):
    recipe("busy_machine.py")
    assert set(json.loads(seen("house/machine/worries")[0])) <= {"busy", "memory", "disk"}


def test_wait_for_all(recipe, device, seen):
    device("line/press/ready", "yes", 1, True)
    device("line/oven/ready", "yes", 1, True)
    one = recipe("wait_for_all.py")
    assert seen("line/state", lambda: device("line/packer/ready", "yes")) == ["running"]
    one.end(signal.SIGINT)
    assert seen("line/state", count=2) == ["running", "stopped"]
