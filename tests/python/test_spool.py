# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
import os
import signal
import subprocess
import threading
import time

import pytest

from conftest import DEADLINE
from parts import BINARY_DIR, tool_environment
from tidegate import ConfigError, PayloadError, Properties, Spool, StateError, SystemCallError, TopicError, UnavailableError


@pytest.fixture
def spool(tmp_path):
    with Spool(tmp_path / "spool") as one:
        yield one


def texts(records):
    return [record.message.text for record in records]


def test_what_was_appended_is_read_in_order_once_and_is_there_again_after_a_rewind(spool):
    lane = spool.lane("cloud")
    assert [lane.append("a/b", n) for n in range(5)] == [1, 2, 3, 4, 5]
    assert texts(lane.read(3)) == ["0", "1", "2"]
    assert texts(lane.read()) == ["3", "4"]
    assert lane.read() == []
    lane.acknowledge([1, 2, 4])
    lane.rewind()
    assert texts(lane.read()) == ["2", "4"]


def test_a_record_says_what_was_published_and_when(spool):
    lane = spool.lane("cloud", "urgent")
    before = time.time()
    lane.append("loft/lamp", {"on": True}, qos=2, retain=True, expiry="10m", content_type="application/json", response_topic="r",
                correlation_data=b"\0c", user={"who": "me"})
    record, = lane.read()
    assert record.sequence == 1 and record.epoch >= 1
    assert 0 <= record.age < DEADLINE and before - 1 < record.accepted_at < time.time() + 1
    assert record.clock in ("ntp", "rtc", "none")
    message = record.message
    assert (message.topic, message.json(), message.qos, message.retain) == ("loft/lamp", {"on": True}, 2, True)
    assert message.properties == Properties(600, "application/json", "r", b"\0c", (("who", "me"),))


def test_what_was_not_acknowledged_is_there_when_the_spool_is_opened_again(tmp_path):
    with Spool(tmp_path) as spool:
        lane = spool.lane("cloud")
        for n in range(4):
            lane.append("a", n)
        lane.acknowledge(record.sequence for record in lane.read(2))
        uuid = spool.uuid
    with Spool(tmp_path) as spool:
        assert spool.uuid == uuid and spool.forgotten() == [("cloud", "default")]
        lane = spool.lane("cloud")
        assert spool.forgotten() == []
        assert texts(lane.read()) == ["2", "3"]
        assert lane.append("a", 4) == 5


def test_what_is_durable_is_told(spool):
    lane = spool.lane("cloud", sync_interval="1h")
    sequence = lane.append("a", 1)
    assert lane.status()["durable"] < sequence
    assert lane.wait_durable(sequence, "10s") is True
    assert lane.status()["durable"] == sequence
    each = spool.lane("each", sync="each")
    assert each.status()["durable"] == 0
    each.append("a", 1)
    assert each.status()["durable"] == 1


def test_nothing_is_durable_in_time_when_nothing_is_synced(spool):
    lane = spool.lane("cloud", sync="off")
    assert lane.wait_durable(lane.append("a", 1), 0.05) is False


def test_a_full_lane_that_rejects_says_so_and_one_that_drops_counts(spool):
    lane = spool.lane("full", capacity_messages=2, when_full="reject")
    assert [lane.append("a", n) for n in range(3)] == [1, 2, None]
    assert lane.status()["discarded"] == {"refused": 1}
    lane = spool.lane("rolling", capacity_messages=2)
    for n in range(3):
        lane.append("a", n)
    assert texts(lane.read()) == ["1", "2"]
    assert lane.status()["discarded"] == {"evicted": 1}
    lane = spool.lane("latest", when_full="keep-latest")
    for n in range(3):
        lane.append("a", n)
    assert texts(lane.read()) == ["2"]


def test_the_counts_are_right(spool):
    lane = spool.lane("cloud")
    for n in range(4):
        lane.append("a", n)
    lane.acknowledge(lane.read(1)[0].sequence)
    lane.discard(lane.read(1)[0].sequence, "nobody wants it")
    lane.discard(lane.read(1)[0].sequence, "it cannot be", dead_lettered=True)
    status = lane.status()
    assert (status["waiting"], status["accepted"], status["delivered"]) == (1, 4, 1)
    assert status["discarded"] == {"dropped": 1, "dead-lettered": 1}
    assert status["waiting_bytes"] > 0 and status["disk_bytes"] > 0 and status["trouble"] == ""
    assert 0 <= status["oldest_age"] < DEADLINE


def test_what_cannot_be_is_refused_with_the_reason(spool, tmp_path):
    with pytest.raises(ConfigError, match='when_full cannot be "maybe": it is one of "drop-oldest", "reject", "keep-latest"'):
        spool.lane("a", when_full="maybe")
    with pytest.raises(ConfigError, match="letters, digits"):
        spool.lane("a/b")
    with pytest.raises(ConfigError, match="capacity is at least"):
        spool.lane("a", capacity=1)
    lane = spool.lane("a")
    with pytest.raises(TopicError):
        lane.append("a/#", 1)
    with pytest.raises(PayloadError):
        lane.append("a", b"x" * (2 << 20))
    with pytest.raises(ValueError, match="qos"):
        lane.append("a", 1, qos=3)
    assert lane.status()["accepted"] == 0
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemCallError) as caught:
        Spool(tmp_path / "file" / "spool")
    assert isinstance(caught.value, OSError) and caught.value.errno


def test_another_process_is_kept_out_and_told_who_has_it(spool, script, tmp_path):
    one = script(f"from tidegate import Spool\nSpool({str(tmp_path / 'spool')!r})\n")
    assert one.end() == 1
    assert str(os.getpid()) in one.wait_for("UnavailableError")
    with pytest.raises(UnavailableError):
        Spool(tmp_path / "spool")


def test_a_closed_spool_says_so(tmp_path):
    spool = Spool(tmp_path)
    lane = spool.lane("a")
    spool.close()
    spool.close()
    for call in (lambda: lane.append("a", 1), lane.read, lane.status, lambda: lane.wait_durable(1), lambda: spool.lane("b"),
                 lambda: spool.uuid):
        with pytest.raises(StateError, match="closed"):
            call()
    with Spool(tmp_path) as spool:
        assert spool.lane("a").read() == []


def test_several_threads_append_and_nothing_is_lost(spool):
    lane = spool.lane("a")

    def work(name):
        for n in range(500):
            lane.append(name, n)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    seen = {name: [] for name in "abcd"}
    for record in lane.read(5000, 1 << 24):
        seen[record.message.topic].append(int(record.message.text))
    assert all(numbers == list(range(500)) for numbers in seen.values())


def test_what_was_accepted_outlives_a_sigkill(script, tmp_path):
    one = script(f"""
from tidegate import Spool
lane = Spool({str(tmp_path / 'spool')!r}).lane("a")
n = 0
while True:
    n = lane.append("a", n)
    print(n)
""")
    one.wait_for("300")
    assert one.end(signal.SIGKILL) == -signal.SIGKILL
    accepted = max(int(line) for line in one.lines if line.isdigit())
    with Spool(tmp_path / "spool") as spool:
        numbers = [int(record.message.text) for record in spool.lane("a").read(1_000_000, 1 << 30)]
    assert numbers == list(range(len(numbers))) and len(numbers) >= accepted


def test_tidegate_spool_shows_it(spool, tmp_path):
    spool.lane("office").append("meter/total", 42)
    shown = subprocess.run([BINARY_DIR / "bin" / "tidegate", "spool", "ls", "--state", str(tmp_path / "spool")], text=True,
                           capture_output=True, env=tool_environment(), timeout=DEADLINE)
    assert shown.returncode == 0, shown.stderr
    assert "office/default" in shown.stdout
