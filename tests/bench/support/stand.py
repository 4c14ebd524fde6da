# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: the gateway and its peers, each between a local broker and an upstream of its own; the load
generator; what /proc says of a process; and runs that take turns."""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[2] / "support")]
import parts  # noqa: E402

PROGRAMS = parts.BINARY_DIR / "bin"
LONG = 900.0
TOPICS = "device/#"


class Missing(Exception):
    """A peer cannot be had on this machine; says why."""


def load(deadline=LONG, **options):
    """One run of mqtt_load; what it printed."""
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    done = subprocess.run([PROGRAMS / "mqtt_load", *words], capture_output=True, text=True, timeout=deadline)
    assert done.returncode == 0, f"mqtt_load {' '.join(words)}: {done.stderr}"
    return json.loads(done.stdout)


def start_load(**options):
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    return subprocess.Popen([PROGRAMS / "mqtt_load", *words], stdout=subprocess.PIPE, text=True)


def finish_load(process):
    said, _ = process.communicate(timeout=LONG)
    assert process.returncode == 0
    return json.loads(said)


def cpu_seconds(pid):
    """Of all its threads so far."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def switches(pid):
    """How often its threads have gone to sleep so far."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


def memory_mb(pid):
    """(RSS, PSS) in MB of a million bytes."""
    values = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        words = line.split()
        if words[0] in ("Rss:", "Pss:"):
            values[words[0]] = int(words[1]) * 1024 / 1e6
    return values["Rss:"], values["Pss:"]


class Peer:
    """Something that forwards device/# from a local broker to an upstream, both private to it. As a context it is started
    and ended; with upstream_up = False the upstream has a subscriber's session waiting, and is down. disk: the folder for
    what it keeps, if not within the first."""
    name = ""

    def __init__(self, folder, upstream_up=True, disk=None):
        self.folder = pathlib.Path(folder)
        self.disk = disk or self.folder
        self.upstream = parts.Broker(self.folder, name="upstream").start()
        if not upstream_up:
            load(subscribe=self.upstream.port, session="drain", count=0)
            self.upstream.stop()

    def __enter__(self):
        try:
            self.start()
            if self.upstream.process is not None:
                self.wait_linked()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def wait_linked(self):
        """Until a message crosses."""
        reader = subprocess.Popen(["mosquitto_sub", "-p", str(self.upstream.port), "-t", "device/ready", "-q", "1", "-C", "1", "-W", "60"],
                                  stdout=subprocess.DEVNULL)
        try:
            def crossed():
                parts.publish(self.port, "device/ready", "x")
                return reader.poll() is not None
            parts.wait_until(crossed, f"a message through {self.name}", 60)
            assert reader.returncode == 0
        finally:
            reader.kill()
            reader.wait()

    def cpu(self):
        return cpu_seconds(self.pid)

    def end(self):
        self.stop()
        self.upstream.stop()


class Gateway(Peer):
    """tidegated with default settings; a broker of its own; no plugins."""
    name = "gateway"
    more = ""

    def wrapper(self):
        return ()

    def start(self):
        self.gateway = parts.Gateway(self.folder, f'[[upstream]]\nname = "cloud"\nservers = ["{self.upstream.url}"]\nbackoff_most = "1s"\n'
                                     f'[[upstream.forward]]\ntopics = ["{TOPICS}"]\n{self.more}', wrapper=self.wrapper())
        if self.disk != self.folder:
            self.gateway.state = self.disk
        self.gateway.start()

    @property
    def port(self):
        return self.gateway.port

    @property
    def pid(self):
        return self.gateway.process.pid

    def restart_ms(self):
        """Stops it and starts it; from exec until it says, by the file with its broker's address, that it is ready for others."""
        self.gateway.end()
        ready = self.gateway.runtime / "broker.url"
        ready.unlink(missing_ok=True)
        begin = time.monotonic()
        self.gateway.launch()
        while not ready.exists():
            assert self.gateway.process.poll() is None and time.monotonic() < begin + 60, self.gateway.said()
            time.sleep(0.0005)
        return (time.monotonic() - begin) * 1000

    def collect(self, count):
        """A backlog of so many, while the upstream is down."""
        before = self.gateway.lane()["waiting"]
        load(publish=self.port, count=count)
        parts.wait_until(lambda: self.gateway.lane()["waiting"] >= before + count, "the backlog", LONG)

    def check(self, count):
        """That it forwarded as promised."""
        status = self.gateway.lane()
        assert status["trouble"] == "" and status["accepted"] >= count, status

    def stop(self):
        self.gateway.end()


class Bridge(Peer):
    """A Mosquitto bridge: the local broker itself forwards, and keeps its queue in memory."""
    name = "bridge"
    lines = ()

    def start(self):
        self.bridge = parts.Broker(self.disk, "allow_anonymous true", *self.lines, "connection bench",
                                   f"address 127.0.0.1:{self.upstream.port}",
                                   f"topic {TOPICS} out 1", "cleansession false", "restart_timeout 1", "bridge_protocol_version mqttv50",
                                   name="bridge").start()

    @property
    def port(self):
        return self.bridge.port

    @property
    def pid(self):
        return self.bridge.process.pid

    def collect(self, count):
        load(publish=self.port, count=count)

    def check(self, count):
        pass

    def stop(self):
        self.bridge.stop()


class SavingBridge(Bridge):
    """The same told to write its whole database after each change: the nearest to durable that it offers."""
    name = "saving-bridge"
    lines = ("autosave_interval 1", "autosave_on_changes true")


class Beside(Peer):
    """A program beside a local broker of its own."""

    def start(self):
        self.broker = parts.Broker(self.folder, name="local").start()
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log)

    @property
    def port(self):
        return self.broker.port

    @property
    def pid(self):
        return self.process.pid

    def check(self, count):
        pass

    def stop(self):
        if hasattr(self, "process"):
            self.process.terminate()
            self.process.wait(parts.DEADLINE)
            self.log.close()
        if hasattr(self, "broker"):
            self.broker.stop()


def install(folder, what, *commands):
    """Once, into a folder of the build."""
    folder = parts.BINARY_DIR.resolve() / "peers" / folder
    done = folder / "installed"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for command in commands:
            try:
                said = subprocess.run([word.replace("{}", str(folder)) for word in command], capture_output=True, text=True, timeout=600)
            except (FileNotFoundError, subprocess.TimeoutExpired) as problem:
                raise Missing(f"{what} cannot be installed: {problem}") from None
            if said.returncode != 0:
                raise Missing(f"{what} cannot be installed: {(said.stderr.strip() or said.stdout.strip()).splitlines()[-1]}")
        done.touch()
    return folder


class PahoScript(Beside):
    """The script that people write: paho-mqtt 1.6, subscribe here, publish there."""
    name = "paho"

    def command(self):
        folder = install("paho", "paho-mqtt 1.6.1", ["/usr/bin/python3", "-m", "venv", "{}"],
                         ["{}/bin/pip", "install", "--quiet", "paho-mqtt==1.6.1"])
        script = pathlib.Path(__file__).with_name("paho_script.py")
        return [str(folder / "bin" / "python3"), str(script), str(self.broker.port), str(self.upstream.port)]


class NodeRed(Beside):
    """Node-RED with one flow: mqtt in, mqtt out."""
    name = "node-red"

    def command(self):
        folder = install("node-red", "Node-RED 4.1", ["npm", "install", "--silent", "--no-fund", "--no-audit",
                                                         "--prefix", "{}", "node-red@4.1"])
        user = self.folder / "node-red"
        user.mkdir()
        broker = {"type": "mqtt-broker", "protocolVersion": "4", "keepalive": "60", "cleansession": True, "usetls": False,
                  "broker": "127.0.0.1"}
        node = {"z": "flow", "x": 100, "y": 100}
        (user / "flows.json").write_text(json.dumps([
            {"id": "flow", "type": "tab", "label": "bench"},
            {**broker, "id": "local", "name": "", "port": str(self.broker.port)},
            {**broker, "id": "upstream", "name": "", "port": str(self.upstream.port)},
            {**node, "id": "in", "type": "mqtt in", "topic": TOPICS, "qos": "1", "datatype": "buffer", "broker": "local",
             "wires": [["out"]]},
            {**node, "id": "out", "type": "mqtt out", "topic": "", "qos": "1", "retain": "", "broker": "upstream", "wires": []}]))
        (user / "settings.js").write_text("module.exports = {flowFile: 'flows.json', httpAdminRoot: false, httpNodeRoot: false, "
                                          "uiHost: '127.0.0.1', telemetry: {enabled: false}, logging: {console: {level: 'warn'}}}\n")
        return ["node", str(folder / "node_modules" / "node-red" / "red.js"), "-u", str(user), "-p", str(parts.free_port())]


def arguments(description, runs=5, **numbers):
    """The parser with what all have. numbers: name = (default, help)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")
    parser.add_argument("--runs", type=int, default=runs, help="of each side, taking turns; medians count (default %(default)s)")
    for name, (default, words) in numbers.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default, help=f"{words} (default %(default)s)")
    return parser


def folder():
    """A scratch folder on a real disk, not in memory."""
    return tempfile.TemporaryDirectory(prefix="tidegate-bench-", dir=os.environ.get("TIDEGATE_BENCH_FOLDER", "/var/tmp"))


class Results:
    """What the runs gave, by side; prints as it goes unless the output is to be JSON."""

    def __init__(self, quiet):
        self.quiet = quiet
        self.of = {}

    def say(self, text=""):
        if not self.quiet:
            print(text, flush=True)

    def add(self, side, result):
        self.of.setdefault(side, []).append(result)
        shown = (f"{name} {value:,.4g}" if isinstance(value, float) and abs(value) < 1000 else f"{name} {value:,.0f}"
                 for name, value in result.items())
        self.say(f"run {len(self.of[side])}: {side:14} {'  '.join(shown)}")

    def median(self, side, name):
        return statistics.median(one[name] for one in self.of[side])

    def spread(self, side, name, form="{:,.0f}"):
        values = [one[name] for one in self.of[side]]
        return f"{form.format(statistics.median(values))} ({form.format(min(values))}–{form.format(max(values))})"

    def finish(self, answer):
        """answer: what --json prints, beside the runs and the machine."""
        rounded = {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in answer.items()}
        rounded["runs"] = max(len(runs) for runs in self.of.values())
        rounded["machine"] = f"{os.cpu_count()} CPU {platform.machine()}, Linux {platform.release()}"
        if self.quiet:
            print(json.dumps(rounded))
