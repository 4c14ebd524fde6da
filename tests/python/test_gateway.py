# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Automations with a real tidegated between them and a real upstream: receipts, and data that outlives an outage."""
import queue
import signal
import threading

import pytest

from tidegate import App
from conftest import DEADLINE, Witness, wait_until
from parts import Gateway

CONFIG = """
[gateway]
id = "test"
[broker]
port = 0
[[upstream]]
name = "cloud"
servers = ["{url}"]
backoff_first = "100ms"
backoff_most = "500ms"
[[upstream.forward]]
topics = ["up/#"]
prefix = "site/"
[[upstream.receive]]
topics = ["site/down/#"]
strip = "site/"
"""


@pytest.fixture
def gateway(tmp_path, upstream):
    one = Gateway(tmp_path, CONFIG.format(url=upstream.url)).start()
    yield one
    one.end()


@pytest.fixture
def app(gateway):
    """Its start() waits until the gateway has said that it is online: from then on it hears everything."""
    one = App("test", gateway.url)
    online = threading.Event()
    one.on("tidegate/test/state")(lambda text: text == "online" and online.set())
    begin = one.start

    def start():
        begin()
        assert online.wait(DEADLINE), gateway.said()

    one.start = start
    yield one
    one.stop()


def test_a_receipt_of_the_real_gateway_goes_from_accepted_to_delivered(app, gateway, upstream):
    witness = Witness(upstream)
    app.start()
    receipt = app.publish("up/a", "1")
    assert receipt.accepted.wait(DEADLINE), receipt
    assert receipt.delivered.wait(DEADLINE), receipt
    assert receipt.durable.wait(DEADLINE)
    assert receipt.upstreams == ("cloud",)
    assert ("site/up/a", "1") in witness.take(1) + witness.waiting()
    witness.stop()


def test_while_the_upstream_is_down_a_message_is_durable_and_is_delivered_when_it_returns(app, gateway, upstream):
    app.start()
    assert app.publish("up/first", "0").delivered.wait(DEADLINE)
    upstream.stop()
    receipts = [app.publish("up/n", n) for n in range(50)]
    assert all(receipt.durable.wait(DEADLINE) for receipt in receipts)
    assert not receipts[-1].delivered.is_set()
    upstream.start()
    assert all(receipt.delivered.wait(DEADLINE) for receipt in receipts)


def test_what_comes_from_the_upstream_reaches_a_handler(app, gateway, upstream):
    seen = queue.Queue()
    app.on("down/#")(lambda msg: seen.put((msg.topic, msg.text)))
    app.start()
    with App("upstream", upstream.url) as far:
        def offered():
            far.publish("site/down/lamp", "ON", receipt=False)
            try:
                return seen.get(timeout=0.2)
            except queue.Empty:
                return None
        assert wait_until(offered) == ("down/lamp", "ON")


def test_an_automation_goes_on_when_the_gateway_is_killed_and_started_again(app, gateway, upstream):
    app.start()
    assert app.publish("up/a", 1).delivered.wait(DEADLINE)
    gateway.kill()
    receipt = app.publish("up/a", 2)  # the local broker lives on and keeps it
    gateway.start()
    assert receipt.delivered.wait(DEADLINE), (receipt, gateway.said())


def test_a_script_finds_the_gateway_by_its_runtime_folder(script, app, gateway, upstream):
    app.start()
    witness = Witness(upstream)
    one = script("""
from tidegate import App
app = App()
@app.startup
def hello():
    print("delivered", app.publish("up/hello", app.system.uptime()).delivered.wait(20))
app.run()
""", RUNTIME_DIRECTORY=str(gateway.folder / "run"), TIDEGATE_BROKER="")
    assert one.wait_for("delivered") == "delivered True"
    assert witness.next()[0] == "site/up/hello"
    assert one.end(signal.SIGTERM) == 0
    witness.stop()
