# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What a 64-byte message costs the disk: bytes that reach the device, and flushes of its cache (a sync is one or two). Saturated,
and at 1 and 10 messages a second, upstream up and down, where strace also counts the syncs that tidegated itself asks for (the
file system flushes for its journal every 5 s besides); the peers are SQLite, and a Mosquitto bridge that saves after each
change. Each has a disk of its own, an ext4 image on a loop device whose counters count nothing else; what the kernel still holds
back at the end is counted too. Needs root. The slow rates take a minute each and run side by side."""
import pathlib
import shutil
import sys
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent / "support")]
import stand  # noqa: E402
import stores  # noqa: E402
from image import Image  # noqa: E402


class Traced(stand.Gateway):
    """Its syncs are counted."""

    def start(self):
        self.trace = self.folder / "trace"
        super().start()

    def wrapper(self):
        calls = "trace=fsync,fdatasync,sync_file_range,syncfs,msync"
        return ("strace", "-D", "-f", "-q", "--seccomp-bpf", "-e", calls, "-o", str(self.trace))

    def syncs(self):
        return sum("sync" in line and "resumed" not in line for line in self.trace.read_text().splitlines())


def measure(kind, work, upstream_up, count, warm=None):
    """work(peer, messages) makes the messages go, warm(peer) comes first and is not counted."""
    with stand.folder() as folder, Image() as image, kind(folder, upstream_up, image.folder) as peer:
        if warm:
            warm(peer)
        time.sleep(1)
        image.settle()
        bytes_before, flushes_before = image.counters()
        syncs_before = peer.syncs() if kind is Traced else 0
        work(peer, count)
        syncs = {"syncs": (peer.syncs() - syncs_before) / count} if kind is Traced else {}
        image.settle()
        bytes_after, flushes_after = image.counters()
        return {"bytes": (bytes_after - bytes_before) / count, "flushes": (flushes_after - flushes_before) / count, **syncs}


def forward(peer, count):
    stand.load(publish=peer.port, subscribe=peer.upstream.port, count=count)


def collect(peer, count):
    peer.collect(count)


def trickle(rate):
    def work(peer, count):
        stand.load(publish=peer.port, count=count, rate=rate)
        time.sleep(1)
    return work


def store(name, batch, seconds, rate, cycle):
    result = stores.measure(name, batch, seconds, rate, cycle, warm=50_000)
    return {"bytes": result["bytes"], "flushes": result["flushes"]}


def together(results, tasks):
    """tasks: name -> function. All at once; what one throws is thrown here."""
    found, problems = {}, []

    def run(name, task):
        try:
            found[name] = task()
        except BaseException as problem:
            problems.append(problem)
    threads = [threading.Thread(target=run, args=task) for task in tasks.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    for name in tasks:
        results.add(name, found[name])


def main():
    given = stand.arguments(__doc__, runs=1, count=(200_000, "messages when saturated"),
                            warm=(200_000, "messages before, until the first segments are in use again"),
                            saving_count=(2_000, "messages through the bridge that saves each"),
                            seconds=(60, "at each slow rate")).parse_args()
    results = stand.Results(given.json)
    traced = Traced if shutil.which("strace") else stand.Gateway
    settled = min(given.warm, 70_000)  # a lane begins in a file that grows, until that is exchanged
    for _ in range(given.runs):
        results.add("up", measure(stand.Gateway, forward, True, given.count, lambda peer: forward(peer, given.warm)))
        results.add("down", measure(stand.Gateway, collect, False, given.count, lambda peer: collect(peer, settled)))
        results.add("sqlite", store("sqlite-full", 100, 5, 0, 1))
        results.add("saving-bridge", measure(stand.SavingBridge, forward, True, given.saving_count))
        tasks = {}
        for rate in (1, 10):
            count = rate * given.seconds
            for up, work in ((True, forward), (False, collect)):
                tasks[f"{'up' if up else 'down'}-{rate}"] = lambda rate=rate, count=count, up=up, work=work: measure(
                    traced, trickle(rate), up, count, lambda peer: work(peer, settled))
            tasks[f"sqlite-up-{rate}"] = lambda rate=rate: store("sqlite-full", 1, given.seconds, rate, 1)
            tasks[f"sqlite-down-{rate}"] = lambda rate=rate: store("sqlite-full", 1, given.seconds, rate, 0)
        together(results, tasks)

    names = {"up": "saturated, upstream up", "down": "saturated, upstream down", "sqlite": "SQLite FULL, 100 rows a commit, in and out",
             "saving-bridge": f"Mosquitto, saving each of {given.saving_count:,}"}
    for rate in (1, 10):
        for side, words in (("up", "upstream up"), ("down", "upstream down"), ("sqlite-up", "SQLite FULL, one row a commit, in and out"),
                            ("sqlite-down", "SQLite FULL, one row a commit, in")):
            names[f"{side}-{rate}"] = f"{rate} a second, {words}"
    answer = {"device_bytes_per_message": results.median("up", "bytes"), "count": given.count}
    results.say("\n| case | bytes to the device a message | flushes a message | syncs a message |\n|---|---|---|---|")
    for side, words in names.items():
        counted = "syncs" in results.of[side][0]
        results.say(f"| {words} | {results.spread(side, 'bytes')} | {results.spread(side, 'flushes', '{:.3g}')} | "
                    f"{results.spread(side, 'syncs', '{:.3g}') if counted else ''} |")
        key = side.replace("-", "_")
        answer[f"{key}_bytes"], answer[f"{key}_flushes"] = results.median(side, "bytes"), results.median(side, "flushes")
        if counted:
            answer[f"{key}_syncs"] = results.median(side, "syncs")
    results.finish(answer)


main()
