# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Memory with a backlog of 64-byte messages while the upstream is down: tidegated at 10,000 and at 1,000,000 waiting, and the same
of a Mosquitto bridge; and of tidegated started anew with that backlog. A number of memory varies little: the default is one run."""
import pathlib
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent / "support")]
import stand  # noqa: E402


def fill(kind, few, many):
    with stand.folder() as folder, kind(folder, upstream_up=False) as peer:
        result = {}
        peer.collect(few)
        result["rss_mb_few"], _ = stand.memory_mb(peer.pid)
        begin = time.monotonic()
        peer.collect(many - few)
        result["collected_per_s"] = (many - few) / (time.monotonic() - begin)
        result["rss_mb"], result["pss_mb"] = stand.memory_mb(peer.pid)
        if kind is stand.Gateway:
            peer.restart_ms()
            stand.parts.wait_until(lambda: (peer.gateway.lane() or {}).get("waiting") == many, "the backlog after a start", 60)
            result["rss_mb_after_start"], _ = stand.memory_mb(peer.pid)
        return result


def main():
    given = stand.arguments(__doc__, runs=1, few=(10_000, "messages at first"), count=(1_000_000, "messages then")).parse_args()
    results = stand.Results(given.json)
    for _ in range(given.runs):
        results.add("gateway", fill(stand.Gateway, given.few, given.count))
        results.add("bridge", fill(stand.Bridge, given.few, given.count))
    answer = {"rss_mb_at_1m": results.median("gateway", "rss_mb"), "pss_mb_at_1m": results.median("gateway", "pss_mb"),
              "growth_mb": results.median("gateway", "rss_mb") - results.median("gateway", "rss_mb_few"),
              "bridge_rss_mb_at_1m": results.median("bridge", "rss_mb"),
              "rss_mb_after_start": results.median("gateway", "rss_mb_after_start"),
              "collected_per_s": results.median("gateway", "collected_per_s"),
              "bridge_collected_per_s": results.median("bridge", "collected_per_s"), "count": given.count}
    results.say(f"\n{given.count:,} waiting: RSS {answer['rss_mb_at_1m']:.1f} MB (PSS {answer['pss_mb_at_1m']:.1f}), grown by "
                f"{answer['growth_mb']:.1f} MB since {given.few:,}; the bridge {answer['bridge_rss_mb_at_1m']:.1f} MB")
    results.say(f"after a start with that backlog RSS {answer['rss_mb_after_start']:.1f} MB")
    results.say(f"collected {answer['collected_per_s']:,.0f}/s, the bridge {answer['bridge_collected_per_s']:,.0f}/s")
    results.finish(answer)


main()
