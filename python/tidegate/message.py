# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Messages as handlers get them, and payloads as publish takes them."""
import json
from collections import namedtuple

from . import clock
from .errors import PayloadError

Properties = namedtuple("Properties", "expiry content_type response_topic correlation_data user",
                        defaults=(None, "", "", b"", ()))
Properties.__doc__ = """What MQTT 5 carries beside a payload.

expiry: seconds that were left, or None; user: pairs of (name, value)."""

_NO_PROPERTIES = Properties()
_ON = {"on", "true", "1"}
_OFF = {"off", "false", "0"}


class Message:
    """One message that arrived."""

    __slots__ = ("topic", "payload", "qos", "retain", "properties", "attempt", "_arrived")

    def __init__(self, topic, payload=b"", qos=0, retain=False, properties=None, arrived=None):
        self.topic = topic
        #: The payload as bytes.
        self.payload = payload
        self.qos = qos
        #: True when the broker had kept it: it was published before this program subscribed.
        self.retain = retain
        self.properties = properties or _NO_PROPERTIES
        #: 1, or more when a durable handler has it once more: it raised, or this program ended, before.
        self.attempt = 1
        self._arrived = arrived or clock.monotonic()

    @property
    def age(self):
        """Seconds since a gateway took it into its spool, as its user property "tidegate" says, if that gateway's clock was
        set; else since it arrived here."""
        from datetime import datetime  # here: few scripts need it
        for name, value in self.properties.user:
            parts = value.split("/")
            if name == "tidegate" and len(parts) >= 6 and parts[5] != "none":
                try:
                    taken = datetime.fromisoformat(parts[4].replace("Z", "+00:00"))
                    return max(0.0, clock.wall() - taken.timestamp())
                except (ValueError, TypeError):
                    break
        return clock.monotonic() - self._arrived

    @property
    def levels(self):
        """The topic's levels: "a/b" is ["a", "b"]."""
        return self.topic.split("/")

    @property
    def text(self):
        """The payload as text. Bytes that are no UTF-8 become U+FFFD."""
        return self.payload.decode("utf-8", "replace")

    def json(self):
        """The payload as JSON. Raises PayloadError when it is none."""
        try:
            return json.loads(self.payload)
        except (ValueError, RecursionError) as error:
            raise PayloadError(f"the payload on {self.topic} is no JSON: {error}") from error

    def bool(self):
        """True for ON, TRUE and 1, False for OFF, FALSE and 0, in upper or lower case.

        Raises PayloadError for anything else."""
        word = self.text.strip().lower()
        if word in _ON:
            return True
        if word in _OFF:
            return False
        raise PayloadError(f"the payload on {self.topic} is neither ON nor OFF: {self._start()}")

    def float(self):
        """The payload as a number. Raises PayloadError when it is none."""
        try:
            return float(self.payload)
        except ValueError as error:
            raise PayloadError(f"the payload on {self.topic} is no number: {self._start()}") from error

    def _start(self):
        return repr(self.payload[:40]) + ("…" if len(self.payload) > 40 else "")

    def __repr__(self):
        kept = ", retain=True" if self.retain else ""
        return f"Message({self.topic!r}, {self._start()}, qos={self.qos}{kept})"


def encode(payload):
    """The bytes of a payload: bytes as they are, text as UTF-8, True and False as ON and OFF, a number as its
    shortest decimal, None as nothing, and dict, list, tuple, named tuple and dataclass as JSON.

    Raises PayloadError for anything else."""
    if isinstance(payload, str):
        try:
            return payload.encode()
        except UnicodeEncodeError as error:
            raise PayloadError(f"text that is no Unicode cannot be published: {error}") from error
    if isinstance(payload, bytes):
        return payload
    if payload is None:
        return b""
    if isinstance(payload, bool):
        return b"ON" if payload else b"OFF"
    if isinstance(payload, (int, float)):
        return repr(payload + 0).encode()  # + 0: the number of an IntEnum, not its name
    if isinstance(payload, (bytearray, memoryview)):
        return bytes(payload)
    if isinstance(payload, (dict, list, tuple)) or _is_dataclass(payload):
        fields = getattr(payload, "_asdict", None)  # a named tuple is an object, as psutil's are
        try:
            return json.dumps(fields() if fields else payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"),
                              default=_plain).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise PayloadError(f"{type(payload).__name__} cannot be published as JSON: {error}") from error
    raise PayloadError(f"{type(payload).__name__} cannot be published; take str, bytes, a number, None, dict, list, "
                       "tuple or a dataclass, or make it text with str()")


def _is_dataclass(value):
    return hasattr(type(value), "__dataclass_fields__")


def _plain(value):
    if _is_dataclass(value):
        return {name: getattr(value, name) for name in type(value).__dataclass_fields__}
    raise TypeError(f"{type(value).__name__} is no JSON")
