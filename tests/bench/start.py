# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The time that tidegated takes from exec until it is ready for others, its local broker started and subscribed: with a backlog, and
with none, in turns; the upstream is down."""
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent / "support")]
import stand  # noqa: E402


def main():
    given = stand.arguments(__doc__, runs=11, count=(1_000_000, "messages that wait")).parse_args()
    results = stand.Results(given.json)
    with (stand.folder() as one, stand.Gateway(one, upstream_up=False) as full,
          stand.folder() as other, stand.Gateway(other, upstream_up=False) as empty):
        full.collect(given.count)
        for _ in range(given.runs):
            results.add("empty", {"start_ms": empty.restart_ms()})
            results.add("backlog", {"start_ms": full.restart_ms()})
            stand.parts.wait_until(lambda: (full.gateway.lane() or {}).get("waiting") == given.count, "the backlog", 60)
    answer = {"start_ms": results.median("backlog", "start_ms"), "empty_start_ms": results.median("empty", "start_ms"),
              "count": given.count}
    answer["start_ratio"] = answer["start_ms"] / answer["empty_start_ms"]
    results.say(f"\nstart with {given.count:,} waiting {results.spread('backlog', 'start_ms')} ms, "
                f"with none {results.spread('empty', 'start_ms')} ms: {answer['start_ratio']:.2f} ×")
    results.finish(answer)


main()
