# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Message buses of a test's own: real dbus-daemons, and stand-ins (python-dbusmock) for services that no test machine runs."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import dbus
from parts import DEADLINE, listens, tool_environment, wait_until

NAME = "org.tidegate.Gateway1"
ROOT = "/org/tidegate/Gateway1"
PROPERTIES = "org.freedesktop.DBus.Properties"

OPEN = '<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>'
# As the system bus has it: who is not let is not in.
CLOSED = """<policy context="default"><allow user="*"/><deny own="*"/><deny send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/>
<allow send_destination="org.freedesktop.DBus"/></policy>"""


class MessageBus:
    """A dbus-daemon at one address over its restarts. policy: the lines of its configuration that say who may what."""

    def __init__(self, policy=OPEN):
        # Not below pytest's folders: those are for one user, and some tests come as another.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidegate-bus-"))
        self.folder.chmod(0o755)
        self.socket = self.folder / "bus"
        self.address = f"unix:path={self.socket}"
        self._configuration = self.folder / "bus.conf"
        self._configuration.write_text(
            '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"'
            ' "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">'
            f"<busconfig><listen>{self.address}</listen><auth>EXTERNAL</auth>{policy}</busconfig>")
        self._process = None
        self._mocks = []
        self._client = None

    def start(self):
        self._process = subprocess.Popen(["dbus-daemon", "--nofork", f"--config-file={self._configuration}"], env=tool_environment())
        wait_until(lambda: listens(self.socket), "the bus")
        return self

    def kill(self):
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(DEADLINE)
            self._process = None
        self.socket.unlink(missing_ok=True)

    def end(self):
        for mock in self._mocks:
            mock.terminate()
            mock.wait(DEADLINE)
        self.kill()
        shutil.rmtree(self.folder)

    def client(self):
        """A connection of dbus-python, which is none of our library; until the bus is killed."""
        if self._client is None:
            self._client = dbus.bus.BusConnection(self.address)
            self._client.set_exit_on_disconnect(False)
        return self._client

    def has(self, name=NAME):
        try:
            return self.client().name_has_owner(name)
        except dbus.DBusException:
            return False

    def wait_name(self, name=NAME):
        wait_until(lambda: self.has(name), f"{name} on the bus")
        return self

    def object(self, path=ROOT, name=NAME):
        return self.client().get_object(name, path, introspect=False)

    def gateway(self):
        return dbus.Interface(self.object(), NAME)

    def get(self, name, path=ROOT, interface=NAME):
        return self.object(path).Get(interface, name, dbus_interface=PROPERTIES)

    def managed(self):
        return self.object().GetManagedObjects(dbus_interface="org.freedesktop.DBus.ObjectManager")

    def busctl(self, *words, user=None, group=None):
        """The exit status of busctl, and what it prints; as another user when asked."""
        options = {}
        if user is not None:
            options = {"user": user, "group": group, "extra_groups": []}
        done = subprocess.run(["busctl", f"--address={self.address}", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=DEADLINE, env=tool_environment(), cwd="/", **options)
        return done.returncode, done.stdout

    def mock(self, *words):
        """A service of python-dbusmock on this bus: --template NAME, or NAME PATH INTERFACE."""
        environment = tool_environment(DBUS_SYSTEM_BUS_ADDRESS=self.address)
        environment.pop("PYTHONPATH", None)
        self._mocks.append(subprocess.Popen(["/usr/bin/python3", "-m", "dbusmock", "--system", *words], env=environment,
                                            stdout=subprocess.DEVNULL))


def another_user():
    """Why no other user can be had; empty when one can."""
    return "" if os.geteuid() == 0 else "being another user takes root"
