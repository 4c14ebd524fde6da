# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""FOLDER SECONDS RATE…: the part of gpio_latency.py that runs in the guest, as root. Says one JSON object a run on descriptor 3.
FOLDER is a Python environment with gpiod and paho-mqtt."""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "support"), str(HERE.parents[1] / "vm" / "inside")]

import gpio_sim  # noqa: E402
import parts  # noqa: E402

parts.DEADLINE = 90.0
LINE, METER = 17, 22
TOPIC = "tidegate/gw/gpio/door"
CONFIGURATION = f"""
[[gpio.input]]
name = "door"
line = "GPIO{LINE}"
events = false
[[gpio.counter]]
name = "meter"
line = "GPIO{METER}"
edges = "both"
interval = "1s"
"""


def say(**what):
    os.write(3, (json.dumps(what) + "\n").encode())


class Daemon:
    def __init__(self, _, folder):
        self.gateway = parts.Gateway(folder, CONFIGURATION).start()
        self.port = self.gateway.port

    def stop(self):
        self.gateway.stop()
        self.gateway.end()


class Script:
    def __init__(self, chip, folder):
        self.broker = parts.Broker(folder).start()
        self.port = self.broker.port
        self.process = subprocess.Popen([sys.argv[1] + "/bin/python3", HERE / "gpio_script.py", chip.path, str(LINE), str(self.port), TOPIC])

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.broker.stop()


class Subscriber:
    """mosquitto_sub, which stamps each message as it arrives: it runs at once then, whoever else waits for the processor."""

    def __init__(self, port):
        self.file = pathlib.Path(f"/run/arrived{time.monotonic_ns()}")
        with open(self.file, "wb") as out:
            self.process = subprocess.Popen(["mosquitto_sub", "-p", str(port), "-q", "0", "-F", "%U %r %p", "-t", TOPIC], stdout=out,
                                            env={**os.environ, "TZ": "UTC0"})  # else it looks at the file of the time zone for each message
        os.sched_setscheduler(self.process.pid, os.SCHED_FIFO, os.sched_param(1))

    def arrived(self):
        """(wall time in seconds, payload) of those that were not retained."""
        lines = (line.split() for line in self.file.read_text().splitlines(keepends=True) if line.endswith("\n"))
        return [(float(line[0]), line[2]) for line in lines if line[1] == "0"]

    def settle(self, count, quiet=3):
        """Until so many have arrived, or nothing has for quiet seconds."""
        seen, last = 0, time.monotonic()
        while seen < count and time.monotonic() - last < quiet:
            time.sleep(0.2)
            if len(self.arrived()) > seen:
                seen, last = len(self.arrived()), time.monotonic()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def measure(chip, side, rates, seconds):
    folder = pathlib.Path("/run") / side.__name__
    folder.mkdir()
    peer = side(chip, folder)
    subscriber = Subscriber(peer.port)
    # Each edge is seen through before the first counts.
    known = 0
    while not known:
        chip.burst(LINE, 2, 0.5)
        time.sleep(0.5)
        known = len(subscriber.arrived())
    time.sleep(1)
    # Who makes the edges gets the processor when all others wait, else its own work would count as theirs.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    for rate in rates:
        before = len(subscriber.arrived())
        wall = time.time() - time.monotonic()
        edges = chip.burst(LINE, int(rate * seconds), 1 / rate)
        subscriber.settle(before + len(edges))
        arrived = subscriber.arrived()[before:]
        result = {"side": side.__name__.lower(), "rate": rate, "edges": len(edges), "arrived": len(arrived)}
        # The script says when its edge was; the daemon, which loses none, is told by the order.
        if side is Script:
            edges = [int(payload) / 1e9 for _, payload in arrived]
        if len(arrived) == len(edges):
            late = sorted((at - wall - edge) * 1e6 for (at, _), edge in zip(arrived, edges))
            result |= {"p50_us": statistics.median(late), "p99_us": late[int(len(late) * 0.99)], "max_us": late[-1]}
        say(**result)
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    subscriber.stop()
    return peer


def highest(chip, daemon, edges):
    """As fast as this machine can make them, into a counter: all are counted, those that had no room as a gap."""
    times = chip.burst(METER, edges)
    took = times[-1] - times[0]

    def retained(topic):
        said = subprocess.run(["mosquitto_sub", "-p", str(daemon.port), "-t", f"tidegate/gw/gpio/meter/{topic}", "--retained-only",
                               "-C", "1", "-W", "2"], capture_output=True, text=True, check=False).stdout
        return int(float(said)) if said.strip() else 0

    end = time.monotonic() + 30
    while retained("total") < edges and time.monotonic() < end:
        time.sleep(0.5)
    total, lost = retained("total"), retained("lost")
    say(side="highest", generated=edges, counted=total - lost, gaps=lost, rate=edges / took)


def main():
    assert not gpio_sim.why_not(), gpio_sim.why_not()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
    chip = gpio_sim.Chip("bench", "pinctrl-bcm2711", 54, gpio_sim.PI_LINES)
    seconds, rates = float(sys.argv[2]), [int(word) for word in sys.argv[3:]]
    measure(chip, Script, rates, seconds).stop()
    daemon = measure(chip, Daemon, rates, seconds)
    highest(chip, daemon, 50_000)
    daemon.stop()


main()
