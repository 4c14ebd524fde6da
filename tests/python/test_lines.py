# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The gateway's lines and sensors as objects, with a real tidegated. There is no GPIO chip: where a test's name says "as the
plugin would say", mosquitto_pub says it on the gateway's broker, on the topics and in the words of docs/gpio.md."""
import json
import queue
import signal
import threading
import time

import pytest

import tidegate
from tidegate import App, Message
from conftest import DEADLINE, Witness, wait_until
from parts import Gateway, publish

CONFIG = """
[gateway]
id = "test"
[broker]
port = 0
[sysstat]
interval = "1s"
json = true
collect = ["memory", "uptime"]
[[sysstat.reading]]
of = "uptime"
json = false
"""


class Local:
    """The broker of a gateway, as the other tests have theirs."""

    def __init__(self, gateway):
        self.port, self.url = gateway.port, gateway.url

    def publish(self, topic, payload, qos=1, retain=False, *options):
        publish(self.port, topic, payload, qos, retain, *options)

    def gpio(self, topic, payload, retain=True):
        """What the plugin gpio says."""
        self.publish("tidegate/test/gpio/" + topic, payload, 1, retain)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    one = Gateway(tmp_path_factory.mktemp("lines"), CONFIG).start()
    yield one
    one.end()


@pytest.fixture
def local(gateway):
    one = Local(gateway)
    yield one
    for name in ("lamp", "door", "mood", "mood/brightness", "meter/total"):
        one.gpio(name, "")


@pytest.fixture
def commands(local):
    """What arrives at the plugin's command topics."""
    one = Witness(local, "tidegate/test/gpio/#")
    yield one
    one.stop()


@pytest.fixture
def app(local):
    one = App("test", local.url)
    begin = one.start

    def start():
        begin()
        wait_until(lambda: one.connected)

    one.start = start
    yield one
    one.stop()


def test_the_design_pages_script_toggles_a_lamp_on_a_press_as_the_plugin_would_say(app, local, commands):
    led = app.led("lamp")
    app.button("door")

    @app.edge("door", "pressed")
    def pressed():
        led.toggle()
        led.wait_for(True, DEADLINE)
        app.publish("loft/lamp", led.value, retain=True)

    loft = Witness(local, "loft/#")
    app.start()
    local.gpio("lamp", "OFF")
    assert led.wait_for(False, DEADLINE)
    wait_until(lambda: "tidegate/test/gpio/door/event" in app._filters)
    time_limit = time.monotonic() + DEADLINE
    while ("tidegate/test/gpio/lamp/set", "TOGGLE") not in commands.waiting():
        assert time.monotonic() < time_limit
        local.gpio("door/event", "press", False)
    local.gpio("lamp", "ON")
    assert loft.next() == ("loft/lamp", "ON")
    loft.stop()


def test_a_command_given_before_the_start_is_sent_once_the_gateway_is_known(app, commands):
    led = app.led("lamp")
    assert led.value is None and led.is_lit is None and led.topic is None
    led.on()
    app.start()
    assert commands.next() == ("tidegate/test/gpio/lamp/set", "ON")
    assert led.topic == "tidegate/test/gpio/lamp"


def test_every_command_is_in_the_words_of_the_plugin(app, commands):
    app.start()
    lamp, fan, mood = app.output("lamp"), app.output("fan"), app.rgbled("mood")
    lamp.on()
    lamp.off()
    lamp.toggle()
    lamp.pulse()
    lamp.pulse("1.5s")
    lamp.value = True
    fan.value = 40
    mood.color = "green"
    mood.color = (0, 128, 255)
    mood.brightness = 30
    mood.off()
    said = [(topic[len("tidegate/test/gpio/"):], payload) for topic, payload in commands.take(11)]
    assert said == [("lamp/set", "ON"), ("lamp/set", "OFF"), ("lamp/set", "TOGGLE"), ("lamp/set", "PULSE"),
                    ("lamp/set_on_ms", "1500"), ("lamp/set", "ON"), ("fan/set", "40"), ("mood/set", "green"),
                    ("mood/set", "0,128,255"), ("mood/brightness/set", "30"), ("mood/set", "OFF")]


def test_commands_expire_on_their_way(app, local):
    seen = queue.Queue()
    app.on("tidegate/test/gpio/lamp/set")(lambda msg: seen.put(msg.properties.expiry))
    app.start()
    app.led("lamp").on()
    assert 5 <= seen.get(timeout=DEADLINE) <= 10


def test_a_value_is_what_was_seen_as_the_plugin_would_say_and_not_what_was_commanded(app, local):
    local.gpio("lamp", "OFF")
    app.start()
    led = app.led("lamp")
    assert led.wait_for(False, DEADLINE) and led.value is False
    led.on()
    assert not led.wait_for(True, 0.2) and led.value is False
    local.gpio("lamp", "ON")
    assert led.wait_for(True, DEADLINE) and led.is_lit is True and led.is_on is True
    local.gpio("lamp", '{"value":false,"time":"2026-11-20T18:38:58.123Z","clock":"ntp","quality":"good"}')
    assert led.wait_for(False, DEADLINE)
    assert app.led("lamp") is led


def test_who_waits_sees_a_value_that_was_there_for_a_moment(app, local):
    """A pulse may be over before a thread that waits for it has its turn."""
    local.gpio("lamp", "OFF")
    app.start()
    led, seen = app.led("lamp"), queue.Queue()
    assert led.wait_for(False, DEADLINE)
    waiting = threading.Thread(target=lambda: seen.put(led.wait_for(True, DEADLINE)))
    waiting.start()
    wait_until(lambda: led._waiting, "the thread")
    led.submit([(Message(led.topic, text), None, None) for text in (b"ON", b"OFF")])
    assert seen.get(timeout=DEADLINE) is True and led.value is False
    waiting.join()
    assert not led.wait_for(True, 0.05) and not led._waiting


def test_a_dimmed_output_and_a_colour_have_their_values_as_the_plugin_would_say(app, local):
    local.gpio("lamp", "40.5")
    local.gpio("mood", "#008000")
    local.gpio("mood/brightness", "30")
    app.start()
    fan, mood = app.output("lamp"), app.rgbled("mood")
    assert fan.wait_for(40.5, DEADLINE) and fan.is_on is True
    assert mood.wait_for("#008000", DEADLINE) and mood.is_lit is True
    wait_until(lambda: mood.brightness == 30)
    local.gpio("mood", "OFF")
    assert mood.wait_for("OFF", DEADLINE) and mood.is_lit is False


def test_a_counter_has_its_total_and_rate_as_the_plugin_would_say(app, local):
    local.gpio("meter/total", "1234.501")
    app.start()
    meter = app.counter("meter")
    assert meter.wait_for(1234.5, DEADLINE) and meter.total == 1234.501 and meter.rate is None
    local.gpio("meter/rate", "0.75", False)
    wait_until(lambda: meter.rate == 0.75)
    assert not meter.wait_for(2000, 0.05)


def test_a_sensor_has_value_unit_and_quality_from_the_real_plugin_sysstat(app):
    app.start()
    memory, uptime, none = app.sensor("sysstat/memory/available"), app.sensor("sysstat/uptime"), app.sensor("sysstat/none")
    assert none.value is None and none.quality is None and none.age is None
    assert memory.wait_for(lambda value: value > 0, DEADLINE)
    assert memory.unit and memory.quality == "good" and 0 <= memory.age < DEADLINE
    assert uptime.wait_for(lambda value: value > 0, DEADLINE)
    assert uptime.unit is None and uptime.quality == "good"  # a bare value


@pytest.mark.parametrize("kind, event", [("pressed", "press"), ("released", "release"), ("click", "click"),
                                         ("double", "double"), ("hold", "hold"), ("press", "press"), ("held", "hold")])
def test_an_edge_handler_gets_its_kind_and_no_other_as_the_plugin_would_say(app, local, kind, event):
    seen = queue.Queue()
    app.edge("door", kind)(lambda msg, text: seen.put((msg.topic, text)))
    app.start()
    for other in ("press", "release", "click", "double", "hold"):
        if other != event:
            local.gpio("door/event", other, False)
    wait_until(lambda: local.gpio("door/event", event, False) or not seen.empty())
    assert seen.get() == ("tidegate/test/gpio/door/event", event)
    app.stop()
    assert all(seen.get() == ("tidegate/test/gpio/door/event", event) for _ in range(seen.qsize()))


def test_a_button_calls_what_it_is_set_to_as_the_plugin_would_say(app, local, commands):
    button, led, seen = app.button("door"), app.led("lamp"), queue.Queue()

    def told(text):  # one function: its calls are in the order of the events
        seen.put(text)

    button.when_pressed = led.on
    button.when_held = told
    assert button.when_pressed == led.on and button.when_clicked is None
    app.start()
    local.gpio("door", "ON")
    assert button.wait_for_press(DEADLINE) and button.is_pressed is True
    while ("tidegate/test/gpio/lamp/set", "ON") not in commands.waiting():
        local.gpio("door/event", "press", False)
    button.when_pressed = told
    local.gpio("door/event", "press", False)
    local.gpio("door/event", "hold", False)
    assert seen.get(timeout=DEADLINE) == "press"
    while seen.get(timeout=DEADLINE) != "hold":  # presses from before may come late
        pass
    button.when_pressed = None
    local.gpio("door/event", "press", False)
    local.gpio("door/event", "hold", False)
    assert seen.get(timeout=DEADLINE) == "hold" and seen.empty()
    local.gpio("door", "OFF")
    assert button.wait_for_release(DEADLINE)


def test_a_line_with_a_topic_of_its_own_is_found_there_as_the_plugin_would_say(app, local):
    app.start()
    lamp, seen = app.led("lamp", topic="loft/lamp"), queue.Queue()
    app.edge("door", "pressed", topic="loft/door")(lambda: seen.put("pressed"))
    local.publish("loft/lamp", "ON", retain=True)
    assert lamp.wait_for(True, DEADLINE)
    wait_until(lambda: local.publish("loft/door/event", "press") or not seen.empty())


def test_a_line_made_while_running_is_told_what_is_retained_though_another_looks_at_it(app, local):
    local.gpio("lamp", "ON")
    app.start()
    assert app.led("lamp").wait_for(True, DEADLINE)
    assert app.output("lamp").wait_for(True, DEADLINE)


def test_waiting_ends_when_the_app_stops_and_is_refused_where_it_would_hold_up_coroutines(app):
    refused, ended = queue.Queue(), queue.Queue()
    led = app.led("lamp")

    @app.every("1h")
    async def wrong():
        try:
            led.wait_for(True)
        except RuntimeError as error:
            refused.put(str(error))

    app.start()
    assert "app.messages" in refused.get(timeout=DEADLINE)
    waiting = threading.Thread(target=lambda: ended.put(led.wait_for(True)))
    waiting.start()
    app.stop()
    assert ended.get(timeout=DEADLINE) is False
    waiting.join(DEADLINE)


def test_the_shutdown_function_may_switch_off_and_see_it_as_the_plugin_would_say(app, local):
    seen = queue.Queue()
    led = app.led("lamp")
    far = App("plugin", local.url)
    far.on("tidegate/test/gpio/lamp/set")(lambda text: far.publish("tidegate/test/gpio/lamp", text, retain=True))

    @app.shutdown
    def off():
        led.off()
        seen.put(led.wait_for(False, DEADLINE))

    with far:
        wait_until(lambda: far.connected)
        app.start()
        led.on()
        assert led.wait_for(True, DEADLINE)
        app.stop()
    assert seen.get(timeout=DEADLINE) is True


# ---- what cannot be ----

@pytest.mark.parametrize("payload", ["", "{", "{}", "[]", "nonsense", "9" * 5000, '{"value":' * 5000, '{"value":{}}'])
def test_what_no_plugin_would_say_does_no_harm(app, local, payload):
    app.start()
    led, mood, meter = app.led("lamp"), app.rgbled("mood"), app.counter("meter")
    local.gpio("lamp", "ON")
    assert led.wait_for(True, DEADLINE)
    for topic in ("lamp", "mood", "mood/brightness", "meter/total", "lamp/event"):
        local.gpio(topic, payload)
    local.publish("tidegate/test/info", payload)
    local.gpio("lamp", "OFF")
    assert led.wait_for(False, DEADLINE) and repr(mood) and repr(meter)



def test_a_name_that_the_gateway_does_not_know_is_told_once_with_where_to_ask(app, caplog, monkeypatch):
    from tidegate import line
    monkeypatch.setattr(line, "_PATIENCE", 0.5)
    monkeypatch.setattr(line.Line, "_patience", 0.5)
    app.led("lampp")
    app.start()

    def told():
        return [record.getMessage() for record in caplog.records if "lampp" in record.getMessage()]

    wait_until(told)
    looks = []
    monkeypatch.setattr(app._site, "look", looks.append)
    wait_until(lambda: len(looks) >= 3)
    assert "tidegate/test/gpio/lampp" in told()[0] and "tidegate status" in told()[0] and "[[gpio.output]]" in told()[0]
    app.stop()
    assert len(told()) == 1


def test_without_a_gateway_that_is_told_once_and_commands_are_dropped(broker, witness, caplog, monkeypatch):
    from tidegate import site
    monkeypatch.setattr(site, "_PATIENCE", 0.5)
    broker.publish("tidegate/other/info", '{"id":"impostor"}', retain=True)
    with App("alone", broker.url) as app:
        app.led("lamp").on()
        wait_until(lambda: any("no gateway" in record.getMessage() for record in caplog.records))
    assert sum("no gateway" in record.getMessage() for record in caplog.records) == 1
    assert witness.next()[0] == "tidegate/other/info"
    broker.publish("end", "x")
    assert witness.next()[0] == "end"


def test_a_gateway_further_away_is_named(broker, witness):
    with App("far", broker.url, gateway="greenhouse", base="site/tidegate") as app:
        app.led("lamp").on()
        assert witness.next() == ("site/tidegate/greenhouse/gpio/lamp/set", "ON")


def test_values_and_events_of_all_lines_are_asked_for_at_once_when_the_gateway_is_known_and_events_first(broker):
    """Else a value may have come, and who waited for it goes on, while an event is not listened to yet."""
    asked = []
    with App("one", broker.url) as app:
        client = app._made

        class Client:
            def subscribe(self, wanted):
                asked.append([filter.removeprefix("tidegate/test/gpio/") for filter, *_ in wanted if "/gpio/" in filter])
                client.subscribe(wanted)

            def __getattr__(self, name):
                return getattr(client, name)

        app._made = Client()
        door, lamp = app.button("door"), app.led("lamp")
        door.when_pressed = door.when_held = lambda: None
        app.edge("gate", "pressed")(lambda: None)
        asked.clear()
        broker.publish("tidegate/test/gpio/lamp", "ON", retain=True)
        broker.publish("tidegate/test/info", '{"id":"test"}', retain=True)
        assert lamp.wait_for(True, DEADLINE)
        app._made = client
    assert asked == [["lamp", "gate/event", "gate", "door/event", "door"]]


INFO = json.dumps({"id": "test", "topics": {
    "gpio/lamp": "loft/lamp", "gpio/lamp/refused": "loft/lamp/refused", "gpio/door/event": "porch/event",
    "gpio/meter/total": "house/power/total", "gpio/meter/rate": "house/power/rate", "onewire/tank": "garden/tank"}})


@pytest.mark.parametrize("named", [None, "test"])
def test_where_the_configuration_names_topics_lines_and_sensors_are_found_by_name_as_the_gateway_would_say(broker, named):
    broker.publish("tidegate/test/info", INFO, 1, True)
    commands, pressed = Witness(broker, "loft/#"), queue.Queue()
    with App("test", broker.url, gateway=named) as app:
        lamp, meter, tank, other = app.led("lamp"), app.counter("meter"), app.sensor("onewire/tank"), app.led("other")
        app.edge("door", "pressed")(lambda text: pressed.put(text))
        lamp.on()
        assert commands.next() == ("loft/lamp/set", "ON")
        wait_until(lambda: other.topic)
        assert [one.topic for one in (lamp, meter, tank, other)] == ["loft/lamp", "house/power", "garden/tank",
                                                                     "tidegate/test/gpio/other"]
        broker.publish("house/power/total", "7.5", 1, True)
        assert meter.wait_for(7, DEADLINE)
        wait_until(lambda: broker.publish("porch/event", "press") or not pressed.empty())
    commands.stop()


def test_of_two_gateways_on_one_broker_the_one_that_came_through_no_spool_is_ours(broker):
    key = "31f3f328/default/3/1042/2026-11-20T18:38:58.123Z/ntp"
    broker.publish("tidegate/away/info", '{"id":"away"}', 1, True, "-V", "mqttv5", "-D", "publish", "user-property", "tidegate", key)
    broker.publish("tidegate/here/info", '{"id":"here"}', 1, True, "-V", "mqttv5", "-D", "publish", "user-property", "tidegate", "b1")
    with App("two", broker.url) as app:
        led = app.led("lamp")
        wait_until(lambda: led.topic)
    assert led.topic == "tidegate/here/gpio/lamp"


@pytest.mark.parametrize("wrong, error", [
    (lambda app: app.edge("door", "kicked"), tidegate.ConfigError), (lambda app: app.edge("door"), TypeError),
    (lambda app: app.led("a/#"), tidegate.ConfigError), (lambda app: app.led(""), tidegate.ConfigError),
    (lambda app: app.led("x").pulse("0s"), tidegate.ConfigError), (lambda app: app.led("x").pulse("2d"), tidegate.ConfigError),
    (lambda app: setattr(app.led("x", topic="x"), "value", {1}), tidegate.PayloadError),
    (lambda app: App(gateway="a/+"), tidegate.ConfigError), (lambda app: App(gateway=5), tidegate.ConfigError)])
def test_what_cannot_be_is_an_error_where_it_is_written(wrong, error):
    app = App("wrong", "mqtt://127.0.0.1:1")
    with pytest.raises(error):
        wrong(app)
    app.stop()


# ---- errors of handlers ----

def test_an_error_is_published_under_the_gateways_topics_with_traceback_and_count(app, local):
    errors = Witness(local, "tidegate/test/app/#")

    @app.on("bad/+")
    def divide(text):
        return 1 / float(text)

    app.start()
    local.publish("bad/zero", "0")
    local.publish("bad/zero", "0")
    for count in (1, 2):
        topic, payload = errors.next()
        assert topic == "tidegate/test/app/test/error"
        report = json.loads(payload)
        assert report["handler"].endswith("divide") and report["topic"] == "bad/zero" and report["count"] == count
        assert report["error"] == "ZeroDivisionError: float division by zero"
        assert report["traceback"].startswith("Traceback") and "return 1 / float(text)" in report["traceback"]
    errors.stop()


def test_the_error_that_ends_a_script_is_published_first(script, local):
    errors = Witness(local, "tidegate/test/app/#")
    one = script("from tidegate import App\napp = App('a/b+c', on_error='exit')\n" + """
@app.startup
def broken():
    raise RuntimeError("x" * 100_000)
app.run()
""", local)
    assert one.end() == 1
    topic, payload = errors.next()
    assert topic == "tidegate/test/app/a-b-c/error" and json.loads(payload)["topic"] is None
    assert len(payload) < 40_000
    errors.stop()


def test_without_a_gateway_errors_are_published_under_the_host_name(broker, witness):
    import socket
    app = App("alone", broker.url)
    app.every("1h")(lambda: 1 / 0)
    app.start()
    topic, payload = witness.next()
    assert topic == f"tidegate/{socket.gethostname()}/app/alone/error" and json.loads(payload)["count"] == 1
    app.stop()


def test_a_handler_that_is_slow_is_named_once_until_it_is_idle(make_app, device, caplog):
    app = make_app(slow_after="200ms")
    enter, release = threading.Semaphore(0), threading.Semaphore(0)

    @app.on("t")
    def tardy():
        enter.release()
        release.acquire(timeout=DEADLINE)

    def named():
        return sum("tardy is slow" in record.getMessage() for record in caplog.records)

    app.start()
    for episode in (1, 2):
        device("t", "1")
        device("t", "2")
        assert enter.acquire(timeout=DEADLINE)
        wait_until(lambda: named() == episode)
        release.release()  # the second of them is as slow, and is not named again
        assert enter.acquire(timeout=DEADLINE)
        handler = app._handlers[tardy]
        wait_until(lambda: handler._seen and handler._seen[0] % 2 == 1 and time.monotonic() - handler._seen[1] > 0.4)
        assert named() == episode
        release.release()
        wait_until(lambda: app.counters()["runs"] == 2 * episode and not handler._slow)


def test_a_script_with_lines_ends_on_sigterm(script, local):
    one = script("""
from tidegate import App
app = App()
lamp = app.led("lamp")
app.edge("door", "click")(lamp.toggle)
app.every("1h")(lambda: print("running"))
app.run()
""", local)
    one.wait_for("running")
    assert one.end(signal.SIGTERM) == 0
    assert not any("Traceback" in line for line in one.lines)
