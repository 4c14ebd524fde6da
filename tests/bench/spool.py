# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Our log beside SQLite (WAL), LevelDB and one file per message, 64-byte messages, on a file system of their own. Two parts. In
the first each commit adds a batch, and reads and removes the batch before, as fast as it goes: messages and CPU and, by the counters of
the device, bytes and flushes a message. In the second the device takes few writes a second, messages are added one by one at a
steady rate, and the time of each addition is taken: how long does it stall while the disk is busy? Needs root."""
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent / "support")]
import stand  # noqa: E402
from stores import measure  # noqa: E402

STORES = {  # (store, messages a commit): what a power cut can take
    ("log", 1): "50 ms", ("log-wait", 1): "nothing", ("log-wait", 10): "nothing", ("log-wait", 100): "nothing",
    ("sqlite-full", 1): "nothing", ("sqlite-full", 10): "nothing", ("sqlite-full", 100): "nothing",
    ("sqlite-normal", 1): "since checkpoint", ("sqlite-normal", 10): "since checkpoint", ("sqlite-normal", 100): "since checkpoint",
    ("leveldb-sync", 1): "nothing", ("leveldb-sync", 10): "nothing", ("leveldb-sync", 100): "nothing",
    ("leveldb", 1): "30 s", ("leveldb", 100): "30 s", ("files-sync", 1): "nothing", ("files", 1): "30 s"}
SLOW = ("log", "log-wait", "sqlite-full", "sqlite-normal", "leveldb-sync", "leveldb", "files-sync", "files")


def main():
    given = stand.arguments(__doc__, seconds=(2, "of each measurement"), writes=(20, "a second that the slow device takes"),
                            rate=(200, "additions a second on the slow device"), slow_seconds=(20, "of each measurement on it")).parse_args()
    results = stand.Results(given.json)
    for _ in range(given.runs):
        for store, batch in STORES:
            results.add(f"{store}/{batch}", measure(store, batch, given.seconds))
    slow = stand.Results(given.json)
    for store in SLOW:
        result = measure(store, 1, given.slow_seconds, given.rate, 0, slow=given.writes)
        if result is None:
            results.say("\nno slow device: this kernel has no blkio.throttle (cgroup v1); see tests/vm for one with a delayed disk")
            break
        slow.add(store, result)

    table, stalls = [], []
    results.say("\n| store | messages a commit | a power cut takes | messages/s | CPU s per million | bytes to the device a message | "
                "flushes a message |\n|---|---|---|---|---|---|---|")
    for (store, batch), loss in STORES.items():
        side = f"{store}/{batch}"
        row = {name: results.median(side, name) for name in ("rate", "cpu_s_per_million", "bytes", "flushes")}
        table.append({"store": store, "batch": batch, "loss": loss, **row})
        results.say(f"| {store} | {batch} | {loss} | {results.spread(side, 'rate')} | {row['cpu_s_per_million']:.1f} | "
                    f"{row['bytes']:,.0f} | {row['flushes']:.3g} |")
    results.say(f"\nslow device, {given.writes} writes a second; {given.rate} additions a second asked for:\n\n"
                "| store | additions/s | p50 ms | p99 ms | p99.9 ms | most ms |\n|---|---|---|---|---|---|")
    for store, (result,) in slow.of.items():
        row = {name: result[f"{name}_us"] / 1000 for name in ("p50", "p99", "p999", "max")}
        stalls.append({"store": store, "rate": result["rate"], **row})
        results.say(f"| {store} | {result['rate']:,.0f} | " + " | ".join(f"{value:,.2f}" for value in row.values()) + " |")
    results.finish({"table": table, "slow": stalls})


main()
