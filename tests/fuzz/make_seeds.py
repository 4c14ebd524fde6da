#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the first seeds of the fuzz targets, sound and damaged ones, by core/spool/format.md and not by our own code.

usage: make_seeds.py [FOLDER]

They are kept in seeds/<target>/; run it again when the format has something new. Inputs that the fuzzer found are put
beside them by hand, named after what they broke, and stay.
"""

import pathlib
import struct
import sys

SALT = 0x5EA1ED01  # as in lane_on_disk.hpp
REPAIRED, WITHOUT_EPOCH, WITH_CURSOR, TWO, FAR_APART = 1, 2, 4, 8, 16


def crc32c(data, crc):
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


def record(sequence, topic=b"a/b", payload=b"21.5", properties=(), epoch=1, kind=1, expiry=0xFFFFFFFF, flags=2, clock=1):
    packed = b"".join(struct.pack("<BI", name, len(value)) + value for name, value in properties)
    rest = struct.pack("<IQqqI4B", epoch, sequence, 10**9, 1_700_000_000 * 10**9, expiry, kind, flags, clock, 0)
    rest += struct.pack("<III", len(topic), len(packed), len(payload)) + topic + packed + payload
    return b"TGR1" + struct.pack("<II", len(rest) + 12, crc32c(rest, SALT)) + rest


def segment(number, first, *records, magic=b"TGSEGMT1"):
    rest = struct.pack("<IQQI28x", SALT, number, first, 1)
    return magic + struct.pack("<I", crc32c(rest, 0)) + rest + b"".join(records)


def slot(generation, settled, ranges=(), place=(1, 64)):
    rest = struct.pack("<IQQQQI", 52 + 16 * len(ranges), generation, settled, *place, len(ranges))
    rest += b"".join(struct.pack("<QQ", *one) for one in ranges)
    return b"TGCURSR1" + struct.pack("<I", crc32c(rest, 0)) + rest


def thirds(*slots):
    size = max(map(len, slots))
    return b"".join(one.ljust(size, b"\0") for one in slots)


def damaged(data, at, by=1):
    return data[:at] + bytes([data[at] ^ by]) + data[at + 1 :]


def segments():
    three = segment(1, 1, record(1), record(2, payload=b"x" * 40), record(3))
    rich = record(
        1,
        b"a/\xc3\xa4",
        b"\0\xff",
        ((0x03, b"text/plain"), (0x08, b"answers"), (0x09, b"\1\2"), (0x26, b"k\0v"), (0x26, b"tg\0"), (0x7F, b"?")),
        flags=0x0D,
        expiry=60,
    )
    other = record(2, kind=200)
    nested = record(2, payload=b"TGR1" + struct.pack("<I", 70) + bytes(70))
    second = segment(2, 4, record(4), record(5))

    def one(data, flags=0):
        return bytes([flags, 0]) + data

    def two(flags=TWO):
        for total in range(len(three) + len(second), 1000):  # with zeros at the end, so that it comes out even
            for at in range(256):
                if total * at // 256 == len(three):
                    return bytes([flags, at]) + (three + second).ljust(total, b"\0")
        raise AssertionError

    yield "three", one(three)
    yield "three-settled", one(three, WITH_CURSOR)
    yield "no-epoch", one(three, WITHOUT_EPOCH)
    yield "properties", one(segment(1, 1, rich, other, record(3, b"t", b"")))
    yield "nested-mark", one(segment(1, 1, record(1), nested, record(3)))
    yield "torn-tail", one(three[:-7])
    yield "zero-tail", one(three + bytes(100))
    yield "flipped-bit", one(damaged(three, 64 + 70))
    yield "flipped-length", one(damaged(three, 64 + 4, 0x80))
    yield "huge-length", one(damaged(three, 64 + 7, 0x7F))
    yield "bad-header", one(damaged(three, 20))
    yield "bad-header-no-epoch", one(damaged(three, 20), WITHOUT_EPOCH)
    yield "nul", one(bytes(200))
    yield "empty", one(b"")
    yield "newer", one(segment(1, 1, record(1), magic=b"TGSEGMT2"))
    yield "back-in-sequence", one(segment(1, 1, record(5), record(2), record(6)))
    yield "gap", one(segment(1, 1, record(1), record(9)), WITH_CURSOR)
    yield "former-life", one(segment(1, 10, record(10), record(3), record(4)))
    yield "to-repair", one(damaged(damaged(three, 9), 64 + 8), REPAIRED)
    yield "two", two()
    yield "two-no-epoch", two(TWO | WITHOUT_EPOCH | WITH_CURSOR)
    yield "two-far-apart", two(TWO | FAR_APART)


def cursors():
    yield "one", b"\0" + thirds(slot(1, 3), b"", b"")
    yield "three", b"\0" + thirds(slot(7, 2), slot(8, 3, [(5, 5)]), slot(6, 1))
    yield "ranges", b"\0" + thirds(slot(1, 1, [(3, 3), (5, 6)]), b"", b"")
    yield "newest-damaged", b"\0" + thirds(slot(7, 2), damaged(slot(8, 3, [(5, 5)]), 30), slot(6, 1))
    yield "beyond-the-log", b"\0" + thirds(slot(1, 100, [(110, 120)], (9, 9999)), b"", b"")
    yield "place-in-a-record", b"\0" + thirds(slot(1, 1, (), (1, 100)), b"", b"")
    yield "all-damaged", b"\0" + thirds(*(damaged(slot(n, n), 12) for n in range(3)))
    yield "nul", b"\0" + bytes(3 * 60)
    yield "torn", b"\x08" + slot(1, 3, [(5, 5)])[:60]
    yield "empty", b"\x08"
    yield "to-repair", b"\x07" + thirds(slot(7, 2), slot(8, 3, [(5, 5)]), slot(6, 1))
    yield "overlapping-ranges", b"\0" + thirds(slot(1, 1, [(3, 5), (4, 6), (6, 2), (2, 2)]), b"", b"")


def fate(first, last, kind=0xFF, why=b"", when=1_700_000_000 * 10**9):
    rest = struct.pack("<HBxQQq", 32 + len(why), kind, first, last, when) + why
    return struct.pack("<I", crc32c(rest, 0)) + rest


def fates():
    some = b"TGFATES1" + fate(1, 5) + fate(6, 6, 4, b"damaged") + fate(7, 9) + fate(7, 12) + fate(13, 13, 5, b"refused: 0x99")
    yield "some", b"\0" + some
    yield "empty", b"\0"
    yield "magic-alone", b"\0TGFATES1"
    yield "nul", b"\0" + bytes(100)
    yield "torn", b"\0" + some[:-5]
    yield "flipped-bit", b"\0" + damaged(some, 50)
    yield "to-repair", b"\1" + damaged(some, 8)
    yield "unknown-kind", b"\0TGFATES1" + fate(1, 1, 99)
    yield "back-to-front", b"\0TGFATES1" + fate(9, 2) + fate(2, 2**64 - 1)
    yield "many", b"\0TGFATES1" + b"".join(fate(n, n, 1) for n in range(1, 40, 2))


def topics():
    yield "plain", b"a/+/c\na/#\na/b/c"
    yield "parent", b"a/#\n#\na"
    yield "dollar", b"#\n$SYS/#\n$SYS/broker/version"
    yield "empty-levels", b"/+//\n+/+/+/+\n/a//"
    yield "utf-8", "ä/+\nЖ/€/𝄞\nä/𝄞".encode()
    yield "overlong", b"a/\xc0\xaf\n\xe0\x80\x80\n\xf0\x80\x80\x80"
    yield "surrogate", b"\xed\xa0\x80\n\xf4\x90\x80\x80\n\xef\xbf\xbf"
    yield "cut-off", b"\xe2\x82\n\xf0\x9f\x98\n\xc3"
    yield "nul", b"a\0b\na/\0\n\0"
    yield "misplaced-wildcards", b"a+/b\n#/a\na/#b"
    yield "empty", b"\n\n"


def requests():
    yield "verbs", '{"verb":"status"}\n{"verb":"text","topic":"a/ä"}\n{"verb":"back","x":[1,-2.5e3,true,null,{"y":""}]}\n{"verb":"number","count":7}\n'
    yield "wrong-types", '{"verb":7}\n{"verb":"text","topic":[]}\n{"verb":"number","count":-1}\n{"verb":"flag","stand_in":"x"}\n{"verb":"fail","why":{}}\n'
    yield "no-request", '\n\n7\n"status"\n[{"verb":"status"}]\nnull\n{}\n{"verb":"x"}\n{"verb":"fail","why":"a\\nb"}\n'
    yield "half", '{"verb":"sta'
    yield "not-utf-8", b'{"verb":"text","topic":"\xff\xc0\xaf"}\n{"verb":"\xed\xa0\x80"}\n'
    yield "escapes", r'{"verb":"text","topic":"\ud83c\udf0a\u0000\ud800"}' + "\n" + r'{"v\u0065rb":"status"}' + "\n"
    yield "twice", '{"verb":"x","verb":"status"}\n'
    yield "numbers", '{"verb":"number","count":18446744073709551616}\n{"verb":"number","count":1e999}\n{"verb":"back","x":-0}\n'
    yield "deep", '{"verb":"show","what":' + "[" * 3000 + "]" * 3000 + "}\n" + '{"verb":"show","what":' + "[" * 31 + "]" * 31 + "}\n"
    yield "deep-unclosed", '{"a":' * 5000
    yield "nul", bytes(50) + b"\n\0{}"


def configurations():
    yield "empty", ""
    yield "full", """\
[gateway]
id = "g"
base = "b"
log_level = "debug"
stop_timeout = "2s"
payload_cap = "1MiB"
[broker]
port = 0
[[upstream]]
name = "cloud"
servers = ["mqtts://example.com:8883", "mqtt://127.0.0.1"]
version = "3.1.1"
username = "u"
password = { env = "HOME" }
keep_alive = "30s"
window = 10
qos = 2
tls = { ca_file = "ca.pem", verify = false }
[[upstream.forward]]
lane = "a"
topics = ["a/#", "+/b"]
strip = "a/"
prefix = "x/"
expiry = "7d"
capacity = "64MiB"
when_full = "reject"
sync = "each"
[[upstream.receive]]
topics = ["cmd/#"]
prefix = "in/"
[sysstat]
interval = "10s"
"""
    yield "circle", """\
[[upstream]]
name = "c"
servers = ["mqtt://h"]
forward = [{ topics = ["a/#"] }]
receive = [{ topics = ["a/#"] }]
"""
    yield "itself", """\
broker = { url = "mqtt://h:1883" }
[[upstream]]
name = "c"
servers = ["mqtt://h:1883"]
forward = [{ topics = ["#"] }]
"""
    yield "misspelt", '[gatewai]\nid = "a/b"\n[[upstream]]\nservres = ["http://x"]\n'
    yield "wrong-types", '[gateway]\nid = 1\nbase = []\n[broker]\nport = "x"\nurl = 1979-05-27T07:32:00Z\n'
    yield "not-toml", '[gateway\nid = "a\n= \\u12\n'
    yield "not-utf-8", b'[gateway]\nid = "\xff\xfe"\n'
    yield "quantities", '[gateway]\nstop_timeout = "1e9h"\npayload_cap = "99999999999999999999TiB"\n'
    yield "secrets", """\
[[upstream]]
name = "a"
servers = ["mqtt://[::1]:1", "mqtt://u:p@h", "mqtts://", "tcp://1.2.3.4:99999"]
username = "x"
password = { file = "/etc/shadow" }
[[upstream]]
name = "a"
password = { credential = "../x" }
"""
    yield "deep", "a" + ".a" * 90 + " = 1\n" + "b = " + "[" * 60 + "]" * 60 + "\n"


def packets():
    """A version, then packets: a byte that is odd for one of the client's, the length of the body, the first byte, the body."""
    def ours(first, text):
        return bytes([1, len(bytes.fromhex(text)), first]) + bytes.fromhex(text)

    def theirs(first, text):
        return bytes([0, len(bytes.fromhex(text)), first]) + bytes.fromhex(text)

    limits = theirs(0x20, "0000 1c 210014 22000a 2401 2500 2700000100 2801 2901 2a00 130001 1f000161")
    yield "5-exchanges", b"\1" + limits + ours(0x32, "000161 0007 00 78") + theirs(0x40, "0007 00 04 1f000161") + \
        ours(0x34, "000161 0008 00 78") + theirs(0x50, "0008") + theirs(0x70, "0008 00") + \
        ours(0x82, "0009 00 000161 01 000162 01") + theirs(0x90, "0009 00 0187") + ours(0xA2, "000a 00 000161") + \
        theirs(0xB0, "000a 00 11") + theirs(0x3A, "000161 0001 0f 0100 0200000001 0b8001 03000161 78") + theirs(0x62, "0001") + \
        theirs(0xD0, "") + theirs(0xE0, "8b 0c 26000161000162 1c000163")
    yield "3-exchanges", b"\0" + theirs(0x20, "0100") + ours(0x32, "000161 0007 78") + theirs(0x40, "0007") + \
        ours(0x82, "0009 000161 01") + theirs(0x90, "0009 80") + ours(0xA2, "000a 000161") + theirs(0xB0, "000a") + theirs(0x31, "000161 78")
    yield "connack-of-3-for-5", b"\1" + theirs(0x20, "0001")
    yield "wrong-acknowledgement", b"\1" + theirs(0x20, "000000") + ours(0x32, "000161 0007 00 78") + theirs(0x90, "0007 00 00")
    yield "properties-past-their-end", b"\1" + theirs(0x20, "0000 7f")
    yield "refused", b"\1" + theirs(0x20, "0087 05 1f0002c328")


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "seeds")
    targets = {"segment": segments, "cursor": cursors, "fate": fates, "packet": packets, "topic": topics, "control": requests, "config": configurations}
    for target, seeds in targets.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for name, data in seeds():
            (folder / target / name).write_bytes(data.encode() if isinstance(data, str) else data)


if __name__ == "__main__":
    main()
