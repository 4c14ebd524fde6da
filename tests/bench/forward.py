# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Forwarding, QoS 1, 64 bytes, default settings: the gateway, durable, beside peers that are not. All take turns in one run,
each between two Mosquittos of its own; the medians of the rates make the ratios. CPU is of the process that forwards: for a
bridge that is the local broker too. With --card, the gateway and the saving bridge also on a disk that takes as many writes a
second as a memory card, and no more; needs root."""
import contextlib
import sys
import pathlib

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent / "support")]
import stand  # noqa: E402
from image import Image  # noqa: E402

PEERS = {"bridge": stand.Bridge, "saving-bridge": stand.SavingBridge, "paho": stand.PahoScript, "node-red": stand.NodeRed}
CARD = ("saving-bridge on card", "gateway on card")


@contextlib.contextmanager
def card(writes):
    """The folder on a disk that takes so many writes a second."""
    with Image() as image:
        if not image.limit(writes):
            raise stand.Missing("this kernel cannot slow a disk down (no blkio.throttle, cgroup v1)")
        yield image.folder


def measure(kind, count, window, writes=0):
    with stand.folder() as folder, (card(writes) if writes else contextlib.nullcontext()) as disk, kind(folder, disk=disk) as peer:
        stand.load(publish=peer.port, subscribe=peer.upstream.port, count=max(1, count // 10), window=window)
        before = peer.cpu()
        result = stand.load(publish=peer.port, subscribe=peer.upstream.port, count=count, window=window)
        cpu = (peer.cpu() - before) / count * 1e6
        peer.check(count)
        assert result["received"] == count
        return {"rate": result["rate"], "cpu_s_per_million": cpu, "duplicates": result["duplicates"]}


def main():
    parser = stand.arguments(__doc__, count=(50_000, "messages a run"),
                             saving_count=(2_000, "messages a run of the saving bridge, which writes all of its database for each"),
                             window=(2_000, "most messages between publish and receipt"))
    parser.add_argument("--peers", default="bridge", help=f"all, or some of {','.join(PEERS)} (default %(default)s)")
    parser.add_argument("--card", type=int, default=0, metavar="WRITES",
                        help="a second that the slow disk takes; the A1 class of SD cards promises 500 (default: no slow disk)")
    given = parser.parse_args()
    names = list(PEERS) if given.peers == "all" else ["bridge", *(name for name in given.peers.split(",") if name != "bridge")]
    for name in names:
        if name not in PEERS:
            parser.error(f"there is no peer '{name}'")

    results = stand.Results(given.json)
    skipped = {}
    for _ in range(given.runs):
        for name in (*names, "gateway", *(CARD if given.card else ())):
            if name in skipped:
                continue
            kind, _, on_card = name.partition(" on ")
            count = given.saving_count if kind == "saving-bridge" else given.count
            try:
                results.add(name, measure(PEERS.get(kind, stand.Gateway), count, given.window, given.card if on_card else 0))
            except stand.Missing as missing:
                skipped[name] = str(missing)
                results.say(f"without {name}: {missing}")

    answer = {"rate": results.median("gateway", "rate"), "cpu_s_per_million": results.median("gateway", "cpu_s_per_million")}
    results.say()
    for side in results.of:
        line = f"{side:21} {results.spread(side, 'rate')}/s   cpu {results.spread(side, 'cpu_s_per_million', '{:.1f}')} s per million"
        if side in PEERS:
            key = side.replace("-", "_")
            answer[f"ratio_to_{key}"] = answer["rate"] / results.median(side, "rate")
            answer[f"{key}_rate"] = results.median(side, "rate")
            answer[f"{key}_cpu_s_per_million"] = results.median(side, "cpu_s_per_million")
            line += f"   gateway is {answer[f'ratio_to_{key}']:.2f} ×"
        results.say(line)
    if all(side in results.of for side in CARD):
        peer, ours = CARD
        answer["card_rate"], answer["card_saving_bridge_rate"] = results.median(ours, "rate"), results.median(peer, "rate")
        answer["card_ratio_to_saving_bridge"] = answer["card_rate"] / answer["card_saving_bridge_rate"]
        results.say(f"on a disk of {given.card} writes a second the gateway is {answer['card_ratio_to_saving_bridge']:.1f} × the saving bridge")
    results.finish({**answer, "count": given.count, "skipped": skipped})


main()
