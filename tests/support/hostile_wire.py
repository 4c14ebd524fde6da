# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""MQTT 3.1.1 and 5 packets for a server: reads what a client may send, strictly, and writes what a server may send, and
worse. Pure: bytes in, bytes out. What a client must not send raises Violation."""
import dataclasses
import struct

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, \
    DISCONNECT, AUTH = range(1, 16)

# number: (name, type, packets that a client may put it in; "will" is the will's own list)
_PROPERTIES = {
    0x01: ("payload_format", "byte", {PUBLISH, "will"}),
    0x02: ("message_expiry", "four", {PUBLISH, "will"}),
    0x03: ("content_type", "text", {PUBLISH, "will"}),
    0x08: ("response_topic", "text", {PUBLISH, "will"}),
    0x09: ("correlation_data", "binary", {PUBLISH, "will"}),
    0x0B: ("subscription_identifier", "variable", {SUBSCRIBE}),
    0x11: ("session_expiry", "four", {CONNECT, DISCONNECT}),
    0x12: ("assigned_client_id", "text", set()),
    0x13: ("server_keep_alive", "two", set()),
    0x15: ("authentication_method", "text", {CONNECT, AUTH}),
    0x16: ("authentication_data", "binary", {CONNECT, AUTH}),
    0x17: ("request_problem_information", "byte", {CONNECT}),
    0x18: ("will_delay", "four", {"will"}),
    0x19: ("request_response_information", "byte", {CONNECT}),
    0x1A: ("response_information", "text", set()),
    0x1C: ("server_reference", "text", set()),
    0x1F: ("reason_string", "text", {PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT, AUTH}),
    0x21: ("receive_maximum", "two", {CONNECT}),
    0x22: ("topic_alias_maximum", "two", {CONNECT}),
    0x23: ("topic_alias", "two", {PUBLISH}),
    0x24: ("maximum_qos", "byte", set()),
    0x25: ("retain_available", "byte", set()),
    0x26: ("user_property", "pair", {CONNECT, PUBLISH, "will", PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE,
                                     DISCONNECT, AUTH}),
    0x27: ("maximum_packet_size", "four", {CONNECT}),
    0x28: ("wildcard_subscription_available", "byte", set()),
    0x29: ("subscription_identifiers_available", "byte", set()),
    0x2A: ("shared_subscription_available", "byte", set()),
}
_NUMBERS = {name: (number, kind) for number, (name, kind, _) in _PROPERTIES.items()}


class Violation(Exception):
    """The client broke a rule of MQTT."""


def _require(condition, what):
    if not condition:
        raise Violation(what)


# --- Writing ----------------------------------------------------------------------------------------------------------

def variable(number):
    out = b""
    while True:
        number, low = number >> 7, number & 127
        out += bytes([low | (128 if number else 0)])
        if not number:
            return out


def binary(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(value)) + value


def properties(**values):
    """With its length in front. A value that is a list is written once for each."""
    out = b""
    for name, given in values.items():
        number, kind = _NUMBERS[name]
        for value in given if isinstance(given, list) else [given]:
            out += variable(number)
            if kind == "pair":
                out += binary(value[0]) + binary(value[1])
            elif kind in ("text", "binary"):
                out += binary(value)
            elif kind == "variable":
                out += variable(value)
            else:
                out += struct.pack({"byte": ">B", "two": ">H", "four": ">I"}[kind], value)
    return variable(len(out)) + out


def packet(kind, body=b"", flags=0):
    return bytes([kind << 4 | flags]) + variable(len(body)) + body


def connack(version, code=0, session_present=False, **limits):
    return packet(CONNACK, bytes([session_present, code]) + (properties(**limits) if version == 5 else b""))


def acknowledgement(kind, version, identifier, code=0, **values):
    """PUBACK, PUBREC, PUBREL or PUBCOMP; in its short form where that says the same."""
    body = struct.pack(">H", identifier)
    if version == 5 and (code or values):
        body += bytes([code]) + (properties(**values) if values else b"")
    return packet(kind, body, 2 if kind == PUBREL else 0)


def suback(version, identifier, codes, kind=SUBACK):
    return packet(kind, struct.pack(">H", identifier) + (properties() if version == 5 else b"")
                  + (bytes(codes) if kind == SUBACK or version == 5 else b""))


def publish(version, topic, payload=b"", qos=0, identifier=0, flags=None, **values):
    body = binary(topic) + (struct.pack(">H", identifier) if qos else b"") + (properties(**values) if version == 5 else b"")
    return packet(PUBLISH, body + payload, qos << 1 if flags is None else flags)


def disconnect(code=0, **values):
    return packet(DISCONNECT, bytes([code]) + (properties(**values) if values else b""))


# --- Reading ----------------------------------------------------------------------------------------------------------

class _Body:
    def __init__(self, data):
        self._data, self._at = data, 0

    def take(self, size):
        _require(self._at + size <= len(self._data), "a packet that ends too early")
        self._at += size
        return self._data[self._at - size:self._at]

    def byte(self):
        return self.take(1)[0]

    def two(self):
        return struct.unpack(">H", self.take(2))[0]

    def four(self):
        return struct.unpack(">I", self.take(4))[0]

    def variable(self):
        number = 0
        for shift in (0, 7, 14, 21):
            byte = self.byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
        raise Violation("a variable byte integer of more than four bytes")

    def binary(self):
        return self.take(self.two())

    def text(self):
        try:
            text = self.binary().decode()
        except UnicodeDecodeError:
            raise Violation("text that is not UTF-8") from None
        _require("\0" not in text, "text with a NUL")
        return text

    def rest(self):
        return self.take(len(self._data) - self._at)

    def ended(self):
        return self._at == len(self._data)

    def properties(self, where):
        size = self.variable()
        part, values = _Body(self.take(size)), {}
        while not part.ended():
            number = part.variable()
            _require(number in _PROPERTIES, f"the unknown property {number:#x}")
            name, kind, allowed = _PROPERTIES[number]
            _require(where in allowed, f"the property {name} in packet {where}")
            if kind == "pair":
                values.setdefault(name, []).append((part.text(), part.text()))
            else:
                _require(name not in values, f"the property {name} twice")
                values[name] = getattr(part, kind)()
        return values


@dataclasses.dataclass
class Connect:
    version: int
    client_id: str
    clean_start: bool
    keep_alive: int
    properties: dict
    will: tuple  # (topic, payload, qos, retain), or empty
    username: object
    password: object


@dataclasses.dataclass(eq=False)
class Publish:
    topic: str
    payload: str
    qos: int
    retain: bool
    duplicate: bool
    identifier: int  # 0 for QoS 0
    properties: dict
    size: int  # of the whole packet
    connection: object = None  # that it came on

    @property
    def key(self):
        """The dedupe key, without the time it was taken."""
        return next((value for name, value in self.properties.get("user_property", []) if name == "tidegate"), None)


@dataclasses.dataclass
class Subscribe:
    kind: int  # SUBSCRIBE or UNSUBSCRIBE
    identifier: int
    filters: list  # (filter, options)
    properties: dict


@dataclasses.dataclass
class Acknowledgement:
    kind: int
    identifier: int
    code: int


@dataclasses.dataclass
class Other:
    kind: int
    code: int = 0


def read_packet(stream):
    """(first byte, body, size of the whole) of the next packet; None at the end of the stream."""
    head = stream.read(1)
    if not head:
        return None
    length = 0
    for count in range(4):
        byte = stream.read(1)
        if not byte:
            return None
        length |= (byte[0] & 127) << 7 * count
        if byte[0] < 128:
            break
    else:
        raise Violation("a remaining length of more than four bytes")
    body = stream.read(length) if length else b""
    return (head[0], body, 2 + count + length) if len(body) == length else None


def _connect(body):
    _require(body.text() == "MQTT", "a protocol name that is not MQTT")
    version, flags, keep_alive = body.byte(), body.byte(), body.two()
    _require(version in (4, 5), f"the protocol level {version}")
    _require(not flags & 1, "the reserved flag of CONNECT")
    values = body.properties(CONNECT) if version == 5 else {}
    _require(values.get("receive_maximum", 1) and values.get("maximum_packet_size", 1), "a limit of 0")
    client_id, will = body.text(), ()
    if flags & 4:
        if version == 5:
            body.properties("will")
        will = (body.text(), body.binary(), flags >> 3 & 3, bool(flags & 32))
        _require(will[2] < 3, "a will of QoS 3")
    else:
        _require(not flags & 0x38, "flags of a will without a will")
    username = body.text() if flags & 128 else None
    password = body.binary() if flags & 64 else None
    _require(version == 5 or password is None or username is not None, "a password without a user name")
    return Connect(version, client_id, bool(flags & 2), keep_alive, values, will, username, password)


def _publish(body, flags, version, size):
    qos = flags >> 1 & 3
    _require(qos < 3, "a PUBLISH of QoS 3")
    _require(qos or not flags & 8, "DUP at QoS 0")
    topic = body.text()
    _require(topic and "+" not in topic and "#" not in topic, f"the topic {topic!r}")
    identifier = body.two() if qos else 0
    _require(identifier or not qos, "the packet identifier 0")
    values = body.properties(PUBLISH) if version == 5 else {}
    _require("topic_alias" not in values, "a topic alias, which nobody offered")
    return Publish(topic, body.rest().decode(errors="replace"), qos, bool(flags & 1), bool(flags & 8), identifier, values, size)


def parse(head, data, size, version):
    """One packet of a client. version: 4 or 5, from its CONNECT."""
    kind, flags, body = head >> 4, head & 15, _Body(data)
    if kind == PUBLISH:
        return _publish(body, flags, version, size)
    _require(flags == (2 if kind in (PUBREL, SUBSCRIBE, UNSUBSCRIBE) else 0), f"flags {flags} in packet {kind}")
    if kind == CONNECT:
        result = _connect(body)
    elif kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        result = Acknowledgement(kind, body.two(), 0)
        _require(version == 5 or body.ended(), "an acknowledgement that is too long")
        if not body.ended():
            result.code = body.byte()
        if not body.ended():
            body.properties(kind)
    elif kind in (SUBSCRIBE, UNSUBSCRIBE):
        identifier, filters = body.two(), []
        values = body.properties(kind) if version == 5 else {}
        while not body.ended():
            filters.append((body.text(), body.byte() if kind == SUBSCRIBE else 0))
        _require(filters and identifier, "a SUBSCRIBE or UNSUBSCRIBE without a filter or identifier")
        result = Subscribe(kind, identifier, filters, values)
    elif kind in (PINGREQ, DISCONNECT):
        result = Other(kind)
        if kind == DISCONNECT and version == 5 and not body.ended():
            result.code = body.byte()
            if not body.ended():
                body.properties(DISCONNECT)
    else:
        raise Violation(f"packet {kind}, which a client does not send")
    _require(body.ended(), f"packet {kind} with bytes left over")
    return result
