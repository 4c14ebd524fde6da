# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Automations with a real tidegated between them and a real upstream: receipts, and data that outlives an outage."""
import os
import pathlib
import queue
import signal
import subprocess
import threading

import pytest

from tidegate import App
from conftest import DEADLINE, Broker, Witness, tool_environment, wait_until

TIDEGATED = pathlib.Path(os.environ.get("TIDEGATE_BINARY_DIR", ".")) / "bin" / "tidegated"

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


class Gateway:
    def __init__(self, folder, upstream):
        self.folder = folder
        (folder / "state").mkdir()
        (folder / "run").mkdir()
        self._config = folder / "tidegate.toml"
        self._config.write_text(CONFIG.format(url=upstream.url))
        self.log = folder / "log"
        self.process = None

    def start(self):
        environment = {**tool_environment(), "STATE_DIRECTORY": str(self.folder / "state"),
                       "RUNTIME_DIRECTORY": str(self.folder / "run")}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(TIDEGATED), "--config", str(self._config)], stdout=log, stderr=log,
                                            env=environment)
        wait_until(lambda: self.url() or self.process.poll() is not None, "broker.url")
        assert self.process.poll() is None, self.log.read_text()

    def url(self):
        path = self.folder / "run" / "broker.url"
        return path.read_text().strip() if path.exists() else ""

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE)

    def stop(self):
        """Its broker outlives a gateway that was killed; only one that is stopped ends it."""
        if self.process.poll() is not None:
            self.start()
        self.process.terminate()
        self.process.wait(DEADLINE)


@pytest.fixture
def upstream(tmp_path):
    folder = tmp_path / "upstream"
    folder.mkdir()
    one = Broker(folder, ("allow_anonymous true",)).start()
    yield one
    one.stop()


@pytest.fixture
def gateway(tmp_path, upstream):
    folder = tmp_path / "gateway"
    folder.mkdir()
    one = Gateway(folder, upstream)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def app(gateway):
    """Its start() waits until the gateway has said that it is online: from then on it hears everything."""
    one = App("test", gateway.url())
    online = threading.Event()
    one.on("tidegate/test/state")(lambda text: text == "online" and online.set())
    begin = one.start

    def start():
        begin()
        assert online.wait(DEADLINE), gateway.log.read_text()

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
    assert receipt.delivered.wait(DEADLINE), (receipt, gateway.log.read_text())


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
