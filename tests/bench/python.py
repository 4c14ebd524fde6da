# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""An automation with tidegate.App beside the same with paho-mqtt 1.6, in turns, each with a broker of its own: messages a second to a
handler that reads topic and payload (QoS 0, QoS 1, and QoS 1 while the main thread computes), published messages a second, CPU a message,
memory of an idle automation, time of the import. gmqtt, an asyncio library, is shown beside."""
import json
import os
import pathlib
import subprocess
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent / "support")]
import stand  # noqa: E402

SIDE = pathlib.Path(__file__).resolve().parent / "support" / "python_side.py"
MODULES = {"tidegate": "tidegate", "paho": "paho.mqtt.client"}
BUSY_SHARE = 10  # paho needs minutes for what others do in a second


def side(library, python, mode, qos, count):
    """What one process measured, and where it is asked for, how many it was sent."""
    environment = {**os.environ, "PYTHONPATH": str(stand.parts.BINARY_DIR.resolve() / "python")}
    with stand.folder() as folder:
        broker = stand.parts.Broker(pathlib.Path(folder)).start()
        words = [python, SIDE, library, mode, broker.port, qos, count]
        process = subprocess.Popen(list(map(str, words)), env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        try:
            while (line := process.stderr.readline()).strip() != "ready":
                if not line:
                    sys.exit(f"bench: {library} did not start: {process.stdout.read()}")
            if mode in ("dispatch", "busy"):
                stand.load(publish=broker.port, count=count, qos=qos)
            said, _ = process.communicate("\n", timeout=stand.LONG)
        finally:
            process.kill()
            process.wait()
            broker.stop()
    return json.loads(said)


def import_ms(python, module):
    """Of a process that has imported nothing else."""
    program = f"import time; begin = time.perf_counter(); import {module}; print((time.perf_counter() - begin) * 1000)"
    environment = {**os.environ, "PYTHONPATH": str(stand.parts.BINARY_DIR.resolve() / "python")}
    environment.pop("PYTHONDONTWRITEBYTECODE")
    return float(subprocess.run([python, "-c", program], env=environment, capture_output=True, text=True, check=True).stdout)


def main():
    given = stand.arguments(__doc__, count=(50_000, "messages a run")).parse_args()
    try:
        peers = stand.install("python", "paho-mqtt 1.6.1 and gmqtt", ["/usr/bin/python3", "-m", "venv", "{}"],
                              ["{}/bin/pip", "install", "--quiet", "paho-mqtt==1.6.1", "gmqtt"])
    except stand.Missing as missing:
        sys.exit(f"bench: {missing}")
    python = str(peers / "bin" / "python3")
    jobs = {"dispatch_qos0": ("dispatch", 0, given.count), "dispatch_qos1": ("dispatch", 1, given.count),
            "dispatch_busy": ("busy", 1, given.count // BUSY_SHARE), "publish_qos0": ("publish", 0, given.count),
            "publish_qos1": ("publish", 1, given.count)}
    results = stand.Results(given.json)
    for _ in range(given.runs):
        for name, (mode, qos, count) in jobs.items():
            for library in ("paho", "tidegate", *(["gmqtt"] if mode == "dispatch" else [])):
                results.add(f"{name} {library}", side(library, python, mode, qos, count))
        for library, module in MODULES.items():
            results.add(f"idle {library}", side(library, python, "idle", 1, 0))
            results.add(f"import {library}", {"ms": import_ms(python, module)})
    answer = {"count": given.count}
    results.say()
    for name in jobs:
        ours, theirs = f"{name} tidegate", f"{name} paho"
        lost = max(one for run in results.of[ours] for one in [jobs[name][2] - run["got"]])
        if lost:
            sys.exit(f"bench: {name}: {lost} messages did not come")
        answer[name] = results.median(ours, "rate") / results.median(theirs, "rate")
        answer[f"{name}_cpu"] = results.median(ours, "cpu_us") / results.median(theirs, "cpu_us")
        beside = f", gmqtt {results.spread(f'{name} gmqtt', 'rate')}" if f"{name} gmqtt" in results.of else ""
        results.say(f"{name:13} {results.spread(ours, 'rate')} /s, paho {results.spread(theirs, 'rate')}{beside}: {answer[name]:.2f} ×; "
                    f"CPU {results.spread(ours, 'cpu_us', '{:.1f}')} µs, paho {results.spread(theirs, 'cpu_us', '{:.1f}')}: "
                    f"{answer[f'{name}_cpu']:.2f} ×")
    for name, what, unit in (("idle", "pss_mb", "MB"), ("import", "ms", "ms")):
        answer[f"{name}_{what}"] = results.median(f"{name} tidegate", what) / results.median(f"{name} paho", what)
        results.say(f"{name:13} {results.spread(f'{name} tidegate', what, '{:.1f}')} {unit}, paho "
                    f"{results.spread(f'{name} paho', what, '{:.1f}')}: {answer[f'{name}_{what}']:.2f} ×")
    results.finish(answer)


main()
