# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Power cuts on a real kernel: a spool in use in a guest (tests/vm/writer.cpp), the power cut, and what the lane had promised
looked for afterwards. A promise counts once it has left the guest, or once it stands in the disk's own log of writes."""
import dataclasses
import json
import os
import pathlib
import shutil

from guest import FILE_SYSTEM, MARKS, Guest, copy_disk, drive, logged_drive, make_disk
from guest_log import WriteLog

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
BINARY_DIR = pathlib.Path(os.environ.get("TIDEGATE_BINARY_DIR", "build/debug")).resolve()
WRITER = BINARY_DIR / "tests" / "vm" / "vm_writer"
CUT_WHEN_TOLD = "( read word <&3 && echo b >/proc/sysrq-trigger ) &\n"


@dataclasses.dataclass
class Verdict:
    """What was found after one cut."""
    how: str           # for people: what was cut and where
    found: dict        # what the writer says, see writer.cpp
    image: pathlib.Path = None  # the disk as the cut left it, with `promised` beside it

    @property
    def wrong(self):
        return self.found["wrong"]

    def __str__(self):
        numbers = " ".join(f"{name} {value}" for name, value in self.found.items() if name not in ("wrong", "opened_s"))
        return f"{self.how}: {numbers}" + "".join(f"\n  WRONG: {one}" for one in self.wrong)


def promise_of(line):
    return dict(zip(("epoch", "first", "accepted", "durable", "acking", "settled"), map(int, line.split()[1:7])))


def verdict_of(guest, how, image=None, index=0):
    lines = guest.said("verdict ")
    assert len(lines) > index, f"no verdict on {how}\n{guest.story()}"
    assert "EXT4-fs error" not in guest.console.read_text(errors="replace"), f"the file system is damaged: {how}\n{guest.story()}"
    return Verdict(how, json.loads(lines[index].split(" ", 1)[1]), image)


class Chain:
    """One disk that is used again and again, each life ended by `sysrq b`: the kernel stops at once and what it had not
    written is gone. cut() returns what the next start found of the life before; finish() that of the last."""

    def __init__(self, folder, rng):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.rng = rng
        self.disk = make_disk(self.folder / "disk")
        self.promise = ""
        self.lives = 0

    def _boot(self, job):
        self.lives += 1
        folder = self.folder / f"life{self.lives}"
        folder.mkdir()
        (folder / "promised").write_text(self.promise)
        return Guest(folder, job, drive(self.disk))

    def _end(self, guest, how):
        verdict = verdict_of(guest, how, self.folder / "before") if self.promise else None
        if not (verdict and verdict.wrong):
            shutil.rmtree(guest.folder)
        return verdict

    def cut(self):
        """A life that ends by a cut. None: it was the first, and there was nothing to find."""
        copy_disk(self.disk, self.folder / "before")
        told = self.rng.randrange(1, 250)
        job = CUT_WHEN_TOLD + f"""mount -t ext4 /dev/vda /run/disk &&
  {WRITER} live /run/disk/spool --seed {self.rng.randrange(1 << 32)} --promised /run/work/promised >&3 2>/dev/console"""
        how = f"life {self.lives}, reset"
        with self._boot(job) as guest:
            guest.wait_said("state ", told)
            guest.tell("cut")
            guest.wait_over()
            verdict = self._end(guest, how)
            self.promise = guest.said("state ")[-1] + "\n"
        return verdict

    def finish(self):
        copy_disk(self.disk, self.folder / "before")
        with self._boot(f"""mount -t ext4 /dev/vda /run/disk &&
  {WRITER} verify /run/disk/spool --promised /run/work/promised >&3 2>/dev/console; umount /run/disk""") as guest:
            guest.wait_over()
            return self._end(guest, f"life {self.lives - 1}, reset")


class DroppedWrites:
    """One life on a disk whose writes are logged, and then as many cuts of it as wanted: each an image of what the disk
    would hold if it had lost its power there and dropped part of what was not flushed. The next round goes on with one of them."""

    MOST = 8  # images looked at in one guest

    def __init__(self, folder, rng):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.rng = rng
        self.base = make_disk(self.folder / "base")
        self.promise = ""
        self.rounds = 0

    def round(self, cuts):
        self.rounds += 1
        folder = self.folder / f"round{self.rounds}"
        folder.mkdir()
        (folder / "promised").write_text(self.promise)
        disk, log = copy_disk(self.base, folder / "disk"), folder / "log"
        job = CUT_WHEN_TOLD + f"""mount -t ext4 /dev/vda /run/disk &&
  {WRITER} live /run/disk/spool --seed {self.rng.randrange(1 << 32)} --promised /run/work/promised \\
    --mark-device /dev/vda --mark-offset {MARKS} >&3 2>/dev/console"""
        with Guest(folder, job, logged_drive(disk, log)) as guest:
            guest.wait_said("state ", self.rng.randrange(150, 350))
            guest.tell("cut")
            guest.wait_over()
            assert not self.promise or not verdict_of(guest, "the disk to begin with").wrong, guest.story()
        disk.unlink()
        verdicts = []
        writes = WriteLog(log)
        marks = [one for one in writes.marks(MARKS) if one[1].startswith("state ")]
        for first in range(0, cuts, self.MOST):
            verdicts += self._look(folder / f"cuts{first}", min(self.MOST, cuts - first), writes, marks)
        writes.close()
        if not any(one.wrong for one in verdicts):
            chosen = self.rng.choice(verdicts).image
            self.promise = chosen.with_suffix(".promised").read_text()
            copy_disk(chosen, self.base)
            shutil.rmtree(folder)
        return verdicts

    def _place(self, writes, marks):
        """Anywhere; right after a promise; or right before a flush is through."""
        first = marks[0][0]
        kind = self.rng.randrange(3)
        if kind == 0:
            return self.rng.randrange(first, len(writes.entries))
        if kind == 1:
            return self.rng.choice(marks)[0]
        return self.rng.choice([one - 1 for one in writes.flushes() if one > first] or [first])

    def _look(self, folder, count, writes, marks):
        folder.mkdir()
        images, hows, drives, job = [], [], [], ""
        for n in range(count):
            place, keep = self._place(writes, marks), self.rng.choice([0, 0.5, 0.9, self.rng.random()])
            image = copy_disk(self.base, folder / f"image{n}")
            unflushed, kept, torn = writes.cut(image, place, self.rng, keep)
            promise = [text for index, text in marks if index <= place][-1]
            image.with_suffix(".promised").write_text(promise + "\n")
            images.append(image)
            hows.append(f"round {self.rounds}, cut at write {place} of {len(writes.entries)}, {unflushed} not flushed, {kept} of them kept, {torn} torn")
            drives.append(drive(copy_disk(image, folder / f"disk{n}")))
            device = "vd" + "abcdefgh"[n]
            job += f"""mount -t ext4 /dev/{device} /run/disk &&
  {WRITER} verify /run/disk/spool --promised /run/work/image{n}.promised >&3 2>/dev/console || echo "verdict-failed {n} $?" >&3
umount /run/disk
"""
        with Guest(folder, job, *drives) as guest:
            guest.wait_over(240 + 15 * count)
            verdicts = [verdict_of(guest, how, image, n) for n, (how, image) in enumerate(zip(hows, images))]
        for n in range(count):
            (folder / f"disk{n}").unlink()
        return verdicts


def stall(folder, flush_ms, write_ms=0, rate=1000, seconds=20):
    """How long append() takes while each flush of the disk takes so long; see writer.cpp. The delay is the guest kernel's (dm-delay)."""
    folder = pathlib.Path(folder)
    folder.mkdir()
    table = f"delay /dev/vda 0 0 /dev/vda 0 {write_ms} /dev/vda 0 {flush_ms}"
    job = f"mount -t ext4 /dev/dm-0 /run/disk && {WRITER} stall /run/disk/spool --rate {rate} --seconds {seconds} >&3 2>/dev/console"
    with Guest(folder / "guest", job, drive(make_disk(folder / "disk")), arguments=f'dm-mod.create="slow,,0,rw,0 {FILE_SYSTEM // 512} {table}"') as guest:
        guest.wait_over(240 + 3 * seconds)
        lines = guest.said("stall ")
        assert lines, guest.story()
    return json.loads(lines[0].split(" ", 1)[1])
