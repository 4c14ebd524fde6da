# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""MQTT 5's reason codes, with the names that the specification gives them."""
import functools
import warnings

from .packettypes import PacketTypes as _P

_ALL_ACKS = (_P.PUBACK, _P.PUBREC)
_SUBS = (_P.SUBACK, _P.UNSUBACK)

# code, name, the packets that it has this name in
_TABLE = (
    (0, "Success", (_P.CONNACK, *_ALL_ACKS, _P.PUBREL, _P.PUBCOMP, _P.UNSUBACK, _P.AUTH)),
    (0, "Normal disconnection", (_P.DISCONNECT,)),
    (0, "Granted QoS 0", (_P.SUBACK,)),
    (1, "Granted QoS 1", (_P.SUBACK,)),
    (2, "Granted QoS 2", (_P.SUBACK,)),
    (4, "Disconnect with will message", (_P.DISCONNECT,)),
    (16, "No matching subscribers", _ALL_ACKS),
    (17, "No subscription found", (_P.UNSUBACK,)),
    (24, "Continue authentication", (_P.AUTH,)),
    (25, "Re-authenticate", (_P.AUTH,)),
    (128, "Unspecified error", (_P.CONNACK, *_ALL_ACKS, *_SUBS, _P.DISCONNECT)),
    (129, "Malformed packet", (_P.CONNACK, _P.DISCONNECT)),
    (130, "Protocol error", (_P.CONNACK, _P.DISCONNECT)),
    (131, "Implementation specific error", (_P.CONNACK, *_ALL_ACKS, *_SUBS, _P.DISCONNECT)),
    (132, "Unsupported protocol version", (_P.CONNACK,)),
    (133, "Client identifier not valid", (_P.CONNACK,)),
    (134, "Bad user name or password", (_P.CONNACK,)),
    (135, "Not authorized", (_P.CONNACK, *_ALL_ACKS, *_SUBS, _P.DISCONNECT)),
    (136, "Server unavailable", (_P.CONNACK,)),
    (137, "Server busy", (_P.CONNACK, _P.DISCONNECT)),
    (138, "Banned", (_P.CONNACK,)),
    (139, "Server shutting down", (_P.DISCONNECT,)),
    (140, "Bad authentication method", (_P.CONNACK, _P.DISCONNECT)),
    (141, "Keep alive timeout", (_P.DISCONNECT,)),
    (142, "Session taken over", (_P.DISCONNECT,)),
    (143, "Topic filter invalid", (*_SUBS, _P.DISCONNECT)),
    (144, "Topic name invalid", (_P.CONNACK, *_ALL_ACKS, _P.DISCONNECT)),
    (145, "Packet identifier in use", (*_ALL_ACKS, *_SUBS)),
    (146, "Packet identifier not found", (_P.PUBREL, _P.PUBCOMP)),
    (147, "Receive maximum exceeded", (_P.DISCONNECT,)),
    (148, "Topic alias invalid", (_P.DISCONNECT,)),
    (149, "Packet too large", (_P.CONNACK, _P.DISCONNECT)),
    (150, "Message rate too high", (_P.DISCONNECT,)),
    (151, "Quota exceeded", (_P.CONNACK, *_ALL_ACKS, _P.SUBACK, _P.DISCONNECT)),
    (152, "Administrative action", (_P.DISCONNECT,)),
    (153, "Payload format invalid", (*_ALL_ACKS, _P.DISCONNECT)),
    (154, "Retain not supported", (_P.CONNACK, _P.DISCONNECT)),
    (155, "QoS not supported", (_P.CONNACK, _P.DISCONNECT)),
    (156, "Use another server", (_P.CONNACK, _P.DISCONNECT)),
    (157, "Server moved", (_P.CONNACK, _P.DISCONNECT)),
    (158, "Shared subscription not supported", (_P.SUBACK, _P.DISCONNECT)),
    (159, "Connection rate exceeded", (_P.CONNACK, _P.DISCONNECT)),
    (160, "Maximum connect time", (_P.DISCONNECT,)),
    (161, "Subscription identifiers not supported", (_P.SUBACK, _P.DISCONNECT)),
    (162, "Wildcard subscription not supported", (_P.SUBACK, _P.DISCONNECT)),
)
_NAMES = {(packet, code): name for code, name, packets in _TABLE for packet in packets}
_CODES = {(packet, name): code for (packet, code), name in _NAMES.items()}


@functools.total_ordering
class ReasonCode:
    """A reason code of one kind of packet. Equal to its number, and to its name. KeyError where there is none such."""

    def __init__(self, packetType, aName="Success", identifier=-1):
        self.packetType = packetType
        if identifier != -1:
            self.value = identifier
            self.getName()
        else:
            if packetType == _P.DISCONNECT and aName == "Success":
                aName = "Normal disconnection"
            self.set(aName)

    def getName(self):
        return _NAMES[(self.packetType, self.value)]

    def getId(self, name):
        return _CODES[(self.packetType, name)]

    def set(self, name):
        self.value = self.getId(name)

    @property
    def is_failure(self):
        return self.value >= 0x80

    def json(self):
        return self.getName()

    def pack(self):
        return bytearray([self.value])

    def __eq__(self, other):
        if isinstance(other, str):
            return self.getName() == other
        if isinstance(other, ReasonCode):
            return self.value == other.value
        return self.value == other if isinstance(other, int) else NotImplemented

    def __lt__(self, other):
        if isinstance(other, ReasonCode):
            return self.value < other.value
        return self.value < other if isinstance(other, int) else NotImplemented

    def __hash__(self):
        return hash(self.value)

    def __int__(self):
        return self.value

    def __str__(self):
        return self.getName()

    def __repr__(self):
        return f"ReasonCode({_P.Names[self.packetType]}, {self.getName()!r})"


class _Same(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, ReasonCode)


class ReasonCodes(ReasonCode, metaclass=_Same):
    """paho-mqtt 1.x's name for ReasonCode."""

    def __init__(self, *arguments, **options):
        warnings.warn("ReasonCodes is called ReasonCode now", DeprecationWarning, stacklevel=2)
        super().__init__(*arguments, **options)


def from_network(packet, code):
    """A ReasonCode for what a server sent, which may be a number that the specification does not have there."""
    return ReasonCode(packet, identifier=code if (packet, code) in _NAMES else 128 if code >= 128 else 0)
