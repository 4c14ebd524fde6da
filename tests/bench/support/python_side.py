# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""LIBRARY MODE PORT QOS COUNT: one side of python.py, as people write it with that library.

MODE: dispatch (a handler that reads topic and payload and counts), busy (the same, while the main thread computes), publish (until
each is acknowledged; at QoS 0, sent), idle (subscribes and waits). Says "ready" on standard error, and what it measured, as JSON, at
the end."""
import json
import os
import pathlib
import resource
import sys
import threading
import time

library, mode, port, qos, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
PAYLOAD = b"x" * 64
WAIT = 120
done = threading.Event()
got = length = 0
first = last = cpu = 0.0


def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def ready():
    global cpu
    cpu = used()
    print("ready", file=sys.stderr, flush=True)


def take(topic, payload):
    global got, length, first, last
    length += len(topic) + len(payload)
    got += 1
    if got == 1:
        first = time.monotonic()
    elif got == count:
        last = time.monotonic()
        done.set()


def compute():
    """What a script does that computes; until all is there, or 20 seconds after the first."""
    value = 0
    while not done.is_set() and not (first and time.monotonic() > first + 20):
        for number in range(1000):
            value += number


def say(**what):
    print(json.dumps(what), flush=True)
    os._exit(0)


def say_received():
    if mode == "busy":
        compute()
    else:
        done.wait(WAIT)
    end = last or time.monotonic()
    say(got=got, rate=(got - 1) / (end - first) if got > 1 else 0.0, cpu_us=(used() - cpu) / max(1, got) * 1e6)


def say_published(begin):
    say(got=count, rate=count / (time.monotonic() - begin), cpu_us=(used() - cpu) / count * 1e6)


def say_idle():
    ready()
    sys.stdin.readline()
    rollup = pathlib.Path("/proc/self/smaps_rollup").read_text()
    pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    say(got=0, pss_mb=pss * 1024 / 1e6)


def with_paho():
    import paho.mqtt.client as mqtt
    client = mqtt.Client()
    up = threading.Event()
    acknowledged = 0

    def on_publish(_client, _data, _mid):
        nonlocal acknowledged
        acknowledged += 1
        if acknowledged == count:
            done.set()

    client.max_queued_messages_set(0)
    if mode == "publish":
        client.on_connect = lambda *_: up.set()
        client.on_publish = on_publish
    else:
        client.on_connect = lambda client, *_: client.subscribe("device/#", qos)
        client.on_subscribe = lambda *_: up.set()
        client.on_message = lambda _client, _data, message: take(message.topic, message.payload)
    client.connect("127.0.0.1", port)
    client.loop_start()
    up.wait(WAIT)
    if mode == "idle":
        say_idle()
    ready()
    if mode != "publish":
        say_received()
    begin = time.monotonic()
    for _ in range(count):
        client.publish("device/1", PAYLOAD, qos)
    done.wait(WAIT)
    say_published(begin)


def with_tidegate():
    from tidegate import App
    app = App("bench", f"mqtt://127.0.0.1:{port}", inbox=10_000_000, stop_timeout=WAIT)
    opened = threading.Event()

    @app.on("device/ready")
    def open_now():
        opened.set()

    if mode != "publish":
        @app.on("device/bench", qos=qos)
        def message(msg):
            take(msg.topic, msg.payload)

    app.start()
    while not opened.wait(0.05):
        app.publish("device/ready", receipt=False)
    if mode == "idle":
        say_idle()
    ready()
    if mode != "publish":
        say_received()
    begin = time.monotonic()
    for _ in range(count):
        app.publish("device/1", PAYLOAD, qos=qos, receipt=False)
    app.stop()  # sends what waits, and waits for what is under way
    say_published(begin)


def with_gmqtt():
    import asyncio

    import gmqtt

    async def receive():
        client = gmqtt.Client("bench")
        up, over = asyncio.Event(), asyncio.Event()

        def on_message(_client, topic, payload, _qos, _properties):
            take(topic, payload)
            if got == count:
                over.set()
            return 0

        client.on_message = on_message
        client.on_subscribe = lambda *_: up.set()
        await client.connect("127.0.0.1", port, version=gmqtt.constants.MQTTv311)
        client.subscribe("device/#", qos)
        await up.wait()
        ready()
        await asyncio.wait_for(over.wait(), WAIT)

    asyncio.run(receive())
    say_received()


{"paho": with_paho, "tidegate": with_tidegate, "gmqtt": with_gmqtt}[library]()
