# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Latency from the publish at the local broker to the receipt at the upstream, QoS 1, 64 bytes, default settings (accepted
level: no sync is waited for), at a steady rate; counted from the time at which each message was due, so that a stall counts for all
that it delays. The gateway beside a Mosquitto bridge."""
import sys
import pathlib

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent / "support")]
import stand  # noqa: E402

FIGURES = ("p50_us", "p99_us", "p999_us", "max_us")


def measure(kind, count, rate):
    with stand.folder() as folder, kind(folder) as peer:
        stand.load(publish=peer.port, subscribe=peer.upstream.port, count=rate, rate=rate)
        result = stand.load(publish=peer.port, subscribe=peer.upstream.port, count=count, rate=rate)
        assert result["received"] == count
        return {name: float(result[name]) for name in FIGURES}


def main():
    given = stand.arguments(__doc__, count=(20_000, "messages a run"), rate=(2_000, "messages a second")).parse_args()
    results = stand.Results(given.json)
    for _ in range(given.runs):
        results.add("bridge", measure(stand.Bridge, given.count, given.rate))
        results.add("gateway", measure(stand.Gateway, given.count, given.rate))
    answer = {"rate": given.rate, "count": given.count}
    results.say()
    for name in FIGURES:
        answer[name], answer[f"bridge_{name}"] = results.median("gateway", name), results.median("bridge", name)
        answer[f"{name[:-3]}_ratio_to_bridge"] = answer[name] / answer[f"bridge_{name}"]
        results.say(f"{name[:-3]:5} {results.spread('gateway', name)} µs, bridge {results.spread('bridge', name)} µs: "
                    f"{answer[f'{name[:-3]}_ratio_to_bridge']:.2f} ×")
    results.finish(answer)


main()
