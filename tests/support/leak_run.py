# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A program of its own: passes messages through an App and prints, as JSON, what memory it holds after each tenth of them.

usage: leak_run.py BROKER|none MESSAGES [python|heap]

Each message is published with properties, arrives, is looked at by a plain and by a coroutine handler, and answered; each
thousandth fails. none: without a broker, from the dispatcher on. python, heap: leaks something at each message, to show that
this is seen."""
import asyncio
import ctypes
import gc
import json
import logging
import subprocess
import sys
import threading
import time

ROUNDS = 10
HALF = 4  # of them are compared with as many before; in the first two caches and queues fill
UNDER_WAY = 1000
PATIENCE = 60.0
kept = []


def heap():
    """Bytes that malloc has given out, by the sanitizer when there is one."""
    library = ctypes.CDLL(None)
    try:
        count = library.__sanitizer_get_current_allocated_bytes
        count.restype = ctypes.c_size_t
        return count()
    except AttributeError:
        class Info(ctypes.Structure):
            _fields_ = [(name, ctypes.c_size_t) for name in
                        ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]
        library.mallinfo2.restype = Info
        info = library.mallinfo2()
        return info.uordblks + info.hblkhd


class Scripted:
    """Gives an App messages as _core.Client gives them."""

    client_id, connected = "scripted", True

    def __init__(self):
        self._news = threading.Condition()
        self._events = []

    def publish(self, topic, payload, qos, retain, expiry, content_type, response_topic, correlation_data, pairs):
        if topic.startswith("leak/"):
            with self._news:
                properties = (expiry and int(expiry), content_type, response_topic, correlation_data, tuple(pairs))
                self._events.append((0, topic[:], bytes(bytearray(payload)), qos, False, (), properties))
                self._news.notify_all()

    def wait(self, most, timeout):
        with self._news:
            self._news.wait_for(lambda: self._events, timeout)
            events, self._events = self._events, []
            return events

    def counters(self):
        return {"dropped_inbox": 0, "dropped_outgoing": 0}

    def start(self):
        pass

    def stop(self, timeout):
        pass

    def flush(self, timeout):
        pass

    def subscribe(self, wanted):
        pass

    def wake(self):
        with self._news:
            self._news.notify_all()


def main(broker, messages, leak=None):
    from tidegate import App
    logging.disable(logging.CRITICAL)
    app = App("leaks", None if broker == "none" else broker)
    if broker == "none":
        app._made = Scripted()
    malloc = ctypes.CDLL(None).malloc
    plain = coroutine = answered = 0

    @app.on("leak/+", "leak/#", publish="answer/plain", qos=0)
    def look(msg):
        nonlocal plain
        plain += 1
        if leak == "python":
            kept.append(msg)
        elif leak == "heap":
            malloc(64)
        if plain % 1000 == 0:
            raise ValueError("the thousandth")
        return {"levels": msg.levels, "text": msg.text, "age": msg.age, "user": msg.properties.user, "value": msg.float()}

    @app.on("leak/#")
    async def wait(msg, app):
        nonlocal coroutine
        coroutine += 1
        await asyncio.sleep(0)
        app.publish("answer/coroutine", msg.payload, qos=0, receipt=True, user={"by": "wait"})

    @app.on("answer/#")
    def answer(msg):
        nonlocal answered
        answered += bool(msg.properties)

    app.start()
    limit = time.monotonic() + PATIENCE
    while not app.connected:
        assert time.monotonic() < limit, "no connection"
        time.sleep(0.005)
    sent, rows = 0, []

    def reach(count, answers=0):
        limit = time.monotonic() + PATIENCE
        while min(plain, coroutine) < count or answered < answers:
            assert time.monotonic() < limit, f"{plain} and {coroutine} of {sent} came, and {answered} answers"
            time.sleep(0.001)

    for _ in range(ROUNDS):
        for _ in range(messages // ROUNDS):
            app.publish(f"leak/{sent % 50}", sent, qos=sent % 2, expiry="1h", content_type="text/plain", user={"number": str(sent)},
                        receipt=sent % 5 == 1)
            sent += 1
            if sent % 100 == 0:
                reach(sent - UNDER_WAY)
        reach(sent, 0 if broker == "none" else 2 * sent - sent // 1000)
        app._made.flush(PATIENCE)
        while any(handler.busy for handler in app._handlers.values()):
            time.sleep(0.005)
        gc.collect()
        rows.append({"messages": sent, "blocks": sys.getallocatedblocks(), "heap": heap()})
    json.dump(rows, sys.stdout)
    app.stop()


def growth(broker, messages, *leak, timeout=280, **environment):
    """What each message leaves behind in such a program: (Python's memory blocks, malloc's bytes)."""
    done = subprocess.run([sys.executable, __file__, broker, str(messages), *leak], stdout=subprocess.PIPE, text=True, timeout=timeout,
                          **environment)
    assert done.returncode == 0, done.stdout
    rows = json.loads(done.stdout)
    count = messages // ROUNDS * HALF

    def grown(what):  # by the least of several rounds: some messages are still under way when one is looked at
        least = [min(row[what] for row in half) for half in (rows[-2 * HALF:-HALF], rows[-HALF:])]
        return (least[1] - least[0]) / count

    return grown("blocks"), grown("heap")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
