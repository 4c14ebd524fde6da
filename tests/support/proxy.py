# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy between the gateway and a real server that does to the bytes what networks do. Everything may be changed
while it runs; "up" is from the gateway to the server, "down" the way back."""
import socket
import struct
import threading
import time

from parts import DEADLINE, free_port

CHUNK = 1 << 14


class Link:
    """One connection through the proxy."""

    def __init__(self, proxy, near, far):
        self.sockets = {"up": (near, far), "down": (far, near)}  # from, to
        self.passed = {"up": 0, "down": 0}  # bytes
        self.opened = time.monotonic()
        self.closed = None
        self._proxy = proxy

    def cut(self, reset=True):
        """Ends both sides: at once (RST), or in order."""
        for one, _ in self.sockets.values():
            try:
                if reset:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def half_close(self, way="down"):
        """No more bytes come that way; the other goes on."""
        self.sockets[way][1].shutdown(socket.SHUT_WR)


class Proxy:
    """cut_at: {way: n}: every connection ends when that many bytes of it have passed that way; the n-th is the last.
    hole: takes everything and passes nothing on, either way. deaf: reads nothing, so that the TCP window closes.
    rate: {way: bytes a second}. delay: {way: seconds}, kept in order. refuse(): nothing listens."""

    def __init__(self, server_port):
        self._server_port = server_port
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.cut_at, self.rate, self.delay = {}, {}, {}
        self.hole = self.deaf = False
        self.links = []
        self._changed = threading.Condition()
        self._stopped = False
        self._threads = []
        self._listener = None
        self.listen()

    def listen(self):
        """Takes connections (again)."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        thread = threading.Thread(target=self._accept, args=(self._listener,), name="proxy")
        self._threads.append(thread)
        thread.start()

    def refuse(self):
        """New connections are refused from now on; those that are there stay."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def set(self, **faults):
        """Changes faults, also of the connections that are there."""
        with self._changed:
            for name, value in faults.items():
                setattr(self, name, value)
            self._changed.notify_all()

    def up(self):
        """The connections that have not ended."""
        with self._changed:
            return [link for link in self.links if link.closed is None]

    def cut(self, reset=True):
        for link in self.up():
            link.cut(reset)

    def wait_for(self, condition, what="it", deadline=DEADLINE):
        """Until condition(self) is true. It is looked at when a connection begins or ends and when bytes pass."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), deadline), f"{what} did not come within {deadline} s"

    def stop(self):
        self.refuse()
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self.cut()
        for thread in self._threads:
            thread.join(DEADLINE)

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                near.close()
                continue
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(self, near, far)
            pair = [threading.Thread(target=self._carry, args=(link, way), name="proxy") for way in ("up", "down")]
            with self._changed:
                self.links.append(link)
                self._changed.notify_all()
            self._threads += pair
            for thread in pair:
                thread.start()
            thread = threading.Thread(target=self._bury, args=(link, pair, near, far), name="proxy")
            self._threads.append(thread)
            thread.start()

    def _bury(self, link, pair, *sockets):
        for thread in pair:
            thread.join()
        for one in sockets:
            one.close()
        with self._changed:
            link.closed = time.monotonic()
            self._changed.notify_all()

    def _carry(self, link, way):
        source, target = link.sockets[way]
        try:
            while data := self._read(source):
                arrived = time.monotonic()
                if self.hole:
                    continue
                limit = self.cut_at.get(way)
                last = limit is not None and link.passed[way] + len(data) >= limit
                if last:
                    data = data[:limit - link.passed[way]]
                self._wait(arrived, self.delay.get(way, 0))
                for piece in self._pieces(data, way):
                    target.sendall(piece)
                with self._changed:
                    link.passed[way] += len(data)
                    self._changed.notify_all()
                if last:
                    link.cut()
            if not self.hole:
                target.shutdown(socket.SHUT_WR)
        except OSError:
            link.cut()

    def _read(self, source):
        with self._changed:
            self._changed.wait_for(lambda: not self.deaf or self._stopped)
        return source.recv(CHUNK)

    def _wait(self, since, delay):
        """Until that long after since; ends early when the proxy is changed to no delay."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or not self.delay, since + delay - time.monotonic()) if delay else None

    def _pieces(self, data, way):
        rate = self.rate.get(way)
        if not rate:
            yield data
            return
        size = max(1, int(rate / 50))
        for at in range(0, len(data), size):
            yield data[at:at + size]
            with self._changed:
                if self.rate.get(way):
                    self._changed.wait_for(lambda: self._stopped or not self.rate.get(way), size / rate)
