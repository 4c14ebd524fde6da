# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Power cuts on a real kernel with ext4, in a guest. Promises are cited by number. tools/soak power does more of the same."""
import json
import pathlib
import random
import struct
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support"), str(pathlib.Path(__file__).resolve().parents[2] / "tools")]

import guest  # noqa: E402
import guest_log  # noqa: E402
import guest_power  # noqa: E402

needs_guest = pytest.mark.skipif(bool(guest.why_not()), reason=guest.why_not() or "-")


@pytest.fixture
def rng():
    seed = random.randrange(1 << 32)
    print("seed", seed)
    return random.Random(seed)


def log_of(path, entries):
    """A log as blklogwrites writes it: (sector, data or None for a flush)."""
    out = struct.pack("<QQQI", guest_log.MAGIC, 1, len(entries), 512).ljust(512, b"\0")
    for sector, data in entries:
        out += struct.pack("<QQQQ", sector, len(data or b"") // 512, 0 if data else guest_log.FLUSH, len(data or b"")).ljust(512, b"\0")
        out += data or b""
    path.write_bytes(out)
    return guest_log.WriteLog(path)


def test_a_cut_keeps_what_was_flushed_and_a_random_part_of_the_rest(tmp_path):
    one, two, three = (letter * 512 for letter in (b"1", b"2", b"3"))
    writes = log_of(tmp_path / "log", [(0, one), (1, one * 3), (0, None), (2, two), (0, three), (0, None), (7, three)])
    assert [entry.at for entry in writes.entries] == [0, 512, 0, 1024, 0, 0, 3584]
    assert writes.flushes() == [2, 5] and writes.marks(1024) == [(3, "2" * 512)]

    def left(place, keep, seed=0):
        image = tmp_path / "image"
        image.write_bytes(b"0" * 8 * 512)
        told = writes.cut(image, place, random.Random(seed), keep)
        data = image.read_bytes()
        return told, "".join(chr(data[at]) for at in range(0, len(data), 512))

    assert left(3, 0) == ((1, 0, 0), "11110000")
    assert left(3, 1) == ((1, 1, 0), "11210000")
    assert left(4, 0)[1] == "11110000"
    assert left(5, 0) == ((0, 0, 0), "31210000")
    assert left(6, 1) == ((1, 1, 0), "31210003")
    assert {left(4, 0.5, seed)[1] for seed in range(50)} == {"11110000", "11210000", "31110000", "31210000"}
    # Before any flush nothing is safe, and a write of three sectors can be torn.
    assert left(1, 0)[1] == "00000000"
    assert {left(1, 1, seed)[1] for seed in range(200)} >= {"11110000", "10110000", "11010000"}


def test_a_log_that_ends_within_an_entry_ends_before_it(tmp_path):
    log_of(tmp_path / "log", [(0, b"1" * 512), (1, b"2" * 1024)])
    (tmp_path / "short").write_bytes((tmp_path / "log").read_bytes()[:-1])
    assert len(guest_log.WriteLog(tmp_path / "short").entries) == 1
    (tmp_path / "other").write_bytes(b"x" * 512)
    with pytest.raises(ValueError):
        guest_log.WriteLog(tmp_path / "other")


@needs_guest
def test_nothing_durable_is_lost_when_the_machine_is_reset(tmp_path, rng):
    """P2, P5, P7: two cuts, the second in a life that began with what the first left."""
    chain = guest_power.Chain(tmp_path / "chain", rng)
    assert chain.cut() is None
    for verdict in (chain.cut(), chain.finish()):
        print(verdict)
        assert not verdict.wrong and verdict.found["promised"] > 0, str(verdict)


@needs_guest
def test_nothing_durable_is_lost_when_the_disk_drops_its_unflushed_writes(tmp_path, rng):
    """P2, P5, P7: four cuts of one life."""
    verdicts = guest_power.DroppedWrites(tmp_path / "dropped", rng).round(4)
    for verdict in verdicts:
        print(verdict)
    assert len(verdicts) == 4
    assert not any(verdict.wrong for verdict in verdicts), "\n".join(map(str, verdicts))


@needs_guest
def test_the_gateway_starts_after_a_power_cut_and_drains_what_was_durable_in_order(tmp_path, rng):
    """P2, P4, P7: the real tidegated and the real Mosquitto, whose disk goes away under both."""
    disk = guest.make_disk(tmp_path / "disk")
    program = f"TIDEGATE_BINARY_DIR={guest_power.BINARY_DIR} /usr/bin/python3 {guest_power.SOURCE_DIR}/tests/vm/daemon.py"
    with guest.Guest(tmp_path / "load", guest_power.CUT_WHEN_TOLD + f"mount -t ext4 /dev/vda /run/disk && {program} load 2>/dev/console",
                     guest.drive(disk)) as one:
        one.wait_said("durable ", rng.randrange(3, 12))
        one.tell("cut")
        one.wait_over()
        durable = max(int(line.split()[1]) for line in one.said("durable "))
    with guest.Guest(tmp_path / "drain", f"mount -t ext4 /dev/vda /run/disk && {program} drain 2>/dev/console; umount /run/disk",
                     guest.drive(disk)) as one:
        told = json.loads(one.wait_said("arrived ")[0].split(" ", 1)[1])
        one.wait_over()
    numbers, firsts = told["numbers"], list(dict.fromkeys(told["numbers"]))
    print(f"durable {durable}, arrived {len(numbers)}, different {len(firsts)}, started in {told['started_s']} s")
    assert durable > 0 and firsts[:durable] == list(range(durable))
    assert firsts == sorted(firsts) and -1 not in firsts
    assert len(numbers) - len(firsts) <= 100  # P5: the local broker may have sent what was under way once more
    assert told["lane"]["waiting"] == 0 and told["stopped"] == 0


@needs_guest
def test_a_flush_that_takes_a_second_does_not_stall_what_is_accepted(tmp_path):
    """P8: the time of append() at 1,000 a second, over many rolls of the segment, while each flush of the disk takes a second."""
    told = guest_power.stall(tmp_path / "slow", flush_ms=1000, seconds=8)
    print(told)
    assert told["appends"] == 8000 and told["segments"] > 3
    # Emulated on a busy machine; one that waited for flushes would be above 1,000.
    assert told["p99_9_ms"] < 250, told
