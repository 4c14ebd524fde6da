# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What a disk was told, and what a power cut may leave of it.

QEMU's blklogwrites filter puts every write and flush of a disk into a log, in the order in which they reached the disk (the
format is that of dm-log-writes, all little-endian):

    sector 0         u64 magic 0x6a736677736872, u64 version 1, u64 number of entries, u32 sector size
    then entries     u64 sector, u64 sectors, u64 flags (1 flush, 2 FUA, 4 discard, 8 mark), u64 bytes of data; filled up to
                     a sector; then the data: `sectors` sectors, but for a discard, which has none

A cut at entry p leaves everything up to the last flush before p, and of the writes after it whatever the disk had got to:
here a random part of them, some of them torn between sectors. The number of entries in sector 0 may lag behind; the log
ends where no entry follows.
"""
import collections
import mmap
import struct

FLUSH, DISCARD = 1, 4
SECTOR = 512
MAGIC = 0x6A736677736872

Entry = collections.namedtuple("Entry", "at size flags data")  # bytes on the disk; where the data is in the log


class WriteLog:
    def __init__(self, path):
        with open(path, "rb") as file:
            self._log = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        magic, version, _, sector = struct.unpack_from("<QQQI", self._log)
        if (magic, version, sector) != (MAGIC, 1, SECTOR):
            raise ValueError(f"{path} is not a log of writes with sectors of {SECTOR} bytes")
        self.entries = []
        place = SECTOR
        while place + SECTOR <= len(self._log):
            first, count, flags, _ = struct.unpack_from("<QQQQ", self._log, place)
            size = 0 if flags & DISCARD else count * SECTOR
            if not (count or flags) or place + SECTOR + size > len(self._log):
                break
            self.entries.append(Entry(first * SECTOR, size, flags, place + SECTOR))
            place += SECTOR + size

    def flushes(self):
        """Indices of the entries that are flushes."""
        return [index for index, entry in enumerate(self.entries) if entry.flags & FLUSH]

    def marks(self, at):
        """(index, text) of each write to the block of marks."""
        return [(index, self._log[entry.data:entry.data + entry.size].rstrip(b"\0").decode())
                for index, entry in enumerate(self.entries) if entry.at == at and entry.size]

    def cut(self, image, place, rng, keep):
        """Makes image, which holds the disk as it was before the first entry, what a power cut right after entry `place` leaves.
        keep: how likely each unflushed write is to have reached the medium. Returns (unflushed writes, of them kept, torn)."""
        safe = max((index for index in self.flushes() if index <= place), default=-1)
        kept = torn = 0
        with open(image, "r+b") as disk:
            for index, entry in enumerate(self.entries[:place + 1]):
                if not entry.size:
                    continue
                pieces = [(0, entry.size)]
                if index > safe:
                    if rng.random() >= keep:
                        continue
                    kept += 1
                    if entry.size > SECTOR and rng.random() < 0.3:
                        torn += 1
                        pieces = [(offset, SECTOR) for offset in range(0, entry.size, SECTOR) if rng.random() < 0.5]
                for offset, size in pieces:
                    disk.seek(entry.at + offset)
                    disk.write(self._log[entry.data + offset:entry.data + offset + size])
        unflushed = sum(1 for entry in self.entries[safe + 1:place + 1] if entry.size)
        return unflushed, kept, torn

    def close(self):
        self._log.close()
