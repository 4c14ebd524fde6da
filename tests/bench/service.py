# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The services in their sandboxes, under the systemd of a whole machine in emulation: from the start to READY=1, with one upstream and
connected after that, and the memory of each when nothing happens. Beside them in the same machine the distribution's mosquitto.service
with the database and the log that Debian gives it. Seconds of an emulated processor say little; the ratios count."""
import pathlib
import statistics
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent / "support")]
import stand  # noqa: E402
import installed  # noqa: E402
import machine  # noqa: E402

PROGRAMS = [installed.BINARY_DIR / "bin" / name for name in ("tidegated", "tidegate-broker", "tidegate-apps", "tidegate")]
PEER = "mosquitto"
SERVICES = ("tidegated", "tidegate-broker", "tidegate-apps", PEER)
CONFIGURATION = """
[broker]
port = 1884
[[upstream]]
name = "cloud"
servers = ["mqtt://127.0.0.1:1883"]
[[upstream.forward]]
topics = ["device/#"]
"""
PREPARE = "systemd-sysusers\nsystemctl --quiet enable tidegated tidegate-broker tidegate-apps mosquitto\n"
# The memory of all processes of a unit, those in control groups of its own too.
MEMORY = """cat $(find /sys/fs/cgroup$(systemctl show -P ControlGroup {unit}) -name cgroup.procs) | while read pid; do grep -E '^(Rss|Pss):' /proc/$pid/smaps_rollup; done |
awk '{{ sum[$1] += $2 }} END {{ print sum["Rss:"], sum["Pss:"] }}'"""


def start(vm, unit):
    """Milliseconds from a start to READY=1, as systemd saw them."""
    vm.root(f"systemctl reset-failed {unit}; systemctl restart {unit}", 120)
    begun, ready = (int(vm.show(unit, f"{name}TimestampMonotonic")) for name in ("InactiveExit", "ActiveEnter"))
    return (ready - begun) / 1000


def wait_linked(vm):
    vm.wait_until("tidegate status --json | grep -q '\"state\": *\"connected\"'")


def measure(results, starts, seconds):
    with stand.folder() as name:
        folder = pathlib.Path(name)
        stage = folder / "stage"
        installed.install(stage)
        (stage / "etc/tidegate").mkdir(parents=True)
        (stage / "etc/tidegate/tidegate.toml").write_text(CONFIGURATION)
        vm = machine.Machine(folder, machine.image(installed.BINARY_DIR / "machine", PROGRAMS), PREPARE)
        try:
            vm.wait_up()
            for unit in SERVICES:
                vm.wait_until(f"systemctl is-active {unit}", 120)
            wait_linked(vm)
            found = {unit: {"ready_ms": statistics.median(start(vm, unit) for _ in range(starts))} for unit in SERVICES}
            wait_linked(vm)
            time.sleep(seconds)
            for unit in SERVICES:
                rss, pss = (int(word) * 1024 / 1e6 for word in vm.root(MEMORY.format(unit=unit)).split())
                results.add(unit, {**found[unit], "rss_mb": rss, "pss_mb": pss, "cgroup_mb": int(vm.show(unit, "MemoryCurrent")) / 1e6})
            vm.power_off()
        finally:
            vm.stop()


def main():
    given = stand.arguments(__doc__, runs=3, starts=(5, "of each service in a run"), seconds=(20, "of idleness")).parse_args()
    if machine.why_not():
        sys.exit(f"bench: {machine.why_not()}")
    results = stand.Results(given.json)
    for _ in range(given.runs):
        measure(results, given.starts, given.seconds)
    answer = {}
    results.say()
    for unit in SERVICES:
        for name in ("ready_ms", "rss_mb", "pss_mb", "cgroup_mb"):
            key = f"{unit.replace('-', '_')}_{name}"
            answer[key] = results.median(unit, name)
            if unit == PEER:
                continue
            answer[f"{key}_ratio"] = answer[key] / results.median(PEER, name)
            results.say(f"{unit:15} {name:9} {results.spread(unit, name, '{:,.1f}')}, {PEER} {results.spread(PEER, name, '{:,.1f}')}: {answer[f'{key}_ratio']:.2f} ×")
    results.finish(answer)


main()
