# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A Mosquitto of the test's own."""
import getpass
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

from ..errors import UnavailableError

_PATIENCE = 20.0
_ATTEMPTS = 5


def _held_port():
    """A socket at a port that was free. On Linux Mosquitto can listen beside it, and nobody else who asks for a free port is given this
    one, not even while the broker is away; elsewhere it has to be closed before."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", 0))
    return one


class Broker:
    """A real Mosquitto on a port of 127.0.0.1 that was free. What it keeps outlives stop() and start(); folder: where. It ends with
    this process, whatever ends that.

    Raises UnavailableError where Mosquitto is not installed, or does not start."""

    def __init__(self, folder):
        self._program = shutil.which("mosquitto", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
        if self._program is None:
            raise UnavailableError("tidegate.testing needs the broker Mosquitto, and there is none in PATH or /usr/sbin: apt-get "
                                   "install mosquitto (Debian, Ubuntu, Raspberry Pi OS), dnf install mosquitto, or apk add mosquitto")
        self._folder = pathlib.Path(folder)
        self._process = self._watcher = None
        self.port = 0
        for left in reversed(range(_ATTEMPTS)):
            self._held = _held_port()
            self.port = self._held.getsockname()[1]
            if not sys.platform.startswith("linux"):
                self._held.close()
            try:
                self.start()
                return
            except UnavailableError:  # somebody took the port meanwhile
                self._held.close()
                if left == 0:
                    raise

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        """Returns when it listens."""
        configuration = self._folder / "mosquitto.conf"
        configuration.write_text("\n".join([
            f"listener {self.port} 127.0.0.1", "allow_anonymous true", f"user {getpass.getuser()}", "persistence true",
            f"persistence_location {self._folder}/", "max_queued_messages 0", "max_inflight_messages 0", "set_tcp_nodelay true"]) + "\n")
        # Without a sanitizer that Python may have been started with.
        environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        with open(self._folder / "mosquitto.log", "ab") as log:
            self._process = subprocess.Popen([self._program, "-c", str(configuration)], stdin=subprocess.DEVNULL, stdout=log,
                                             stderr=log, env=environment)
        # A process that is killed closes its end of the pipe all the same.
        self._watcher = subprocess.Popen(["/bin/sh", "-c", 'read _; kill "$0"', str(self._process.pid)], stdin=subprocess.PIPE,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        limit = time.monotonic() + _PATIENCE
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > limit:
                self.stop()
                said = (self._folder / "mosquitto.log").read_text(errors="replace")[-1000:]
                raise UnavailableError(f"{self._program} does not start: {said}")
            time.sleep(0.002)

    def stop(self):
        if self._watcher is not None:  # first: it must not mean another process by that number
            self._watcher.kill()
            self._watcher.communicate()
            self._watcher = None
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

    def close(self):
        """stop(), for good."""
        self.stop()
        self._held.close()

    def _listens(self):
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0
