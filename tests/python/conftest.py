# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A real Mosquitto on a free port, an independent witness (mosquitto_sub), and an independent device (mosquitto_pub)."""
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support"), str(pathlib.Path(__file__).resolve().parents[2] / "tools")]

from parts import DEADLINE, Broker, tool_environment, wait_until  # noqa: E402, F401

# A script's App has a wall clock of its own; the machine's is left alone: by=("-c", AT, seconds since 1970, messages). It stands still
# until the App has started and so many messages have come, however long that takes, and then it goes.
AT = """
import sys
from tidegate import clock
from tidegate.__main__ import main
real, begin, messages, apps, went = clock.now, float(sys.argv[1]), int(sys.argv[2]), [], []
def now():
    now = real()
    if not went and apps and apps[0]._opened and apps[0].connected and apps[0].counters()["received"] >= messages:
        went.append(now.wall)
    return now._replace(wall=begin + (now.wall - went[0] if went else 0.0))
clock.now, clock.made = now, apps.append
sys.argv = ["tidegate", "run", *sys.argv[3:]]
sys.exit(main())
"""
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "python" / "examples"


class Witness:
    """What mosquitto_sub sees: a queue of (topic, payload)."""

    def __init__(self, broker, topic="#"):
        self._seen = queue.Queue()
        self._ready = threading.Event()
        broker.publish("witness/ready", "yes", 1, True)
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
        self._process.kill()  # mosquitto_sub disconnects inside its handler of SIGTERM, and now and then waits there for itself
        self._thread.join(DEADLINE)
        self._process.stdout.close()
        self._process.wait(DEADLINE)


class Script:
    """A Python program of its own, with its output as it comes. by: words before the path; more: words after it."""

    def __init__(self, path, broker=None, by=(), more=(), **environment):
        env = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        if broker is not None:
            env["TIDEGATE_BROKER"] = broker.url
        self.process = subprocess.Popen([sys.executable, *by, str(path), *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, env=env, start_new_session=True)
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
        if self._thread.is_alive():  # a child of its own hangs, and has its output
            os.killpg(self.process.pid, signal.SIGKILL)
            self._thread.join()
        self.process.stdout.close()


@pytest.fixture
def make_broker(tmp_path):
    made = []

    def make(*lines, start=True):
        made.append(Broker(tmp_path, *lines, name=f"broker{len(made)}"))
        return made[-1].start() if start else made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def broker(make_broker):
    return make_broker()


@pytest.fixture
def upstream(tmp_path):
    one = Broker(tmp_path, name="upstream").start()
    yield one
    one.stop()


@pytest.fixture
def witness(broker):
    one = Witness(broker)
    yield one
    one.stop()


@pytest.fixture
def device(broker):
    return broker.publish


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

    def run(what, broker=None, by=(), more=(), **environment):
        path = what
        if not isinstance(what, pathlib.Path):
            path = tmp_path / f"script{len(made)}.py"
            path.write_text(what)
        one = Script(path, broker, by, more, **environment)
        made.append(one)
        return one

    yield run
    for one in made:
        one.kill()


@pytest.fixture
def automation(script):
    """As script, for what is to end well: on Ctrl-C, with status 0, and without a traceback, unless fails was set."""
    running = []

    def run(*what, **more):
        running.append(script(*what, **more))
        running[-1].fails = False
        return running[-1]

    yield run
    for one in running:
        assert one.end(signal.SIGINT) == 0, one.lines
        assert one.fails or not any("Traceback" in line for line in one.lines), one.lines
