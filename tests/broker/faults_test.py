# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Disks that fail the real gateway: read-only at start, full, gone while it runs. The file systems are small ones in a mount
namespace that the test made (as a user: in a user namespace of its own)."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

import parts
import pytest
from parts import publish, publish_lines, wait_until

UPSTREAM = """
[[upstream]]
name = "cloud"
servers = ["{url}"]
backoff_first = "100ms"
backoff_most = "300ms"
[[upstream.forward]]
topics = ["device/#"]
{more}
"""


def in_namespace(script, *words):
    """A wrapper that runs the script, as root of a mount namespace, before the program that follows."""
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    return [*unshare, "sh", "-e", "-c", script + '\nexec "$@"', "sh", *words]


NAMESPACES = subprocess.run([*in_namespace("mount -t tmpfs none /mnt"), "true"], stderr=subprocess.DEVNULL).returncode == 0
needs_namespaces = pytest.mark.skipif(not NAMESPACES, reason="mount namespaces cannot be made here")


@pytest.fixture
def upstream(tmp_path):
    broker = parts.Broker(tmp_path, name="upstream").start()
    yield broker
    broker.stop()


@contextlib.contextmanager
def gateway(folder, url, more="", mount=None, name="gateway"):
    made = parts.Gateway(folder, UPSTREAM.format(url=url, more=more), name)
    if mount:
        made.wrapper = in_namespace(mount.format(state=made.state))
    try:
        yield made
    finally:
        made.end()


def problems(running):
    return {one["what"]: one["why"] for one in running.status()["health"]["problems"]}


def witness_from_the_start(running, upstream):
    """Starts the upstream; its witness is there before the gateway can be."""
    running.process.send_signal(signal.SIGSTOP)
    try:
        upstream.start()
        return parts.Witness(upstream, "device/#")
    finally:
        running.process.send_signal(signal.SIGCONT)


@needs_namespaces
def test_a_state_folder_that_cannot_be_written_degrades_health_and_stops_nothing(tmp_path, upstream):
    with gateway(tmp_path, upstream.url, mount="mount -t tmpfs -o ro none {state}") as running:
        running.start()
        why = problems(running)["spool"]
        assert "Read-only file system" in why and str(running.runtime) in why
        witness = parts.Witness(upstream, "device/#")
        publish(running.port, "device/a", "through")
        witness.wait_payload("device/a", "through")
        # What waits there outlives the gateway's death, and is delivered by one that can write its state again.
        witness.stop()
        upstream.stop()
        running.wait_state("waiting")
        publish_lines(running.port, "device/a", range(100))
        wait_until(lambda: sum(lane["waiting"] for lane in running.upstream()["lanes"]) == 100, "100 waiting")
        running.kill()
        running.wrapper = ()
        upstream.start()
        witness = parts.Witness(upstream, "device/#")
        running.start()
        assert "spool" not in problems(running)
        publish(running.port, "device/a", "after")
        seen = witness.wait_for(lambda seen: {one.payload for one in seen} >= {str(n) for n in range(100)} | {"after"})
        first = list(dict.fromkeys(one.payload for one in seen if one.payload.isdigit()))
        assert first == [str(n) for n in range(100)], "in order"
        witness.stop()


@needs_namespaces
def test_what_a_gateway_without_a_state_folder_keeps_can_be_looked_at(tmp_path, upstream):
    upstream.stop()
    with gateway(tmp_path, upstream.url, mount="mount -t tmpfs -o ro none {state}") as running:
        running.start()
        publish_lines(running.port, "device/a", range(3))
        wait_until(lambda: sum(lane["waiting"] for lane in running.upstream()["lanes"]) == 3, "3 waiting")

        def spool(*words, code=0):
            result = subprocess.run([parts.BINARY_DIR / "bin" / "tidegate", "spool", *words], env=running.environment(),
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=parts.DEADLINE)
            assert result.returncode == code, result
            return result.stdout + result.stderr

        assert "cloud/default (in memory) 3" in " ".join(spool("ls").split())
        assert [line.split()[:3] for line in spool("peek", "cloud/default").splitlines()[1:]] == [[str(n), "(in", "memory)"] for n in (1, 2, 3)]
        assert spool("export", "cloud/default").count('"stand_in":true') == 3
        assert spool("why", "device/a").count("(in memory), accepted") == 3
        assert "say --stand-in" in spool("drop", "cloud/default", "--all", "--yes", code=64)
        assert spool("drop", "cloud/default", "--stand-in", "--all", "--yes") == "3 messages dropped\n"


@needs_namespaces
def test_a_full_disk_costs_the_oldest_messages_and_drains_and_recovers_alone(tmp_path, upstream):
    upstream.stop()
    with gateway(tmp_path, upstream.url, mount="mount -t tmpfs -o size=60m none {state}") as running:
        running.start()
        inside = pathlib.Path(f"/proc/{running.process.pid}/root{running.state}")
        payload = "x" * 100_000

        def send(first, count):
            publish_lines(running.port, "device/a", (f"{n} {payload}" for n in range(first, first + count)))
        send(0, 50)
        wait_until(lambda: running.lane()["accepted"] == 50, "the first 50")
        with open(inside / "filler", "wb") as filler, contextlib.suppress(OSError):
            while True:
                filler.write(b"\0" * (1 << 20))
                filler.flush()
        send(50, 400)  # 40 MB, far more than is left
        wait_until(lambda: running.lane()["accepted"] == 450, "all of them")
        lane = running.lane()
        assert lane["discarded"].get("refused", 0) == 0 and lane["discarded"]["evicted"] > 0
        assert lane["waiting"] + lane["discarded"]["evicted"] == 450
        witness = witness_from_the_start(running, upstream)
        running.wait_drained()
        (inside / "filler").unlink()
        send(450, 100)
        running.wait_drained()
        seen = witness.wait_for(lambda seen: any(one.payload.startswith("549 ") for one in seen))
        numbers = list(dict.fromkeys(int(one.payload.split()[0]) for one in seen))
        assert numbers == sorted(numbers)
        lane = running.lane()
        assert len(numbers) + lane["discarded"]["evicted"] == 550, "delivered or evicted, each of them"
        assert numbers[-100:] == list(range(450, 550)), "after the disk had room again nothing is lost"
        witness.stop()


@needs_namespaces
def test_a_full_disk_refuses_what_is_new_when_told_so_and_tells_who_asks(tmp_path, upstream):
    upstream.stop()
    with gateway(tmp_path, upstream.url, 'when_full = "reject"', "mount -t tmpfs -o size=40m none {state}") as running:
        running.start()
        payload = "x" * 100_000
        publish_lines(running.port, "device/a", (f"{n} {payload}" for n in range(600)))
        lane = wait_until(lambda: (lane := running.lane())["accepted"] + lane["discarded"].get("refused", 0) == 600 and lane, "600")
        assert lane["discarded"]["refused"] > 0
        witness = witness_from_the_start(running, upstream)
        running.wait_drained()
        seen = witness.wait_for(lambda seen: len({one.payload for one in seen}) >= lane["accepted"])
        numbers = list(dict.fromkeys(int(one.payload.split()[0]) for one in seen))
        assert numbers[:100] == list(range(100)), "the oldest stayed"
        witness.stop()


def test_a_lane_that_somebody_deletes_loses_nothing_that_waits(tmp_path, upstream):
    upstream.stop()
    with gateway(tmp_path, upstream.url) as running:
        running.start()
        publish(running.port, "device/a", "before")
        wait_until(lambda: running.lane()["accepted"] == 1, "the first")
        shutil.rmtree(running.state / "spool" / "cloud" / "default")
        payload = "x" * 500_000
        publish_lines(running.port, "device/a", (f"{n} {payload}" for n in range(40)))  # more than the open segment holds
        wait_until(lambda: sum(lane["accepted"] for lane in running.upstream()["lanes"]) == 41, "all of them")
        witness = witness_from_the_start(running, upstream)
        seen = witness.wait_for(lambda seen: len({one.payload for one in seen}) == 41)
        assert {one.payload.split()[0] for one in seen} == {"before", *map(str, range(40))}
        witness.stop()
