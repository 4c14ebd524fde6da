# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The whole gateway inside a Python program, with its own broker and a real upstream."""
import os
import queue
import signal
import subprocess
import threading

import pytest

from conftest import DEADLINE, Witness, wait_until
from parts import BINARY_DIR, tool_environment
from parts import Gateway as Daemon
from tidegate import App, ConfigError, Gateway, StateError, SystemCallError, TopicError, UnavailableError

CONFIG = """
[gateway]
id = "inside"
state = "{folder}/state"
runtime = "{folder}/run"
log_level = "warning"
[broker]
port = 0
[[sim.sensor]]
name = "tank"
interval = "100ms"
topic = "loft/tank"
[[upstream]]
name = "cloud"
servers = ["{url}"]
backoff_first = "100ms"
backoff_most = "500ms"
[[upstream.forward]]
topics = ["up/#"]
prefix = "site/"
"""


@pytest.fixture
def arrivals(upstream):
    """What arrives upstream."""
    one = Witness(upstream, "site/#")
    yield one
    one.stop()


@pytest.fixture
def text(tmp_path, upstream):
    return CONFIG.format(folder=tmp_path / "gw", url=upstream.url)


@pytest.fixture
def gateway(text):
    one = Gateway.from_text(text)
    yield one
    one.stop()


def threads():
    return len(os.listdir("/proc/self/task"))


def test_an_app_runs_the_gateway_and_its_receipts_tell_of_delivery_upstream(gateway, arrivals):
    app, online = App("test", gateway=gateway), threading.Event()
    app.on("tidegate/inside/state")(lambda text: text == "online" and online.set())
    with app:
        assert gateway.running and online.wait(DEADLINE)
        receipt = app.publish("up/a", "1")
        assert receipt.delivered.wait(DEADLINE), receipt
        assert arrivals.next() == ("site/up/a", "1")
    assert not gateway.running


def test_a_gateway_is_a_context_and_publishes_by_itself(gateway, arrivals, tmp_path):
    with gateway:
        assert (gateway.id, gateway.base, gateway.runtime) == ("inside", "tidegate", str(tmp_path / "gw/run"))
        gateway.publish("up/b", {"n": 1}, retain=True)
        assert arrivals.next() == ("site/up/b", '{"n":1}')
        status = gateway.status()
        assert status["gateway"]["id"] == "inside"
        assert [one["name"] for one in status["upstreams"]] == ["cloud"]
        with pytest.raises(TopicError):
            gateway.publish("up/#", 1)
        url = wait_until(lambda: (tmp_path / "gw/run/broker.url").exists() and (tmp_path / "gw/run/broker.url").read_text().strip())
        seen = queue.Queue()
        app = App("other", url)
        app.on("x")(lambda text: seen.put(text))
        with app:
            wait_until(lambda: app.connected)
            assert wait_until(lambda: gateway.publish("x", "here") or not seen.empty())


def test_it_answers_the_command_line_as_the_daemon_does(gateway, tmp_path):
    with gateway:
        shown = subprocess.run([BINARY_DIR / "bin/tidegate", "status", "--runtime", str(tmp_path / "gw/run")], text=True,
                               capture_output=True, env=tool_environment(), timeout=DEADLINE)
        assert shown.returncode in (0, 1) and "inside" in shown.stdout, shown.stderr


def test_what_is_not_delivered_stays_in_the_spool_for_the_next_gateway(text, upstream):
    upstream.stop()
    with Gateway.from_text(text) as gateway:
        for n in range(20):
            gateway.publish("up/n", n)
    upstream.start()
    arrivals = Witness(upstream, "site/#")
    try:
        with Gateway.from_text(text):
            assert arrivals.take(20) == [("site/up/n", str(n)) for n in range(20)]
    finally:
        arrivals.stop()


def test_the_same_script_is_one_more_client_where_the_gateway_runs_already(text, upstream, tmp_path):
    daemon = Daemon(tmp_path, "")
    daemon.file.write_text(text.replace(str(tmp_path / "gw"), str(daemon.folder)))
    daemon.start()
    app, seen = App("test", gateway=Gateway.from_file(daemon.file)), queue.Queue()
    app.on("tidegate/inside/info")(lambda msg: seen.put(msg.json()["id"]))
    try:
        with app:
            assert seen.get(timeout=DEADLINE) == "inside"
        assert daemon.process.poll() is None
    finally:
        daemon.end()


def test_two_gateways_in_one_place_are_told_apart(gateway, text):
    with gateway:
        with pytest.raises(UnavailableError):
            Gateway.from_text(text).start()


def test_it_starts_once_and_what_does_not_run_says_so(gateway):
    with pytest.raises(StateError, match="does not run"):
        gateway.status()
    gateway.start()
    with pytest.raises(StateError, match="started before"):
        gateway.start()
    gateway.stop()
    gateway.stop()
    for call in (gateway.start, gateway.status, lambda: gateway.publish("a", 1)):
        with pytest.raises(StateError):
            call()


def test_it_leaves_no_thread_no_broker_and_no_signal_mask_behind(text, tmp_path):
    with Gateway.from_text(text):  # what a library keeps for good is there from now on
        pass
    before = threads(), signal.pthread_sigmask(signal.SIG_BLOCK, ()), [signal.getsignal(number) for number in range(1, 32)]
    with Gateway.from_text(text) as gateway:
        url = wait_until(lambda: (tmp_path / "gw/run/broker.url").exists() and (tmp_path / "gw/run/broker.url").read_text().strip())
        assert gateway.running and threads() > before[0]
    wait_until(lambda: threads() <= before[0], "the end of the threads")
    assert (signal.pthread_sigmask(signal.SIG_BLOCK, ()), [signal.getsignal(number) for number in range(1, 32)]) == before[1:]
    import socket
    with socket.socket() as one:
        assert one.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) != 0


def test_every_mistake_is_told_with_its_place(tmp_path):
    with pytest.raises(ConfigError) as caught:
        Gateway.from_text('[gateway]\nidd = "x"\n\n[[upstream]]\nname = "a"\n[sysstat]\ninterval = 5\n')
    assert "<text>:2:1: " in str(caught.value) and isinstance(caught.value, ValueError)
    file = tmp_path / "tidegate.toml"
    file.write_text('[gateway]\nid = "x"\n[sysstat]\nintervall = "5s"\n')
    with pytest.raises(ConfigError) as caught:
        Gateway.from_file(file)
    assert f"{file}:4:1: " in str(caught.value) and "interval" in str(caught.value)
    with pytest.raises(SystemCallError):
        Gateway.from_file(tmp_path / "none.toml")


def test_a_reading_with_a_topic_of_its_own_is_found_by_its_name(gateway):
    app = App("test", gateway=gateway)
    tank = app.sensor("sim/tank")
    with app:
        assert tank.wait_for(lambda value: value is not None, DEADLINE)
        assert tank.topic == "loft/tank"


def test_a_program_that_does_not_stop_its_gateway_ends_in_order(script, text, arrivals, tmp_path):
    (tmp_path / "gw.toml").write_text(text)
    one = script(f"""
import time
from tidegate import Gateway
gateway = Gateway.from_file({str(tmp_path / "gw.toml")!r})
gateway.start()
while gateway.status()["upstreams"][0]["state"] != "connected":
    time.sleep(0.01)
gateway.publish("up/last", "word")
""")
    assert one.end() == 0, one.lines
    assert arrivals.next() == ("site/up/last", "word")
    assert not (tmp_path / "gw/run/broker.url").exists()


def test_ctrl_c_ends_an_app_with_its_gateway(script, text, tmp_path):
    (tmp_path / "gw.toml").write_text(text)
    one = script(f"""
from tidegate import App, Gateway
app = App("test", gateway=Gateway.from_file({str(tmp_path / "gw.toml")!r}))
@app.on("tidegate/inside/state")
def state(text):
    print("state", text)
app.run()
print("after run")
""")
    one.wait_for("state online")
    assert one.end(signal.SIGINT) == 0, one.lines
    one.wait_for("after run")
    assert not any("Traceback" in line for line in one.lines)


def test_the_broker_of_a_program_that_was_killed_is_adopted_by_the_next(script, text, tmp_path):
    (tmp_path / "gw.toml").write_text(text)
    one = script(f"""
from tidegate import App, Gateway
app = App("test", gateway=Gateway.from_file({str(tmp_path / "gw.toml")!r}))
app.on("tidegate/inside/state")(lambda text: print("state", text))
app.run()
""")
    one.wait_for("state online")
    url = (tmp_path / "gw/run/broker.url").read_text()
    one.end(signal.SIGKILL)
    with Gateway.from_text(text) as gateway:
        wait_until(lambda: gateway.status()["broker"]["state"] == "up")
        assert (tmp_path / "gw/run/broker.url").read_text() == url or wait_until(lambda: (tmp_path / "gw/run/broker.url").exists())
        assert gateway.status()["broker"].get("adopted") is True


def test_the_programs_own_children_are_its_own(gateway):
    """The gateway watches its broker, and nobody else's children."""
    with gateway:
        assert subprocess.run(["/bin/sh", "-c", "exit 7"], env=tool_environment()).returncode == 7
        child = os.fork()
        if child == 0:
            os._exit(9)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
