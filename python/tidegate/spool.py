# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Durable queues on disk, as the gateway has them: what was appended survives this program, and a power cut."""
import os
import time
from collections import namedtuple

from . import _core, clock
from .interval import seconds
from .message import Message, Properties, encode

_SLICE = 0.2  # seconds that one wait holds up close()

Record = namedtuple("Record", "sequence epoch age accepted_at clock message")
Record.__doc__ = """One message in a Lane.

sequence: from 1, one more for each append, across restarts. epoch: one more for each opening of the lane; (epoch, sequence)
never repeats, power cuts included. age: seconds since it was accepted, time without power apart. accepted_at: seconds since
1970, by the best that is known now. clock: what that clock was worth: "ntp", "rtc" or "none". message: a Message."""


class Lane:
    """One durable queue of a Spool: append at one end; read, and acknowledge what was dealt with, at the other. A message is
    accepted when append() has returned: it survives the death of this program. It is durable some 50 ms later: it survives a
    power cut. It stays until it is acknowledged or discarded, expires, or gives way where the lane is full. Made by
    Spool.lane. Thread-safe; one reader at a time. Every call raises StateError when the Spool is closed, and SystemCallError
    when the disk refuses."""

    def __init__(self, core, spool, upstream, name):
        self._core = core
        self._spool = spool  # which would be closed with its last reference
        self.upstream = upstream
        self.name = name

    def append(self, topic, payload=None, qos=1, retain=False, expiry=None, *, content_type="", response_topic="",
               correlation_data=b"", user=None):
        """Appends a message, payload and user as App.publish takes them, and returns its sequence; None when the lane is full
        and was told to reject. expiry: an interval. With sync="each" it is durable then. Raises TopicError and PayloadError."""
        pairs = list(user.items()) if hasattr(user, "items") else list(user or ())
        return self._core.append(topic, encode(payload), qos, retain, None if expiry is None else seconds(expiry), content_type,
                                 response_topic, correlation_data, pairs)

    def wait_durable(self, sequence, timeout=None):
        """Has everything up to that sequence synced to the medium, and waits for it, at most timeout (an interval; None: for
        ever). False when time ran out or the disk failed."""
        end = None if timeout is None else time.monotonic() + seconds(timeout)
        while True:
            left = _SLICE if end is None else min(_SLICE, max(0.0, end - time.monotonic()))
            if self._core.wait_durable(sequence, left):
                return True
            if (end is not None and time.monotonic() >= end) or self._core.status()["trouble"]:
                return False

    def read(self, count=100, bytes=1 << 20):
        """The next Records in order of acceptance, at most count and about so many bytes; [] at the end. Each is given once
        per opening of the lane, or since rewind()."""
        return [Record(*one[:5], Message(*one[5:9], properties=one[9] and Properties(*one[9]), arrived=clock.monotonic() - one[2]))
                for one in self._core.read(count, bytes)]

    def rewind(self):
        """What has been read and was neither acknowledged nor discarded is read again."""
        self._core.rewind()

    def acknowledge(self, sequences):
        """These were dealt with and leave the lane: one sequence, or several. Any order; a second time does nothing."""
        self._core.acknowledge([sequences] if isinstance(sequences, int) else list(sequences))

    def discard(self, sequence, why="", dead_lettered=False):
        """It leaves the lane without having been dealt with, and is counted as dropped, or as dead-lettered."""
        self._core.discard(sequence, dead_lettered, why)

    def status(self):
        """Counts: waiting, waiting_bytes, disk_bytes, accepted (since the lane was made), durable (the highest sequence that
        is), delivered and discarded (by reason; both since it was opened), oldest_age (seconds, or None), trouble (with the
        disk, or "")."""
        return self._core.status()

    def __repr__(self):
        return f"<Lane {self.upstream}/{self.name}>"


class Spool:
    """Durable queues in a folder of your own, which is made if need be. One process at a time has it: raises UnavailableError
    when another does, SystemCallError when it cannot be made or written. What is damaged in it is stepped over and counted.
    `tidegate spool ls --state FOLDER` shows it. Thread-safe.

        with Spool("/var/lib/meter/spool") as spool:
            lane = spool.lane("office")
            lane.append("meter/total", 42)
            for record in lane.read():
                send(record.message)
                lane.acknowledge(record.sequence)
    """

    def __init__(self, folder):
        self.folder = os.path.abspath(os.fspath(folder))
        self._core = _core.Store(self.folder)

    def lane(self, upstream, name="default", *, capacity=512 << 20, capacity_messages=0, expiry="31d", when_full="drop-oldest",
             sync="grouped", sync_interval="50ms"):
        """Opens or makes the queue upstream/name; one that is open is returned with the options it has. Names are letters,
        digits, "-", "_" and ".", at most 64.

        capacity: bytes on disk. capacity_messages: most that wait; 0: as many as the bytes allow. expiry: an interval after
        which a message leaves. when_full: "drop-oldest", "reject", or "keep-latest" of each topic. sync: "grouped",
        sync_interval after the first that is not durable; "each", before append() returns; or "off". Raises ConfigError."""
        core = self._core.lane(upstream, name, capacity=capacity, capacity_messages=capacity_messages, expiry=seconds(expiry),
                               when_full=when_full, sync=sync, sync_interval=seconds(sync_interval))
        return Lane(core, self, upstream, name)

    def forgotten(self):
        """The lanes on disk that have not been opened: a list of (upstream, name)."""
        return self._core.forgotten()

    @property
    def uuid(self):
        """Random, made once and kept in the folder."""
        return self._core.uuid()

    def sync(self):
        """Makes everything durable now, and waits for it."""
        self._core.sync()

    def close(self):
        """Makes everything durable and lets the folder go. A second time does nothing."""
        self._core.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __repr__(self):
        return f"<Spool {self.folder!r}>"
