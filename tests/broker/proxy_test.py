# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The real tidegated and a real Mosquitto with a faulty network between them. The conservation oracle judges: whatever the
network does, everything accepted is delivered in the end. Promises are cited by number."""
import threading
import time

import oracle
import pytest
from parts import publish_lines, wait_until
from proxy import Proxy

WINDOW = 20


@pytest.fixture(autouse=True)
def lean_sanitizer(monkeypatch):
    """It would keep 256 MiB of freed memory, and the tests here look at what is resident."""
    monkeypatch.setenv("ASAN_OPTIONS", "quarantine_size_mb=1:thread_local_quarantine_size_kb=64")


@pytest.fixture
def proxy(upstream):
    one = Proxy(upstream.port)
    yield one
    one.stop()


def block(proxy, more="", version="5", name="cloud"):
    return f"""
[[upstream]]
name = "{name}"
servers = ["{proxy.url}"]
version = "{version}"
window = {WINDOW}
backoff_first = "10ms"
backoff_most = "10ms"
{more}
[[upstream.forward]]
topics = ["device/#"]
"""


def resident(gateway):
    """MiB."""
    fields = dict(line.split(":", 1) for line in open(f"/proc/{gateway.process.pid}/status"))
    return int(fields["VmRSS"].split()[0]) / 1024


class Feed:
    """A device that sends stamped lines, batch by batch, and the ledger of what was accepted of them."""

    def __init__(self, gateway, witness, producer="p", rest=""):
        self.ledger, self.count = oracle.Ledger(), 0
        self._gateway, self._witness, self._producer, self._rest = gateway, witness, producer, rest

    def send(self, count, qos=1):
        numbers = range(self.count, self.count + count)
        for n in numbers:
            self.ledger.sent(self._producer, n)
        publish_lines(self._gateway.port, f"device/{self._producer}", [oracle.stamp(self._producer, n, self._rest) for n in numbers], qos)
        self.ledger.accept_all(self._producer)
        self.count += count

    def judge(self, duplicates, suspects=0):
        """All that was accepted has arrived, in order, and no more than that many copies. suspects: of a hunt for poison, which
        a network that cuts again and again may well begin; so many may come late, or be dead-lettered in the end."""
        self._gateway.wait_drained()
        lane = self._gateway.lane()
        given_up = lane["discarded"].get("dead-lettered", 0)
        assert lane["accepted"] == lane["delivered"] + given_up == self.count, lane
        assert given_up <= suspects
        self._witness.wait_for(lambda seen: len({oracle.read_stamp(one.payload) for one in seen}) >= self.count - given_up, "all messages")
        for one in self._witness.seen():
            self.ledger.arrived(*oracle.read_stamp(one.payload))
        verdict = self.ledger.verdict(given_up=given_up)
        print(verdict)
        assert verdict.holds and len(verdict.missing) <= given_up
        assert verdict.out_of_order <= (12 if suspects else 0)  # P4; what a hunt had set aside comes late
        assert verdict.duplicated <= duplicates  # P5
        return verdict


# The offsets: every byte of CONNECT, CONNACK, of the first PUBLISH and its acknowledgement, then wider steps.
UP = [*range(1, 130, 2), *range(130, 400, 9)]
DOWN = [*range(1, 40), *range(40, 120, 5)]


@pytest.mark.parametrize("version, qos", [("5", 1), ("5", 2), ("3.1.1", 1), ("3.1.1", 2)])
@pytest.mark.parametrize("way, offsets", [("up", UP), ("down", DOWN)], ids=["up", "down"])
def test_a_connection_cut_at_any_byte_loses_nothing(make_gateway, proxy, upstream, make_witness, version, qos, way, offsets):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway(block(proxy, f"qos = {qos}", version)).start()
    gateway.wait_state("connected")
    feed = Feed(gateway, witness)
    proxy.set(cut_at={way: offsets[0]})
    for offset in offsets:
        before = len(proxy.links)
        proxy.set(cut_at={way: offset})
        proxy.cut()

        def cut():
            if gateway.lane()["waiting"] < 10:
                feed.send(60, qos)  # something to send until that byte has been reached
            return any(link.closed and link.passed[way] == offset for link in proxy.links[before:])
        wait_until(cut, f"a cut at byte {offset}")
    proxy.set(cut_at={})
    cuts = len(proxy.links)
    verdict = feed.judge(duplicates=cuts * WINDOW, suspects=8)
    print(f"{len(offsets)} offsets, {cuts} connections, {verdict.duplicated} duplicates")


@pytest.mark.parametrize("kind", ["reset", "close", "half close down", "half close up"])
def test_ends_of_a_connection_in_full_flow_lose_nothing(make_gateway, proxy, upstream, make_witness, kind):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway(block(proxy)).start()
    gateway.wait_state("connected")
    feed = Feed(gateway, witness, rest="x" * 50)
    over = threading.Event()

    def flow():
        while not over.is_set():
            feed.send(500)
    feeder = threading.Thread(target=flow)
    feeder.start()
    try:
        ends = 0
        while ends < 20:
            before = len(proxy.links)
            passed = proxy.links[-1].passed["up"]
            try:
                proxy.wait_for(lambda proxy: proxy.links[-1].passed["up"] > passed + 2000, "progress")
                for link in proxy.up():
                    link.half_close(kind.split()[-1]) if kind.startswith("half") else link.cut(reset=kind == "reset")
            except OSError:
                continue  # it ended by itself
            ends += 1
            proxy.wait_for(lambda proxy: len(proxy.links) > before, "a new connection")
    finally:
        over.set()
        feeder.join()
    feed.judge(duplicates=len(proxy.links) * WINDOW, suspects=8)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_black_hole_is_found_by_progress_and_left(make_gateway, proxy, upstream, make_witness, version):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway(block(proxy, 'keep_alive = "2s"', version)).start()
    gateway.wait_state("connected")
    feed = Feed(gateway, witness)
    feed.send(10)
    gateway.wait_drained()
    link = proxy.up()[0]
    proxy.set(hole=True)
    fell = time.monotonic()
    feed.send(100)

    def found():
        return gateway.upstream()["state"] != "connected" or link.closed
    wait_until(found, "a state other than connected")
    print(f"found after {time.monotonic() - fell:.2f} s with a keep-alive of 2 s; {gateway.upstream()['failure'] or gateway.upstream()['state']}")
    proxy.set(hole=False)
    proxy.cut()
    feed.judge(duplicates=2 * WINDOW)


def test_a_black_hole_under_an_idle_connection_is_found_by_the_keep_alive(make_gateway, proxy, upstream, make_witness):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway(block(proxy, 'keep_alive = "2s"')).start()
    gateway.wait_state("connected")
    proxy.set(hole=True)
    fell = time.monotonic()
    wait_until(lambda: gateway.upstream()["state"] != "connected", "a state other than connected")
    print(f"found after {time.monotonic() - fell:.2f} s with a keep-alive of 2 s")
    proxy.set(hole=False)
    proxy.cut()
    feed = Feed(gateway, witness)
    feed.send(10)
    feed.judge(duplicates=0)


def test_acknowledgements_that_come_late_cost_no_memory(make_gateway, proxy, upstream, make_witness):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway(block(proxy)).start()
    gateway.wait_state("connected")
    feed = Feed(gateway, witness, rest="x" * 2000)
    feed.send(500)
    gateway.wait_drained()
    before = resident(gateway)
    proxy.set(delay={"down": 60})
    feed.send(5000)
    wait_until(lambda: gateway.lane()["accepted"] == 5500, "all messages in the spool")
    grown = resident(gateway) - before
    lane = gateway.lane()
    print(f"{before:.0f} MiB resident, {grown:+.1f} MiB with {lane['waiting']} messages ({lane['waiting_bytes'] >> 20} MiB) waiting")
    assert lane["waiting"] >= 5000 - 1 and gateway.upstream()["in_flight"] <= WINDOW
    assert grown < 32  # the window, and the newest, which are kept in memory
    proxy.set(delay={})
    feed.judge(duplicates=WINDOW)


def test_a_server_that_reads_nothing_costs_no_memory_and_is_left(make_gateway, proxy, upstream, make_witness):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway(block(proxy, 'keep_alive = "2s"\nqos = 0')).start()
    gateway.wait_state("connected")
    feed = Feed(gateway, witness, rest="x" * 20000)
    feed.send(20, qos=0)
    gateway.wait_drained()
    before = resident(gateway)
    proxy.set(deaf=True)
    feed.send(1500)
    wait_until(lambda: gateway.lane()["accepted"] == 1520, "all messages in the spool")
    print(f"{before:.0f} MiB resident, {resident(gateway) - before:+.1f} MiB after 30 MB of QoS 0 that nobody read")
    assert resident(gateway) - before < 50
    wait_until(lambda: gateway.upstream()["state"] != "connected", "a state other than connected")
    proxy.set(deaf=False)
    proxy.cut()
    gateway.wait_drained()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_slow_link_is_used_to_the_end(make_gateway, proxy, upstream, make_witness, version):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway(block(proxy, version=version)).start()
    gateway.wait_state("connected")
    proxy.set(rate={"up": 50_000, "down": 2_000})
    feed = Feed(gateway, witness, rest="x" * 200)
    begun = time.monotonic()
    feed.send(300)
    feed.judge(duplicates=0)
    print(f"{len(proxy.links)} connections, {time.monotonic() - begun:.1f} s for {proxy.links[0].passed['up']} bytes")
    assert len(proxy.links) == 1


def test_a_server_that_refuses_and_comes_back_again_and_again(make_gateway, proxy, upstream, make_witness):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway(block(proxy)).start()
    gateway.wait_state("connected")
    feed = Feed(gateway, witness)
    for _ in range(10):
        proxy.refuse()
        proxy.cut()
        feed.send(20)
        wait_until(lambda: "refused" in gateway.upstream()["failure"], "a failure that says so")
        proxy.listen()
        gateway.wait_state("connected")
    feed.judge(duplicates=10 * WINDOW)
