# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Apps against a real Mosquitto; mosquitto_sub and mosquitto_pub see and send what others would."""
import gc
import json
import logging
import queue
import threading
import time

import pytest

import tidegate
from tidegate import App
from conftest import DEADLINE, wait_until


# ---- publishing ----

def test_payloads_arrive_as_their_types_say(app, witness):
    app.start()
    payloads = ["text", b"bytes", 21.5, 7, True, {"a": [1, None]}]
    for payload in payloads:
        app.publish("types", payload)
    assert witness.take(6) == [("types", wire) for wire in ("text", "bytes", "21.5", "7", "ON", '{"a":[1,null]}')]


def test_qos_0_1_and_2_arrive_in_order(app, witness):
    app.start()
    for n in range(300):
        app.publish("order", n, qos=n % 3, receipt=False)
    seen = [int(payload) for _, payload in witness.take(300)]
    for qos in (0, 1, 2):
        assert [n for n in seen if n % 3 == qos] == list(range(qos, 300, 3))


def test_a_retained_message_waits_for_those_who_come_and_an_empty_one_removes_it(app, broker):
    seen = queue.Queue()
    app.on("kept")(lambda msg: seen.put((msg.text, msg.retain)))
    broker.publish("kept", "old", retain=True)
    app.start()
    assert seen.get(timeout=DEADLINE) == ("old", True)
    app.publish("kept", "new", retain=True)
    assert seen.get(timeout=DEADLINE) == ("new", False)
    app.publish("kept", None, retain=True)
    assert seen.get(timeout=DEADLINE) == ("", False)
    late = App("late", broker.url)
    late.on("kept", "other")(lambda msg: seen.put((msg.text, msg.retain)))
    late.start()
    wait_until(lambda: late.connected)
    late.publish("other", "first")
    assert seen.get(timeout=DEADLINE) == ("first", False)
    late.stop()


def test_properties_travel(app):
    seen = queue.Queue()
    app.on("with")(lambda msg: seen.put(msg.properties))
    app.start()
    app.publish("with", b"{}", expiry="1m", content_type="application/json", user={"by": "me"}, response_topic="back",
                correlation_data=b"\x00\x01")
    properties = seen.get(timeout=DEADLINE)
    assert 55 <= properties.expiry <= 60
    assert properties[1:] == ("application/json", "back", b"\x00\x01", (("by", "me"),))


@pytest.mark.parametrize("topic", ["", "a/+", "a/#", "a\0b", "x" * 65536, "\ud800"])
def test_a_bad_topic_is_a_topic_error_or_what_python_says_of_such_text(app, topic):
    with pytest.raises((tidegate.TopicError, UnicodeEncodeError, TypeError)) as caught:
        app.publish(topic, "x")
    assert isinstance(caught.value, ValueError) or "ud800" in repr(topic)


@pytest.mark.parametrize("filter", ["", "a#", "#/a", "a/+b", "x" * 65536])
def test_a_bad_filter_is_a_topic_error(app, filter):
    with pytest.raises(tidegate.TopicError):
        app.on(filter)


def test_a_bad_topic_for_results_is_a_topic_error_where_it_is_written(app):
    with pytest.raises(tidegate.TopicError):
        app.every("1s", publish="a/#")


def test_a_payload_over_the_cap_is_a_payload_error_and_one_at_the_cap_arrives(app):
    seen = queue.Queue()
    app.on("big")(lambda payload: seen.put(payload))
    app.start()
    with pytest.raises(tidegate.PayloadError):
        app.publish("big", b"x" * ((1 << 20) + 1))
    app.publish("big", b"y" * (1 << 20))
    assert seen.get(timeout=DEADLINE) == b"y" * (1 << 20)


def test_a_bad_broker_address_and_a_bad_setting_are_config_errors():
    with pytest.raises(tidegate.ConfigError):
        App(broker="not an address").publish("a", 1)
    with pytest.raises(tidegate.ConfigError):
        App(on_error="explode")


def test_messages_published_offline_arrive_when_the_broker_is_there(make_broker, caplog):
    broker = make_broker(start=False)
    app = App("early", broker.url)
    seen = queue.Queue()
    app.on("early/#")(lambda msg: seen.put(msg.payload))
    app.start()
    for n in range(50):
        app.publish(f"early/{n}", n)
    wait_until(lambda: any("no connection" in record.message for record in caplog.records))
    broker.start()
    assert sorted(int(seen.get(timeout=DEADLINE)) for _ in range(50)) == list(range(50))
    assert app.counters()["dropped_outgoing"] == 0
    app.stop()


def test_the_oldest_of_too_many_messages_published_offline_are_dropped_counted_and_say_so_in_their_receipt():
    app = App("offline", "mqtt://127.0.0.1:1")
    first = app.publish("a", 0)
    for n in range(1, 1100):
        app.publish("a", n)
    app.start()
    assert first.accepted.wait(DEADLINE) is False
    assert first.reason.startswith("dropped: ")
    app.stop()
    assert app.counters()["dropped_outgoing"] == 1100


def test_messages_go_on_after_the_broker_was_killed_and_came_back(app, broker):
    seen = queue.Queue()
    app.on("again")(lambda text: seen.put(text))
    app.start()
    app.publish("again", "before")
    assert seen.get(timeout=DEADLINE) == "before"
    broker.stop()
    wait_until(lambda: not app.connected, "the loss")
    app.publish("again", "meanwhile")
    broker.start()
    assert seen.get(timeout=DEADLINE) == "meanwhile"


# ---- messages ----

def test_a_handler_gets_what_it_asks_for_by_name(app, device):
    seen = queue.Queue()

    @app.on("loft/+/set")
    def everything(msg, topic, payload, text, retain, app, unused="default"):
        seen.put((msg.qos, topic, payload, text, retain, app, msg.levels, unused))

    @app.on("loft/#")
    def nothing():
        seen.put("nothing")

    app.start()
    device("loft/lamp/set", "ON", qos=1)
    got = [seen.get(timeout=DEADLINE), seen.get(timeout=DEADLINE)]
    assert "nothing" in got
    got.remove("nothing")
    assert got == [(1, "loft/lamp/set", b"ON", "ON", False, app, ["loft", "lamp", "set"], "default")]


def test_a_handler_that_asks_for_what_there_is_not_is_a_type_error_where_it_is_written(app):
    with pytest.raises(TypeError, match="colour.*msg"):
        app.on("a")(lambda colour: None)
    with pytest.raises(TypeError, match="msg"):
        app.every("1s")(lambda msg: None)
    with pytest.raises(TypeError):
        app.on(lambda msg: None)


def test_wildcards_match_as_mqtt_says(app, device):
    seen = {name: [] for name in ("plus", "hash", "exact")}
    app.on("a/+/c")(lambda topic: seen["plus"].append(topic))
    app.on("a/#")(lambda topic: seen["hash"].append(topic))
    app.on("a/b/c")(lambda topic: seen["exact"].append(topic))
    done = threading.Event()
    app.on("end")(done.set)
    app.start()
    for topic in ("a", "a/b", "a/b/c", "a/x/c", "a/b/c/d", "b/b/c", "end"):
        device(topic, "x")
    assert done.wait(DEADLINE)
    wait_until(lambda: len(seen["hash"]) == 5 and len(seen["plus"]) == 2 and seen["exact"])
    assert seen == {"plus": ["a/b/c", "a/x/c"], "hash": ["a", "a/b", "a/b/c", "a/x/c", "a/b/c/d"], "exact": ["a/b/c"]}


def test_overlapping_filters_call_each_handler_once_for_each_message(app, device):
    one, two, three = [], [], []
    app.on("#", "o/#", "o/+")(lambda text: one.append(text))
    app.on("o/+")(lambda text: two.append(text))

    @app.on("o/1")
    @app.on("o/#")
    @app.on("o/1")
    def stacked(text):
        three.append(text)

    done = threading.Event()
    app.on("end")(done.set)
    app.start()
    for n in range(20):
        device("o/1", str(n))
    device("end", "x")
    assert done.wait(DEADLINE)
    expected = [str(n) for n in range(20)]
    wait_until(lambda: len(one) >= 21 and len(two) >= 20 and len(three) >= 20)
    assert one == expected + ["x"] and two == expected and three == expected


def test_a_handler_added_while_running_gets_messages(app, device):
    app.start()
    seen = queue.Queue()
    app.on("later")(lambda text: seen.put(text))
    wait_until(lambda: device("later", "x") or not seen.empty(), "a message")
    assert seen.get_nowait() == "x"


def test_a_handler_added_while_running_is_given_what_the_broker_kept_and_others_are_not_given_it_again_however_soon(app, broker):
    early, late, later = queue.Queue(), queue.Queue(), queue.Queue()
    broker.publish("kept/a", "1", retain=True)
    app.on("kept/#")(lambda msg: early.put((msg.text, msg.retain)))
    app.start()
    assert early.get(timeout=DEADLINE) == ("1", True)
    app.on("kept/a")(lambda msg: late.put((msg.text, msg.retain)))
    assert late.get(timeout=DEADLINE) == ("1", True)
    app.on("kept/#")(lambda msg: later.put((msg.text, msg.retain)))
    assert later.get(timeout=DEADLINE) == ("1", True)
    broker.publish("kept/a", "2")
    for seen in (early, late, later):
        assert seen.get(timeout=DEADLINE) == ("2", False)
        assert seen.empty()


def test_a_handler_added_while_the_broker_is_away_is_given_what_it_kept_when_it_is_back(app, broker, caplog):
    early, late = queue.Queue(), queue.Queue()
    broker.publish("kept", "1", retain=True)
    app.on("kept")(lambda text: early.put(text))
    app.start()
    assert early.get(timeout=DEADLINE) == "1"
    broker.stop()
    wait_until(lambda: not app.connected, "the loss")
    app.on("kept")(lambda text: late.put(text))
    wait_until(lambda: "no connection" in caplog.text, "a word of it")
    broker.start()
    assert late.get(timeout=DEADLINE) == "1"


def test_handlers_that_are_added_at_once_all_get_what_was_kept(app, broker):
    broker.publish("kept", "1", retain=True)
    app.start()
    seen = set()
    for name in "abc":
        app.on("kept")(lambda text, name=name: seen.add(name + text))
    wait_until(lambda: seen == {"a1", "b1", "c1"})


def test_after_a_reconnect_to_a_broker_that_forgot_all_handlers_get_what_is_kept_there(app, broker):
    seen = queue.Queue()
    app.on("kept")(lambda text: seen.put("a" + text))
    app.start()
    app.on("kept")(lambda text: seen.put("b" + text))
    broker.publish("kept", "1", retain=True)
    wait_until(lambda: seen.qsize() >= 2)
    broker.stop()
    (broker.folder / "mosquitto.db").unlink(missing_ok=True)
    wait_until(lambda: not app.connected)
    while not seen.empty():
        seen.get()
    broker.start()
    broker.publish("kept", "2", retain=True)
    got = set()
    while got != {"a2", "b2"}:
        got.add(seen.get(timeout=DEADLINE))


# ---- async iterators ----

def test_messages_are_looped_over_in_a_handler_from_what_was_kept_on(app, broker, device):
    broker.publish("in/a", "kept", retain=True)
    seen = queue.Queue()
    begun = threading.Event()

    @app.every("1h")
    async def watch(app):
        async for msg in app.messages("in/#", "in/+"):
            seen.put((msg.topic, msg.text, msg.retain))
            begun.set()
        seen.put("end")

    app.start()
    assert begun.wait(DEADLINE)
    device("in/b", "1")
    device("in/b", "2")
    assert [seen.get(timeout=DEADLINE) for _ in range(3)] == [("in/a", "kept", True), ("in/b", "1", False), ("in/b", "2", False)]
    app.stop()
    assert seen.get(timeout=DEADLINE) == "end"
    assert seen.empty()


def test_messages_are_looped_over_in_a_program_that_has_its_own_loop(app, device):
    import asyncio

    async def main():
        messages = app.messages("in")
        app.start()
        device("in", "1")
        device("in", "2")
        return [(await messages.__anext__()).text, (await messages.__anext__()).text]

    assert asyncio.run(main()) == ["1", "2"]


def test_a_startup_function_may_wait_for_a_message(app, broker):
    broker.publish("settings", "7", retain=True)
    seen = queue.Queue()

    @app.startup
    async def load(app):
        async for msg in app.messages("settings"):
            seen.put(msg.text)
            break

    app.every("1h")(lambda: seen.put("timer"))
    app.start()
    assert [seen.get(timeout=DEADLINE), seen.get(timeout=DEADLINE)] == ["7", "timer"]


def test_messages_that_are_closed_or_forgotten_are_no_longer_asked_of_the_broker(app):
    app.start()
    closed, forgotten = app.messages("a", "b"), app.messages("b", "c")
    assert set(app._filters) == {"a", "b", "c"}
    closed.close()
    assert set(app._filters) == {"b", "c"}
    del forgotten
    gc.collect()
    wait_until(lambda: not app._filters)


def test_messages_that_nobody_takes_are_bounded_and_said_once(make_app, caplog):
    import asyncio
    app = make_app(inbox=10)
    seen = threading.Event()
    app.on("end")(seen.set)
    messages = app.messages("flood")
    app.start()
    for n in range(100):
        app.publish("flood", n, receipt=False)
    app.publish("end")
    assert seen.wait(DEADLINE)
    app.stop()

    async def rest():
        return [int(msg.text) async for msg in messages]

    assert asyncio.run(rest()) == list(range(90, 100))
    assert sum("read too slowly" in record.message for record in caplog.records) == 1


def test_messages_of_a_bad_filter_are_an_error_and_those_of_a_stopped_app_end_at_once(app):
    import asyncio

    async def loop(messages):
        return [msg async for msg in messages]

    with pytest.raises(tidegate.TopicError):
        app.messages("a#")
    with pytest.raises(TypeError):
        app.messages()
    before = app.messages("a")
    app.stop()
    assert asyncio.run(loop(before)) == asyncio.run(loop(app.messages("a"))) == []


def test_binary_payloads_of_every_byte_and_of_no_byte_arrive(app):
    seen = queue.Queue()
    app.on("bytes")(lambda payload: seen.put(payload))
    app.start()
    every = bytes(range(256))
    app.publish("bytes", every)
    app.publish("bytes", b"")
    assert seen.get(timeout=DEADLINE) == every
    assert seen.get(timeout=DEADLINE) == b""


def test_what_a_handler_returns_is_published(app, witness, device):
    @app.on("in", publish="out")
    def double(msg):
        return msg.float() * 2 if msg.text != "skip" else None

    app.start()
    device("in", "skip")
    device("in", "4")
    assert [witness.next() for _ in range(3)] == [("in", "skip"), ("in", "4"), ("out", "8.0")]


def test_an_error_is_logged_with_traceback_and_topic_and_counted_and_the_next_message_is_handled(app, device, caplog):
    seen = queue.Queue()

    @app.on("bad/+")
    def divide(text):
        seen.put(1 / float(text))

    app.start()
    device("bad/zero", "0")
    device("bad/one", "1")
    assert seen.get(timeout=DEADLINE) == 1
    record = next(record for record in caplog.records if record.levelno == logging.ERROR)
    assert "divide" in record.message and "bad/zero" in record.message
    assert record.exc_info[0] is ZeroDivisionError and record.exc_info[2] is not None
    wait_until(lambda: app.counters()["runs"] == 1)
    assert app.counters()["errors"] == 1


def test_a_payload_that_cannot_be_published_is_the_handlers_error(app, device, caplog):
    seen = queue.Queue()
    app.on("in", publish="out")(lambda text: {1} if text == "set" else seen.put(text))
    app.start()
    device("in", "set")
    device("in", "after")
    assert seen.get(timeout=DEADLINE) == "after"
    assert any("set cannot be published" in record.message for record in caplog.records)


def test_coroutine_functions_are_handlers_too_one_after_another_and_beside_others(app, device):
    import asyncio
    seen, gate = [], []
    done = threading.Event()

    @app.on("slow")
    async def slow(text):
        if not gate:
            gate.append(asyncio.Event())
            await gate[0].wait()
        seen.append(text)
        if text == "2":
            done.set()

    @app.on("quick")
    async def quick():
        await asyncio.sleep(0)
        gate[0].set()

    @app.on("broken")
    async def broken():
        raise RuntimeError("oh")

    app.start()
    device("broken", "x")
    device("slow", "1")
    device("slow", "2")
    wait_until(lambda: gate)
    assert seen == []
    device("quick", "x")
    assert done.wait(DEADLINE)
    assert seen == ["1", "2"]
    assert app.counters()["errors"] == 1


def test_a_handler_that_blocks_does_not_keep_others_from_running(app, device):
    blocked, release, quick = threading.Event(), threading.Event(), queue.Queue()

    @app.on("t")
    def slow():
        blocked.set()
        release.wait(DEADLINE)

    app.on("t")(lambda text: quick.put(text))
    app.start()
    device("t", "0")
    assert blocked.wait(DEADLINE)
    for n in range(1, 5):
        device("t", str(n))
    assert [quick.get(timeout=DEADLINE) for _ in range(5)] == list("01234")
    wait_until(lambda: app.counters()["runs"] == 5)  # none of the blocked one's
    release.set()
    wait_until(lambda: app.counters()["runs"] == 10)


def test_a_full_inbox_drops_the_oldest_counts_it_and_names_the_handler(make_app, caplog):
    app = make_app(inbox=10)
    blocked, release, seen = threading.Event(), threading.Event(), []

    @app.on("t")
    def slow(text):
        blocked.set()
        release.wait(DEADLINE)
        seen.append(text)

    sentinel = threading.Event()
    app.on("end")(sentinel.set)
    app.start()
    app.publish("t", "first")
    assert blocked.wait(DEADLINE)
    for n in range(30):
        app.publish("t", n)
    app.publish("end")
    assert sentinel.wait(DEADLINE)
    release.set()
    wait_until(lambda: len(seen) == 11)
    assert seen == ["first"] + [str(n) for n in range(20, 30)]
    assert app.counters()["dropped"] == 20
    assert any("slow is too slow" in record.message for record in caplog.records)


def test_messages_in_a_burst_all_arrive_in_order(app):
    seen = []
    app.on("burst")(lambda payload: seen.append(int(payload)))
    app.start()
    for n in range(5000):
        app.publish("burst", n, receipt=False)
    wait_until(lambda: len(seen) == 5000)
    assert seen == list(range(5000))


def test_a_handler_may_publish_and_wait_for_the_answer(app):
    answer, got = queue.Queue(), queue.Queue()
    app.on("answer")(lambda text: answer.put(text))
    app.on("question")(lambda text, app: app.publish("answer", text + "!"))

    @app.on("start")
    def start(app):
        app.publish("question", "why")
        got.put(answer.get(timeout=DEADLINE))

    app.start()
    app.publish("start")
    assert got.get(timeout=DEADLINE) == "why!"


# ---- timers ----

def test_every_publishes_what_the_function_returns_and_none_publishes_nothing(app, witness):
    values = iter([1, None, 3])
    app.every("20ms", publish="tick")(lambda: next(values, None))
    app.start()
    assert witness.take(2) == [("tick", "1"), ("tick", "3")]


def test_every_keeps_its_grid(app):
    """However late single turns are: what is due next stays on it."""
    turns = []
    app.every("50ms")(lambda: turns.append((app._turns[0].due, time.monotonic())))
    app.start()
    wait_until(lambda: len(turns) >= 21)
    app.stop()
    first, last = turns[0], turns[20]
    for due, ran in turns:
        steps = (due - first[0]) / 0.05
        assert abs(steps - round(steps)) < 1e-3
        assert ran >= due - 0.05  # the turn before what is due next
    assert 19.999 <= (last[0] - first[0]) / 0.05 <= 20.001 + app.counters()["skipped"]


def test_a_turn_that_comes_while_the_last_one_runs_is_skipped_counted_and_said_once(app, caplog):
    entered, release = threading.Event(), threading.Event()
    runs = []

    @app.every("10ms")
    def slow():
        runs.append(1)
        entered.set()
        release.wait(DEADLINE)

    app.start()
    assert entered.wait(DEADLINE)
    wait_until(lambda: app.counters()["skipped"] >= 3)
    assert len(runs) == 1
    assert sum("slow is too slow for every 10ms" in record.message for record in caplog.records) == 1
    release.set()
    wait_until(lambda: len(runs) >= 2)


def test_every_takes_coroutine_functions(app, witness):
    @app.every("1h", publish="tick")
    async def tick():
        return "tock"

    app.start()
    assert witness.next() == ("tick", "tock")


def test_a_function_on_a_timer_and_on_messages_never_runs_twice_at_once(app, device):
    inside, most = [], []

    @app.every("1ms")
    @app.on("t")
    def both():
        inside.append(1)
        most.append(len(inside))
        inside.pop()

    app.start()
    for _ in range(5):
        device("t", "x")
    wait_until(lambda: len(most) > 50)
    assert max(most) == 1


@pytest.mark.parametrize("interval", ["", "soon", "0s", 0])
def test_a_bad_interval_is_a_config_error_where_it_is_written(app, interval):
    with pytest.raises(tidegate.ConfigError):
        app.every(interval)


# ---- timers of the wall clock ----

def test_cron_runs_on_its_seconds_and_publishes_what_the_function_returns(app, witness):
    app.cron("* * * * * *", publish="tick")(lambda: time.time())
    app.start()
    # Single turns may be late, on a loaded machine all that come for a while; it is not the phase of the start.
    wait_until(lambda: float(witness.next()[1]) % 1 < 0.5, "a turn soon after the second")


def test_at_runs_at_that_time_of_the_day_and_two_times_are_two_turns(app, monkeypatch):
    """By a clock that goes when it is told to: the machine's may be past the first of them when the App has started."""
    from tidegate import clock
    before, wall = clock.now, [float(int(time.time()))]
    monkeypatch.setattr(clock, "now", lambda: before()._replace(wall=wall[0]))
    ran = queue.Queue()
    begun = wall[0]
    times = [time.strftime("%H:%M:%S", time.localtime(begun + seconds)) for seconds in (2, 3)]
    app.at(*times)(lambda: ran.put(wall[0]))
    app.start()
    for seconds, comes in ((1.0, False), (2.0, True), (2.9, False), (3.1, True), (4.0, False)):
        wall[0] = begun + seconds
        if comes:
            assert ran.get(timeout=DEADLINE) == wall[0]
    app.stop()
    assert ran.empty()


def test_a_turn_that_the_clock_is_set_beyond_runs_within_the_second(app, monkeypatch):
    """The clock of the App alone is set: a test must not set the machine's."""
    from tidegate import clock
    before, step = clock.now, [0.0]
    monkeypatch.setattr(clock, "now", lambda: before()._replace(wall=time.time() + step[0]))
    ran = threading.Event()
    app.at(time.strftime("%H:%M", time.localtime(time.time() + 3600)))(ran.set)
    app.start()
    assert not ran.is_set()
    step[0] = 3600.0
    assert ran.wait(DEADLINE)


def test_a_timer_that_is_added_while_running_runs(app):
    ran = threading.Event()
    app.start()
    app.cron("* * * * * *")(ran.set)
    assert ran.wait(DEADLINE)


@pytest.mark.parametrize("wrong, error", [(lambda app: app.cron("every day"), tidegate.ConfigError),
                                          (lambda app: app.at("25:00"), tidegate.ConfigError),
                                          (lambda app: app.at(), TypeError),
                                          (lambda app: app.at(lambda: None), TypeError),
                                          (lambda app: app.cron("* * * * *", publish="a/#"), tidegate.TopicError)])
def test_a_bad_time_is_an_error_where_it_is_written(app, wrong, error):
    with pytest.raises(error):
        wrong(app)


# ---- start and stop ----

def test_startup_comes_before_messages_and_timers_and_shutdown_after_them(app, device):
    order, may_go = [], threading.Event()

    @app.startup
    def first():
        may_go.wait(DEADLINE)
        order.append("startup")

    app.every("1h")(lambda: order.append("timer"))
    app.on("t")(lambda: order.append("message"))

    @app.shutdown
    async def last():
        order.append("shutdown")

    app.start()
    device("t", "x")
    wait_until(lambda: app.counters()["received"] >= 1)
    assert order == []
    may_go.set()
    wait_until(lambda: len(order) == 3)
    app.stop()
    assert order[0] == "startup" and order[3] == "shutdown" and len(order) == 4


def test_a_startup_function_may_publish_and_wait_for_its_receipt(app, responder):
    got = queue.Queue()
    app.startup(lambda app: got.put(app.publish("hello", 1).delivered.wait(DEADLINE)))
    app.start()
    assert got.get(timeout=DEADLINE) is True


def test_stop_lets_the_running_handler_finish_and_sends_what_it_publishes(app, witness, device):
    entered, release = threading.Event(), threading.Event()

    @app.on("t")
    def slow(app):
        entered.set()
        release.wait(DEADLINE)
        app.publish("last", "words")

    app.start()
    device("t", "x")
    assert entered.wait(DEADLINE)
    stopping = threading.Thread(target=app.stop)
    stopping.start()
    release.set()
    stopping.join(DEADLINE)
    assert witness.take(2) == [("t", "x"), ("last", "words")]


def test_stop_leaves_a_handler_that_hangs_alone_after_the_deadline_and_names_it(make_app, device, caplog):
    app = make_app(stop_timeout=0.2)
    entered, release = threading.Event(), threading.Event()

    @app.on("t")
    def hang():
        entered.set()
        release.wait(DEADLINE)

    app.start()
    device("t", "x")
    assert entered.wait(DEADLINE)
    app.stop()
    assert any("hang" in record.message and "still running" in record.message for record in caplog.records)
    release.set()


def test_stop_ends_every_thread_and_may_be_called_twice_and_from_a_handler(app, device):
    before = threading.active_count()

    @app.on("t")
    def one(app):
        app.stop()

    @app.on("t")
    async def two():
        pass

    app.start()
    device("t", "x")
    wait_until(app._finished.is_set)
    app.stop()
    app.stop()
    wait_until(lambda: threading.active_count() == before, "the threads' end")
    with pytest.raises(tidegate.UnavailableError):
        app.publish("a", 1)
    with pytest.raises(RuntimeError):
        App.start(app)


def test_a_hundred_messages_published_before_stop_all_arrive(broker, witness):
    with App("short", broker.url) as app:
        for n in range(100):
            app.publish("n", n)
    assert witness.take(100) == [("n", str(n)) for n in range(100)]


def test_stop_before_start_and_a_stop_without_a_broker_return_soon():
    App("never").stop()
    app = App("nobody", "mqtt://127.0.0.1:1", stop_timeout=60)
    app.publish("a", 1)
    app.start()
    begun = time.monotonic()
    app.stop()
    assert time.monotonic() - begun < DEADLINE


# ---- access ----

def test_a_user_name_and_password_are_used(make_broker, tmp_path):
    import subprocess
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "me", "secret"], check=True)
    passwords.chmod(0o644)
    tmp_path.chmod(0o755)
    broker = make_broker("allow_anonymous false", f"password_file {passwords}")
    good = App("good", broker.url, username="me", password="secret")
    good.start()
    wait_until(lambda: good.connected)
    good.stop()


def test_a_wrong_password_is_logged_once_in_words_and_what_is_published_waits(make_broker, tmp_path, caplog):
    broker = make_broker("allow_anonymous false")
    app = App("bad", broker.url, username="me", password="wrong")
    app.start()
    receipt = app.publish("a", 1)
    wait_until(lambda: any("no connection" in record.message for record in caplog.records))
    assert not app.connected and receipt.reason is None
    assert not any("wrong" in record.getMessage() for record in caplog.records)
    app.stop()
    assert "stopped" in receipt.reason


# ---- receipts, from a scripted responder that stands in for the gateway ----

@pytest.fixture
def responder(broker):
    """Answers publishes as the gateway does; what it says depends on the topic."""
    one = App("scripted responder", broker.url)

    def say(msg, **answer):
        one.publish(msg.properties.response_topic, answer, correlation_data=msg.properties.correlation_data,
                    receipt=False)

    @one.on("#")
    def answer(msg):
        if not msg.properties.response_topic:
            return
        if msg.topic == "refuse":
            return say(msg, receipt="refused", reason="the lane is full")
        say(msg, receipt="accepted", upstreams=["cloud", "lab"])
        if msg.topic == "expire":
            return say(msg, receipt="discarded", upstream="cloud", reason="expired")
        if msg.topic == "gibberish":
            return one.publish(msg.properties.response_topic, "%", correlation_data=msg.properties.correlation_data,
                               receipt=False)
        for step in ("durable", "delivered"):
            for upstream in ("cloud", "lab"):
                say(msg, receipt=step, upstream=upstream)

    one.start()
    wait_until(lambda: one.connected)
    yield one
    one.stop()


def test_a_receipt_goes_through_accepted_durable_and_delivered(app, responder):
    app.start()
    receipt = app.publish("fine", 1)
    assert receipt.accepted.wait(DEADLINE) and receipt.durable.wait(DEADLINE) and receipt.delivered.wait(DEADLINE)
    assert receipt.upstreams == ("cloud", "lab") and receipt.reason is None


def test_a_receipt_says_why_it_went_no_further(app, responder, caplog):
    app.start()
    refused, expired, gibberish = app.publish("refuse", 1), app.publish("expire", 1), app.publish("gibberish", 1)
    assert refused.accepted.wait(DEADLINE) is False and refused.reason == "refused: the lane is full"
    assert expired.accepted.wait(DEADLINE) is True
    assert expired.delivered.wait(DEADLINE) is False and expired.reason == "discarded (cloud): expired"
    assert gibberish.accepted.wait(DEADLINE) is True
    wait_until(lambda: any("cannot be understood" in record.message for record in caplog.records))


def test_receipts_can_be_awaited_in_handlers(app, responder, device):
    got = queue.Queue()

    @app.on("go")
    async def go(app):
        receipts = [app.publish("fine", n) for n in range(20)]
        gc.collect()  # nobody but the task itself may be holding all this
        got.put([await receipt.delivered for receipt in receipts])

    app.start()
    device("go", "x")
    gc.collect()
    assert got.get(timeout=DEADLINE) == [True] * 20


def test_a_coroutine_that_waits_is_not_collected(make_app, device):
    import asyncio
    import weakref
    app = make_app(stop_timeout=0.1)
    waiting = queue.Queue()

    @app.on("go")
    async def go():
        waiting.put(weakref.ref(asyncio.current_task()))
        await asyncio.get_running_loop().create_future()

    app.start()
    device("go", "x")
    task = waiting.get(timeout=DEADLINE)
    device("go", "y")
    gc.collect()
    assert task() is not None and not task().done()


def test_no_receipt_is_asked_for_with_qos_0_or_receipt_false(app):
    seen = queue.Queue()
    app.on("t")(lambda msg: seen.put(msg.properties.response_topic))
    app.start()
    for receipt in (app.publish("t", 1, qos=0), app.publish("t", 1, receipt=False)):
        assert receipt.accepted.wait() is False and "no receipt" in receipt.reason
    asked = app.publish("t", 1)
    answers = [seen.get(timeout=DEADLINE) for _ in range(3)]
    assert answers[:2] == ["", ""] and answers[2].startswith("tidegate/receipt/")
    assert asked.reason is None
    with pytest.raises(ValueError):
        app.publish("t", 1, receipt=True, response_topic="mine")


def test_the_answers_json_is_what_the_design_says(app, responder):
    """The responder's own words, seen on the wire."""
    seen = queue.Queue()
    watch = App("watch", app._options["url"])
    watch.on("tidegate/receipt/#")(lambda text: seen.put(json.loads(text)))
    watch.start()
    wait_until(lambda: watch.connected)
    app.start()
    app.publish("refuse", 1)
    assert seen.get(timeout=DEADLINE) == {"receipt": "refused", "reason": "the lane is full"}
    watch.stop()
