# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A scripted MQTT server, 3.1.1 and 5, for what no real one can be made to do. It keeps the client's books, too: whatever
the script has it answer, the client must not break a rule of MQTT; what it broke is in violations, and stop() fails then."""
import dataclasses
import socket
import struct
import threading
import time
import typing

import hostile_wire as wire
from parts import DEADLINE

FRIENDLY = 0


def acknowledge(connection, publish):
    connection.acknowledge(publish)


def complete(connection, identifier):
    connection.complete(identifier)


@dataclasses.dataclass
class Manner:
    """How the server behaves. Another one may be given at any time: limits hold for connections made after that, the rest
    from the next packet on. The functions run on the connection's thread and answer by the connection's methods."""
    connack: typing.Optional[int] = FRIENDLY  # reason code; None: silence
    session_present: bool = False
    limits: dict = dataclasses.field(default_factory=dict)  # CONNACK's properties by name, see hostile_wire.py
    on_accept: typing.Callable = lambda connection: None  # before anything is read
    on_connect: typing.Optional[typing.Callable] = None  # (connection), in place of CONNACK
    after_connack: typing.Callable = lambda connection: None
    on_publish: typing.Callable = acknowledge  # (connection, publish)
    on_pubrel: typing.Callable = complete  # (connection, identifier)
    on_subscribe: typing.Optional[typing.Callable] = None  # (connection, subscribe), in place of the answer
    on_acknowledgement: typing.Callable = lambda connection, packet: None  # (connection, acknowledgement) of ours
    answers_pings: bool = True
    dribbles: bool = False  # sends every byte by itself


class Connection:
    """One connection of the client. Other threads may use send() and what ends it."""

    def __init__(self, server, sock):
        self._server = server
        self._socket = sock
        self._writing = threading.Lock()
        self.opened = time.monotonic()
        self.closed = None  # when
        self.last_word = None  # when that began, from which the client may know that it is over: the last packet, or the end
        self.ended_by_client = False
        self.ended_by_us = False
        self.connect = None  # its CONNECT
        self.disconnect = None  # the reason code of its DISCONNECT
        self.pings = 0
        self.limits = {}
        self.published = []
        self.subscribed = []
        self.under_way = {}  # identifier: Publish that we have not answered finally
        self.received = set()  # of these, identifiers that got a PUBREC
        self.released = set()  # identifiers that may come in a PUBREL: every one that ever was in a PUBREC
        self.used = set()  # identifiers of this connection
        self.most_under_way = 0

    @property
    def version(self):
        return self.connect.version

    def send(self, data):
        self.last_word = time.monotonic()
        with self._writing:
            try:
                if not self._server.manner.dribbles:
                    self._socket.sendall(data)
                    return
                for byte in data:
                    self._socket.sendall(bytes([byte]))
            except OSError:
                pass  # the reader sees the end

    def acknowledge(self, publish, code=0, **values):
        """PUBACK or PUBREC, by the publish's QoS."""
        if publish.qos == 0:
            return
        if publish.qos == 1 or code >= 0x80:
            self._server.settle(publish, code < 0x80)  # before the client can know
        else:
            with self._server.books():
                self.received.add(publish.identifier)
                self.released.add(publish.identifier)
        kind = wire.PUBACK if publish.qos == 1 else wire.PUBREC
        self.send(wire.acknowledgement(kind, self.version, publish.identifier, code, **values))

    def release(self, change=lambda publishes: publishes):
        """Acknowledges what is under way and was not, in the order that change makes of it. QoS 2: the first half."""
        with self._server.books():
            held = [one for one in self.under_way.values() if one.identifier not in self.received]
        for one in change(held):
            self.acknowledge(one)

    def complete(self, identifier, code=0):
        """PUBCOMP."""
        with self._server.books():
            publish = self.under_way.get(identifier) if identifier in self.received else None
            self.received.discard(identifier)
        if publish is not None:
            self._server.settle(publish, code < 0x80)
        self.send(wire.acknowledgement(wire.PUBCOMP, self.version, identifier, code))

    def disconnect_with(self, code, **values):
        """DISCONNECT with a reason, then the end."""
        self.send(wire.disconnect(code, **values))
        self.close()

    def close(self):
        self.ended_by_us = True
        self.last_word = self.last_word or time.monotonic()
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def cut(self):
        """An abrupt end, as of a server that was killed."""
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            return
        self.close()


class Hostile:
    """Listens on a free port until stop(). What it saw is guarded by its condition: read it in wait_for(), or by the lists'
    copies that seen() gives. payloads are text."""

    def __init__(self, manner=None, address="127.0.0.1", port=0):
        self.manner = manner or Manner()
        self._news = threading.Condition()
        self._listener = socket.create_server((address, port), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.url = f"mqtt://{address}:{self.port}"
        self.connections = []
        self.published = []  # every Publish, in order of arrival
        self.acknowledged = []  # those that were positively acknowledged; QoS 0 on arrival
        self.violations = []
        self._threads = [threading.Thread(target=self._accept, name="hostile")]
        self._threads[0].start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, sock)
            with self._news:
                self.connections.append(connection)
                self._news.notify_all()
            thread = threading.Thread(target=self._serve, args=(connection, sock), name="hostile")
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection, sock):
        try:
            with sock:
                self.manner.on_accept(connection)
                with sock.makefile("rb") as stream:
                    # What had come before an end of ours is not taken any more, whatever the manner is by then.
                    while not connection.ended_by_us and self._next(connection, stream):
                        pass
        except OSError:
            pass
        except wire.Violation as violation:
            self._violated(connection, str(violation))
        except Exception as error:  # a script that fails fails its test
            self._violated(connection, f"the script failed: {error!r}")
        finally:
            with self._news:
                connection.closed = time.monotonic()
                self._news.notify_all()

    def _violated(self, connection, what):
        with self._news:
            self.violations.append(f"connection {self.connections.index(connection) + 1}: {what}")
            self._news.notify_all()
        connection.cut()

    def _next(self, connection, stream):
        raw = wire.read_packet(stream)
        if raw is None:
            connection.ended_by_client = True
            return False
        head, body, size = raw
        most = connection.limits.get("maximum_packet_size")
        if most and size > most:
            raise wire.Violation(f"a packet of {size} bytes, {most} are allowed")
        if (head >> 4 == wire.CONNECT) != (connection.connect is None):
            raise wire.Violation(f"packet {head >> 4} where CONNECT has to be, or CONNECT again")
        packet = wire.parse(head, body, size, connection.connect.version if connection.connect else 0)
        with self._news:
            getattr(self, "_take_" + type(packet).__name__.lower())(connection, packet)
            self._news.notify_all()
        return self._answer(connection, packet)

    # Into the books.

    def _take_connect(self, connection, packet):
        connection.connect = packet

    def _take_publish(self, connection, publish):
        limits, identifier = connection.limits, publish.identifier
        publish.connection = connection
        if publish.qos > limits.get("maximum_qos", 2):
            raise wire.Violation(f"QoS {publish.qos}, {limits['maximum_qos']} is allowed")
        if publish.retain and not limits.get("retain_available", 1):
            raise wire.Violation(f"a retained message on {publish.topic}, though they are not available")
        if publish.duplicate and identifier not in connection.used and not connection.connect.clean_start:
            pass  # of an earlier connection of a session that goes on
        elif publish.duplicate:
            raise wire.Violation(f"DUP with identifier {identifier}, which was not sent before, or on this connection")
        if identifier in connection.under_way:
            raise wire.Violation(f"identifier {identifier} for a new message, while it is in use")
        if publish.qos:
            connection.under_way[identifier] = publish
            connection.used.add(identifier)
        if len(connection.under_way) > limits.get("receive_maximum", 65535):
            raise wire.Violation(f"{len(connection.under_way)} under way, {limits['receive_maximum']} are allowed")
        connection.most_under_way = max(connection.most_under_way, len(connection.under_way))
        connection.published.append(publish)
        self.published.append(publish)
        if publish.qos == 0:
            self.acknowledged.append(publish)

    def _take_acknowledgement(self, connection, packet):
        if packet.kind == wire.PUBREL and packet.identifier not in connection.released:
            raise wire.Violation(f"PUBREL with identifier {packet.identifier}, which got no PUBREC")

    def _take_subscribe(self, connection, packet):
        connection.subscribed.append(packet)

    def _take_other(self, connection, packet):
        connection.pings += packet.kind == wire.PINGREQ
        if packet.kind == wire.DISCONNECT:
            connection.disconnect = packet.code

    # As the manner says.

    def _answer(self, connection, packet):
        manner = self.manner
        if isinstance(packet, wire.Connect):
            if manner.on_connect:
                manner.on_connect(connection)
            elif manner.connack is not None:
                connection.limits = dict(manner.limits) if packet.version == 5 else {}
                if manner.connack != FRIENDLY:
                    connection.send(wire.connack(packet.version, manner.connack))
                    return False
                connection.send(wire.connack(packet.version, 0, manner.session_present, **connection.limits))
                manner.after_connack(connection)
        elif isinstance(packet, wire.Publish):
            manner.on_publish(connection, packet)
        elif isinstance(packet, wire.Acknowledgement):
            if packet.kind == wire.PUBREL:
                manner.on_pubrel(connection, packet.identifier)
            else:
                manner.on_acknowledgement(connection, packet)
        elif isinstance(packet, wire.Subscribe):
            if manner.on_subscribe:
                manner.on_subscribe(connection, packet)
            elif packet.kind == wire.SUBSCRIBE:
                connection.send(wire.suback(connection.version, packet.identifier, [options & 3 for _, options in packet.filters]))
            else:
                connection.send(wire.suback(connection.version, packet.identifier, [0] * len(packet.filters), wire.UNSUBACK))
        elif packet.kind == wire.PINGREQ and manner.answers_pings:
            connection.send(wire.packet(wire.PINGRESP))
        return packet.kind != wire.DISCONNECT if isinstance(packet, wire.Other) else True

    def settle(self, publish, accepted):
        """Answered finally, into the books: it is ours, or refused."""
        with self._news:
            under_way = publish.connection.under_way
            if under_way.get(publish.identifier) is publish:
                del under_way[publish.identifier]
            if accepted:
                self.acknowledged.append(publish)
            self._news.notify_all()

    # For tests.

    def books(self):
        """Holds the books still: with server.books(): …"""
        return self._news

    def wait_for(self, condition, what="it", deadline=DEADLINE):
        """Until condition(self) is true; returns what it returned."""
        with self._news:
            result = self._news.wait_for(lambda: self.violations or condition(self), deadline)
            assert not self.violations, self.violations
            assert result, f"{what} did not come within {deadline} s; {len(self.connections)} connections, " \
                           f"{len(self.published)} published, {len(self.acknowledged)} acknowledged"
            return result

    def seen(self, acknowledged=False):
        """The payloads of what was published (or acknowledged), in order, with copies."""
        with self._news:
            return [one.payload for one in (self.acknowledged if acknowledged else self.published)]

    def wait_all(self, payloads, deadline=DEADLINE):
        """Until each of these was acknowledged. The deadline is for the next of them: it may take many connections."""
        wanted = set(payloads)

        def missing():
            with self._news:
                return len(wanted - {one.payload for one in self.acknowledged})
        left = missing()
        while left:
            self.wait_for(lambda server: missing() < left, "all messages", deadline)  # noqa: B023
            left = missing()

    def up(self):
        """The connections that have not ended."""
        with self._news:
            return [one for one in self.connections if one.closed is None]

    def pauses(self):
        """Seconds from the end of each connection to the beginning of the next, at most: our threads may be late in seeing either."""
        with self._news:
            return [after.opened - before.last_word for before, after in zip(self.connections, self.connections[1:])
                    if before.last_word is not None]

    def end(self):
        """stop() without a verdict."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
        self._listener.close()
        self._threads[0].join(DEADLINE)
        for connection in self.up():
            connection.cut()
        for thread in self._threads:
            thread.join(DEADLINE)

    def stop(self):
        self.end()
        assert not self.violations, self.violations
