# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""tidegate.testing, as users' tests use it: scripts in files, the fixture, a real Mosquitto."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from datetime import datetime

import pytest

import dist_info
import tidegate
from tidegate.testing import Gateway
from tidegate.testing import colour

from parts import listens, wait_until

pytest_plugins = ["tidegate.pytest_plugin"]
SOURCES = pathlib.Path(os.environ["TIDEGATE_SOURCE_DIR"])


@pytest.fixture
def load(gateway, tmp_path):
    """Runs the text of a script: what it begins and ends with is the same for all."""
    def load(text, *arguments, name="script.py", run="app.run()\n"):
        path = tmp_path / name
        path.write_text("from tidegate import App\napp = App()\n" + textwrap.dedent(text) + run)
        return gateway.load(path, *arguments)
    return load


# ---- the clock ----

def test_a_day_of_an_automation_takes_about_a_second(gateway, load):
    load("""
        @app.every("1m", publish="day/minute")
        def minute():
            return app.system.uptime()
        @app.at("07:30", "sunset", publish="day/mark")
        def mark():
            return "x"
        """.replace('"sunset"', '"19:00"'))
    begun = time.monotonic()
    gateway.clock.advance("24h")
    assert len(gateway.messages("day/minute")) == 1 + 24 * 60
    assert len(gateway.messages("day/mark")) == 2
    assert time.monotonic() - begun < 20  # about one, on a machine that has nothing else to do


def test_time_stands_still_until_the_test_lets_it_pass(gateway, load):
    automation = load("""
        import time, datetime
        from datetime import date, datetime as moment
        times = []
        @app.every("10s")
        def tick():
            times.append((time.time(), time.monotonic(), moment.now(), datetime.datetime.now(), date.today(), time.strftime("%H:%M:%S")))
        """)
    times = automation.names["times"]
    assert len(times) == 1
    gateway.clock.advance("9.9s")
    assert len(times) == 1
    gateway.clock.advance("0.1s")
    assert len(times) == 2
    assert times[1][0] - times[0][0] == pytest.approx(10) and times[1][1] - times[0][1] == pytest.approx(10)
    noon = datetime(2026, 6, 1, 12)
    assert times[0][2] == times[0][3] == noon and times[0][4] == noon.date() and times[0][5] == "12:00:00"
    assert times[1][5] == "12:00:10"
    assert gateway.clock.now == datetime(2026, 6, 1, 12, 0, 10)


def test_the_clock_goes_to_a_time_of_the_day_and_to_a_date_and_not_back(gateway, load):
    automation = load("""
        import time
        times = []
        app.at("07:30")(lambda: times.append(time.strftime("%d %H:%M")))
        app.cron("0 0 * * sun")(lambda: times.append("sunday"))
        """)
    gateway.clock.advance_to("22:30")
    assert str(gateway.clock.now) == "2026-06-01 22:30:00"
    gateway.clock.advance_to("07:30")
    assert automation.names["times"] == ["02 07:30"]
    gateway.clock.advance_to("2026-06-07 00:00")
    assert automation.names["times"][-1] == "sunday"
    with pytest.raises(ValueError, match="back"):
        gateway.clock.advance_to(datetime(2026, 6, 1))
    with pytest.raises(tidegate.ConfigError):
        gateway.clock.advance_to("noonish")


def test_the_wall_clock_can_be_set_as_ntp_does(gateway, load):
    automation = load("""
        ran = []
        app.at("12:30")(lambda: ran.append("half past"))
        app.every("1h")(lambda: ran.append("hour"))
        """)
    assert automation.names["ran"] == ["hour"]
    gateway.clock.set("2026-06-01 12:31")
    assert automation.names["ran"] == ["hour", "half past"]


def test_sleeps_waits_and_coroutines_go_by_the_clock(gateway, load):
    automation = load("""
        import asyncio, time
        from time import sleep
        said = []
        @app.on("go")
        def thread():
            said.append("thread")
            sleep(3600)
            said.append("slept")
        @app.on("go")
        async def coroutine():
            await asyncio.sleep(1800)
            said.append("coroutine")
            await asyncio.to_thread(time.sleep, 1800) if hasattr(asyncio, "to_thread") else await asyncio.sleep(1800)
            said.append("both")
            try:
                await asyncio.wait_for(asyncio.Event().wait(), 60)
            except asyncio.TimeoutError:
                said.append("timeout")
        """)
    said = automation.names["said"]
    gateway.publish("go")
    assert said == ["thread"]
    gateway.clock.advance("30m")
    assert said == ["thread", "coroutine"]
    gateway.clock.advance("30m")
    assert sorted(said[2:]) == ["both", "slept"]
    gateway.clock.advance("1m")
    assert said[4:] == ["timeout"]


def test_a_turn_that_comes_while_the_last_one_sleeps_is_skipped_as_it_would_be(gateway, load):
    automation = load("""
        import time
        @app.every("1s")
        def slow():
            time.sleep(4.5)
        """)
    gateway.clock.advance("10s")
    assert automation.app.counters()["skipped"] == 8  # it ran at 0, 5 and 10


def test_a_handler_that_blocks_for_ten_seconds_is_named_and_the_others_go_on(gateway, load, caplog):
    automation = load("""
        import time
        quick = []
        @app.on("t")
        def blocked():
            time.sleep(12)
        @app.on("t")
        def other(text):
            quick.append(text)
        """)
    gateway.publish("t", "1")
    gateway.clock.advance("9s")
    gateway.publish("t", "2")
    assert automation.names["quick"] == ["1", "2"] and "is slow" not in caplog.text
    gateway.clock.advance("6s")
    assert "blocked is slow: one call has been running for" in caplog.text and automation.app.counters()["runs"] == 3
    gateway.clock.advance("9s")
    assert automation.app.counters()["runs"] == 4


def test_the_age_of_a_message_and_of_a_reading_is_the_clocks(gateway, load):
    automation = load("""
        import time
        ages = []
        tank = app.sensor("onewire/tank")
        @app.on("a")
        def aged(msg):
            time.sleep(90)
            ages.append(msg.age)
        """)
    gateway.sensor("onewire/tank").tell(21.5, unit="°C")
    gateway.publish("a")
    gateway.clock.advance("90s")
    assert automation.names["ages"] == [pytest.approx(90)]
    tank = automation.names["tank"]
    assert (tank.value, tank.unit, tank.quality, tank.age) == (21.5, "°C", "good", pytest.approx(90))


def test_what_the_test_itself_waits_for_lets_time_pass(gateway, load):
    automation = load("""
        import time
        lamp = app.led("lamp")
        @app.on("later")
        def later():
            time.sleep(120)
            lamp.on()
        """)
    lamp = automation.names["lamp"]
    gateway.publish("later")
    assert not lamp.wait_for(True, "1m")
    assert lamp.wait_for(True, "2m")
    assert gateway.clock.now == datetime(2026, 6, 1, 12, 2)


def test_what_never_comes_to_rest_is_named(gateway, load, monkeypatch):
    from tidegate.testing import clock
    automation = load("""
        import threading
        release = threading.Event()
        @app.on("go")
        def stuck():
            release.wait()
        """)
    monkeypatch.setattr(clock, "PATIENCE", 0.3)
    with pytest.raises(AssertionError, match="still running.*stuck"):
        gateway.publish("go")
    automation.names["release"].set()


# ---- lines ----

def test_a_press_switches_a_lamp(gateway, load):
    load("""
        lamp = app.led("lamp")
        app.edge("door", "pressed")(lamp.on)
        app.edge("door", "released")(lamp.off)
        """)
    lamp = gateway.output("lamp")
    assert lamp.value is False and lamp.commanded is False
    gateway.button("door").press()
    assert lamp.is_on and lamp.commanded is True
    gateway.button("door").release()
    assert not lamp.is_on
    assert gateway.texts("tidegate/gateway/gpio/lamp/set") == ["ON", "OFF"]


def test_a_button_is_clicked_double_clicked_and_held_as_the_gateway_tells_it(gateway, load):
    automation = load("""
        said = []
        @app.edge("bell", "pressed", "released", "click", "double", "hold")
        def event(text):
            said.append(text)
        """)
    bell, said = gateway.button("bell"), automation.names["said"]
    bell.click()
    assert said == ["press", "release", "click"]
    del said[:]
    bell.double_click()
    gateway.clock.advance("1s")
    assert said == ["press", "release", "press", "release", "double"]
    del said[:]
    bell.hold()
    bell.release()
    gateway.clock.advance("1s")
    assert said == ["press", "hold", "release"]
    del said[:]
    bell.press()
    bell.release()
    bell.press()
    gateway.clock.advance("1s")
    assert said == ["press", "release", "press", "click", "hold"]
    assert bell.value is True


def test_an_output_that_is_stuck_is_commanded_and_not_seen_to_follow(gateway, load):
    automation = load("""
        pump, alarm = app.output("pump"), []
        @app.on("go")
        def go():
            pump.on()
            if not pump.wait_for(True, "5s"):
                app.publish("alarm", "the pump does not start")
        """)
    pump = gateway.output("pump")
    pump.stuck = True
    gateway.publish("go")
    assert pump.commanded is True and pump.value is False and gateway.texts("alarm") == []
    gateway.clock.advance("5s")
    assert gateway.texts("alarm") == ["the pump does not start"]
    pump.stuck = False
    gateway.publish("go")
    gateway.clock.advance("5s")
    assert pump.is_on and len(gateway.texts("alarm")) == 1
    assert automation.names["pump"].value is True


def test_pulses_and_limits_are_kept_by_the_gateway(gateway, load):
    gateway.output("heater", max_on="2h")
    gateway.output("horn", pulse="500ms")
    load("""
        valve, heater, horn = app.output("valve"), app.output("heater"), app.output("horn")
        @app.on("go")
        def go():
            valve.pulse("10m")
            heater.on()
            horn.pulse()
            valve.value = 999999
        """)
    gateway.publish("go")
    valve, heater, horn = gateway.output("valve"), gateway.output("heater"), gateway.output("horn")
    assert valve.is_on and heater.is_on and horn.is_on and valve.refused == 1
    gateway.clock.advance("1s")
    assert not horn.is_on
    gateway.clock.advance("10m")
    assert not valve.is_on and heater.is_on
    gateway.clock.advance("2h")
    assert not heater.is_on
    with pytest.raises(ValueError, match="before load"):
        gateway.output("valve", pulse="1s")


def test_dimmed_outputs_and_colours_have_their_values(gateway, load):
    automation = load("""
        fan, mood = app.output("fan"), app.rgbled("mood")
        @app.on("go")
        def go():
            fan.value = 40
            mood.color = "green"
            mood.brightness = 30
        @app.on("off")
        def off():
            fan.off()
            mood.off()
        """)
    gateway.publish("go")
    fan, mood = gateway.output("fan"), gateway.rgbled("mood")
    assert (fan.value, mood.color, mood.brightness) == (40, "#008000", 30)
    assert (automation.names["fan"].value, automation.names["mood"].color, automation.names["mood"].brightness) == (40, "#008000", 30)
    gateway.publish("off")
    assert (fan.value, mood.color) == (0, "OFF") and fan.commanded == 0
    assert automation.names["mood"].is_lit is False


def test_counters_count_and_sensors_read(gateway, load):
    automation = load("""
        rain, tank = app.counter("rain"), app.sensor("onewire/tank")
        """)
    gateway.counter("rain").total = 100.0
    gateway.counter("rain").add(1.4)
    gateway.counter("rain").rate = 0.5
    gateway.sensor("onewire/tank").value = 21
    rain, tank = automation.names["rain"], automation.names["tank"]
    assert (rain.total, rain.rate, tank.value, tank.unit) == (101.4, 0.5, 21, None)


def test_a_line_with_a_topic_of_its_own_and_a_gateway_of_another_name(gateway, load):
    load("""
        attic = App("attic", gateway="attic")
        lamp, far = app.led("lamp", topic="loft/lamp"), attic.led("far")
        app.button("door", topic="loft/door").when_pressed = lamp.on
        app.edge("door", "released", topic="loft/door")(far.on)
        attic.start()
        """)
    gateway.input("door").press()
    assert gateway.output("lamp").is_on and gateway.texts("loft/lamp/set") == ["ON"]
    gateway.input("door").release()
    assert gateway.output("far").is_on and gateway.texts("tidegate/attic/gpio/far/set") == ["ON"]


def test_lines_that_have_topics_of_their_own_in_the_configuration_are_found_by_their_names(gateway, load):
    lamp = gateway.output("lamp", topic="loft/lamp")
    gateway.input("door", topic="loft/door")
    gateway.counter("rain", topic="garden/rain", total=3)
    gateway.sensor("onewire/tank", topic="heating/tank")
    automation = load("""
        lamp, rain, tank = app.led("lamp"), app.counter("rain"), app.sensor("onewire/tank")
        app.edge("door", "pressed")(lamp.on)
        """)
    gateway.input("door").press()
    gateway.sensor("onewire/tank").value = 60
    assert lamp.is_on and gateway.texts("loft/lamp/set") == ["ON"]
    assert automation.names["rain"].total == 3 and automation.names["tank"].value == 60


def test_the_simulated_colours_are_those_of_the_gateway():
    text = (SOURCES / "plugins" / "gpio" / "colour.cpp").read_text(encoding="utf-8")
    names = re.findall(r'\{"(\w+)", 0x([0-9a-f]{6})\}', text)
    assert len(names) == 148
    for name, digits in names:
        assert colour.parse(name.upper()) == tuple(bytes.fromhex(digits))
    assert colour.parse("#0f8") == (0, 255, 136) and colour.parse("1, 2,255") == (1, 2, 255)
    assert colour.parse("1,2,256") is None and colour.parse("greenish") is None


# ---- messages ----

def test_chains_of_handlers_over_the_broker_have_ended_when_a_publish_returns(gateway, load):
    automation = load("""
        @app.on("a", publish="b", qos=2)
        def a(text):
            return text + "a"
        @app.on("b", publish="c", qos=1)
        async def b(text):
            return text + "b"
        @app.on("c", publish="d", qos=0)
        def c(text):
            return text + "c"
        """)
    for n in range(20):
        gateway.publish("a", str(n), qos=n % 3)
        assert gateway.texts("d")[-1:] == [f"{n}abc"], n
    assert len(gateway.messages("d")) == 20
    assert automation.app.counters()["runs"] == 60
    gateway.forget()
    assert gateway.messages() == []


def test_what_the_broker_keeps_is_given_to_an_automation_that_comes_later(gateway, load):
    gateway.publish("settings", {"most": 25}, retain=True)
    automation = load("""
        settings = []
        @app.on("settings")
        def come(msg):
            settings.append((msg.json(), msg.retain))
        @app.startup
        async def first():
            async for msg in app.messages("settings"):
                settings.append("startup")
                break
        """)
    assert set(map(str, automation.names["settings"])) == {"({'most': 25}, True)", "startup"}


def test_a_handler_that_is_added_while_running_has_what_it_asked_for_at_once(gateway, load):
    gateway.publish("kept", "1", retain=True)
    automation = load("""
        seen = []
        @app.on("more")
        def more():
            app.on("kept")(lambda text: seen.append(text))
        """)
    gateway.publish("more")
    assert automation.names["seen"] == ["1"]


def test_receipts_of_what_is_forwarded_tell_what_became_of_it(gateway, load):
    gateway.forward("up/#")
    automation = load("""
        said = []
        @app.on("go")
        def go(text):
            receipt = app.publish("up/a" if text != "local" else "down/a", text)
            said.append((receipt.accepted.wait("10s"), receipt.durable.wait("10s"), receipt.delivered.wait("10s")))
        """)
    gateway.publish("go", "1")
    assert automation.names["said"] == [(True, True, True)]
    with gateway.upstream_outage():
        gateway.publish("go", "2")
        gateway.clock.advance("5s")
        assert len(automation.names["said"]) == 1
    assert automation.names["said"][1] == (True, True, True)
    gateway.publish("go", "local")
    gateway.clock.advance("30s")
    assert automation.names["said"][2] == (False, False, False)


def test_durable_handlers_are_at_the_tests_broker_and_disk_and_try_again_by_the_clock(gateway, tmp_path):
    (tmp_path / "shop.py").write_text("""
from tidegate import App
app = App("shop", "mqtt://192.0.2.1:1883", state="/var/lib/somewhere")
got, wrong = [], []
@app.on("shop/order", durable=True, retry="1m")
def order(msg):
    if wrong:
        raise RuntimeError(wrong.pop())
    got.append((msg.text, msg.attempt))
app.run()
""")
    names = gateway.load(tmp_path / "shop.py").names
    gateway.publish("shop/order", "1")
    gateway.until(lambda: names["got"] == [("1", 1)])
    names["wrong"].append("no paper")
    gateway.publish("shop/order", "2")
    gateway.until(lambda: gateway.errors)
    assert str(gateway.errors.pop()) == "no paper"
    gateway.clock.advance("59s")
    assert len(names["got"]) == 1
    gateway.clock.advance("1s")
    gateway.until(lambda: names["got"] == [("1", 1), ("2", 2)])
    assert (tmp_path / "tidegate" / "state" / "apps" / "shop" / "spool").is_dir()
    with gateway.outage():
        gateway.clock.advance("1h")
    gateway.publish("shop/order", "3")
    gateway.until(lambda: names["got"][-1] == ("3", 1))


# ---- outages ----

def test_in_an_outage_timers_run_on_and_what_is_published_arrives_when_the_broker_is_back(gateway, load):
    automation = load("""
        receipts = []
        @app.every("10m")
        def hourly():
            receipts.append(app.publish("reading", len(receipts)))
            app.publish("brief", len(receipts), expiry="15m", receipt=False)
        @app.on("question", publish="answer")
        def answer(text):
            return text
        """)
    assert gateway.texts("reading") == ["0"]
    with gateway.outage():
        gateway.clock.advance("1h")
        assert not automation.app.connected
        assert gateway.texts("reading") == ["0"] and len(automation.names["receipts"]) == 7
        gateway.publish("question", "of a device that was away, too")
    assert len(gateway.texts("answer")) == 1
    assert gateway.texts("reading") == list("0123456")
    assert gateway.texts("brief") == ["1", "6", "7"]  # those of the last quarter of an hour
    assert automation.app.counters()["dropped_outgoing"] == 4
    gateway.clock.advance("10m")
    assert gateway.texts("reading")[-1] == "7"


def test_a_command_of_the_outage_is_dropped_and_not_obeyed_hours_later(gateway, load):
    load("""
        lamp = app.led("lamp")
        app.every("1h")(lamp.on)
        """)
    lamp = gateway.output("lamp")
    assert lamp.is_on
    gateway.publish(lamp.topic + "/set", "OFF")
    lamp._obey("/set", "OFF")
    assert not lamp.is_on
    with gateway.outage():
        gateway.clock.advance("90m")
    assert not lamp.is_on
    gateway.clock.advance("30m")
    assert lamp.is_on


def test_the_newest_thousand_are_kept_in_an_outage_and_the_others_reported(gateway, load, caplog):
    automation = load("""
        receipts = []
        @app.every("1s", publish="flood")
        def flood():
            receipts.append(app.publish("flood", len(receipts)))
        """)
    with gateway.outage():
        gateway.clock.advance("1100s")
    counts = [int(text) for text in gateway.texts("flood")]
    assert counts == [0, *range(101, 1101)]
    receipt = automation.names["receipts"][50]
    assert receipt.reason.startswith("dropped") and automation.names["receipts"][-1].reason is None


# ---- scripts ----

def test_a_script_that_raises_raises_in_the_test_with_its_place(load):
    with pytest.raises(ZeroDivisionError) as caught:
        load("1 / 0\n")
    assert caught.traceback[-1].path.name == "script.py"


def test_a_script_without_an_app_and_one_that_exits(gateway, tmp_path):
    (tmp_path / "none.py").write_text("print('hello')\n")
    with pytest.raises(ValueError, match="no App"):
        gateway.load(tmp_path / "none.py")
    (tmp_path / "exits.py").write_text("import sys\nsys.exit(3)\n")
    assert gateway.load(tmp_path / "exits.py").status == 3


def test_a_script_gets_its_arguments_and_its_neighbours_and_need_not_run_its_app(gateway, load, tmp_path, capsys):
    (tmp_path / "neighbour.py").write_text("word = 'found'\n")
    load("""
        import sys, neighbour
        print(app.name, sys.argv[1:], neighbour.word, __name__)
        """, "one", 2, name="house.py", run="")
    assert capsys.readouterr().out == "house ['one', '2'] found __main__\n"
    gateway.close()
    assert "neighbour" not in sys.modules and sys.argv[0] != str(tmp_path / "house.py")


def test_a_script_sleeps_and_waits_before_it_runs_and_has_a_main_loop_of_its_own(gateway, load):
    automation = load("""
        import time
        said = ["begin"]
        time.sleep(60)
        app.start()
        while True:
            said.append(time.strftime("%H:%M"))
            time.sleep(600)
        """, run="")
    assert automation.names["said"] == ["begin", "12:01"]
    gateway.clock.advance("25m")
    assert automation.names["said"] == ["begin", "12:01", "12:11", "12:21"]


def test_stop_ends_a_script_as_ctrl_c_does(gateway, load):
    automation = load("""
        import time
        @app.on("go")
        def go():
            time.sleep(3)
            app.publish("last", "words")
        @app.shutdown
        def end():
            app.publish("end", "bye")
        """)
    gateway.publish("go")
    automation.stop()
    assert gateway.texts("last") == ["words"] and gateway.texts("end") == ["bye"]
    assert automation.status == 0
    again = load("app.every('1h', publish='again')(lambda: 'yes')\n", name="again.py")
    assert gateway.texts("again") == ["yes"] and again.status is None


def test_a_handler_that_sleeps_for_hours_is_left_alone_at_the_end(gateway, load, caplog):
    automation = load("""
        import time
        app.stop_timeout = 120
        @app.on("go")
        def go():
            time.sleep(36000)
        """)
    gateway.publish("go")
    begun = time.monotonic()
    automation.stop()
    assert "still running after 120 s" in caplog.text and time.monotonic() - begun < 600


def test_an_app_of_the_test_itself_is_at_its_broker_whatever_address_it_names(gateway):
    seen = []
    with tidegate.App("mine", "mqtt://192.0.2.1:1883") as app:
        app.on("a")(lambda text: seen.append(text))
        gateway.publish("a", "1")
        assert seen == ["1"]
    assert not app.connected


def test_two_automations_talk_to_each_other(gateway, load):
    load("app.on('ping', publish='pong')(lambda text: text)\n", name="one.py")
    load("app.every('1m', publish='ping')(lambda: app.name)\n", name="two.py")
    gateway.clock.advance("2m")
    assert gateway.texts("pong") == ["two"] * 3


def test_errors_of_handlers_are_kept_and_told_as_the_gateway_would_see_them(gateway, load):
    load("app.on('bad')(lambda text: 1 / float(text))\n")
    gateway.publish("bad", "0")
    [error] = gateway.errors
    assert isinstance(error, ZeroDivisionError)
    [report] = gateway.messages("tidegate/gateway/app/script/error")
    assert report.json()["topic"] == "bad"
    gateway.errors.clear()


def test_without_pytest_it_is_a_context_manager_and_leaves_all_as_it_was(monkeypatch):
    from tidegate import clock
    monkeypatch.delenv("TIDEGATE_BROKER", raising=False)
    before, threads = (clock.now, clock.wait, clock.made), set(threading.enumerate())
    with Gateway(id="pi") as gateway:
        app = tidegate.App("a")
        ran = []
        app.every("1h")(lambda: ran.append(1))
        app.start()
        gateway.clock.advance("3h")
        assert len(ran) == 4
        folder = gateway._folder
    assert (clock.now, clock.wait, clock.made) == before and not folder.exists() and "TIDEGATE_BROKER" not in os.environ
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)
        assert not thread.is_alive(), thread


def test_the_broker_of_a_run_that_is_killed_ends_with_it():
    run = subprocess.Popen([sys.executable, "-c", textwrap.dedent("""
        from tidegate.testing import Gateway
        with Gateway() as gateway:
            print(gateway._broker.port, gateway._folder, flush=True)
            input()
        """)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        port, folder = run.stdout.readline().split()
        assert listens(int(port))
    finally:
        run.kill()
        run.communicate()
    wait_until(lambda: not listens(int(port)), "the broker to end")
    shutil.rmtree(folder)


# ---- the plugin ----

def pytest_run(folder, text, **environment):
    (folder / "test_mine.py").write_text(textwrap.dedent(text))
    path = os.pathsep.join([dist_info.write(folder), os.environ.get("PYTHONPATH", "")])
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder / "test_mine.py")], cwd=folder,
                          stdout=subprocess.PIPE, text=True, timeout=120, env={**os.environ, "PYTHONPATH": path, **environment})


def test_an_installed_package_brings_the_fixture_and_an_error_of_a_handler_fails_the_test(tmp_path):
    (tmp_path / "lamp.py").write_text("from tidegate import App\napp = App()\nlamp = app.led('lamp')\n"
                                      "app.edge('door', 'pressed')(lamp.on)\napp.on('bad')(lambda: 1 / 0)\napp.run()\n")
    done = pytest_run(tmp_path, """
        def test_good(gateway):
            gateway.load("lamp.py")
            gateway.button("door").press()
            assert gateway.output("lamp").is_on
        def test_bad(gateway):
            gateway.load("lamp.py")
            gateway.publish("bad")
        """)
    assert "2 passed, 1 error" in done.stdout and "ZeroDivisionError" in done.stdout, done.stdout


def test_without_mosquitto_the_error_says_what_to_install(tmp_path, monkeypatch):
    from tidegate.testing import broker
    monkeypatch.setattr(broker.shutil, "which", lambda *arguments, **more: None)
    with pytest.raises(tidegate.UnavailableError, match="apt-get install mosquitto"):
        with Gateway(tmp_path):
            pass


def test_importing_the_package_does_not_import_testing_or_pytest_nor_does_the_plugin_import_much():
    for name, others in (("tidegate", {"pytest", "tidegate.testing"}), ("tidegate.pytest_plugin", {"asyncio", "tidegate.testing"})):
        done = subprocess.run([sys.executable, "-c", f"import {name}, sys; sys.exit(bool({others} & set(sys.modules)))"], timeout=60)
        assert done.returncode == 0
    done = subprocess.run([sys.executable, "-c", "import tidegate.testing, sys; sys.exit('pytest' in sys.modules)"], timeout=60)
    assert done.returncode == 0


# ---- docs/testing.md ----

PAGE = (SOURCES / "docs" / "testing.md").read_text(encoding="utf-8")
FILES = {re.match(r"# (\w+\.py)\n", text).group(1): text
         for text in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)}


@pytest.fixture
def page(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_every_test_of_the_page_passes_and_every_script_of_it_is_tested(page):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([dist_info.write(page), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(page)], cwd=page, stdout=subprocess.PIPE,
                          text=True, timeout=120, env=environment)
    tests = sum(text.count("\ndef test_") for text in FILES.values())
    assert done.returncode == 0 and f"{tests} passed" in done.stdout and tests >= 6, done.stdout
    for name in FILES:
        assert name.startswith("test_") or name == "by_hand.py" or f'load("{name}")' in PAGE, name


def test_the_script_without_pytest_prints_what_it_says(page):
    done = subprocess.run([sys.executable, str(page / "by_hand.py")], cwd=page, stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "True ['120000']\n"


# ---- the recipes and examples, for longer than their own tests have time ----

RECIPES = SOURCES / "docs" / "recipes"
SCRIPTS = [*sorted(RECIPES.glob("*.py")), *sorted((SOURCES / "python" / "examples").glob("*.py"))]


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_each_recipe_and_example_runs_through_an_outage_without_an_error(gateway, path, tmp_path):
    automation = gateway.load(path, tmp_path) if path.stem == "csv_logger" else gateway.load(path)
    gateway.clock.advance("1m")
    with gateway.outage():
        gateway.clock.advance("1m")
    gateway.clock.advance("1m")
    assert automation.app.connected and not gateway.errors
    automation.stop()
    assert automation.status == 0


def test_the_night_light_shines_from_sunset_to_half_past_ten_and_in_the_dark_of_the_morning(gateway, berlin):
    gateway.clock.set("2026-12-01 12:00")
    gateway.load(RECIPES / "night_light.py")
    lamp = gateway.led("porch")
    for moment, on in (("15:50", False), ("15:57", True), ("22:29", True), ("22:31", False), ("06:29", False), ("06:31", True), ("08:15", False)):
        gateway.clock.advance_to(moment)
        assert lamp.is_on == on, moment


def test_the_daily_report_has_the_day_and_begins_anew(gateway):
    gateway.load(RECIPES / "daily_report.py")
    for celsius in (20, 26, 20):
        gateway.publish("lab/a/temperature", celsius)
        gateway.clock.advance("1h")
    gateway.clock.advance_to("00:00")
    gateway.publish("lab/a/temperature", 5)
    gateway.clock.advance("24h")
    assert [msg.json()["lab/a/temperature"] for msg in gateway.messages("report/day")] == [
        {"min": 20, "max": 26, "mean": 22, "count": 3}, {"min": 5, "max": 5, "mean": 5, "count": 1}]


def test_watering_waters_at_six_unless_it_rained(gateway):
    gateway.counter("rain", total=100)
    gateway.load(RECIPES / "watering.py")
    valve = gateway.output("valve")
    gateway.clock.advance_to("06:00")
    assert valve.is_on
    gateway.clock.advance("10m")
    assert not valve.is_on
    gateway.counter("rain").add(12)
    gateway.clock.advance_to("06:01")
    assert not valve.is_on


def test_the_thermometer_that_falls_silent_is_told_and_comes_back(gateway):
    gateway.load(RECIPES / "temperature_alarm.py")
    gateway.publish("loft/temperature", 20)
    gateway.clock.advance("1h")
    assert gateway.texts("loft/alarm")[-1] != "none"
    gateway.publish("loft/temperature", 20)
    assert gateway.texts("loft/alarm")[-1] == "none"


def test_a_switch_that_chatters_switches_once(gateway):
    gateway.load(RECIPES / "debounced_switch.py")
    for text in ("ON", "OFF", "ON", "OFF", "ON"):
        gateway.publish("hall/switch", text)
        gateway.clock.advance("100ms")
    gateway.clock.advance("1s")
    assert gateway.texts("hall/light/set") == ["ON"]
