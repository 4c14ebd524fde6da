#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The main job on real input, with an outage and a crash in the middle. Started by tools/demo, which builds first."""
import argparse
import collections
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import oracle
from stage import READY, Device, Failure, Listener, Stage, alive, client, wait_for

ROOT = pathlib.Path(__file__).resolve().parent.parent
DRAIN = 30  # seconds beyond the plan that the backlog may take to drain
IN_FLIGHT = 20  # so few messages are no backlog: they are on their way

# What stands in for devices: name, QoS, retained, messages a second.
DEVICES = (("q0", 0, False, 100), ("q1", 1, False, 100), ("q2", 2, False, 50), ("door", 1, True, 5))
SOURCES = [name for name, *_ in DEVICES] + ["sysstat", "sensor", "automation"]


class Interrupted(Exception):
    """A signal asked us to end."""


class Console:
    """The terminal: one line a second, and the events between them."""

    def __init__(self):
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._bold, self._plain = ("\033[1m", "\033[0m") if colour else ("", "")
        self._lines = 0

    def say(self, text=""):
        print(text, flush=True)

    def event(self, text):
        self.say(f"{self._bold}── {text}{self._plain}")

    def live(self, seconds, rates, backlog, per_second, total):
        if self._lines % 15 == 0:
            self.say("  messages a second from:" + " " * (11 * len(rates) - 17) + " | backlog |  at the upstream")
            self.say("  time  " + "".join(f"{name:>11}" for name in rates) + " |         |   per s    total")
        self._lines += 1
        sources = "".join(f"{rate:>11.0f}" for rate in rates.values())
        self.say(f"{seconds:5.0f}s  {sources} | {backlog:>7} | {per_second:>7.0f} {total:>8}")


class Demo:
    def __init__(self, options):
        self.options = options
        self.console = Console()
        self.stage = Stage(options.build, options.folder)
        self.lock = threading.Lock()  # guards what the readers' threads count, down to the empty line
        self.promised, self.unpromised = oracle.Ledger(), oracle.Ledger()  # QoS 1 and 2; QoS 0
        self.at_local, self.at_upstream = collections.Counter(), collections.Counter()  # by source; by topic
        self.reacted = 0

        self.devices, self.unconfirmed = [], []
        self.messages = 0  # sent to the automation
        self.broker_pid, self.local_port, self.adopted = None, None, False
        self.backlog_most, self.returned, self.caught_up = 0, None, None

    # What is heard

    def hear_local(self, topic, _payload):
        levels = topic.split("/")
        if levels[0] == "device":
            source = levels[1]
        elif levels[0] == "IoT101":
            source = "automation" if levels[1] != "Message" else "message"
        else:
            source = levels[2] if len(levels) > 2 else topic
            source = "sensor" if source in ("gpio", "sim") else source
        with self.lock:
            self.at_local[source] += 1

    def hear_upstream(self, topic, payload):
        stamp = oracle.read_stamp(payload)
        if topic == "IoT101/Network" and payload.startswith('{"n":'):
            stamp = ("automation", json.loads(payload)["n"])
        with self.lock:
            self.at_upstream[topic] += 1
            if stamp:
                (self.unpromised if topic == "device/q0" else self.promised).arrived(*stamp)

    def hear_automation(self, process):
        for line in process.stdout:
            what, _, rest = line.decode(errors="replace").strip().partition(" ")
            with self.lock:
                if what == "published":
                    self.promised.sent("automation", int(rest))
                elif what == "accepted":
                    self.promised.accept("automation", int(rest))
                elif what == "reacted":
                    self.reacted += 1

    def seen_upstream(self, topic):
        with self.lock:
            return self.at_upstream[topic]

    # The stage

    def set_the_stage(self):
        stage = self.stage
        stage.configure(ROOT / "etc" / "demo.toml", ["tidegate/demo/#", "IoT101/#", "device/#"])
        self.sensor, words = stage.configure_sensor()
        self.console.event(words)
        self.console.event(f"an upstream broker, and a recorder of what reaches it: 127.0.0.1:{stage.upstream_port}")
        stage.start_upstream()
        # A persistent session at QoS 2: it misses nothing when the upstream restarts, and doubles nothing itself.
        Listener(stage, "recorder", stage.upstream_port, ["-c", "-i", "recorder", "-q", 2], self.hear_upstream)
        self.probe(stage.upstream_port, "recorder/ready", "the recorder to record")

        self.broker_pid = stage.start_gateway()["broker"]["pid"]
        self.local_port = stage.local_port()
        self.console.event(f"tidegated (pid {stage.gateway.pid}), and its local broker (pid {self.broker_pid}):"
                           f" 127.0.0.1:{self.local_port}")
        self.probe(self.local_port, "device/ready", "a message to pass through the gateway")
        Listener(stage, "local-monitor", self.local_port, ["-q", 0, "-R"], self.hear_local)

        self.start_automation()

        def works():
            stage.require("automation", self.automation)
            return self.seen_upstream("IoT101/Network")

        wait_for("the automation's first message to reach the upstream", works)
        devices = ", ".join(f"{name} at QoS {qos}{' retained' * retain}" for name, qos, retain, _ in DEVICES)
        self.console.event(f"an automation (tools/demo_automation.py), and mosquitto_pub as devices: {devices}")
        for name, qos, retain, rate in DEVICES:
            ledger = self.promised if qos else self.unpromised
            self.devices.append(Device(stage, ledger, self.lock, self.local_port, name, qos, retain, rate))

    def probe(self, port, topic, what):
        """Publishes until the recorder has seen it."""

        def seen():
            self.stage.publish(port, topic, "ready")
            deadline = time.monotonic() + 0.5
            while time.monotonic() < deadline and not self.seen_upstream(topic):
                time.sleep(0.02)
            return self.seen_upstream(topic)

        wait_for(what, seen)

    def start_automation(self):
        command = ["/usr/bin/python3", ROOT / "tools" / "demo_automation.py"]
        self.automation = self.stage.spawn("automation", command, stdout=subprocess.PIPE)
        self.automation_heard = threading.Thread(target=self.hear_automation, args=(self.automation,), daemon=True)
        self.automation_heard.start()

    def stop_automation(self):
        """Returns when all that it had to say has been heard."""
        self.automation.terminate()
        try:
            self.automation.wait(READY)
        except subprocess.TimeoutExpired:
            self.automation.kill()
        self.automation_heard.join(READY)

    # The play

    def play(self):
        """The outage and the crash, scaled to the time there is. False when time ran out before all had drained."""
        length = self.options.seconds
        acts = [(0.10, self.send_message), (0.20, self.stop_upstream), (0.30, self.send_message),
                (0.40, self.kill_gateway), (0.50, self.send_message), (0.60, self.return_upstream),
                (0.70, self.send_message), (0.80, self.stop_devices)]
        began = time.monotonic()
        self.last_look = (began, collections.Counter(), sum(self.at_upstream.values()))
        second = 1
        while True:
            elapsed = time.monotonic() - began
            while acts and elapsed >= acts[0][0] * length:
                acts.pop(0)[1]()
            if self.returned and self.caught_up is None:
                self.look_whether_caught_up()
            if elapsed >= second:
                second = int(time.monotonic() - began) + 1
                backlog = self.look(elapsed)
                with self.lock:
                    missing = self.promised.verdict().missing
                if not acts and backlog == 0 and not missing:
                    return True
                if elapsed > length + DRAIN:
                    return False
            self.stage.require("tidegated", self.stage.gateway)
            time.sleep(0.02)

    def look(self, seconds):
        """One live line; returns the backlog."""
        backlog = self.stage.backlog()
        self.backlog_most = max(self.backlog_most, backlog or 0)
        with self.lock:
            now, local, total = time.monotonic(), self.at_local.copy(), sum(self.at_upstream.values())
        before, local_before, total_before = self.last_look
        self.last_look = (now, local, total)
        rates = {name: (local[name] - local_before[name]) / (now - before) for name in SOURCES}
        per_second = (total - total_before) / (now - before)
        self.console.live(seconds, rates, "down" if backlog is None else backlog, per_second, total)
        return backlog

    def look_whether_caught_up(self):
        backlog = self.stage.backlog()
        if backlog is not None and backlog <= IN_FLIGHT:
            self.caught_up = time.monotonic() - self.returned
            self.console.event(f"the backlog is gone {self.caught_up:.1f} s after the upstream's return")

    def send_message(self):
        """One message to the automation; stamped, so it counts."""
        self.messages += 1
        with self.lock:
            self.promised.sent("message", self.messages)
        if self.stage.publish(self.local_port, "IoT101/Message", oracle.stamp("message", self.messages, "good day")):
            with self.lock:
                self.promised.accept("message", self.messages)

    def stop_upstream(self):
        self.stage.stop_upstream()
        self.console.event("the upstream is stopped: the backlog grows")

    def kill_gateway(self):
        stage = self.stage
        stage.kill_gateway()
        broker = f"its local broker (pid {self.broker_pid}) {'lives on' if alive(self.broker_pid) else 'IS DEAD'}"
        self.console.event(f"tidegated (pid {stage.gateway.pid}) is killed with SIGKILL; {broker}")
        time.sleep(0.03 * self.options.seconds)  # the devices go on meanwhile
        pid = stage.start_gateway()["broker"]["pid"]
        self.adopted = pid == self.broker_pid and alive(pid)
        how = f"has adopted its broker (pid {pid})" if self.adopted else f"runs ANOTHER broker (pid {pid})"
        self.console.event(f"tidegated is started again (pid {stage.gateway.pid}), and {how}")

    def return_upstream(self):
        self.stage.start_upstream()
        self.returned = time.monotonic()
        self.console.event("the upstream is back: the backlog drains")

    def stop_devices(self):
        self.unconfirmed = [device.name for device in self.devices if not device.finish()]
        self.stop_automation()
        what = f"FAILED: {', '.join(self.unconfirmed)}" if self.unconfirmed else "every line of theirs is acknowledged"
        self.console.event(f"the devices and the automation end; {what}")

    # The end

    def judge(self, drained):
        """Prints the verdict; True when it is good."""
        waiting = self.stage.backlog() or 0
        with self.lock:
            verdict, zero = self.promised.verdict(spooled=waiting), self.unpromised.verdict()
            topics = self.at_upstream.copy()
        newest = ["-t", "device/door", "-q", 1, "-C", 1, "-W", 5, "--retained-only"]
        _, text = self.stage.run(client("mosquitto_sub", self.stage.upstream_port, *newest))
        retained = oracle.read_stamp(text)
        last = next(("door", device.last) for device in self.devices if device.name == "door")
        readings = sum(count for topic, count in topics.items() if "/sysstat/" in topic)
        sensed = sum(count for topic, count in topics.items() if f"/{self.sensor}/" in topic)
        network = topics["IoT101/Network"]
        gone = f", gone {self.caught_up:.1f} s after the upstream's return" if self.caught_up else ""
        checks = (
            ("QoS 1 and 2", str(verdict),
             verdict.holds and verdict.delivered == verdict.accepted and not self.unconfirmed),
            ("retained", f"the upstream holds {retained and retained[1]}; the last published is {last[1]}",
             retained == last),
            ("backlog", f"{self.backlog_most} at most, {waiting} left{gone}",
             self.backlog_most > IN_FLIGHT and drained),
            ("local broker", f"pid {self.broker_pid}, " + ("adopted" if self.adopted else "NOT adopted"), self.adopted),
            ("sysstat", f"{readings} readings of this machine reached the upstream", readings > 0),
            ("sensor", f"{sensed} readings of {'the GPIO line' if self.sensor == 'gpio' else 'the simulated sensor'} reached the upstream", sensed > 0),
            ("automation", f"{network} network counters reached the upstream; it reacted to {self.reacted} of"
             f" {self.messages} messages", network > 0 and self.reacted >= self.messages),
        )
        self.console.say()
        self.console.event("verdict")
        for name, text, good in checks:
            self.console.say(f"  {'good' if good else 'BAD '}  {name:<13} {text}")
        self.console.say(f"        QoS 0, apart  sent {zero.sent}, arrived {zero.delivered}, duplicated {zero.duplicated}:"
                         " nothing is promised there")
        if verdict.missing:
            named = ", ".join(f"{producer} {n}" for producer, n in verdict.missing[:10])
            self.console.say(f"  did not arrive: {named}{' …' * (len(verdict.missing) > 10)}")
        good = all(good for _, _, good in checks)
        if not good:
            self.console.say(f"  tidegated's last words:\n{self.stage.tail('tidegated')}")
        self.console.say(f"demo: {'everything accepted has arrived' if good else 'NOT GOOD'}")
        return good

    def stay(self):
        """Leaves everything running until a signal ends it."""
        self.start_automation()
        Device(self.stage, oracle.Ledger(), self.lock, self.local_port, "stay", 1, False, 2)
        self.console.say()
        self.console.event("everything stays up, with one device at 2 messages a second; Ctrl-C ends it. To watch:")
        for what, command in (
            ("what is published here", f"mosquitto_sub -h 127.0.0.1 -p {self.local_port} -v -t '#'"),
            ("what reaches the upstream", f"mosquitto_sub -h 127.0.0.1 -p {self.stage.upstream_port} -v -t '#'"),
            ("talk to the automation", f"mosquitto_pub -h 127.0.0.1 -p {self.local_port} -t IoT101/Message -m hello"),
            ("ask the gateway", f"RUNTIME_DIRECTORY={self.stage.folder}/run {self.stage.build}/bin/tidegate status"),
        ):
            self.console.say(f"  {what:<27} {command}")
        while True:
            signal.pause()


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(os.EX_USAGE, f"demo: {message}\n")


def interrupt(number, _frame):
    raise Interrupted(number)


def main():
    parser = Parser(prog="tools/demo", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=40, metavar="N", help="about so long (default 40, least 15)")
    parser.add_argument("--stay", action="store_true", help="afterwards leave it running until Ctrl-C")
    parser.add_argument("--keep", action="store_true", help="keep the private folder with the logs")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, help=argparse.SUPPRESS)  # where the private folder is made
    options = parser.parse_args()
    if not options.seconds >= 15:
        parser.error("--seconds: it takes at least 15 to show an outage and a crash")

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # until there is something to clean up, and a way to do it
    demo = Demo(options)
    for number in signals:
        signal.signal(number, interrupt)
    code = None
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        demo.set_the_stage()
        code = 0 if demo.judge(demo.play()) else 1
        if options.stay:
            demo.stay()
    except Interrupted as signalled:
        code = 128 + signalled.args[0] if code is None else code
        print("\ndemo: ending", flush=True)
    except (Failure, OSError, subprocess.SubprocessError) as failure:
        code = 1
        print(f"demo: {failure}", file=sys.stderr, flush=True)
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        left = demo.stage.clean_up(options.keep)
        if options.keep:
            print(f"demo: the logs are in {demo.stage.folder}/logs", flush=True)
        if left:
            print(f"demo: left behind: {left}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
