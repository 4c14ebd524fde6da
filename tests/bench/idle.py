# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Memory and CPU of tidegated that has its local broker and an upstream connected and nothing to do: no messages, no plugins, no
Python. Beside it, in the same stretch of time, a Mosquitto bridge connected to its upstream."""
import sys
import pathlib
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent / "support")]
import stand  # noqa: E402


def measure(results, seconds):
    with stand.folder() as one, stand.folder() as other, stand.Gateway(one) as gateway, stand.Bridge(other) as bridge:
        peers = (gateway, bridge)
        time.sleep(2)  # what a start leaves to be done is not idle
        before = [(peer.cpu(), stand.switches(peer.pid)) for peer in peers]
        time.sleep(seconds)
        for peer, (cpu, switches) in zip(peers, before):
            cpu, switches = peer.cpu() - cpu, stand.switches(peer.pid) - switches
            rss, pss = stand.memory_mb(peer.pid)
            results.add(peer.name, {"rss_mb": rss, "pss_mb": pss, "cpu_ms_per_30s": cpu * 1000 * 30 / seconds,
                                    "wakeups_per_s": switches / seconds})


def main():
    given = stand.arguments(__doc__, seconds=(30, "of idleness a run")).parse_args()
    results = stand.Results(given.json)
    for _ in range(given.runs):
        measure(results, given.seconds)
    answer = {}
    results.say()
    for name in ("rss_mb", "pss_mb", "cpu_ms_per_30s", "wakeups_per_s"):
        answer[name], answer[f"mosquitto_{name}"] = results.median("gateway", name), results.median("bridge", name)
        results.say(f"{name:15} {results.spread('gateway', name, '{:,.2f}')}, mosquitto {results.spread('bridge', name, '{:,.2f}')}: "
                    f"{answer[name] / answer[f'mosquitto_{name}']:.2f} ×")
    answer["rss_ratio_to_mosquitto"] = answer["rss_mb"] / answer["mosquitto_rss_mb"]
    answer["cpu_ratio_to_mosquitto"] = answer["cpu_ms_per_30s"] / answer["mosquitto_cpu_ms_per_30s"]
    results.finish(answer)


main()
