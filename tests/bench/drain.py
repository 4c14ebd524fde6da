# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A backlog collected while the upstream was down, sent to it with a live subscriber when it is up again: messages a second
from the first to the last that came there. The gateway beside a Mosquitto bridge, which has its backlog in memory; with --scale
also the gateway at ten times the backlog. The wait before the first message (the reconnect) is told apart."""
import sys
import pathlib
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent / "support")]
import stand  # noqa: E402


def measure(kind, count):
    with stand.folder() as folder, kind(folder, upstream_up=False) as peer:
        peer.collect(count)
        before = peer.cpu()
        reader = stand.start_load(subscribe=peer.upstream.port, session="drain", count=count)
        begin = time.monotonic()
        peer.upstream.start()
        result = stand.finish_load(reader)
        elapsed = time.monotonic() - begin
        cpu = (peer.cpu() - before) / count * 1e6
        if kind is stand.Gateway:
            stand.parts.wait_until(lambda: peer.gateway.lane()["waiting"] == 0, "an empty lane")
        peer.check(count)
        assert result["received"] == count
        return {"rate": result["rate"], "cpu_s_per_million": cpu, "duplicates": result["duplicates"],
                "first_after_s": elapsed - result["seconds"]}


def main():
    parser = stand.arguments(__doc__, count=(100_000, "messages that wait"))
    parser.add_argument("--scale", action="store_true", help="the gateway at ten times the backlog too")
    given = parser.parse_args()
    results = stand.Results(given.json)
    for _ in range(given.runs):
        results.add("bridge", measure(stand.Bridge, given.count))
        results.add("gateway", measure(stand.Gateway, given.count))
        if given.scale:
            results.add("gateway-x10", measure(stand.Gateway, given.count * 10))

    rate, bridge = results.median("gateway", "rate"), results.median("bridge", "rate")
    answer = {"ratio_to_bridge": rate / bridge, "rate": rate, "bridge_rate": bridge, "count": given.count,
              "cpu_s_per_million": results.median("gateway", "cpu_s_per_million"),
              "bridge_cpu_s_per_million": results.median("bridge", "cpu_s_per_million")}
    results.say(f"\ndrain of {given.count:,}: {results.spread('gateway', 'rate')}/s, "
                f"bridge (in memory) {results.spread('bridge', 'rate')}/s: ratio {answer['ratio_to_bridge']:.2f}")
    results.say(f"cpu of tidegated {answer['cpu_s_per_million']:.1f} s per million, of the bridge {answer['bridge_cpu_s_per_million']:.1f} s")
    if given.scale:
        answer["scale_rate"] = results.median("gateway-x10", "rate")
        answer["scale_ratio"] = answer["scale_rate"] / rate
        results.say(f"drain of {given.count * 10:,}: {results.spread('gateway-x10', 'rate')}/s, "
                    f"{answer['scale_ratio']:.2f} of the rate at {given.count:,}")
    results.finish(answer)


main()
