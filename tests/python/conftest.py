# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A real Mosquitto on a free port, an independent witness (mosquitto_sub), and an independent device (mosquitto_pub)."""
import getpass
import os
import pathlib
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

DEADLINE = 20.0
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "python" / "examples"
MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def wait_until(condition, what="the condition", deadline=DEADLINE):
    """Polls, because Python objects of others give no event; fails after the deadline."""
    end = time.monotonic() + deadline
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"{what} did not come within {deadline} s"
        time.sleep(0.005)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def tool_environment():
    """Without the sanitizer that Python is started with: it is for our module, not for other programs."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


class Broker:
    """A Mosquitto of this test's own."""

    def __init__(self, folder, lines=()):
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join([f"listener {self.port} 127.0.0.1", f"user {getpass.getuser()}",
                                           "persistence false", "max_queued_messages 0", *lines]) + "\n")
        self._process = None

    def start(self):
        self._process = subprocess.Popen([MOSQUITTO, "-c", str(self._config)], stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL, env=tool_environment())

        def listens():
            assert self._process.poll() is None, "mosquitto ended"
            with socket.socket() as one:
                return one.connect_ex(("127.0.0.1", self.port)) == 0

        wait_until(listens, "mosquitto")
        return self

    def stop(self):
        """SIGKILL: a Mosquitto that gets SIGTERM while it starts does not end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(DEADLINE)
            self._process = None


class Witness:
    """What mosquitto_sub sees: a queue of (topic, payload)."""

    def __init__(self, broker, topic="#"):
        self._seen = queue.Queue()
        self._ready = threading.Event()
        broker_device(broker, "witness/ready", "yes", retain=True)
        self._process = subprocess.Popen(
            ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.port), "-t", topic, "-t", "witness/ready", "-q", "1",
             "-v"], stdout=subprocess.PIPE, text=True, env=tool_environment())
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        assert self._ready.wait(DEADLINE)

    def _read(self):
        for line in self._process.stdout:
            topic, _, payload = line.rstrip("\n").partition(" ")
            if topic == "witness/ready":
                self._ready.set()
            elif not topic.startswith("tidegate/receipt/"):
                self._seen.put((topic, payload))

    def next(self, deadline=DEADLINE):
        return self._seen.get(timeout=deadline)

    def take(self, count):
        return [self.next() for _ in range(count)]

    def waiting(self):
        """What has come and was not taken, taken."""
        taken = []
        while not self._seen.empty():
            taken.append(self._seen.get())
        return taken

    def stop(self):
        self._process.terminate()
        self._thread.join(DEADLINE)
        self._process.stdout.close()
        self._process.wait(DEADLINE)


def broker_device(broker, topic, payload, qos=1, retain=False):
    """One message from mosquitto_pub, as a device would send it."""
    subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(broker.port), "-t", topic, "-q", str(qos),
                    *(["-r"] if retain else []), *(["-m", payload] if payload else ["-n"])],
                   check=True, timeout=DEADLINE, env=tool_environment())


class Script:
    """A Python program of its own, with its output as it comes."""

    def __init__(self, path, broker=None, **environment):
        env = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        if broker is not None:
            env["TIDEGATE_BROKER"] = broker.url
        self.process = subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, env=env)
        self.lines = []
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait_for(self, text, deadline=DEADLINE):
        """The first line with this text in it."""
        def found():
            return next((line for line in self.lines if text in line), None)
        with self._news:
            self._news.wait_for(lambda: found() is not None or not self._thread.is_alive(), deadline)
            assert found() is not None, f"{text!r} was not said; this was: {self.lines}"
            return found()

    def end(self, number=None):
        """Waits for it to end (after a signal) and returns its exit status."""
        if number is not None:
            self.process.send_signal(number)
        status = self.process.wait(DEADLINE)
        self._thread.join(DEADLINE)
        return status

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE)
        self._thread.join(DEADLINE)
        self.process.stdout.close()


@pytest.fixture
def make_broker(tmp_path):
    made = []

    def make(*lines, start=True):
        one = Broker(tmp_path, lines or ("allow_anonymous true",))
        made.append(one)
        return one.start() if start else one

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def broker(make_broker):
    return make_broker()


@pytest.fixture
def witness(broker):
    one = Witness(broker)
    yield one
    one.stop()


@pytest.fixture
def device(broker):
    return lambda *arguments, **options: broker_device(broker, *arguments, **options)


@pytest.fixture
def make_app(broker):
    """Apps on the test's broker; start() waits for the connection."""
    from tidegate import App
    made = []

    def make(**options):
        app = App("test", broker.url, **options)
        made.append(app)
        begin = app.start

        def start():
            begin()
            wait_until(lambda: app.connected, "the connection")
        app.start = start
        return app

    yield make
    for app in made:
        app.stop()


@pytest.fixture
def app(make_app):
    return make_app()


@pytest.fixture
def script(tmp_path):
    """Runs Python text, or a file, as a program."""
    made = []

    def run(what, broker=None, **environment):
        path = what
        if not isinstance(what, pathlib.Path):
            path = tmp_path / f"script{len(made)}.py"
            path.write_text(what)
        one = Script(path, broker, **environment)
        made.append(one)
        return one

    yield run
    for one in made:
        one.kill()
