# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Apps under what nobody does twice: ten thousand subscriptions, brokers that die in mid-stream, handlers that are stuck."""
import gc
import os
import queue
import signal
import threading
import time

from tidegate import App
from conftest import DEADLINE, wait_until
from parts import publish_lines


def test_what_is_published_while_the_broker_dies_and_returns_arrives_at_least_once_and_in_order(app, broker):
    seen = []
    stop, sent, room = threading.Event(), [], threading.Condition()

    @app.on("flow")
    def arrive(payload):
        with room:
            seen.append(int(payload))
            room.notify()

    app.start()

    def flow():
        while not stop.is_set():
            with room:  # more would have to give way in the queue
                if not room.wait_for(lambda: len(sent) - len(seen) < 500, 0.1):
                    continue
            app.publish("flow", len(sent), receipt=False)
            sent.append(None)

    stream = threading.Thread(target=flow)
    stream.start()
    for number in (signal.SIGTERM, signal.SIGTERM):  # killed, it would forget what it had acknowledged
        reached = len(sent) + 200
        wait_until(lambda: len(sent) > reached)
        broker.stop(number)
        wait_until(lambda: not app.connected, "the loss")
        broker.start()
        wait_until(lambda: app.connected, "the connection")
    stop.set()
    stream.join()
    assert app.counters()["dropped_outgoing"] == 0 and app.counters()["connects"] == 3
    wait_until(lambda: seen and max(seen) == len(sent) - 1, "the last message")
    assert sorted(set(seen)) == list(range(len(sent)))
    first = list(dict.fromkeys(seen))  # a repetition is a repetition: first deliveries are in order
    assert first == sorted(first)


def test_ten_thousand_subscriptions_of_ten_thousand_functions(app, device):
    seen = queue.Queue()
    for n in range(10_000):
        app.on(f"many/{n}/+")(lambda topic, n=n: seen.put((n, topic)))
    app.start()
    wait_until(lambda: device("many/9999/a", "x") or not seen.empty(), "a message on the last of them")
    device("many/9999/end", "x")
    arrived = [seen.get(timeout=DEADLINE)]
    while arrived[-1] != (9999, "many/9999/end"):
        arrived.append(seen.get(timeout=DEADLINE))
    assert set(arrived[:-1]) == {(9999, "many/9999/a")}
    for n in (0, 1, 4999, 9998):
        device(f"many/{n}/b", "x")
        assert seen.get(timeout=DEADLINE) == (n, f"many/{n}/b")
    app.stop()
    assert seen.empty()


def test_a_subscription_to_ten_thousand_filters_of_one_function_calls_it_once(app, device):
    seen = []
    app.on(*(f"many/{n}" for n in range(10_000)), "many/+", "#")(lambda topic: seen.append(topic))
    app.start()
    for n in (0, 5000, 9999):
        device(f"many/{n}", "x")
    device("many/end", "x")
    wait_until(lambda: "many/end" in seen)
    app.stop()
    assert seen == ["many/0", "many/5000", "many/9999", "many/end"]


def test_subscriptions_that_come_one_by_one_while_it_runs_do_not_take_ever_longer(app, device):
    app.start()
    seen = queue.Queue()
    begun = time.monotonic()
    for n in range(1000):
        app.on(f"late/{n}")(lambda n=n: seen.put(n))
    assert time.monotonic() - begun < DEADLINE / 2
    wait_until(lambda: device("late/999", "x") or not seen.empty(), "a message on the last of them")
    device("late/0", "x")
    wait_until(lambda: 0 in seen.queue)


def test_messages_that_are_closed_are_no_longer_sent_by_the_broker(app, device):
    """By the App's own count of what arrives, with a marker behind what must not."""
    done = queue.Queue()
    app.on("marker")(lambda text: done.put(text))
    app.start()
    messages = app.messages("closed/#")
    wait_until(lambda: device("closed/a", "x") or messages._inbox._waiting, "a message")
    messages.close()

    def none_comes():
        device("marker", "before")
        done.get(timeout=DEADLINE)
        before = app.counters()["received"]
        device("closed/a", "y")
        device("marker", "after")
        done.get(timeout=DEADLINE)
        return app.counters()["received"] == before + 1
    wait_until(none_comes, "the end of the subscription")


def test_other_handlers_and_timers_go_on_while_some_block_and_the_end_names_those(make_app, device, caplog):
    app = make_app(stop_timeout=0.3, slow_after=0.05)
    release, entered, quick, ticks = threading.Event(), threading.Semaphore(0), queue.Queue(), queue.Queue()

    def block():
        entered.release()
        release.wait(DEADLINE)

    for n in range(5):
        function = lambda: block()
        function.__qualname__ = f"blocked{n}"
        app.on("t")(function)
    app.on("t")(lambda text: quick.put(text))
    app.every("20ms")(lambda: ticks.put(1))
    app.start()
    device("t", "0")
    for _ in range(5):
        assert entered.acquire(timeout=DEADLINE)
    for _ in range(10):
        ticks.get(timeout=DEADLINE)
    device("t", "1")
    assert [quick.get(timeout=DEADLINE) for _ in range(2)] == ["0", "1"]
    wait_until(lambda: all(f"blocked{n} is slow" in caplog.text for n in range(5)))
    app.stop()
    assert all(f"blocked{n}" in caplog.text.split("left alone: ")[1] for n in range(5))
    release.set()


def test_payloads_that_are_no_text_no_json_and_no_number_are_the_handlers_error_and_arrive_as_they_are(app, broker, caplog):
    raw, words, numbers = queue.Queue(), queue.Queue(), queue.Queue()
    app.on("odd")(lambda payload: raw.put(payload))
    app.on("odd")(lambda text: words.put(text))
    app.on("odd")(lambda msg: numbers.put(msg.float()))
    app.on("odd")(lambda msg: numbers.put(msg.json()))
    app.start()
    for payload in (b"\xff\xfe", b"", b"\x00", b"7"):
        app.publish("odd", payload)
    assert [raw.get(timeout=DEADLINE) for _ in range(4)] == [b"\xff\xfe", b"", b"\x00", b"7"]
    assert [words.get(timeout=DEADLINE) for _ in range(4)] == ["\ufffd\ufffd", "", "\0", "7"]
    assert [numbers.get(timeout=DEADLINE) for _ in range(2)] == [7, 7]
    wait_until(lambda: app.counters()["errors"] == 6)


def test_payloads_at_the_cap_stream_in_both_directions(app):
    seen = queue.Queue()
    app.on("big")(lambda payload: seen.put((len(payload), payload[:4])))
    app.start()
    receipts = [app.publish("big", bytes([n]) * (1 << 20), receipt=False) for n in range(80)]  # more than the queue's 64 MiB
    got = [seen.get(timeout=DEADLINE) for _ in receipts]
    assert got == [(1 << 20, bytes([n]) * 4) for n in range(80)] and app.counters()["dropped_outgoing"] == 0


def test_a_handler_that_publishes_at_each_message_of_a_flood_and_waits_for_its_answer_loses_none(app, broker):
    answers, done = {}, queue.Queue()
    app.on("ask")(lambda text, app: app.publish("answer/" + text, text, receipt=False))

    @app.on("answer/#")
    def answer(msg):
        answers[msg.text] = True
        if len(answers) == 2000:
            done.put(None)

    app.start()
    publish_lines(broker.port, "ask", range(2000))
    done.get(timeout=DEADLINE)
    assert app.counters()["dropped"] == 0


def test_many_apps_in_one_program_start_and_stop_and_leave_no_thread_and_no_descriptor(broker):
    before = threading.active_count()

    def round():
        apps = [App(f"many{n}", broker.url) for n in range(10)]
        ran = queue.Queue()
        for one in apps:
            one.startup(lambda: ran.put(1))
            one.start()
        for _ in apps:
            ran.get(timeout=DEADLINE)
        for one in apps:
            one.stop()

    round()
    wait_until(lambda: threading.active_count() == before, "the threads' end")
    gc.collect()
    descriptors, threads = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
    for _ in range(3):
        round()
    wait_until(lambda: threading.active_count() == before, "the threads' end")
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= descriptors
    wait_until(lambda: len(os.listdir("/proc/self/task")) <= threads, "the threads' end, to the kernel too")
