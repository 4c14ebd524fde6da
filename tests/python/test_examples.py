# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Each script in python/examples runs as a user would run it."""
import json
import time

import pytest

from conftest import EXAMPLES, wait_until


def test_every_example_is_run_here_and_is_short():
    text = open(__file__, encoding="utf-8").read()
    names = sorted(path.name for path in EXAMPLES.glob("*.py"))
    assert names
    for name in names:
        assert f'"{name}"' in text, f"{name} has no test"
        code = [line for line in (EXAMPLES / name).read_text(encoding="utf-8").splitlines()
                if line.strip() and not line.startswith(("#", '"""'))]
        assert len(code) <= 20, f"{name} has {len(code)} lines of code"


@pytest.fixture
def example(automation, broker):
    return lambda name: automation(EXAMPLES / name, broker)


def offer(device, topic, payload, seen):
    """Sends the message again until there is a sign that the script, which subscribes some time after its start, has it."""
    def again():
        device(topic, payload)
        return seen()
    wait_until(again)


def test_network_publishes_counters_each_second_and_prints_messages(example, witness, device):
    begun = time.monotonic()
    one = example("network.py")
    counters = [json.loads(payload) for topic, payload in witness.take(3) if topic == "IoT101/Network"]
    assert time.monotonic() - begun > 1.5
    assert len(counters) == 3
    for earlier, later in zip(counters, counters[1:]):
        assert later["bytes_recv"] >= earlier["bytes_recv"]
    offer(device, "IoT101/Message", "ready?", lambda: "IoT101/Message ready?" in one.lines)
    device("IoT101/Message", "lights on")
    assert one.wait_for("lights on") == "IoT101/Message lights on"


def test_react_switches_the_fan_with_hysteresis(example, witness, device):
    example("react.py")
    seen = []

    def fan():
        seen.extend(payload for topic, payload in witness.waiting() if topic == "loft/fan/set")
        return seen

    offer(device, "loft/temperature", "25", fan)
    for celsius in ("27", "29", "27", "25"):
        device("loft/temperature", celsius)
    wait_until(lambda: len(fan()) == 3)
    assert seen == ["OFF", "ON", "OFF"]


def test_clock_publishes_the_time_and_sees_it_come_back(example, witness):
    one = example("clock.py")
    times = set()
    while len(times) < 3:  # a turn that is late may come in the same second as the next
        topic, payload = witness.next()
        assert topic == "loft/motion1"
        time.strptime(payload, "%H:%M:%S")
        times.add(payload)
    wait_until(lambda: sum(line.startswith("loft/motion1 ") for line in one.lines) >= 2)


def test_mean_is_the_mean_of_the_newest_value_of_each_desk(example, witness, device):
    example("mean.py")
    offer(device, "lab/0/temperature", "99", lambda: any(topic == "lab/mean" for topic, _ in witness.waiting()))
    for desk in range(10):
        device(f"lab/{desk}/temperature", "99")
        device(f"lab/{desk}/temperature", str(20 + desk))
    while True:
        topic, payload = witness.next()
        if topic == "lab/mean" and json.loads(payload) == {"mean": 24.5, "desks": 10}:
            return
