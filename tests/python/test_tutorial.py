# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The scripts, the configuration and the unit of docs/python.md, as they stand there. There is no GPIO chip: mosquitto_pub says what the
plugin gpio would say."""
import configparser
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest

from conftest import AT, Witness, wait_until
from parts import Gateway, publish, tool_environment

TEXT = (pathlib.Path(os.environ["TIDEGATE_SOURCE_DIR"]) / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
SCRIPTS = {re.match(r"# (\w+\.py)\n", text).group(1): text for kind, text in BLOCKS if kind == "python"}
[TOML] = [text for kind, text in BLOCKS if kind == "toml"]
[UNIT] = [text for kind, text in BLOCKS if kind == "ini"]


@pytest.fixture
def gateway(tmp_path, upstream):
    """With the configuration of the page, at the upstream of this test; its GPIO lines are not there."""
    one = Gateway(tmp_path, TOML.replace("mqtt://broker.example.com:1883", upstream.url)).start()
    yield one
    one.end()


@pytest.fixture
def say(gateway):
    def say(topic, payload, retain=False):
        publish(gateway.port, topic, payload, 1, retain)
    return say


@pytest.fixture
def run(tmp_path, gateway, automation):
    """A script of the page, with the gateway at hand. fails: its handlers raise in this test."""
    def run(name, *by, fails=False):
        path = tmp_path / name
        path.write_text(SCRIPTS[name])
        one = automation(path, by=by, RUNTIME_DIRECTORY=str(gateway.runtime), TIDEGATE_BROKER="")
        one.fails = fails
        return one
    return run


def commands(gateway, topic="#"):
    return Witness(type("Local", (), {"port": gateway.port, "publish": lambda self, *words: publish(gateway.port, *words)})(), topic)


def until(witness, wanted, again=lambda: None):
    """Until the witness has seen it; again() is done until then."""
    def there():
        again()
        return wanted in witness.waiting()
    wait_until(there, f"{wanted}")


def test_each_script_of_the_page_is_run_here():
    text = pathlib.Path(__file__).read_text(encoding="utf-8")
    assert len(SCRIPTS) == 11 and all(f'"{name}"' in text for name in SCRIPTS)


def test_the_first_script_has_five_lines_and_publishes(run, gateway):
    assert len(SCRIPTS["five.py"].splitlines()) == 1 + 5  # the first is its name
    seen = commands(gateway, "IoT101/#")
    run("five.py")
    times = [float(payload) for _, payload in seen.take(2)]
    assert times[0] < times[1]
    seen.stop()


def test_messages(run, gateway, say):
    seen = commands(gateway, "loft/warmest")
    say("loft/lamp/set", "ON", True)
    one = run("messages.py")
    assert one.wait_for("lamp") == "lamp ON (kept)"
    say("loft/desk/temperature", "21")
    say("loft/attic/temperature", "26.5")
    assert seen.next() == ("loft/warmest", "attic has 26.5 degrees")
    seen.stop()


def test_receipts(run):
    assert run("receipts.py").wait_for("delivered") == "delivered"


def test_durable_orders_are_handled_that_came_while_the_script_was_away(run, gateway, say, tmp_path, monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    one = run("orders.py")
    wait_until(lambda: (tmp_path / "state/apps/orders/order.filters").exists(), "the subscription")
    assert one.end(signal.SIGTERM) == 0
    say("shop/order", '{"number": 17}')
    assert run("orders.py").wait_for("order") == "order 17 attempt 1"


def test_a_spool_of_its_own(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = run("readings.py")
    assert one.end() == 0 and one.lines == ["meter/total 42"]


def test_the_gateway_inside_a_script(script, tmp_path, upstream, monkeypatch):
    for name in ("RUNTIME_DIRECTORY", "STATE_DIRECTORY"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    (tmp_path / "tidegate.toml").write_text("[broker]\nport = 0\n" + TOML.replace("mqtt://broker.example.com:1883", upstream.url))
    (tmp_path / "inside.py").write_text(SCRIPTS["inside.py"])
    monkeypatch.chdir(tmp_path)
    seen = Witness(upstream, "greenhouse/load")
    one = script(tmp_path / "inside.py", TIDEGATE_BROKER="")
    assert float(seen.next()[1]) >= 0
    assert one.end(signal.SIGINT) == 0, one.lines
    seen.stop()


def test_lines_as_the_plugin_would_say(run, gateway, say):
    seen = commands(gateway, "tidegate/greenhouse/gpio/lamp/set")
    run("lines.py")
    until(seen, ("tidegate/greenhouse/gpio/lamp/set", "TOGGLE"), lambda: say("tidegate/greenhouse/gpio/door/event", "press"))
    until(seen, ("tidegate/greenhouse/gpio/lamp/set", "OFF"), lambda: say("tidegate/greenhouse/gpio/door/event", "hold"))
    seen.stop()


def test_coroutines(run, say):
    say("loft/settings", '{"most":25}', True)
    one = run("coroutines.py")
    assert one.wait_for("begin") == "begin with {'most': 25}"


# ---- the greenhouse ----

def test_the_greenhouse_does_what_the_page_says_as_the_plugin_would_say(run, gateway, upstream, say):
    seen, far = commands(gateway), Witness(upstream)
    gpio = "tidegate/greenhouse/gpio/"
    one = run("greenhouse.py", "-m", "tidegate", "run", fails=True)
    until(seen, (gpio + "fan/set", "ON"), lambda: say("greenhouse/temperature", "29"))
    until(seen, (gpio + "fan/set", "OFF"), lambda: say("greenhouse/temperature", "24"))
    until(far, ("greenhouse/door", "open"), lambda: say(gpio + "door/event", "press"))
    say(gpio + "door", "ON", True)
    say("greenhouse/temperature", "hot")  # an error: it reaches the upstream, and the script goes on
    topic = "tidegate/greenhouse/app/greenhouse/error"
    report = {}

    def told():
        report.update({topic: payload for topic, payload in far.waiting()})
        return topic in report
    wait_until(told)
    assert "PayloadError" in json.loads(report[topic])["error"]
    until(far, ("greenhouse/door", "closed"), lambda: say(gpio + "door/event", "release"))
    seen.waiting()
    assert one.end(signal.SIGTERM) == 0
    until(seen, (gpio + "fan/set", "OFF"))  # the shutdown function
    seen.stop()
    far.stop()


def test_the_greenhouse_reports_at_midnight_and_the_report_reaches_the_upstream(run, gateway, upstream, say):
    far = Witness(upstream)
    now = time.localtime()
    midnight = time.mktime((now.tm_year, now.tm_mon, now.tm_mday + 1, 0, 0, 0, 0, 0, -1))
    say("greenhouse/temperature", "21.5", True)
    run("greenhouse.py", "-c", AT, str(midnight - 2), "2")  # messages: the gateway's info, and the temperature
    until(far, ("greenhouse/report", '{"min":21.5,"max":21.5,"count":1}'))
    far.stop()


def test_the_greenhouse_opens_its_vent_after_sunrise(run, gateway):
    from tidegate.schedule import at
    seen = commands(gateway)
    run("greenhouse.py", "-c", AT, str(at("sunrise+1h", 52.52, 13.40).next(time.time()) - 2), "0")
    until(seen, ("tidegate/greenhouse/gpio/vent/set", "ON"))
    seen.stop()


def test_the_greenhouses_own_tests_pass(tmp_path):
    for name in ("greenhouse.py", "test_greenhouse.py"):
        (tmp_path / name).write_text(SCRIPTS[name])
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tidegate.pytest_plugin"], cwd=tmp_path,
                          stdout=subprocess.PIPE, text=True, timeout=120, env={**os.environ, "TZ": "Europe/Berlin"})
    assert done.returncode == 0 and "3 passed" in done.stdout, done.stdout


def test_the_units_command_runs_the_greenhouse_and_ends_it_as_systemd_would(tmp_path, gateway, say):
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str
    unit.read_string(UNIT)
    service = unit["Service"]
    script = tmp_path / "greenhouse.py"
    script.write_text(SCRIPTS["greenhouse.py"])
    python, *words = shlex.split(service["ExecStart"])
    assert python == "/opt/tidegate/bin/python"
    words = [str(script) if word == "/opt/greenhouse/greenhouse.py" else word for word in words]
    name, _, value = service["Environment"].partition("=")
    seen = commands(gateway, "tidegate/greenhouse/gpio/#")
    with subprocess.Popen([sys.executable, *words], env={**os.environ, name: value.replace(":1883", f":{gateway.port}")},
                          stderr=subprocess.PIPE, text=True) as process:
        try:
            until(seen, ("tidegate/greenhouse/gpio/fan/set", "ON"), lambda: say("greenhouse/temperature", "29"))
        finally:
            process.terminate()
        assert process.wait(30) == 0, process.stderr.read()
    seen.stop()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_no_fault_with_the_unit(tmp_path):
    path = tmp_path / "greenhouse.service"
    path.write_text(UNIT.replace("/opt/tidegate/bin/python", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=60, env=tool_environment())
    assert "greenhouse.service" not in done.stdout, done.stdout


def test_mqtt_by_hand(script, broker):
    program = script(SCRIPTS["by_hand.py"].replace("mqtt://127.0.0.1:1883", broker.url))
    program.wait_for("granted (1,)")
    broker.publish("sensors/one", "21.5")
    assert program.wait_for("sensors/one") == "sensors/one b'21.5'"
