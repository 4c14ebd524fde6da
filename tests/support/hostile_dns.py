# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A name server of the test's own, and a gateway that has no other. It listens at port 53 of an address of the loopback, and
the gateway gets an /etc/resolv.conf that names it, in a mount namespace: both need rights that not everybody has."""
import os
import random
import socket
import struct
import subprocess
import threading

import parts

_UNSHARE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--propagation", "private"]


def missing():
    """Why this cannot be done here; empty when it can."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.bind((f"127.77.{random.randrange(256)}.1", 53))
    except OSError as error:
        return f"no name server of our own: port 53: {error.strerror}"
    done = subprocess.run([*_UNSHARE, "mount", "--bind", "/dev/null", "/etc/resolv.conf"], stderr=subprocess.PIPE, text=True)
    return f"no mount namespace: {done.stderr.strip()}" if done.returncode else ""


class NameServer:
    """names: {name: [IPv4 addresses]}; [] says that there is no such name, and what is not in there gets no answer at all."""

    def __init__(self, **names):
        self.names = {name.replace("_", "."): addresses for name, addresses in names.items()}
        self.asked = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = f"127.77.{random.randrange(256)}.{random.randrange(2, 255)}"
        self._socket.bind((self.address, 53))
        self._thread = threading.Thread(target=self._serve, name="dns")
        self._thread.start()

    def _serve(self):
        while True:
            query, source = self._socket.recvfrom(512)
            if not query:
                return
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            name, kind = ".".join(labels), query[at + 1:at + 3]
            self.asked.append(name)
            if name not in self.names:
                continue
            addresses = self.names[name]
            records = [b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) + socket.inet_aton(one) for one in addresses] \
                if kind == b"\0\1" else []
            flags = 0x8180 if addresses else 0x8183  # no such name
            self._socket.sendto(query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + query[12:at + 5]
                                + b"".join(records), source)

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"", (self.address, 53))
        self._thread.join(parts.DEADLINE)
        self._socket.close()


class NamedGateway(parts.Gateway):
    """A gateway that asks only this name server."""

    def __init__(self, folder, configuration, server, name="gateway"):
        super().__init__(folder, configuration, name)
        self._resolv = self.folder / "resolv.conf"
        self._resolv.write_text(f"nameserver {server.address}\noptions timeout:30 attempts:1\n")

    def launch(self):
        script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*_UNSHARE, "sh", "-c", script, self._resolv, parts.BINARY_DIR / "bin" / "tidegated", "--config", self.file],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment())
        return self
