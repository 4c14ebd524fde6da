# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Scripts as people wrote them for paho-mqtt, with one import line changed: paho_scripts/, _2 for paho-mqtt 2.x."""
import pathlib
import re
import time

import pytest

from conftest import wait_until

SCRIPTS = pathlib.Path(__file__).parent / "paho_scripts"
both = pytest.mark.parametrize("generation", ["", "_2"])


@pytest.fixture
def run(script, broker):
    return lambda name: script(SCRIPTS / f"{name}.py", HOST="127.0.0.1", PORT=str(broker.port), PYTHONWARNINGS="error")


@both
def test_the_network_counters_are_published_each_second_from_a_thread(run, witness, generation):
    began = time.monotonic()
    run("network" + generation)
    seen = witness.take(3)
    assert time.monotonic() - began > 1.5
    assert all(topic == "IoT101/Network" and re.fullmatch(r"\d+ \d+", payload) for topic, payload in seen)
    sent = [int(payload.split()[0]) for _, payload in seen]
    assert sent == sorted(sent)


@both
def test_a_second_thread_loops_until_the_broker_is_gone(run, broker, witness, device, generation):
    program = run("network_and_message" + generation)
    assert witness.next()[0] == "IoT101/Network"

    def heard():
        device("IoT101/Message", "hello")
        return any("message: IoT101/Message hello" in line for line in program.lines)
    wait_until(heard, "a message")
    broker.stop()
    assert program.wait_for("loop ended") == "loop ended: 7"
    assert program.process.poll() is None


@both
def test_the_time_is_published_and_heard(run, witness, generation):
    subscriber = run("time_subscriber" + generation)
    assert subscriber.wait_for("Subscribed") == ("Subscribed: 1 (0,)" if not generation else "Subscribed: 1 Granted QoS 0")
    publisher = run("time_publisher" + generation)
    assert publisher.wait_for("Connected") == "Connected with result code " + ("0" if not generation else "Success")
    assert re.fullmatch(r"loft/motion1 b'\d\d:\d\d:\d\d'", subscriber.wait_for("loft/motion1"))
    assert witness.next()[0] == "loft/motion1"


@both
def test_a_publisher_in_a_thread_goes_on_when_the_broker_is_back(run, broker, make_broker, generation):
    publisher = run("time_publisher" + generation)
    publisher.wait_for("Connected")
    broker.stop()
    broker.start()

    def again():
        return sum("Connected" in line for line in publisher.lines) == 2
    wait_until(again, "the second connection")
