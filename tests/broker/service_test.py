# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What the real tidegated tells systemd, with a socket of ours in systemd's place. tests/machine has the real one."""
import ctypes
import os
import pathlib
import socket
import sys
import threading

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support")]

import parts  # noqa: E402

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000


class Systemd:
    """Takes what is told; watchdog: seconds."""

    def __init__(self, folder, watchdog=None):
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._news = threading.Condition()
        self._told = []
        self.environment = {"NOTIFY_SOCKET": str(self.path), **({"WATCHDOG_USEC": str(int(watchdog * 1e6))} if watchdog else {})}
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        while told := self._socket.recv(4096):
            with self._news:
                self._told.append(told.decode())
                self._news.notify_all()

    def told(self):
        with self._news:
            return list(self._told)

    def wait_for(self, word, after=0, deadline=parts.DEADLINE):
        """Until something that begins with the word has been told after so many others; how many there are up to it."""
        def place():
            return next((at + 1 for at, one in enumerate(self._told) if at >= after and one.startswith(word)), 0)
        with self._news:
            assert self._news.wait_for(place, deadline), f"{word} after {after}: {self._told}"
            return place()

    def quiet(self, word, seconds):
        """Whether nothing that begins with the word is told for so long."""
        with self._news:
            count = len(self._told)
            return not self._news.wait_for(lambda: any(one.startswith(word) for one in self._told[count:]), seconds)

    def end(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            one.sendto(b"", str(self.path))
        self._thread.join()
        self._socket.close()


class Gateway(parts.Gateway):
    def __init__(self, *words, systemd, **more):
        super().__init__(*words, **more)
        self._systemd = systemd

    def environment(self):
        return {**super().environment(), **self._systemd.environment}


@pytest.fixture
def make(tmp_path):
    made = []

    def begin(configuration, watchdog=None):
        systemd = Systemd(tmp_path, watchdog)
        made.append(systemd)
        made.insert(0, Gateway(tmp_path, configuration, systemd=systemd))
        return made[0], systemd

    yield begin
    for one in made:
        one.end()


def upstream(url):
    return f'[[upstream]]\nname = "cloud"\nservers = ["{url}"]\nbackoff_most = "1s"\n[[upstream.forward]]\ntopics = ["device/#"]\n'


def test_it_is_ready_without_any_broker(make):
    gateway, systemd = make('[gateway]\nid = "gw"\n[broker]\nurl = "mqtt://127.0.0.1:9"\n' + upstream("mqtt://127.0.0.1:10"))
    gateway.launch()
    systemd.wait_for("READY=1")
    assert gateway.call("status") is not None


def test_its_status_tells_how_it_stands_and_what_waits(make):
    gateway, systemd = make(upstream("mqtt://127.0.0.1:9"))
    gateway.start()
    parts.publish(gateway.port, "device/a", "1")
    systemd.wait_for("STATUS=local broker mqtt://127.0.0.1:")
    parts.wait_until(lambda: any("cloud" in one and "1 message waits" in one for one in systemd.told()), "the message that waits")


def test_a_wrong_configuration_ends_with_78_and_is_never_ready(make):
    gateway, systemd = make('[gateway]\nid = "gw"\nno_such_key = 1\n')
    gateway.launch()
    assert gateway.process.wait(parts.DEADLINE) == 78
    assert systemd.told() == []


def test_it_says_that_it_stops_and_asks_for_time_while_messages_leave(make, tmp_path):
    far = parts.Broker(tmp_path).start()
    gateway, systemd = make('[gateway]\nid = "gw"\nstop_timeout = "60s"\n' + upstream(far.url).replace("[[upstream.forward]]", 'rate = "100/s"\n[[upstream.forward]]'))
    try:
        gateway.start()
        parts.wait_until(lambda: gateway.upstream()["state"] == "connected", "the upstream")
        parts.publish_lines(gateway.port, "device/a", [str(n) for n in range(400)])
        assert gateway.stop() == 0
        at = systemd.wait_for("STOPPING=1")
        systemd.wait_for("EXTEND_TIMEOUT_USEC=", at)
    finally:
        far.stop()


def test_it_asks_for_no_more_time_when_nothing_leaves(make):
    gateway, systemd = make('[gateway]\nid = "gw"\nstop_timeout = "2s"\n' + upstream("mqtt://127.0.0.1:9"))
    gateway.start()
    parts.publish(gateway.port, "device/a", "1")
    assert gateway.stop() == 0
    systemd.wait_for("STOPPING=1")
    assert not any(one.startswith("EXTEND") for one in systemd.told())


def thread_of(process, name):
    """Number of the thread of that name."""
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return int(task.name)
    raise AssertionError([(task / "comm").read_text().strip() for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir()])


def trace(request, thread, data=0):
    if LIBC.ptrace(request, ctypes.c_long(thread), ctypes.c_void_p(0), ctypes.c_void_p(data)) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")


@pytest.mark.parametrize("name", ["upstream cloud", "spool"])
def test_the_watchdog_is_told_nothing_while_a_thread_stands_still(make, name):
    gateway, systemd = make(upstream("mqtt://127.0.0.1:9"), watchdog=3)
    gateway.start()
    systemd.wait_for("WATCHDOG=1", systemd.wait_for("WATCHDOG=1"))
    # Only that thread stops; the others, the loop too, go on.
    thread = thread_of(gateway.process, name)
    try:
        trace(PTRACE_SEIZE, thread)
    except OSError as error:
        pytest.skip(f"this user may not stop a thread of its own process: {error}")
    trace(PTRACE_INTERRUPT, thread)
    os.waitpid(thread, WALL)
    try:
        parts.wait_until(lambda: f"stuck, so that the watchdog is told nothing: {name}" in gateway.said(), "the stuck thread in the log")
        assert systemd.quiet("WATCHDOG=1", 4)
        before = len(systemd.told())
    finally:
        trace(PTRACE_DETACH, thread)
    systemd.wait_for("WATCHDOG=1", before)
