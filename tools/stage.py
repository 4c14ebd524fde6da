# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What a play with the real programs needs: a private folder, processes in our charge, an upstream broker, the gateway,
devices and listeners. Everything it starts descends from this process, on loopback, and clean_up() ends it all."""
import collections
import ctypes
import getpass
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import oracle

READY = 30  # seconds that anything may take to come up
_PR_SET_CHILD_SUBREAPER = 36


class Failure(Exception):
    """The play cannot go on; the text says why."""


def held_port():
    """A socket at a free port, which is given to nobody else while it is open; a server that says SO_REUSEADDR can listen there."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", 0))
    return one


def find_program(name):
    """A broker lives in /usr/sbin, which is in nobody's PATH but root's."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        raise Failure(f"{name} is not installed; run tools/setup --for demo")
    return path


def client(program, port, *arguments):
    """The command line of mosquitto_pub or mosquitto_sub for a broker on this machine."""
    return [find_program(program), "-h", "127.0.0.1", "-p", str(port), *map(str, arguments)]


def wait_for(what, condition, seconds=READY):
    """Returns the first true value of condition(); Failure when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds} s in vain: {what}")
        time.sleep(0.05)
    return value


def process_state(pid):
    """(state letter, parent) as the kernel has them; None when there is no such process."""
    try:
        state, parent = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return None
    return state, int(parent)


def alive(pid):
    return (process_state(pid) or "Z")[0] != "Z"


def descendants():
    """Process ids of all that descends from us and lives."""
    children = collections.defaultdict(list)
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        state, parent = process_state(pid) or ("Z", 0)
        if state != "Z":
            children[parent].append(pid)
    found, queue = [], [os.getpid()]
    while queue:
        below = children[queue.pop()]
        found += below
        queue += below
    return found


class Stage:
    """A private folder, and the programs of one build that live in it."""

    def __init__(self, build, parent=None):
        # What outlives its parent, as the local broker does, becomes our child and not init's.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.build = build.resolve()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidegate-demo-", dir=parent))
        for name in ("state", "run", "config/conf.d", "upstream", "logs"):
            (self.folder / name).mkdir(parents=True)
        self.environment = {name: value for name, value in os.environ.items() if name != "TIDEGATE_BROKER"}
        self.environment.update(
            STATE_DIRECTORY=str(self.folder / "state"),
            RUNTIME_DIRECTORY=str(self.folder / "run"),
            CONFIGURATION_DIRECTORY=str(self.folder / "config"),
            PYTHONPATH=str(self.build / "python"),
            PYTHONUNBUFFERED="1",
        )
        self._held = held_port()  # for as long as the stage stands: the upstream goes and comes back
        self.upstream_port = self._held.getsockname()[1]
        self.upstream = self.gateway = None

    def spawn(self, name, command, **streams):
        """Starts a process that logs to logs/<name>.log, in a session of its own, so that Ctrl-C reaches only us."""
        with open(self.folder / "logs" / f"{name}.log", "ab") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, **streams}
            return subprocess.Popen(list(map(str, command)), env=self.environment, start_new_session=True, **streams)

    def run(self, command, seconds=READY):
        """Runs a program to its end: (exit status, what it printed); the status is None when it took too long."""
        try:
            ran = subprocess.run(list(map(str, command)), env=self.environment, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return None, ""
        return ran.returncode, ran.stdout.decode(errors="replace")

    def tail(self, name, lines=15):
        """The last words of a process."""
        try:
            text = (self.folder / "logs" / f"{name}.log").read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])

    def require(self, name, process):
        """Failure, with its last words, when a process that should live does not."""
        if process.poll() is not None:
            raise Failure(f"{name} ended with {process.returncode}:\n{self.tail(name)}")

    # The upstream: a broker of its own, that writes its sessions down when it is stopped.

    def start_upstream(self):
        configuration = self.folder / "upstream" / "mosquitto.conf"
        configuration.write_text(
            f"listener {self.upstream_port} 127.0.0.1\nallow_anonymous true\nuser {getpass.getuser()}\n"
            f"persistence true\npersistence_location {self.folder}/upstream/\n"
            "max_queued_messages 0\nmax_queued_bytes 0\nlog_dest stderr\n"
        )
        self.upstream = self.spawn("upstream", [find_program("mosquitto"), "-c", configuration])

        def answers():
            self.require("upstream", self.upstream)
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.upstream_port)) == 0

        wait_for(f"the upstream broker to listen on port {self.upstream_port}", answers)

    def stop_upstream(self):
        self.upstream.terminate()
        self.upstream.wait(READY)

    # The gateway.

    def configure(self, file, topics):
        """Takes a copy of a configuration, and beside it the upstream with what it is sent. It is tried again every few
        seconds: the default of up to a minute is longer than the play."""
        shutil.copy(file, self.folder / "config" / "tidegate.toml")
        (self.folder / "config" / "conf.d" / "upstream.toml").write_text(
            f'[[upstream]]\nname = "cloud"\nservers = ["mqtt://127.0.0.1:{self.upstream_port}"]\n'
            'backoff_most = "3s"\n\n'
            f"[[upstream.forward]]\ntopics = {json.dumps(topics)}\n"
        )

    def free_line(self):
        """A GPIO line of this machine that nobody uses, as its name and its chip's; nothing where there is none."""
        ran = subprocess.run([self.build / "bin" / "tidegate", "gpio", "info", "--json"], capture_output=True, text=True, check=False)
        for chip in json.loads(ran.stdout)["chips"] if ran.returncode == 0 else []:
            for line in chip["lines"]:
                if not line["used"] and line["direction"] == "input":
                    return f"{chip['label']}:{line['offset']}", line["name"]
        return None

    def configure_sensor(self):
        """An input on a line that is free, only looked at; where there is none, simulated. Returns which, for people."""
        file = self.folder / "config" / "conf.d" / "sensor.toml"
        line = self.free_line()
        if line:
            file.write_text(f'[gpio]\n[[gpio.input]]\nname = "line"\nline = "{line[0]}"\n')
            return "gpio", f"the GPIO line {line[0]} {line[1]}".rstrip() + ", read by its edges"
        file.write_text('[[sim.sensor]]\nname = "water"\nkind = "sine"\ninterval = "200ms"\nperiod = "20s"\nmin = 8\nmax = 14\nunit = "°C"\n')
        return "sim", "no GPIO chip here, so a simulated sensor: tidegate/demo/sim/water"

    def start_gateway(self):
        """Returns its status once its local broker is up and it has subscribed there."""
        configuration = self.folder / "config" / "tidegate.toml"
        self.gateway = self.spawn("tidegated", [self.build / "bin" / "tidegated", "--config", configuration])

        def up():
            self.require("tidegated", self.gateway)
            status = self.status() if (self.folder / "run" / "broker.url").exists() else None
            return status if status and status["broker"]["pid"] and status["local"]["state"] == "connected" else None

        return wait_for("tidegated and its local broker to come up", up)

    def kill_gateway(self):
        self.gateway.kill()
        self.gateway.wait()

    def status(self):
        """What `tidegate status --json` says; None when no gateway answers."""
        code, text = self.run([self.build / "bin" / "tidegate", "status", "--json"], 5)
        return json.loads(text) if code == 0 else None

    def backlog(self):
        """Messages in the spool that are not delivered yet; None when no gateway answers."""
        status = self.status()
        return status and sum(lane["waiting"] for upstream in status["upstreams"] for lane in upstream["lanes"])

    def local_port(self):
        url = (self.folder / "run" / "broker.url").read_text().split()[0]
        return int(url.rstrip("/").rpartition(":")[2])

    def publish(self, port, topic, payload):
        """One message at QoS 1; True when it was acknowledged."""
        return self.run(client("mosquitto_pub", port, "-q", 1, "-t", topic, "-m", payload))[0] == 0

    def clean_up(self, keep=False):
        """Ends whatever descends from us, the gateway first so that it can say goodbye, and removes the folder.
        Returns what could not be removed, in words."""
        if self.gateway is not None and self.gateway.poll() is None:
            self.gateway.terminate()
            try:
                self.gateway.wait(8)
            except subprocess.TimeoutExpired:
                pass
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + 3
            for pid in descendants():
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            while descendants() and time.monotonic() < deadline:
                time.sleep(0.02)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        left = [f"process {pid}" for pid in descendants()]
        return ", ".join(left + ([str(self.folder)] if self.folder.exists() and not keep else []))


class Listener:
    """A mosquitto_sub on every topic, and a thread that hands on each topic and payload that it prints."""

    def __init__(self, stage, name, port, arguments, take):
        command = client("mosquitto_sub", port, "-t", "#", "-F", "%t\\t%p", *arguments)
        self.process = stage.spawn(name, command, stdout=subprocess.PIPE)
        self._take = take
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            topic, _, payload = line.decode(errors="replace").rstrip("\n").partition("\t")
            self._take(topic, payload)


class Device:
    """A mosquitto_pub that is fed stamped lines at a steady rate on device/<name>. What it was given is accepted once
    it has exited with 0: it then had every PUBACK or PUBCOMP."""

    def __init__(self, stage, ledger, lock, port, name, qos, retain, rate):
        self.name = name
        self.last = 0  # n of the last stamp
        self._ledger, self._lock, self._rate = ledger, lock, rate  # the ledger only with the lock
        options = ["-i", f"device-{name}", "-l", "-q", qos, "-t", f"device/{name}", *(["-r"] if retain else [])]
        self._process = stage.spawn(f"device-{name}", client("mosquitto_pub", port, *options), stdin=subprocess.PIPE)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self._thread.start()

    def _publish(self):
        due = time.monotonic()
        try:
            while not self._stop.wait(max(0, due - time.monotonic())):
                due += 1 / self._rate
                self.last += 1
                with self._lock:
                    self._ledger.sent(self.name, self.last)
                line = oracle.stamp(self.name, self.last, time.strftime("%H:%M:%S"))
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()
        except OSError:
            pass  # the device died; its exit status tells

    def finish(self):
        """Ends the input and waits until the broker has acknowledged every line. False when the device failed."""
        self._stop.set()
        self._thread.join()
        try:
            self._process.stdin.close()
            confirmed = self._process.wait(READY) == 0
        except (OSError, subprocess.TimeoutExpired):
            confirmed = False
        if confirmed:
            with self._lock:
                self._ledger.accept_all(self.name)
        return confirmed
