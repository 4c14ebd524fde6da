# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The control socket of a real tidegated, and what people throw at it: it answers or hangs up, keeps nothing, and goes on."""
import json
import os
import random
import re
import socket

import pytest
from parts import DEADLINE, wait_until

VALUES = ["", "x", "cloud/default", "a/b", "\u0000\u00e4\U0001f30a", 0, -1, 7, 2**63, 2**64, 1.5, 1e308, True, False, None, [], {}, [[1]], {"a": {"b": []}}]
KEYS = ["lane", "topic", "count", "first", "last", "stand_in", "upstream", "name", "value", "payload", "qos", "timeout", "until", "user", "retain", ""]


@pytest.fixture
def gateway(make_gateway, upstream):
    one = make_gateway(f'''
[[upstream]]
name = "cloud"
servers = ["{upstream.url}"]
[[upstream.forward]]
topics = ["a/#"]
''')
    # What the sanitizer holds back from being used again would look like a leak.
    one.variables["ASAN_OPTIONS"] = "quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
    one.start()
    one.wait_state("connected")  # with all its descriptors, before they are counted
    return one


@pytest.fixture
def dial(gateway):
    made = []

    def one():
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(gateway.runtime / "control.sock"))  # waits for its turn, as it would not with a timeout
        client.settimeout(DEADLINE)
        made.append(client)
        return client
    yield one
    for client in made:
        client.close()


def say(client, *texts):
    """False when the gateway has hung up."""
    try:
        for text in texts:
            client.sendall(text)
        return True
    except (BrokenPipeError, ConnectionResetError):
        return False


def answers(client, count=None):
    """The answers, so many or until the gateway hangs up. Each is one JSON object that says whether it is one of success."""
    text = b""
    try:
        while count is None or text.count(b"\n") < count:
            got = client.recv(1 << 16)
            if not got:
                break
            text += got
    except ConnectionResetError:
        pass
    lines = text.split(b"\n")
    assert lines.pop() == b""
    found = [json.loads(line) for line in lines]
    for answer in found:
        assert answer["ok"] is True or (answer["ok"] is False and answer["error"]), answer
    return found


def throw(gateway, dial, *texts):
    """Says that and no more; what was answered."""
    client = dial()
    say(client, *texts)
    try:
        client.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    found = answers(client)
    client.close()
    assert gateway.status()["gateway"]["id"] == "gw"
    return found


def verbs(gateway):
    return re.search(r"the verbs are (.*)$", gateway.call("none")["error"])[1].split(", ")


def descriptors(gateway):
    return len(os.listdir(f"/proc/{gateway.process.pid}/fd"))


def resident(gateway):
    """Bytes."""
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{gateway.process.pid}/status").read())[1]) << 10


def garbage(chance):
    """Lines that are nearly requests."""
    kind = chance.randrange(5)
    if kind == 0:
        return chance.randbytes(chance.choice([1, 10, 1000]))
    request = json.dumps({"verb": chance.choice(["status", "route", "publish", "x", 7]), chance.choice(KEYS): chance.choice(VALUES)}).encode()
    if kind == 1:
        return request[:chance.randrange(len(request))]
    if kind == 2:
        at = chance.randrange(len(request))
        return request[:at] + chance.randbytes(1) + request[at + 1:]
    if kind == 3:
        return request * 2
    return chance.choice([b"[" * chance.choice([33, 60000]), b'{"a":' * 9000, b'"' + b"\\" * 999, b"1e99999", b"-", b"\xef\xbb\xbf{}", b"null", b"{}", b"nan"])


def test_every_verb_answers_whatever_it_is_given(gateway, dial):
    chance = random.Random(20261129)
    known = verbs(gateway)
    assert {"status", "route", "spool.drop", "publish"} <= set(known)
    for verb in known:
        requests = [{"verb": verb}, *({"verb": verb, **{chance.choice(KEYS): chance.choice(VALUES) for _ in range(chance.randrange(1, 5))}} for _ in range(40))]
        if verb == "drain":
            requests = [{**one, "timeout": chance.choice([-1, "x", []])} for one in requests]
        found = throw(gateway, dial, *(json.dumps(one).encode() + b"\n" for one in requests))
        assert len(found) == len(requests)
    assert gateway.process.poll() is None


def test_garbage_is_answered_with_an_error_or_the_end_of_the_connection_and_leaves_nothing(gateway, dial):
    chance = random.Random(7)

    def round():
        for _ in range(150):
            lines = [garbage(chance).replace(b"\n", b" ") + b"\n" for _ in range(chance.randrange(1, 20))]
            found = throw(gateway, dial, *lines)
            assert len(found) == len(lines)

    round()
    open_before, memory_before = descriptors(gateway), resident(gateway)
    for _ in range(3):
        round()
    wait_until(lambda: descriptors(gateway) <= open_before, "all descriptors closed")
    assert resident(gateway) - memory_before < 8 << 20


def test_a_request_that_is_nested_deep_is_refused(gateway, dial):
    for verb in verbs(gateway):
        deep = b'{"verb":"%s","lane":"cloud/default","count":%s%s}\n' % (verb.encode(), b"[" * 32_000, b"]" * 32_000)
        found = throw(gateway, dial, deep)
        assert "at most 32 levels" in found[0]["error"]


def test_a_line_without_an_end_is_cut_off_and_one_at_the_limit_is_answered(gateway, dial):
    client = dial()
    say(client, *[b"x" * 8192] * 20)
    assert "at most 65536 bytes" in answers(client)[-1]["error"]
    fits = b'{"verb":"route","topic":"' + b"a" * 65_000 + b'"}\n'
    assert throw(gateway, dial, fits)[0]["ok"]


def test_half_a_request_and_one_that_comes_byte_by_byte_keep_nobody_waiting(gateway, dial):
    slow, half = dial(), dial()
    assert say(half, b'{"verb":"sta')
    for byte in b'{"verb":"spool.ls"}':
        assert say(slow, bytes([byte]))
        assert gateway.status() is not None
    assert say(slow, b"\n")
    assert answers(slow, 1)[0]["ok"]
    half.shutdown(socket.SHUT_WR)
    assert answers(half) == []


def test_a_client_that_reads_no_answers_is_let_go_and_costs_no_more_than_its_share(gateway, dial):
    memory_before, rude = resident(gateway), dial()
    rude.settimeout(0.2)
    try:
        while say(rude, b'{"verb":"status"}\n' * 500):
            pass
    except socket.timeout:
        pass  # the gateway reads no more of it until it has read its answers
    assert gateway.status() is not None
    assert resident(gateway) - memory_before < 64 << 20


def test_a_thousand_connections_lock_nobody_out_and_leave_nothing(gateway, dial):
    assert gateway.status() is not None
    open_before = descriptors(gateway)
    clients = [dial() for _ in range(1000)]
    assert gateway.status()["gateway"]["id"] == "gw"
    assert descriptors(gateway) <= open_before + 64
    assert say(clients[-1], b'{"verb":"spool.ls"}\n') and answers(clients[-1], 1)[0]["ok"]
    assert answers(clients[0]) == []
    for client in clients:
        client.close()
    wait_until(lambda: descriptors(gateway) <= open_before, "all descriptors closed")
