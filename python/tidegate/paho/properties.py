# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""MQTT 5's properties, each an attribute: the name that the specification has, without its spaces."""
from . import MQTTException
from .packettypes import PacketTypes as _P

_ACKS = (_P.PUBACK, _P.PUBREC, _P.PUBREL, _P.PUBCOMP)
_BYTE, _TWO, _FOUR, _VARIABLE, _BINARY, _TEXT, _PAIR = ("Byte", "Two Byte Integer", "Four Byte Integer",
                                                        "Variable Byte Integer", "Binary Data", "UTF-8 Encoded String",
                                                        "UTF-8 String Pair")
_MESSAGE = (_P.PUBLISH, _P.WILLMESSAGE)

# identifier, name, type, the packets that may carry it
_TABLE = (
    (1, "Payload Format Indicator", _BYTE, _MESSAGE),
    (2, "Message Expiry Interval", _FOUR, _MESSAGE),
    (3, "Content Type", _TEXT, _MESSAGE),
    (8, "Response Topic", _TEXT, _MESSAGE),
    (9, "Correlation Data", _BINARY, _MESSAGE),
    (11, "Subscription Identifier", _VARIABLE, (_P.PUBLISH, _P.SUBSCRIBE)),
    (17, "Session Expiry Interval", _FOUR, (_P.CONNECT, _P.CONNACK, _P.DISCONNECT)),
    (18, "Assigned Client Identifier", _TEXT, (_P.CONNACK,)),
    (19, "Server Keep Alive", _TWO, (_P.CONNACK,)),
    (21, "Authentication Method", _TEXT, (_P.CONNECT, _P.CONNACK, _P.AUTH)),
    (22, "Authentication Data", _BINARY, (_P.CONNECT, _P.CONNACK, _P.AUTH)),
    (23, "Request Problem Information", _BYTE, (_P.CONNECT,)),
    (24, "Will Delay Interval", _FOUR, (_P.WILLMESSAGE,)),
    (25, "Request Response Information", _BYTE, (_P.CONNECT,)),
    (26, "Response Information", _TEXT, (_P.CONNACK,)),
    (28, "Server Reference", _TEXT, (_P.CONNACK, _P.DISCONNECT)),
    (31, "Reason String", _TEXT, (_P.CONNACK, *_ACKS, _P.SUBACK, _P.UNSUBACK, _P.DISCONNECT, _P.AUTH)),
    (33, "Receive Maximum", _TWO, (_P.CONNECT, _P.CONNACK)),
    (34, "Topic Alias Maximum", _TWO, (_P.CONNECT, _P.CONNACK)),
    (35, "Topic Alias", _TWO, (_P.PUBLISH,)),
    (36, "Maximum QoS", _BYTE, (_P.CONNACK,)),
    (37, "Retain Available", _BYTE, (_P.CONNACK,)),
    (38, "User Property", _PAIR, (_P.CONNECT, _P.CONNACK, *_MESSAGE, *_ACKS, _P.SUBSCRIBE, _P.SUBACK, _P.UNSUBSCRIBE,
                                  _P.UNSUBACK, _P.DISCONNECT, _P.AUTH)),
    (39, "Maximum Packet Size", _FOUR, (_P.CONNECT, _P.CONNACK)),
    (40, "Wildcard Subscription Available", _BYTE, (_P.CONNACK,)),
    (41, "Subscription Identifier Available", _BYTE, (_P.CONNACK,)),
    (42, "Shared Subscription Available", _BYTE, (_P.CONNACK,)),
)
_BY_ATTRIBUTE = {name.replace(" ", ""): (identifier, name, kind, packets) for identifier, name, kind, packets in _TABLE}
_ATTRIBUTES = {identifier: name.replace(" ", "") for identifier, name, _, _ in _TABLE}
_MANY = ("UserProperty", "SubscriptionIdentifier")
_LARGEST = {_BYTE: 1, _TWO: 65535, _FOUR: 4294967295, _VARIABLE: 268435455}
_POSITIVE = ("ReceiveMaximum", "TopicAlias", "MaximumPacketSize", "SubscriptionIdentifier")


class Properties:
    """The properties of one kind of packet. MQTTException where that packet has no such property, or not that value.

        properties = Properties(PacketTypes.PUBLISH)
        properties.MessageExpiryInterval = 60
        properties.UserProperty = ("a", "2")
        properties.UserProperty = ("c", "3")      # UserProperty and SubscriptionIdentifier: more at each assignment
    """

    def __init__(self, packetType):
        self.packetType = packetType

    def __setattr__(self, name, value):
        if name == "packetType":
            super().__setattr__(name, value)
            return
        plain = name.replace(" ", "")
        if plain not in _BY_ATTRIBUTE:
            raise MQTTException(f"Property name must be one of {', '.join(_BY_ATTRIBUTE)}, not {name}")
        _, _, kind, packets = _BY_ATTRIBUTE[plain]
        if self.packetType not in packets:
            packet = "Will" if self.packetType == _P.WILLMESSAGE else _P.Names[self.packetType]
            raise MQTTException(f"Property {plain} does not apply to packet type {packet}")
        if plain in _MANY:
            values = list(value) if isinstance(value, list) else [value]
            for one in values:
                self._check(plain, kind, one)
            value = [*getattr(self, plain, []), *values]
        else:
            self._check(plain, kind, value)
        super().__setattr__(plain, value)

    @staticmethod
    def _check(name, kind, value):
        if kind in _LARGEST:
            least = 1 if name in _POSITIVE else 0
            if not isinstance(value, int) or not least <= value <= _LARGEST[kind]:
                raise MQTTException(f"{name} property value must be in the range {least}-{_LARGEST[kind]}")
        elif kind == _PAIR:
            if not isinstance(value, (tuple, list)) or len(value) != 2:
                raise MQTTException(f"{name} property value must be a pair of texts")
        elif kind == _BINARY:
            if not isinstance(value, (bytes, bytearray, str)):
                raise MQTTException(f"{name} property value must be bytes")
        elif not isinstance(value, str):
            raise MQTTException(f"{name} property value must be a text")

    def isEmpty(self):
        return not self.json()

    def clear(self):
        for name in list(self.json()):
            delattr(self, name)

    def json(self):
        """The attributes that are set; bytes in hexadecimal."""
        return {name: value.hex() if isinstance(value, (bytes, bytearray)) else value
                for name, value in vars(self).items() if name != "packetType"}

    def __str__(self):
        return "[" + ", ".join(f"{name} : {value}" for name, value in vars(self).items() if name != "packetType") + "]"

    __repr__ = __str__


def to_pairs(properties):
    """What tidegate.Session takes: (identifier, value), a value of its own for each one that may come more than once."""
    pairs = []
    for name, value in vars(properties).items() if properties is not None else ():
        if name == "packetType":
            continue
        identifier = _BY_ATTRIBUTE[name][0]
        for one in value if name in _MANY else [value]:
            pairs.append((identifier, tuple(one) if name == "UserProperty"
                          else bytes(one) if isinstance(one, bytearray) else one))
    return pairs


def from_pairs(packet, pairs):
    """What tidegate.Session gives, as the Properties of a packet; what that packet should not carry is left out."""
    made = Properties(packet)
    for identifier, value in pairs:
        name = _ATTRIBUTES.get(identifier)
        if name is not None and packet in _BY_ATTRIBUTE[name][3]:
            vars(made)[name] = [*vars(made).get(name, []), value] if name in _MANY else value
    return made
