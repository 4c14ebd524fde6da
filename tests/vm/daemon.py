# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Runs in the guest: the real tidegated with its state on the guest's disk. `load` publishes to it and says what became
durable, until the power goes away; `drain` starts it again, with an upstream that is there, and says what arrived."""
import fcntl
import json
import os
import pathlib
import socket
import struct
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support"), str(pathlib.Path(__file__).resolve().parents[2] / "tools")]

import oracle  # noqa: E402
import parts  # noqa: E402

parts.DEADLINE = 120.0  # everything is slower here


class Gateway(parts.Gateway):
    """State on the disk, the rest in memory, as on a real machine."""

    def __init__(self, servers):
        super().__init__("/run", f"""
[[upstream]]
name = "cloud"
servers = ["{servers}"]
[[upstream.forward]]
topics = ["device/#"]
""")
        self.state = pathlib.Path("/run/disk/state")
        self.state.mkdir(exist_ok=True)


def say(line):
    os.write(3, f"{line}\n".encode())


def loopback_up():
    with socket.socket() as one:
        request = struct.pack("16sh22x", b"lo", 1)  # IFF_UP
        fcntl.ioctl(one, 0x8914, request)           # SIOCSIFFLAGS


def load():
    gateway = Gateway("mqtt://127.0.0.1:9").start()
    say("ready")
    n = 0
    while True:
        parts.publish_lines(gateway.port, "device/a", [oracle.stamp("p", one) for one in range(n, n + 50)])
        n += 50
        lane = gateway.lane()
        # The lane has one message for each line, in order: its first N are durable.
        say(f"durable {lane['durable']} {lane['accepted']} {n}")


def drain():
    folder = pathlib.Path("/run/upstream")
    folder.mkdir()
    upstream = parts.Broker(folder).start()
    witness = parts.Witness(upstream, "device/#")
    began = time.monotonic()
    gateway = Gateway(upstream.url).start()
    started = time.monotonic() - began
    gateway.wait_drained(120)
    lane = gateway.lane()
    time_out = time.monotonic() + 60
    while len(witness.seen()) < lane["delivered"] and time.monotonic() < time_out:
        time.sleep(0.05)
    arrived = [oracle.read_stamp(one.payload) for one in witness.seen()]
    say("arrived " + json.dumps({"numbers": [one[1] if one else -1 for one in arrived], "lane": lane, "started_s": round(started, 2),
                                 "stopped": gateway.stop()}))
    witness.stop()
    upstream.stop()
    gateway.end()


loopback_up()
{"load": load, "drain": drain}[sys.argv[1]]()
