# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Durable handlers on a real Mosquitto: nothing is lost when the program is killed, at whatever point."""
import json
import os
import queue
import random
import signal
import subprocess
import threading

import pytest

from conftest import DEADLINE, Witness, wait_until
from parts import BINARY_DIR, publish_lines, tool_environment
from tidegate import App, ConfigError, UnavailableError
from tidegate.durable import overlap

HEAD = """
import os, signal, time
from tidegate import App
app = App("meter", stop_timeout=1)
"""


@pytest.fixture
def state(tmp_path):
    return {"STATE_DIRECTORY": str(tmp_path / "state")}


@pytest.fixture
def errors(broker):
    """What is published on the App's error topic."""
    one = Witness(broker, "tidegate/+/app/meter/error")
    yield one
    one.stop()


@pytest.fixture
def make_meter(broker, tmp_path):
    made = []

    def make(**options):
        made.append(App("meter", broker.url, state=tmp_path / "state", **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def test_a_message_that_kills_the_program_comes_again_counted_and_goes_to_the_dead_letters(script, broker, device, errors, state, tmp_path):
    text = HEAD + """
@app.on("meter/reading", durable=True, attempts=3)
def reading(msg):
    print("called", msg.text, msg.attempt)
    if msg.text == "bad":
        session = app._durables._by_name["reading"]._client
        session.publish("meter/sync", b"")
        session.flush(10)  # a round trip: the broker has been told that the message is there, and does not send it again
        os.kill(os.getpid(), signal.SIGKILL)
    print("handled", msg.text)
@app.startup
def up():
    print("up")
app.run()
"""
    one = script(text, broker, **state)
    one.wait_for("up")
    wait_until(lambda: (tmp_path / "state/apps/meter/reading.filters").exists(), "the subscription")
    device("meter/reading", "1")
    one.wait_for("handled 1")
    device("meter/reading", "bad")
    device("meter/reading", "2")
    assert one.end() == -signal.SIGKILL
    assert [line for line in one.lines if "bad" in line] == ["called bad 1"]
    for attempt in (2, 3):
        one = script(text, broker, **state)
        assert one.end() == -signal.SIGKILL
        assert [line for line in one.lines if line.startswith("called")] == [f"called bad {attempt}"]
    device("meter/reading", "3")
    one = script(text, broker, **state)
    one.wait_for("handled 3")
    assert [line for line in one.lines if line.startswith("called")] == ["called 2 1", "called 3 1"]
    report = json.loads(errors.next()[1])
    assert report["dead_lettered"] is True and report["topic"] == "meter/reading" and "3 attempts" in report["error"]
    assert one.end(signal.SIGTERM) == 0
    shown = subprocess.run([BINARY_DIR / "bin/tidegate", "spool", "peek", "reading/dead-letter", "--json", "--state",
                            str(tmp_path / "state/apps/meter")], text=True, capture_output=True, env=tool_environment())
    assert "bad" in shown.stdout, shown.stderr
    replayed = subprocess.run([BINARY_DIR / "bin/tidegate", "spool", "replay", "reading/dead-letter", "--all", "--state",
                               str(tmp_path / "state/apps/meter")], text=True, capture_output=True, env=tool_environment())
    assert replayed.returncode == 0, replayed.stderr
    one = script(text, broker, **state)
    assert one.end() == -signal.SIGKILL
    assert one.wait_for("called") == "called bad 1"


def test_killed_again_and_again_it_loses_nothing_and_keeps_the_order(script, broker, state, tmp_path):
    """A device stamps its messages; the program is killed at random points, some of them while it is handed messages."""
    text = HEAD + f"""
out = open({str(tmp_path / "out")!r}, "a", buffering=1)
@app.on("meter/reading", durable=True, attempts=1000)
def reading(msg):
    sequence = app._durables._by_name["reading"]._busy.sequence
    out.write(f"{{msg.text}} {{msg.attempt}} {{sequence}}\\n")
app.run()
"""
    seed = random.randrange(1 << 30)
    dice = random.Random(seed)
    first = script(text, broker, **state)
    wait_until(lambda: (tmp_path / "state/apps/meter/reading.filters").exists(), "the subscription")
    total, out = 3000, tmp_path / "out"
    device = threading.Thread(target=publish_lines, args=(broker.port, "meter/reading", range(total)))
    device.start()
    one, kills = first, 0

    def lines():
        return [line.split() for line in out.read_text().splitlines()] if out.exists() else []

    while kills < 6:
        target = len(lines()) + dice.randrange(1, 400)
        wait_until(lambda: len(lines()) >= min(target, total), f"progress (seed {seed})")
        one.end(signal.SIGKILL)
        kills += 1
        one = script(text, broker, **state)
    device.join()
    publish_lines(broker.port, "meter/reading", [total])  # when it has come, the last program is up
    wait_until(lambda: {int(line[0]) for line in lines()} == set(range(total + 1)), f"all messages (seed {seed})")
    seen = list(dict.fromkeys(int(line[0]) for line in lines()))
    assert seen == list(range(total + 1)), f"the order of first calls (seed {seed})"
    # What the broker was not yet told to be there it sends once more, as a new record; of each record a kill interrupts one.
    repeated = [line for line in lines() if int(line[1]) > 1]
    assert len(lines()) - len({line[2] for line in lines()}) <= kills, f"records are repeated where a call was interrupted (seed {seed})"
    assert len(repeated) <= kills, f"attempts are counted (seed {seed})"
    assert one.end(signal.SIGTERM) == 0


def test_what_comes_while_the_program_is_away_is_handed_on_later(make_meter, device, tmp_path):
    seen = queue.Queue()

    def begin():
        app = make_meter()
        app.on("meter/#", durable="count")(lambda msg: seen.put((msg.topic, msg.text, msg.attempt)))
        app.start()
        return app

    app = begin()
    wait_until(lambda: (tmp_path / "state/apps/meter/count.filters").exists(), "the subscription")
    device("meter/a", "1")
    assert seen.get(timeout=DEADLINE) == ("meter/a", "1", 1)
    app.stop()
    device("meter/a", "2")
    device("meter/b", "3")
    app = begin()
    assert [seen.get(timeout=DEADLINE) for _ in range(2)] == [("meter/a", "2", 1), ("meter/b", "3", 1)]
    assert seen.empty()


def test_a_handler_that_raises_gets_the_message_again_before_those_behind_it(make_meter, device):
    app, seen = make_meter(), queue.Queue()

    @app.on("meter/a", durable=True, retry="10ms")
    def reading(msg):
        seen.put((msg.text, msg.attempt))
        if msg.text == "1" and msg.attempt < 3:
            raise RuntimeError("not now")

    app.start()
    wait_until(lambda: os.path.exists(os.path.join(app._state, "reading.filters")), "the subscription")
    device("meter/a", "1")
    device("meter/a", "2")
    assert [seen.get(timeout=DEADLINE) for _ in range(4)] == [("1", 1), ("1", 2), ("1", 3), ("2", 1)]
    assert app.counters()["errors"] == 2 and app.counters()["dead_lettered"] == 0


def test_after_the_last_attempt_it_is_reported_and_kept_and_the_next_comes(make_meter, device, errors, caplog):
    app, seen = make_meter(), queue.Queue()

    @app.on("meter/a", durable=True, attempts=2, retry="10ms", publish="meter/out")
    async def reading(msg):
        if msg.text == "bad":
            raise ValueError("no number")
        seen.put(msg.text)

    app.start()
    wait_until(lambda: os.path.exists(os.path.join(app._state, "reading.filters")), "the subscription")
    device("meter/a", "bad")
    device("meter/a", "good")
    assert seen.get(timeout=DEADLINE) == "good"
    assert app.counters()["dead_lettered"] == 1
    assert "moved to the dead letters: ValueError: no number" in caplog.text
    reports = [json.loads(payload) for _, payload in errors.take(3)]
    assert [(report["attempt"], report.get("dead_lettered", False)) for report in reports] == [(1, False), (2, False), (2, True)]


def test_what_the_broker_keeps_comes_once_and_not_at_every_start(make_meter, device, tmp_path):
    device("meter/a", "kept", 1, True)
    seen = queue.Queue()
    for run in range(2):
        app = make_meter()
        app.on("meter/a", durable="one")(lambda msg: seen.put((msg.text, msg.retain)))
        app.start()
        if run == 0:
            assert seen.get(timeout=DEADLINE) == ("kept", True)
        device("meter/a", str(run))
        assert seen.get(timeout=DEADLINE) == (str(run), False)
        app.stop()
    assert seen.empty()


def test_a_filter_that_the_script_no_longer_has_is_given_back(make_meter, device):
    seen = queue.Queue()

    def begin(*filters):
        app = make_meter()
        app.on(*filters, durable="one")(lambda msg: seen.put((msg.topic, msg.text)))
        app.start()
        path = os.path.join(app._state, "one.filters")
        wait_until(lambda: os.path.exists(path) and json.load(open(path)) == list(filters), "the subscription")
        return app

    begin("old/a", "meter/a").stop()
    device("old/a", "1")
    device("meter/a", "2")
    app = begin("meter/#")
    device("old/a", "3")
    device("meter/a", "4")
    assert [seen.get(timeout=DEADLINE) for _ in range(2)] == [("meter/a", "2"), ("meter/a", "4")]
    app.stop()
    assert seen.empty()


def test_a_durable_handler_can_be_added_while_the_app_runs_and_be_called_by_time_too(make_meter, device):
    app, seen = make_meter(), queue.Queue()
    app.start()

    @app.on("meter/a", durable=True)
    @app.every("1h")
    def late(msg=None):
        seen.put(msg and msg.text)

    assert seen.get(timeout=DEADLINE) is None
    wait_until(lambda: os.path.exists(os.path.join(app._state, "late.filters")), "the subscription")
    device("meter/a", "1")
    assert seen.get(timeout=DEADLINE) == "1"


def test_while_the_disk_takes_nothing_messages_are_handed_on_from_memory_and_that_is_told(script, broker, device, state, tmp_path):
    one = script(HEAD + """
import resource
@app.on("meter/reading", durable=True)
def reading(msg):
    if msg.text in ("full", "empty"):  # from now on, writing to any file fails; or does not
        resource.setrlimit(resource.RLIMIT_FSIZE, (0 if msg.text == "full" else resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print("handled", msg.text)
app.run()
""", broker, **state)
    wait_until(lambda: (tmp_path / "state/apps/meter/reading.filters").exists(), "the subscription")
    for text in ("full", "1", "empty", "2"):
        device("meter/reading", text)
        one.wait_for("handled " + text)
    assert one.wait_for("the disk does not take messages")
    assert one.end(signal.SIGTERM) == 0


def test_a_second_program_of_that_name_is_told_that_there_is_one(make_meter, script, broker, tmp_path, state):
    app = make_meter()
    app.on("a", durable="one")(print)
    app.start()
    one = script(HEAD + "app.on('a', durable='one')(print)\napp.run()\n", broker, **state)
    assert one.end() == 1
    assert str(os.getpid()) in one.wait_for("UnavailableError")
    again = make_meter()
    again.on("a", durable="one")(print)
    with pytest.raises(UnavailableError):
        again.start()


def test_what_cannot_be_durable_is_refused_with_the_reason(broker):
    app = App("meter", broker.url)
    with pytest.raises(ConfigError, match="overlap"):
        app.on("a/#", "a/b", durable=True)(print)
    with pytest.raises(ConfigError, match="attempts"):
        app.on("a", durable=True, attempts=0)(print)
    app.on("a", durable="one")(print)
    with pytest.raises(ConfigError, match="two durable handlers of the name 'one'"):
        app.on("b", durable="one")(print)
    with pytest.raises(ConfigError, match='App\\("doorbell"\\)'):
        App(broker=broker.url).on("a", durable=True)(print)


@pytest.mark.parametrize("one, other, same", [
    ("a", "a", True), ("a/b", "a/c", False), ("a/+", "a/b", True), ("a/#", "a", True), ("#", "x/y", True), ("a/+/c", "a/b", False),
    ("a/+/c", "a/b/#", True), ("+/b", "a/+", True), ("a/b/#", "a/c/#", False), ("a", "a/b", False)])
def test_filters_overlap_when_a_topic_can_match_both(one, other, same):
    assert overlap(one, other) is same and overlap(other, one) is same
