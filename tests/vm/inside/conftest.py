# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""For tests that run as root on a kernel with gpio-sim: in a guest, where gpio_test.py starts them, or on such a machine."""
import collections
import fcntl
import os
import pathlib
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[2] / "support"), str(pathlib.Path(__file__).resolve().parents[3] / "tools")]

import dist_info  # noqa: E402
import gpio_sim  # noqa: E402
import parts  # noqa: E402

parts.DEADLINE = 90.0  # everything is slower in an emulated machine
TIDEGATE = parts.BINARY_DIR.resolve() / "bin" / "tidegate"


def pytest_collection_modifyitems(config, items):
    why_not = "" if config.option.collectonly else gpio_sim.why_not()
    if why_not:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=why_not))


@pytest.fixture(scope="session", autouse=True)
def loopback():
    """A guest begins without."""
    with socket.socket() as one:
        request = struct.pack("16sh22x", b"lo", 1)  # IFF_UP
        fcntl.ioctl(one, 0x8914, request)           # SIOCSIFFLAGS


@pytest.fixture
def make_chip():
    made = []

    def make(label="pinctrl-bcm2711", count=54, names=None, **more):
        names = gpio_sim.PI_LINES if names is None else names
        made.append(gpio_sim.Chip(f"test{len(made)}", label, count, names, **more))
        return made[-1]

    yield make
    for one in reversed(made):
        one.remove()


@pytest.fixture
def pi(make_chip):
    """The chip of a Raspberry Pi 4: GPIO0 to GPIO27 have names, the header is theirs."""
    return make_chip()


@pytest.fixture
def expander(make_chip):
    """A second chip, with 8 lines that have no names."""
    return make_chip("expander", 8, {})


@pytest.fixture
def tidegate(tmp_path):
    """Runs the command line to its end."""
    def run(*words, **more):
        return subprocess.run([TIDEGATE, *map(str, words)], capture_output=True, text=True, timeout=parts.DEADLINE,
                              env=parts.tool_environment(RUNTIME_DIRECTORY=str(tmp_path / "none"), HOME="/nonexistent"), check=False, **more)
    return run


class Running:
    """The command line, or another program, while it runs; what it writes is taken at once, as by a reader that keeps up."""

    def __init__(self, command, **environment):
        self.process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env=parts.tool_environment(**environment))
        self._lines = queue.Queue()
        self._errors = queue.Queue()
        self._threads = [threading.Thread(target=self._take, args=pair) for pair in
                         ((self.process.stdout, self._lines), (self.process.stderr, self._errors))]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _take(stream, into):
        with stream:
            for line in stream:
                into.put(line.rstrip("\n"))

    def line(self):
        """The next that it writes."""
        return self._lines.get(timeout=parts.DEADLINE)

    def interrupt(self):
        """Ctrl-C; as end()."""
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self, deadline=None):
        """Waits for its end: (exit status, lines that were not taken yet, errors)."""
        self.process.wait(deadline or parts.DEADLINE)
        for thread in self._threads:
            thread.join(parts.DEADLINE)
        return self.process.returncode, list(self._lines.queue), "\n".join(self._errors.queue)

    def kill(self):
        self.process.kill()
        self.end()


@pytest.fixture
def start(tmp_path):
    """Starts a program that goes on; "tidegate" is ours."""
    made = []

    def begin(*command, **environment):
        command = (TIDEGATE, *command[1:]) if command[0] == "tidegate" else command
        environment = {"RUNTIME_DIRECTORY": str(tmp_path / "none"), "HOME": "/nonexistent", **environment}
        made.append(Running(command, **environment))
        return made[-1]

    yield begin
    for one in made:
        one.kill()


def let_in(folder):
    """Lets everybody read it: pytest's are for their owner alone."""
    for one in (folder, *folder.parents):
        if one.is_mount():
            break
        one.chmod(one.stat().st_mode | 0o055)


@pytest.fixture(scope="session")
def python_environment(tmp_path_factory):
    """What a script needs to find the module of this build, and gpiozero the pin factories of it."""
    folder = tmp_path_factory.mktemp("entry_points")
    dist_info.write(folder)
    let_in(folder)
    preload = os.environ.get("TIDEGATE_PYTHON_PRELOAD", "")
    return {"PYTHONPATH": f"{parts.BINARY_DIR.resolve() / 'python'}:{folder}", "PYTHONUNBUFFERED": "1",
            **({"LD_PRELOAD": preload, "ASAN_OPTIONS": "detect_leaks=0"} if preload else {})}


# signal.pause() misses a signal that comes just before it.
REST = """
import time
def forever():
    while True:
        time.sleep(0.2)
"""


@pytest.fixture
def python(tmp_path, start, python_environment):
    """Starts a script, given as text. It can `import rest; rest.forever()`, until it is interrupted."""
    (tmp_path / "rest.py").write_text(REST)

    def run(text, **environment):
        path = tmp_path / f"script{len(list(tmp_path.glob('script*')))}.py"
        path.write_text(text)
        return start("/usr/bin/python3", path, **{**python_environment, **environment})
    return run


# at: seconds of time.monotonic(), the clock of kernel edges.
Arrived = collections.namedtuple("Arrived", "topic payload qos retain at")


class Arrivals(parts.Witness):
    """What a subscriber sees, each with the time of its arrival."""

    def _read(self):
        for line in self._process.stdout:
            now = time.monotonic()
            qos, retain, topic, payload = (line.rstrip("\n") + "   ").split(" ", 3)
            if topic == "witness/ready":
                self._ready.set()
                continue
            with self._news:
                self._seen.append(Arrived(topic, payload.rstrip(" "), int(qos), retain == "1", now))
                self._news.notify_all()

    def payloads(self, topic):
        return [one.payload for one in self.seen(topic)]

    def clear(self):
        with self._news:
            self._seen.clear()


class Daemon(parts.Gateway):
    """The real tidegated with the real Mosquitto, and a subscriber to all that it publishes."""

    def __init__(self, *words, **more):
        super().__init__(*words, **more)
        self.arrivals = None

    def start(self, *topics):
        super().start()
        gpio_sim.pin()
        if self.arrivals is None:
            self.arrivals = Arrivals(self, *(topics or ("#",)))
        return self

    def topic(self, name):
        return f"tidegate/gw/gpio/{name}"

    def command(self, name, payload, *options, verb="set", **more):
        parts.publish(self.port, f"{self.topic(name)}/{verb}", payload, 1, more.get("retain", False), *options)

    def wait_state(self, name, payload, deadline=None):
        """Until the last that arrived of a line is this."""
        def last_is(seen):
            states = [one.payload for one in seen if one.topic == self.topic(name)]
            return states and states[-1] == payload
        return self.arrivals.wait_for(last_is, f"{payload!r} of {name}", deadline or parts.DEADLINE)

    def tidegate(self, *words):
        """The command line of a user of this gateway, to its end."""
        return subprocess.run([TIDEGATE, *map(str, words)], capture_output=True, text=True, timeout=parts.DEADLINE, check=False,
                              env=self.environment())

    def suspend(self):
        """It does not run until resume(): what the kernel has for it piles up."""
        self.process.send_signal(signal.SIGSTOP)
        parts.wait_until(lambda: "T" in pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0], "the stop")

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def problem(self, what):
        status = self.status()
        return next((one["why"] for one in status["health"]["problems"] if one["what"] == what), "") if status else ""

    def wait_problem(self, what, words):
        """Until health has it with these words; returns all of them."""
        parts.wait_until(lambda: words in self.problem(what), f"the problem of {what}", parts.DEADLINE)
        return self.problem(what)

    def wait_no_problem(self, what):
        parts.wait_until(lambda: not self.problem(what), f"no problem of {what}", parts.DEADLINE)

    def end(self):
        try:
            if self.arrivals is not None:
                self.arrivals.stop()
        finally:
            super().end()


@pytest.fixture
def make_daemon(tmp_path):
    """make_daemon(TOML) is a gateway that is not started yet; .start() it. It keeps its port and state over stop() and start()."""
    made = []

    def make(configuration, name=None):
        made.append(Daemon(tmp_path, configuration, name or f"gateway{len(made)}"))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.fixture
def nobody():
    """How subprocess runs a program as a user who may do nothing."""
    return {"user": 65534, "group": 65534, "extra_groups": [], "cwd": os.sep}
