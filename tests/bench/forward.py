# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Forwarding, QoS 1, 64 bytes, default settings: the gateway, durable, beside a Mosquitto bridge, in memory. Both take turns in
one run, each between two Mosquittos of its own; the medians of the rates make the ratio."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support")]
import parts  # noqa: E402

LOAD = parts.BINARY_DIR / "bin" / "mqtt_load"


def cpu_seconds(pid):
    """Of all its threads so far."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def load(publish_port, subscribe_port, count, window):
    done = subprocess.run([str(LOAD), str(publish_port), str(subscribe_port), "device/bench", "", str(count), str(window), "64"],
                          capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert result["received"] == count
    return result


def gateway_run(folder, count, window):
    upstream = parts.Broker(folder, name="upstream").start()
    gateway = parts.Gateway(folder, f'[[upstream]]\nname = "cloud"\nservers = ["{upstream.url}"]\n[[upstream.forward]]\ntopics = ["device/#"]\n')
    try:
        gateway.start()
        gateway.wait_state("connected")
        load(gateway.port, upstream.port, count // 10, window)
        before = cpu_seconds(gateway.process.pid)
        result = load(gateway.port, upstream.port, count, window)
        result["cpu"] = (cpu_seconds(gateway.process.pid) - before) / count * 1e6
        status = gateway.lane()
        assert status["trouble"] == "" and status["accepted"] >= count
        return result
    finally:
        gateway.end()
        upstream.stop()


def bridge_run(folder, count, window):
    upstream = parts.Broker(folder, name="upstream").start()
    bridge = parts.Broker(folder, "allow_anonymous true", "connection bench", f"address 127.0.0.1:{upstream.port}",
                          "topic device/# out 1", "cleansession false", "bridge_protocol_version mqttv50", name="bridge").start()
    try:
        with open(os.devnull, "w") as nothing:
            reader = subprocess.Popen(["mosquitto_sub", "-p", str(upstream.port), "-t", "device/ready", "-C", "1", "-W", "30"], stdout=nothing)

            def crossed():
                parts.publish(bridge.port, "device/ready", "x")
                return reader.poll() is not None
            parts.wait_until(crossed, "the bridge")
        load(bridge.port, upstream.port, count // 10, window)
        before = cpu_seconds(bridge.process.pid)
        result = load(bridge.port, upstream.port, count, window)
        result["cpu"] = (cpu_seconds(bridge.process.pid) - before) / count * 1e6
        return result
    finally:
        bridge.stop()
        upstream.stop()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", action="store_true", help="one JSON object and nothing else")
    arguments.add_argument("--count", type=int, default=50_000, help="messages a run")
    arguments.add_argument("--window", type=int, default=2_000, help="most messages between publish and receipt")
    arguments.add_argument("--runs", type=int, default=5)
    given = arguments.parse_args()

    say = (lambda *words: None) if given.json else print
    results = {"gateway": [], "bridge": []}
    for run in range(given.runs):
        for name, measure in (("bridge", bridge_run), ("gateway", gateway_run)):
            with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder:
                result = measure(folder, given.count, given.window)
            results[name].append(result)
            say(f"run {run + 1}: {name:8} {result['rate']:>8,.0f}/s   cpu {result['cpu']:5.1f} s per million   duplicates {result['duplicates']}")

    rate = {name: statistics.median(one["rate"] for one in runs) for name, runs in results.items()}
    cpu = {name: statistics.median(one["cpu"] for one in runs) for name, runs in results.items()}
    ratio = rate["gateway"] / rate["bridge"]
    say(f"\ndurable forward {rate['gateway']:,.0f}/s, bridge (in memory) {rate['bridge']:,.0f}/s: ratio {ratio:.2f}")
    say(f"cpu of tidegated {cpu['gateway']:.1f} s per million; of the bridge, which is the local broker too, {cpu['bridge']:.1f} s")
    if given.json:
        print(json.dumps({"ratio_to_bridge": round(ratio, 3), "rate": rate["gateway"], "bridge_rate": rate["bridge"],
                          "cpu_s_per_million": round(cpu["gateway"], 1), "runs": given.runs, "count": given.count}))


main()
