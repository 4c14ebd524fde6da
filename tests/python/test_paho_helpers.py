# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""tidegate.paho.publish and tidegate.paho.subscribe against a real Mosquitto."""
import os
import threading

import pytest

import tidegate.paho.client as mqtt
from tidegate.paho import MQTTException, publish, subscribe

from conftest import DEADLINE, wait_until
from parts import free_port


@pytest.fixture
def at(broker):
    return {"hostname": "127.0.0.1", "port": broker.port}


@pytest.mark.parametrize("protocol", [mqtt.MQTTv311, mqtt.MQTTv5])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_single_publishes_one_message(at, witness, qos, protocol):
    publish.single("one", "payload", qos, protocol=protocol, client_id="single", **at)
    assert witness.next() == ("one", "payload")


def test_multiple_publishes_them_in_order(at, witness):
    publish.multiple([{"topic": "m/1", "payload": "a", "qos": 2}, ("m/2", "b", 0, False), ("m/3", "c", 1)], **at)
    assert witness.take(3) == [("m/1", "a"), ("m/2", "b"), ("m/3", "c")]


def test_many_single_messages_leave_nothing_behind(at, witness):
    def count():
        return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))
    publish.single("warm", "up", **at)
    before = count()
    for n in range(30):
        publish.single("n", str(n), 1, **at)
    # The kernel may name a thread for a moment after it was joined.
    wait_until(lambda: all(now <= then for now, then in zip(count(), before)), "no more than before")
    assert witness.take(31)[-1] == ("n", "29")


def test_simple_returns_the_next_messages(at, device):
    device("s/kept", "kept", 1, True)
    message = subscribe.simple("s/#", 1, **at)
    assert (message.topic, message.payload, message.retain) == ("s/kept", b"kept", True)
    stop = threading.Event()

    def go_on():
        while not stop.is_set():
            device("s/live", "live")
    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        messages = subscribe.simple(["s/kept", "s/live"], msg_count=2, retained=False, **at)
    finally:
        stop.set()
        thread.join(DEADLINE)
    assert [(one.topic, one.retain) for one in messages] == [("s/live", False)] * 2


def test_callback_is_called_until_it_disconnects(at, device):
    device("c/kept", "x", 1, True)
    seen = []

    def on_message(client, userdata, message):
        userdata.append(message.payload)
        client.disconnect()
    subscribe.callback(on_message, "c/#", userdata=seen, protocol=mqtt.MQTTv5, **at)
    assert seen == [b"x"]


def test_a_will_and_credentials_are_taken(make_broker):
    closed = make_broker("allow_anonymous false")
    with pytest.raises(MQTTException, match="not authorised|Not authorized"):
        publish.single("x", "y", hostname="127.0.0.1", port=closed.port, will={"topic": "w", "payload": "gone"},
                       auth={"username": "nobody", "password": "x"})


@pytest.mark.parametrize("call, kind", [
    (lambda at: publish.multiple(5, **at), TypeError), (lambda at: publish.multiple([], **at), ValueError),
    (lambda at: publish.multiple([5], **at), TypeError), (lambda at: publish.multiple("ab", **at), TypeError),
    (lambda at: publish.single("a", auth={"password": "x"}, **at), KeyError),
    (lambda at: publish.single("a", transport="websockets", **at), ValueError),
    (lambda at: publish.single("a", hostname="127.0.0.1", port=free_port()), ConnectionRefusedError),
    (lambda at: subscribe.simple("a", msg_count=0, **at), ValueError),
    (lambda at: subscribe.simple("a", qos=3, **at), ValueError),
    (lambda at: subscribe.callback(print, "a", auth={}, proxy_args={"proxy_addr": "x"}, **at), ValueError),
])
def test_wrong_arguments_raise_what_paho_raises(at, call, kind):
    with pytest.raises(kind):
        call(at)
