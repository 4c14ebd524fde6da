# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A scripted MQTT broker for what a real one cannot be made to do. It takes connections, keeps what is published in
the order of arrival before it acknowledges, and cuts connections as told. No mock of Mosquitto: it sends nothing to subscribers."""
import socket
import struct
import threading

from parts import DEADLINE


class Sink:
    """on_publish(n): called with the count of publishes so far, before it is acknowledged; "cut" ends the connection there,
    "cut-after" once the acknowledgement was sent, a number is the reason code to answer with (MQTT 5)."""

    def __init__(self, on_publish=lambda n: None, connack_properties=b""):
        self._on_publish = on_publish
        self._properties = connack_properties
        self._news = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.published = []   # (topic, payload) of each PUBLISH, in order
        self.connections = 0
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection):
        try:
            with connection, connection.makefile("rb") as stream:
                while self._packet(connection, stream):
                    pass
                # An abrupt end, as of a broker that was killed.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass

    def _packet(self, connection, stream):
        head = stream.read(1)
        if not head:
            return False
        length, shift = 0, 0
        while True:
            byte = stream.read(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                break
        body = stream.read(length)
        kind, flags = head[0] >> 4, head[0] & 15
        if kind == 1:
            with self._news:
                self.connections += 1
                self._news.notify_all()
            five = body[6] == 5
            answer = b"\0\0" + (bytes([len(self._properties)]) + self._properties if five else b"")
            connection.sendall(bytes([0x20, len(answer)]) + answer)
        elif kind == 3:
            size = struct.unpack(">H", body[:2])[0]
            topic, rest = body[2:2 + size].decode(), body[2 + size:]
            identifier = b""
            if flags & 6:
                identifier, rest = rest[:2], rest[2:]
            properties, at = rest[0], 1
            if properties & 128:
                properties, at = (properties & 127) | rest[1] << 7, 2
            payload = rest[at + properties:].decode(errors="replace")
            with self._news:
                self.published.append((topic, payload))
                count = len(self.published)
                self._news.notify_all()
            what = self._on_publish(count)
            if what == "cut":
                return False
            if identifier:
                connection.sendall(bytes([0x40, 3]) + identifier + bytes([what]) if isinstance(what, int)
                                   else bytes([0x40, 2]) + identifier)
            return what != "cut-after"
        elif kind == 8:
            connection.sendall(bytes([0x90, 4]) + body[:2] + b"\0\1")
        elif kind == 12:
            connection.sendall(b"\xd0\0")
        return kind != 14

    def wait_for(self, condition, deadline=DEADLINE):
        """Until condition(published) is true; returns what was published."""
        with self._news:
            assert self._news.wait_for(lambda: condition(self.published), deadline), f"{len(self.published)} came"
            return list(self.published)

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(DEADLINE)
