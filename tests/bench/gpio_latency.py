# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Latency from an edge on a GPIO line to the arrival of its message at a subscriber of the local broker, QoS 1, retained, at
steady rates: the daemon beside a Python script (gpiod and paho-mqtt 1.6) in the same run of a guest, whose kernel simulates
the chip. And at the highest rate that the guest can make, whether all edges were counted. The guest has one processor and a
clock that counts its instructions, one a nanosecond: a busy host changes nothing, and what is saved by several processors is
not seen."""
import json
import pathlib
import shlex
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent / "support")]
import stand  # noqa: E402
import guest  # noqa: E402

RATES = (10, 100, 1000)
INSIDE = pathlib.Path(__file__).resolve().parent / "support" / "gpio_inside.py"


def run(environment, seconds):
    """One guest: the JSON objects that it said."""
    exports = f"export TIDEGATE_BINARY_DIR={shlex.quote(str(stand.parts.BINARY_DIR.resolve()))} PYTHONDONTWRITEBYTECODE=1"
    words = ["/usr/bin/python3", INSIDE, environment, seconds, *RATES]
    job = f"{exports}\n{shlex.join(map(str, words))} >/dev/console 2>&1\n"
    with stand.folder() as folder, guest.Guest(pathlib.Path(folder) / "guest", job, exact=True) as one:
        one.wait_over(stand.LONG)
        told = [json.loads(line) for line in one.said("{")]
        if not any(line["side"] == "highest" for line in told):
            sys.exit(f"bench: the guest did not get through\n{one.story()}")
    return told


def main():
    given = stand.arguments(__doc__, runs=3, seconds=(20, "at each rate")).parse_args()
    if guest.why_not():
        sys.exit(f"bench: {guest.why_not()}")
    try:
        environment = stand.install("gpio", "gpiod 2 and paho-mqtt 1.6.1", ["/usr/bin/python3", "-m", "venv", "{}"],
                                    ["{}/bin/pip", "install", "--quiet", "gpiod>=2,<3", "paho-mqtt==1.6.1"])
    except stand.Missing as missing:
        sys.exit(f"bench: {missing}")
    results = stand.Results(given.json)
    for _ in range(given.runs):
        for line in run(environment, given.seconds):
            side = line.pop("side")
            if side == "highest":
                results.add(side, line)
                continue
            rate = line.pop("rate")
            if "p99_us" not in line:
                sys.exit(f"bench: of {line['edges']} edges came {line['arrived']} messages: {side} at {rate} a second")
            results.add(f"{side} {rate}/s", line)
    results.say()
    answer = {"seconds": given.seconds}
    for rate in RATES:
        ratios = {}
        answer[f"script_{rate}_lost"] = results.median(f"script {rate}/s", "edges") - results.median(f"script {rate}/s", "arrived")
        for name in ("p50", "p99"):
            for side in ("daemon", "script"):
                answer[f"{side}_{rate}_{name}_us"] = results.median(f"{side} {rate}/s", f"{name}_us")
            ratios[name] = answer[f"daemon_{rate}_{name}_us"] / answer[f"script_{rate}_{name}_us"]
            answer[f"{name}_ratio_to_script_{rate}"] = ratios[name]
            results.say(f"{rate:5}/s {name} {results.spread(f'daemon {rate}/s', f'{name}_us')} µs, "
                        f"script {results.spread(f'script {rate}/s', f'{name}_us')} µs: {ratios[name]:.2f} ×")
    answer["p99_ratio_to_script"] = max(answer[f"p99_ratio_to_script_{rate}"] for rate in RATES)
    for name in ("generated", "counted", "gaps", "rate"):
        answer[f"highest_{name}"] = results.median("highest", name)
    wrong = [one for one in results.of["highest"] if one["counted"] + one["gaps"] != one["generated"]]
    results.say(f"highest rate {answer['highest_rate']:,.0f}/s: {answer['highest_generated']:,.0f} edges, "
                f"{answer['highest_counted']:,.0f} counted and {answer['highest_gaps']:,.0f} in gaps")
    results.finish(answer)
    if wrong:
        sys.exit(f"bench: edges are missing that no gap tells of: {wrong}")


main()
