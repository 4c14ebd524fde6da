# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
import enum
import time
from collections import namedtuple
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pytest

import tidegate
from tidegate import Message, PayloadError
from tidegate.interval import seconds
from tidegate.message import encode


@dataclass
class Inner:
    unit: str


@dataclass
class Outer:
    value: float
    inner: Inner


@pytest.mark.parametrize("payload, wire", [
    ("grün", "grün".encode()), ("", b""), (b"\x00\xff", b"\x00\xff"), (bytearray(b"ab"), b"ab"), (memoryview(b"ab"), b"ab"),
    (None, b""), (True, b"ON"), (False, b"OFF"), (7, b"7"), (-1.5, b"-1.5"), (0.1, b"0.1"), (1e300, b"1e+300"),
    (enum.IntEnum("E", "one two").two, b"2"),
    ({"a": 1, "ü": None}, '{"a":1,"ü":null}'.encode()), ([1, "x"], b'[1,"x"]'), ((1, 2), b"[1,2]"),
    (namedtuple("Net", "sent recv")(1, 2), b'{"sent":1,"recv":2}'),
    (Outer(1.5, Inner("C")), b'{"value":1.5,"inner":{"unit":"C"}}'),
])
def test_a_payload_becomes_these_bytes(payload, wire):
    assert encode(payload) == wire


@pytest.mark.parametrize("payload", [{1, 2}, object(), {"a": {1}}, float, {"x": float("nan")}, "\ud800"])
def test_what_is_no_payload_is_a_payload_error_and_a_value_error(payload):
    with pytest.raises(PayloadError):
        encode(payload)
    with pytest.raises(ValueError):
        encode(payload)


def test_a_payload_that_contains_itself_is_a_payload_error():
    loop = []
    loop.append(loop)
    with pytest.raises(PayloadError):
        encode(loop)


def test_a_message_reads_its_payload_as_text_json_number_and_switch():
    assert Message("a/b", b"gr\xc3\xbcn").text == "grün"
    assert Message("a/b", b"\xff").text == "\ufffd"
    assert Message("a/b", b'{"x":[1]}').json() == {"x": [1]}
    assert Message("a/b", b" 21.5\n").float() == 21.5
    assert Message("a/b/c").levels == ["a", "b", "c"]
    for word in (b"ON", b"on", b"1", b"true", b"True"):
        assert Message("a", word).bool() is True
    for word in (b"OFF", b"off", b"0", b"false"):
        assert Message("a", word).bool() is False


def test_json_that_is_nested_too_deeply_is_a_payload_error():
    with pytest.raises(PayloadError):
        Message("a", b'{"a":' * 200_000).json()


@pytest.mark.parametrize("read", [Message.json, Message.float, Message.bool])
def test_a_payload_that_is_something_else_is_a_payload_error_that_names_the_topic(read):
    with pytest.raises(PayloadError, match="loft/lamp"):
        read(Message("loft/lamp", b"\xfe perhaps"))


def test_a_message_without_properties_has_empty_ones():
    assert Message("a").properties.user == ()
    assert Message("a").properties.expiry is None


def test_the_age_of_a_message_is_since_a_gateway_took_it_or_else_since_it_came():
    def taken(ago, clock="ntp"):
        when = datetime.fromtimestamp(time.time() - ago, timezone.utc).isoformat(timespec="milliseconds")
        key = f"31f3f328-4bc5/default/3/1042/{when.replace('+00:00', 'Z')}/{clock}"
        return Message("a", properties=tidegate.Properties(user=(("x", "y"), ("tidegate", key))))

    assert 3600 <= taken(3600).age < 3660
    assert taken(-3600).age == 0  # its clock is ahead of ours
    assert 0 <= taken(3600, "none").age < 60
    assert 0 <= Message("a", properties=tidegate.Properties(user=(("tidegate", "a/b/c/d/e/f"),))).age < 60
    assert 100 <= Message("a", arrived=time.monotonic() - 100).age < 160


@pytest.mark.parametrize("interval, expected", [("500ms", 0.5), ("1s", 1), ("1.5 s", 1.5), ("5m", 300), ("2h", 7200),
                                                ("31d", 2678400), (3, 3), (0.25, 0.25), (timedelta(minutes=1), 60)])
def test_an_interval_is_so_many_seconds(interval, expected):
    assert seconds(interval) == expected


@pytest.mark.parametrize("interval", ["", "5", "1 week", "-1s", "s", None, True, -1, float("nan"), float("inf")])
def test_what_is_no_interval_is_a_config_error(interval):
    with pytest.raises(tidegate.ConfigError):
        seconds(interval)


def test_errors_are_what_they_say_and_also_the_builtin_that_fits():
    for error, builtin in ((tidegate.ConfigError, ValueError), (tidegate.TopicError, ValueError),
                           (tidegate.PayloadError, ValueError), (tidegate.SystemCallError, OSError),
                           (tidegate.UnavailableError, ConnectionError),
                           (tidegate.MissingPackageError, ImportError)):
        assert issubclass(error, builtin) and issubclass(error, tidegate.TidegateError)
