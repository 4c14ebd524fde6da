# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""One run of spool_load on a disk of its own."""
import json
import subprocess
import sys

import stand
from image import Image


def measure(store, batch, seconds, rate=0, cycle=1, warm=200_000, slow=0):
    """What it printed, and bytes and flushes of the device a message. slow: writes a second that the device takes; None when
    it cannot be made slow here."""
    with Image() as image:
        program = stand.PROGRAMS / "spool_load"
        if not program.exists():
            sys.exit("bench: spool_load was not built, for want of SQLite or LevelDB: tools/setup --for bench")
        if store.startswith("files"):
            warm //= 100  # nothing is set up once; and they are slow
        words = {"store": store, "folder": image.folder, "batch": batch, "cycle": cycle, "seconds": seconds, "rate": rate, "warm": warm}
        with subprocess.Popen([program, *(str(word) for name, value in words.items() for word in (f"--{name}", value))],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            image.settle()
            if slow and not image.limit(slow):
                process.stdin.close()
                return None
            bytes_before, flushes_before = image.counters()
            process.stdin.write("go\n")
            process.stdin.flush()
            result = json.loads(process.stdout.readline())
            image.limit(0)
            image.settle()
            bytes_after, flushes_after = image.counters()
            process.stdin.close()
        assert process.returncode == 0
        return {**result, "bytes": (bytes_after - bytes_before) / result["count"],
                "flushes": (flushes_after - flushes_before) / result["count"]}
