# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Several upstreams at once (P8: one slow thing never blocks another), and several servers of one upstream."""
import subprocess
import threading
import time

import hostile_dns
import pytest
from hostile import Hostile, Manner
from parts import DEADLINE, free_port, publish_lines, tool_environment, wait_until
from proxy import Proxy

NO_NAMES = hostile_dns.missing()


def block(name, *urls, more=""):
    servers = ", ".join(f'"{url}"' for url in urls)
    return f"""
[[upstream]]
name = "{name}"
servers = [{servers}]
backoff_first = "20ms"
backoff_most = "200ms"
{more}
[[upstream.forward]]
topics = ["device/#"]
"""


@pytest.fixture
def ending():
    """What is put in is stopped at the end, the last first."""
    made = []
    yield made
    for one in reversed(made):
        one()


@pytest.fixture
def make_hostile(ending):
    def make(manner=None):
        one = Hostile(manner)
        ending.append(one.stop)
        return one
    return make


class Stopwatch:
    """Messages that go in at one port and are seen at another, one at a time: how long each took, in seconds."""

    def __init__(self, port_in, port_out, topic="device/watch"):
        def tool(name, port, *more):
            return [name, "-p", str(port), "-q", "1", "-t", topic, *more]
        self._out = subprocess.Popen(tool("mosquitto_sub", port_out), stdout=subprocess.PIPE, text=True, env=tool_environment())
        self._in = subprocess.Popen(tool("mosquitto_pub", port_in, "-l"), stdin=subprocess.PIPE, text=True, env=tool_environment())
        self._arrived = threading.Condition()
        self._last = None
        self.times = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        begun = time.monotonic()
        while self._last is None:  # until the subscription is there
            self._send("ready")
            assert time.monotonic() < begun + DEADLINE
            with self._arrived:
                self._arrived.wait_for(lambda: self._last is not None, 0.1)

    def _read(self):
        for line in self._out.stdout:
            with self._arrived:
                self._last = line.strip()
                self._arrived.notify_all()

    def _send(self, text):
        self._in.stdin.write(f"{text}\n")
        self._in.stdin.flush()

    def once(self):
        number = str(len(self.times))
        begun = time.monotonic()
        self._send(number)
        with self._arrived:
            assert self._arrived.wait_for(lambda: self._last == number, DEADLINE), f"message {number} did not arrive"
        self.times.append(time.monotonic() - begun)

    def percentile(self, percent):
        return sorted(self.times)[min(len(self.times) - 1, len(self.times) * percent // 100)]

    def stop(self):
        self._in.stdin.close()
        self._in.wait(DEADLINE)
        self._out.terminate()
        self._out.wait(DEADLINE)
        self._thread.join(DEADLINE)
        self._out.stdout.close()


def run_beside(gateway, upstream, ending, seconds, least=300):
    watch = Stopwatch(gateway.port, upstream.port)
    ending.append(watch.stop)
    begun = time.monotonic()
    while time.monotonic() - begun < seconds or len(watch.times) < least:
        watch.once()
        gateway.status()  # answers in time, too, and lets others work
    print(f"{len(watch.times)} messages in {time.monotonic() - begun:.0f} s: median {watch.percentile(50) * 1e3:.1f} ms, "
          f"p99 {watch.percentile(99) * 1e3:.1f} ms, longest {max(watch.times) * 1e3:.0f} ms")
    assert watch.percentile(99) < 1
    return watch


def test_a_healthy_upstream_is_not_slowed_by_silent_slow_dead_and_flapping_ones(make_gateway, make_broker, make_hostile, make_witness, ending):
    healthy, behind = make_broker().start(), make_broker().start()
    silent = make_hostile(Manner(connack=None))
    mute = make_hostile(Manner(on_publish=lambda *_: None))  # takes messages and never acknowledges them
    flapping = make_hostile(Manner(after_connack=lambda connection: connection.cut()))
    refusing = make_hostile(Manner(connack=0x86))
    slow = Proxy(behind.port)
    ending.append(slow.stop)
    slow.set(rate={"up": 2_000, "down": 2_000})
    dead = f"mqtt://127.0.0.1:{free_port()}"
    gateway = make_gateway(block("healthy", healthy.url) + block("silent", silent.url) + block("mute", mute.url, more='keep_alive = "5s"')
                           + block("flapping", flapping.url) + block("refusing", refusing.url) + block("slow", slow.url)
                           + block("dead", dead)).start()
    gateway.wait_state("connected", "healthy")
    watch = run_beside(gateway, healthy, ending, seconds=12)
    gateway.wait_drained(upstream="healthy")
    wait_until(lambda: "did not answer" in gateway.upstream("silent")["failure"], "a word about the silent one")
    assert gateway.upstream("silent")["state"] in ("connecting", "waiting")
    assert "refused" in gateway.upstream("dead")["failure"]
    assert "0x86" in gateway.upstream("refusing")["failure"]
    assert "broke" in gateway.upstream("flapping")["failure"] or gateway.upstream("flapping")["state"] == "connected"
    mute_status = gateway.upstream("mute")
    assert mute_status["in_flight"] or mute_status["failure"]
    sent = gateway.lane(upstream="healthy")["accepted"]
    assert sent > len(watch.times)
    for name in ("silent", "mute", "flapping", "refusing", "dead"):
        lane = gateway.lane(upstream=name)
        assert lane["accepted"] == lane["waiting"] == sent, (name, lane)
    assert gateway.lane(upstream="slow")["accepted"] == sent

    def unwell():
        return {one["what"] for one in gateway.status()["health"]["problems"]}
    # Health looks once a second; for a moment of each attempt the flapping one is connected.
    wait_until(lambda: {f"upstream {name}" for name in ("silent", "flapping", "refusing", "dead")} <= unwell(), "the problems of each")
    assert not any("healthy" in what for what in unwell())
    silent.manner = mute.manner = flapping.manner = refusing.manner = Manner()
    for connection in silent.up():
        connection.cut()
    slow.set(rate={})
    for name in ("mute", "flapping", "refusing", "silent", "slow"):
        gateway.wait_drained(upstream=name)
        assert gateway.lane(upstream=name)["delivered"] == sent


@pytest.mark.skipif(bool(NO_NAMES), reason=NO_NAMES or "-")
def test_a_healthy_upstream_is_not_slowed_by_names_that_are_never_resolved(make_broker, tmp_path, ending):
    names = hostile_dns.NameServer(nowhere_example=[])
    ending.append(names.stop)
    healthy = make_broker().start()
    gateway = hostile_dns.NamedGateway(
        tmp_path, block("healthy", healthy.url) + block("hangs", "mqtt://hangs.example:1883") + block("more", "mqtt://more.example:1883")
        + block("nowhere", "mqtt://nowhere.example"), names)
    ending.append(gateway.end)
    gateway.start()
    gateway.wait_state("connected", "healthy")
    run_beside(gateway, healthy, ending, seconds=11)
    for name in ("hangs", "more"):
        link = gateway.upstream(name)
        assert f"'{name}.example'" in link["failure"] and "name servers" in link["failure"], link
        assert link["state"] in ("connecting", "waiting")
    assert "'nowhere.example' cannot be resolved" in gateway.upstream("nowhere")["failure"], gateway.upstream("nowhere")
    assert names.asked.count("hangs.example") <= 8  # a lookup that hangs is waited for, not begun again and again
    begun = time.monotonic()
    assert gateway.stop() == 0
    assert time.monotonic() - begun < 5, "a lookup that hangs holds up the end"


@pytest.mark.skipif(bool(NO_NAMES), reason=NO_NAMES or "-")
def test_a_name_that_gets_another_address_is_followed_and_a_dead_address_passed_by(make_broker, make_witness, tmp_path, ending):
    port = free_port()
    names = hostile_dns.NameServer(server_example=["127.0.0.2", "127.0.0.3"])
    ending.append(names.stop)
    one = Hostile(address="127.0.0.3", port=port)
    ending.append(one.stop)
    gateway = hostile_dns.NamedGateway(tmp_path, block("cloud", f"mqtt://server.example:{port}"), names)
    ending.append(gateway.end)
    gateway.start()
    publish_lines(gateway.port, "device/a", [str(n) for n in range(10)])
    one.wait_all(str(n) for n in range(10))  # nothing listens at the first address
    other = Hostile(address="127.0.0.4", port=port)
    ending.append(other.stop)
    names.names["server.example"] = ["127.0.0.4"]
    one.up()[0].cut()
    publish_lines(gateway.port, "device/a", ["moved"])
    other.wait_all(["moved"])
    gateway.wait_drained()


def test_an_upstream_that_is_dead_for_long_costs_the_others_nothing(make_gateway, make_broker, ending):
    healthy = make_broker().start()
    gateway = make_gateway(block("healthy", healthy.url) + block("dead", f"mqtt://127.0.0.1:{free_port()}")).start()
    gateway.wait_state("connected", "healthy")
    publish_lines(gateway.port, "device/a", [f"{n} ".ljust(100, "x") for n in range(10000)])  # the dead one's week
    gateway.wait_drained(upstream="healthy")
    run_beside(gateway, healthy, ending, seconds=2)
    assert gateway.lane(upstream="dead")["waiting"] >= 10000


# --- Several servers of one upstream ----------------------------------------------------------------------------------

def test_servers_are_tried_in_order_and_the_next_one_takes_over(make_gateway, make_hostile):
    first, second, third = make_hostile(Manner(connack=0x88)), make_hostile(Manner(connack=0x89)), make_hostile()
    gateway = make_gateway(block("cloud", f"mqtt://127.0.0.1:{free_port()}", first.url, second.url, third.url)).start()
    publish_lines(gateway.port, "device/a", [str(n) for n in range(100)])
    third.wait_all(str(n) for n in range(100))
    assert len(first.connections) == len(second.connections) == len(third.connections) == 1
    # The connection ends: from the first again, and the first that takes us is kept.
    first.manner = Manner()
    third.up()[0].cut()
    publish_lines(gateway.port, "device/a", ["after"])
    first.wait_all(["after"])
    assert len(third.connections) == 1
    gateway.wait_drained()


def test_a_standby_is_left_when_the_first_server_takes_connections_again(make_gateway, make_hostile):
    first, second = make_hostile(Manner(connack=0x88)), make_hostile()
    gateway = make_gateway(block("cloud", first.url, second.url, more='return_after = "500ms"')).start()
    publish_lines(gateway.port, "device/a", [str(n) for n in range(100)])
    second.wait_all(str(n) for n in range(100))
    first.manner = Manner()
    first.wait_for(lambda server: any(connection.closed is None and connection.connect for connection in server.connections),
                   "the return to the first", 15)
    publish_lines(gateway.port, "device/a", [f"after {n}" for n in range(100)])
    first.wait_for(lambda server: any(one.payload == "after 99" for one in server.acknowledged), "messages at the first")
    gateway.wait_drained()
    lane = gateway.lane()
    assert lane["delivered"] == 200 and lane["discarded"] == {}
    assert len(second.connections) <= 2


def test_a_standby_is_kept_while_the_first_server_does_not_take_connections(make_gateway, make_hostile):
    first_port = free_port()
    second = make_hostile()
    gateway = make_gateway(block("cloud", f"mqtt://127.0.0.1:{first_port}", second.url, more='return_after = "100ms"')).start()
    for n in range(20):
        publish_lines(gateway.port, "device/a", [f"{n} {m}" for m in range(20)])
        second.wait_all(f"{n} {m}" for m in range(20))
    assert len(second.connections) == 1  # looking does not end what works
    gateway.wait_drained()
