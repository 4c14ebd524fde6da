# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The real tidegated against a server that does what MQTT allows and what it forbids. Promises are cited by number; the
server keeps the client's books and fails the test when a rule of MQTT is broken (support/hostile.py)."""
import random
import threading

import hostile_wire as wire
import pytest
from hostile import Hostile, Manner
from parts import DEADLINE, publish, publish_lines, wait_until



RETRIED = 0x97  # quota exceeded; comes back after a second


@pytest.fixture
def make_hostile():
    made = []

    def make(manner=None):
        made.append(Hostile(manner))
        return made[-1]

    yield make
    for one in made:
        one.end()
    violations = [one.violations for one in made if one.violations]
    assert not violations, violations


def block(server, name="cloud", version="5", more="", topics="device/#", first="20ms", most="100ms", forward=""):
    return f"""
[[upstream]]
name = "{name}"
servers = ["{server.url}"]
version = "{version}"
backoff_first = "{first}"
backoff_most = "{most}"
{more}
[[upstream.forward]]
topics = ["{topics}"]
{forward}
"""


def send(gateway, payloads, topic="device/a", qos=1):
    publish_lines(gateway.port, topic, payloads, qos)


def check_books(gateway, server, upstream="cloud"):
    """Every accepted message is exactly one of delivered, waiting and given up, and delivered only if the server said so."""
    lane = gateway.lane(upstream=upstream)
    given_up = sum(lane["discarded"].values())
    assert lane["delivered"] + lane["waiting"] + given_up == lane["accepted"], lane
    assert lane["delivered"] <= len(set(server.seen(acknowledged=True))), lane
    return lane


def firsts(payloads):
    return list(dict.fromkeys(payloads))


def overtakers(payloads):
    """How many came before one that was accepted before them. A hunt for poison lets one overtake those that it had set aside."""
    least, count = float("inf"), 0
    for number in map(int, reversed(firsts(payloads))):
        count += number > least
        least = min(least, number)
    return count


# --- CONNECT ----------------------------------------------------------------------------------------------------------

CONNACK_5 = {
    0x80: "without a reason", 0x81: "malformed", 0x82: "protocol error", 0x83: "own rules", 0x84: "version", 0x85: "client_id",
    0x86: "password", 0x87: "authorised", 0x88: "not available", 0x89: "busy", 0x8A: "banned", 0x8C: "authentication method",
    0x90: "topic", 0x95: "too large", 0x97: "quota", 0x99: "payload", 0x9A: "retained", 0x9B: "QoS", 0x9C: "another server",
    0x9D: "moved", 0x9F: "too fast", 0xFE: "does not name"}
CONNACK_3 = {1: "3.1.1", 2: "client_id", 3: "not available", 4: "password", 5: "authorised", 6: "does not name"}


def refusals():
    five, three = list(CONNACK_5.items()), list(CONNACK_3.items())
    return [("5", five[:11]), ("5", five[11:]), ("3.1.1", three)]


@pytest.mark.parametrize("version, reasons", refusals(), ids=["5", "5-more", "3.1.1"])
def test_every_refusal_of_connect_is_named_backed_off_and_survived(make_gateway, make_hostile, version, reasons):
    servers = {code: make_hostile(Manner(connack=code)) for code, _ in reasons}
    gateway = make_gateway("".join(block(server, f"up{code}", version, first="100ms", most="300ms")
                                   for code, server in servers.items())).start()
    send(gateway, [str(n) for n in range(20)])
    for code, words in reasons:
        servers[code].wait_for(lambda server: len(server.connections) >= 6, "six attempts")
        link = gateway.upstream(f"up{code}")
        number = f"code {code}" if version == "3.1.1" else f"0x{code:02X}"
        assert number in link["failure"] and words in link["failure"], link
        assert link["state"] in ("connecting", "waiting")
        assert link["lanes"][0]["waiting"] == 20
        assert all(pause > 0.09 for pause in servers[code].pauses()), servers[code].pauses()
    said = gateway.said()
    for code, _ in reasons:
        lines = [line for line in said.splitlines() if line.startswith(f"upstream up{code}:")]
        assert len(lines) <= 3, lines  # no flood
    for server in servers.values():
        server.manner = Manner()
    for code, server in servers.items():
        server.wait_all(str(n) for n in range(20))
        gateway.wait_drained(upstream=f"up{code}")
        assert firsts(server.seen()) == [str(n) for n in range(20)]  # P4
        check_books(gateway, server, f"up{code}")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_server_that_hangs_up_before_or_after_connack_is_backed_off_from(make_gateway, make_hostile, version):
    rude = {
        "accept": Manner(on_accept=lambda connection: connection.cut()),
        "close": Manner(on_accept=lambda connection: connection.close()),
        "connect": Manner(on_connect=lambda connection: connection.cut()),
        "connack": Manner(after_connack=lambda connection: connection.cut()),
        "publish": Manner(on_publish=lambda connection, _: connection.cut()),
    }
    servers = {name: make_hostile(manner) for name, manner in rude.items()}
    gateway = make_gateway("".join(block(server, name, version, first="50ms", most="200ms")
                                   for name, server in servers.items())).start()
    send(gateway, [str(n) for n in range(20)])
    for name, server in servers.items():
        server.wait_for(lambda server: len(server.connections) >= 5, "five attempts")
        assert all(pause > 0.045 for pause in server.pauses()), (name, server.pauses())
        wait_until(lambda: gateway.upstream(name)["lanes"][0]["waiting"] == 20, "all that the local broker has taken")  # noqa: B023
    for server in servers.values():
        server.manner = Manner()
    for name, server in servers.items():
        server.wait_all(str(n) for n in range(20))
        assert overtakers(server.seen(acknowledged=True)) <= 1
        gateway.wait_drained(upstream=name)
        assert check_books(gateway, server, name)["discarded"] == {}


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_answers_that_come_byte_by_byte_are_understood(make_gateway, make_hostile, version):
    limits = {"receive_maximum": 7, "user_property": [("a", "b" * 300)], "reason_string": "slow"}
    server = make_hostile(Manner(dribbles=True, limits=limits))
    gateway = make_gateway(block(server, version=version, more="qos = 2")).start()
    send(gateway, [str(n) for n in range(200)])
    server.wait_all(str(n) for n in range(200))
    assert server.seen() == [str(n) for n in range(200)] and len(server.connections) == 1
    gateway.wait_drained()
    check_books(gateway, server)


@pytest.mark.parametrize("limits", [
    {"session_expiry": 7}, {"assigned_client_id": "other"}, {"server_keep_alive": 0}, {"server_keep_alive": 65535},
    {"topic_alias_maximum": 65535}, {"maximum_packet_size": 0xFFFFFFFF}, {"receive_maximum": 65535},
    {"wildcard_subscription_available": 0, "subscription_identifiers_available": 0, "shared_subscription_available": 0},
    {"server_reference": "elsewhere", "response_information": "r", "reason_string": "welcome"},
    {"user_property": [("name", "value")] * 300}], ids=lambda limits: next(iter(limits)))
def test_properties_of_connack_that_ask_nothing_of_us_change_nothing(make_gateway, make_hostile, limits):
    server = make_hostile(Manner(limits=limits))
    gateway = make_gateway(block(server)).start()
    send(gateway, [str(n) for n in range(20)])
    server.wait_all(str(n) for n in range(20))
    gateway.wait_drained()
    assert len(server.connections) == 1 and check_books(gateway, server)["discarded"] == {}


def test_a_server_that_is_silent_after_connack_is_found_and_left(make_gateway, make_hostile):
    silent = Manner(on_publish=lambda *_: None, answers_pings=False)
    server = make_hostile(silent)
    gateway = make_gateway(block(server, more='keep_alive = "1s"')).start()
    send(gateway, [str(n) for n in range(5)])
    server.wait_for(lambda server: len(server.connections) >= 2, "a second connection")
    found = server.connections[0].closed - server.connections[0].opened
    print(f"left after {found:.1f} s with a keep-alive of 1 s")
    server.manner = Manner()
    server.wait_all(map(str, range(5)))
    gateway.wait_drained()
    assert check_books(gateway, server)["discarded"] == {}


def test_a_server_that_is_silent_is_left_when_nothing_is_under_way_too(make_gateway, make_hostile):
    server = make_hostile(Manner(answers_pings=False))
    gateway = make_gateway(block(server, more='keep_alive = "1s"')).start()
    server.wait_for(lambda server: len(server.connections) >= 2, "a second connection")
    found = server.connections[0].closed - server.connections[0].opened
    print(f"left after {found:.1f} s with a keep-alive of 1 s")
    assert server.connections[0].pings
    assert "nothing came from the server for 2 s" in gateway.said()


# --- Acknowledgements with reasons ------------------------------------------------------------------------------------

DEAD_LETTERS = {0x81, 0x82, 0x90, 0x95, 0x99, 0x9A, 0x9B}
PARKS = {0x87}
REASONS = [*range(0x80, 0xA3), 0xFE, 0xFF]


def refuser(half):
    """Refuses each message once, with the reason that its payload names, in PUBACK, PUBREC or PUBCOMP."""
    refused = set()

    def reason(publish):
        if publish.payload in refused:
            return 0
        refused.add(publish.payload)
        return int(publish.payload, 16)

    def on_publish(connection, publish):
        connection.acknowledge(publish, 0 if half == "PUBCOMP" else reason(publish))

    def on_pubrel(connection, identifier):
        connection.complete(identifier, reason(connection.under_way[identifier]) if half == "PUBCOMP" else 0)

    return Manner(on_publish=on_publish, on_pubrel=on_pubrel)


@pytest.mark.parametrize("half", ["PUBACK", "PUBREC", "PUBCOMP"])
def test_every_reason_of_an_acknowledgement_gets_its_verdict(make_gateway, make_hostile, half):
    server = make_hostile(refuser(half))
    gateway = make_gateway(block(server, more=f"qos = {1 if half == 'PUBACK' else 2}")).start()
    gateway.wait_state("connected")
    dead = [f"{code:#x}" for code in REASONS if code in DEAD_LETTERS]
    again = [f"{code:#x}" for code in REASONS if code not in DEAD_LETTERS | PARKS]
    good = [f"{code:#x}" for code in (0x00, 0x10)]
    send(gateway, [*good, *dead, *again])
    server.wait_all([*good, *again])
    gateway.wait_drained()
    seen = server.seen()
    assert [payload for payload in seen if payload in dead] == dead  # once each
    assert [payload for payload in seen if payload in good] == good
    assert all(seen.count(payload) == 2 for payload in again), seen
    assert check_books(gateway, server)["discarded"] == {"dead-lettered": len(dead)}
    assert gateway.upstream()["dead_lettered"] == len(dead)
    assert len(server.connections) == 1
    for code in (0x97, 0x90):
        assert f"0x{code:02X}" in gateway.said()


@pytest.mark.parametrize("qos", [1, 2])
def test_what_is_refused_for_now_is_tried_again_ever_more_slowly_and_never_lost(make_gateway, make_hostile, qos):
    server = make_hostile(Manner(on_publish=lambda connection, one: connection.acknowledge(
        one, RETRIED if one.payload == "7" else 0)))
    gateway = make_gateway(block(server, more=f"qos = {qos}\nwindow = 1")).start()
    gateway.wait_state("connected")
    send(gateway, [str(n) for n in range(20)])
    server.wait_for(lambda server: sum(one.payload == "7" for one in server.published) >= 3, "three tries")
    assert firsts(server.seen()) == [str(n) for n in range(8)]  # P4: with a window of 1 nothing passes it by
    assert check_books(gateway, server)["waiting"] == 13
    gateway.kill()
    gateway.start()
    assert gateway.lane()["waiting"] == 13
    server.manner = Manner()
    server.wait_all(str(n) for n in range(20))
    assert firsts(server.seen(acknowledged=True)) == [str(n) for n in range(20)]
    gateway.wait_drained()


@pytest.mark.parametrize("qos", [1, 2])
def test_what_is_not_authorised_parks_its_lane_says_so_and_lets_other_lanes_flow(make_gateway, make_hostile, qos):
    server = make_hostile(Manner(on_publish=lambda connection, one: connection.acknowledge(
        one, 0x87 if one.topic.startswith("device/") else 0)))
    gateway = make_gateway(block(server, more=f"qos = {qos}") + '[[upstream.forward]]\nname = "free"\ntopics = ["free/#"]\n').start()
    gateway.wait_state("connected")
    send(gateway, [str(n) for n in range(20)])
    wait_until(lambda: gateway.upstream()["parked"], "a parked lane")
    parked = gateway.upstream()["parked"]
    assert list(parked) == ["default"] and "0x87" in parked["default"]
    send(gateway, [f"free {n}" for n in range(20)], "free/a")
    server.wait_all(f"free {n}" for n in range(20))
    wait_until(lambda: gateway.lane("free")["waiting"] == 0)
    assert gateway.lane()["waiting"] == 20 and gateway.lane()["discarded"] == {}
    assert len([line for line in gateway.said().splitlines() if "0x87" in line]) <= 2
    server.manner = Manner()
    server.up()[0].cut()  # a new connection is a new chance
    server.wait_all(str(n) for n in range(20))
    gateway.wait_drained()
    assert gateway.upstream()["parked"] == {}


def test_messages_refused_for_good_are_put_aside_one_by_one_while_the_rest_keeps_its_order(make_gateway, make_hostile):
    rng = random.Random(11)
    bad = {str(n): rng.choice(sorted(DEAD_LETTERS)) for n in range(500) if rng.random() < 0.2}
    server = make_hostile(Manner(on_publish=lambda connection, one: connection.acknowledge(one, bad.get(one.payload, 0))))
    gateway = make_gateway(block(server)).start()
    send(gateway, [str(n) for n in range(500)])
    good = [str(n) for n in range(500) if str(n) not in bad]
    server.wait_all(good)
    gateway.wait_drained()
    assert firsts(server.seen(acknowledged=True)) == good and server.seen() == [str(n) for n in range(500)]
    assert check_books(gateway, server)["discarded"] == {"dead-lettered": len(bad)}


@pytest.mark.parametrize("qos", [1, 2])
def test_words_with_an_acknowledgement_that_does_not_refuse_cost_no_memory(make_gateway, make_hostile, qos):
    """LeakSanitizer is the judge, when the gateway ends."""
    server = make_hostile(Manner(on_publish=lambda connection, one: connection.acknowledge(
        one, 0, reason_string="taken", user_property=[("a", "b")])))
    gateway = make_gateway(block(server, more=f"qos = {qos}")).start()
    send(gateway, [str(n) for n in range(20)])
    server.wait_all(str(n) for n in range(20))
    gateway.wait_drained()
    assert len(server.connections) == 1


# --- DISCONNECT -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("blames", [False, True], ids=["of-the-server", "of-a-message"])
def test_every_reason_of_a_disconnect_is_named_and_survived(make_gateway, make_hostile, blames):
    """Those that blame a message may convict one that is alone under way; others never do."""
    reasons = sorted(DEAD_LETTERS) if blames else \
        [0x00, 0x04, *(code for code in range(0x80, 0xA3) if code != 0x8E and code not in DEAD_LETTERS), 0xFF]

    def on_publish(connection, one):
        connection.acknowledge(one)
        which = server.connections.index(connection)
        if which < len(reasons):
            connection.disconnect_with(reasons[which], reason_string=f"number {which}")

    server = make_hostile(Manner(on_publish=on_publish))
    gateway = make_gateway(block(server, first="10ms", most="10ms")).start()
    payloads = [str(n) for n in range(200)]
    send(gateway, payloads)
    wait_until(lambda: gateway.lane()["accepted"] == 200 and gateway.lane()["waiting"] == 0, "an empty backlog")
    assert len(server.connections) == len(reasons) + 1
    given_up = sum(check_books(gateway, server)["discarded"].values())
    print(f"{given_up} dead-lettered")
    assert given_up <= (len(reasons) if blames else 0)
    assert len(set(server.seen(acknowledged=True))) >= 200 - given_up
    assert overtakers(server.seen()) == 0  # P4
    said = gateway.said()
    for which, code in enumerate(reasons):
        assert f"(0x{code:02X}), server says: number {which}\n" in said, (hex(code), said)


def test_a_session_that_was_taken_over_is_not_fought_for(make_gateway, make_hostile):
    server = make_hostile(Manner(after_connack=lambda connection: connection.disconnect_with(0x8E)))
    gateway = make_gateway(block(server, first="10ms", most="1s")).start()
    send(gateway, ["x"])
    server.wait_for(lambda server: len(server.connections) >= 4, "a few attempts")
    assert all(pause > 0.95 for pause in server.pauses()), server.pauses()
    # Between CONNACK and DISCONNECT it is connected, and there is no failure.
    failure = wait_until(lambda: gateway.upstream()["failure"], "a failure")
    assert "another client" in failure and "client_id" in failure and gateway.lane()["waiting"] == 1
    server.manner = Manner()
    server.wait_all(["x"])


# --- Limits -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("qos", [1, 2])
def test_receive_maximum_is_kept_and_used_and_may_shrink_with_each_connection(make_gateway, make_hostile, qos):
    """The server holds its acknowledgements until the window is full; one more would be a violation."""
    hold = {"on_publish": lambda *_: None}
    server = make_hostile(Manner(**hold))
    gateway = make_gateway(block(server, more=f"qos = {qos}", first="10ms", most="10ms")).start()
    payloads = [str(n) for n in range(400)]
    send(gateway, payloads)
    server.wait_for(lambda server: len(server.published) == 100, "our own window")
    for most in (20, 3, 1, 50, 1):
        server.manner = Manner(limits={"receive_maximum": most}, **hold)
        before = len(server.connections)
        server.up()[0].cut()
        server.wait_for(lambda server: len(server.connections) > before and len(server.connections[-1].under_way) == most,
                        f"a window of {most}")
        for _ in range(3):
            server.connections[-1].release()
            server.wait_for(lambda server: len(server.connections[-1].under_way) == most
                            and not server.connections[-1].received, "the next window")
        assert gateway.upstream()["window"] == most
        assert server.connections[-1].most_under_way == most
    server.manner = Manner(limits={"receive_maximum": 1})
    server.connections[-1].release()
    server.wait_all(payloads)
    gateway.wait_drained()
    assert firsts(server.seen()) == payloads
    assert len(server.seen()) - len(payloads) <= 100 + 20 + 3 + 1 + 50  # P5
    check_books(gateway, server)


@pytest.mark.parametrize("most", [0, 1])
@pytest.mark.parametrize("qos", [1, 2])
def test_no_message_has_more_than_maximum_qos(make_gateway, make_hostile, qos, most):
    server = make_hostile(Manner(limits={"maximum_qos": most}))
    gateway = make_gateway(block(server, more=f"qos = {qos}", topics="#")).start()
    send(gateway, [str(n) for n in range(100)], qos=2)
    server.wait_all(str(n) for n in range(100))
    gateway.wait_drained()
    assert {one.qos for one in server.published if one.topic == "device/a"} == {most}
    gateway.stop()


def test_nothing_retained_is_sent_to_a_server_that_keeps_none(make_gateway, make_hostile):
    server = make_hostile(Manner(limits={"retain_available": 0}))
    gateway = make_gateway(block(server, topics="#")).start()
    publish(gateway.port, "device/a", "kept", 1, True)
    send(gateway, [str(n) for n in range(10)])
    server.wait_all(["kept", *map(str, range(10)), "online"])
    gateway.wait_drained()
    gateway.stop()


def test_no_packet_is_larger_than_the_server_takes_and_none_that_fits_is_given_up(make_gateway, make_hostile):
    server = make_hostile(Manner(limits={"maximum_packet_size": 300}))
    gateway = make_gateway(block(server, topics="#")).start()
    sizes = list(range(0, 300, 40)) + list(range(150, 260)) + [1000, 100000]
    payloads = [f"{n} ".ljust(size, "x") for n, size in enumerate(sizes)]
    send(gateway, payloads)
    send(gateway, ["end"])
    server.wait_all(["end"])
    gateway.wait_drained()
    arrived = [one for one in server.published if one.topic == "device/a" and one.payload != "end"]
    overhead = {one.size - len(one.payload) for one in arrived}
    print("largest", max(one.size for one in arrived), "overhead", overhead)
    lane = check_books(gateway, server)
    assert lane["discarded"]["dead-lettered"] == len(payloads) - len(arrived)
    assert max(one.size for one in arrived) == 300, "messages that would have fitted were given up"


def test_a_maximum_packet_size_that_shrinks_is_kept_for_what_was_under_way_too(make_gateway, make_hostile):
    server = make_hostile(Manner(on_publish=lambda *_: None))
    gateway = make_gateway(block(server)).start()
    payloads = [f"{n} ".ljust(400 if n % 2 else 20, "x") for n in range(40)]
    send(gateway, payloads)
    server.wait_for(lambda server: len(server.published) == 40, "all under way")
    server.manner = Manner(limits={"maximum_packet_size": 300})
    server.up()[0].cut()
    server.wait_all([one for one in payloads if len(one) < 100])
    gateway.wait_drained()
    assert check_books(gateway, server)["discarded"] == {"dead-lettered": 20}


def test_the_servers_keep_alive_is_kept(make_gateway, make_hostile):
    server = make_hostile(Manner(limits={"server_keep_alive": 1}))
    gateway = make_gateway(block(server, more='keep_alive = "60s"')).start()
    gateway.wait_state("connected")
    server.wait_for(lambda server: server.connections[0].pings >= 3, "three pings")
    assert len(server.connections) == 1


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("present", [False, True])
def test_subscriptions_are_asked_for_whatever_the_server_says_of_the_session(make_gateway, make_hostile, version, present):
    server = make_hostile(Manner(session_present=present))
    gateway = make_gateway(block(server, version=version) + '[[upstream.receive]]\ntopics = ["orders/#"]\n').start()
    for count in (1, 2, 3):
        server.wait_for(lambda server: len(server.connections) >= count and server.connections[-1].subscribed, "SUBSCRIBE")
        send(gateway, [str(count)])
        server.wait_all([str(count)])
        server.up()[0].cut()
    assert all(connection.subscribed[0].filters[0][0] == "orders/#" for connection in server.connections[:3])
    gateway.wait_drained()


def test_thousands_of_messages_cut_off_before_they_were_sent_do_not_stop_an_upstream(make_gateway, make_hostile):
    """Each connection takes one message, then reads no more, and ends with what the network did not take."""
    def on_publish(connection, one):
        if len(connection.published) == 1:
            connection.acknowledge(one)
            connection.go_on = threading.Event()
            connection.go_on.wait(DEADLINE)  # what comes fills the buffers

    server = make_hostile(Manner(on_publish=on_publish))
    gateway = make_gateway(block(server, more="window = 1000", first="10ms", most="10ms")).start()
    payloads = [f"{n} ".ljust(20_000, "x") for n in range(1000)]
    send(gateway, payloads)
    for count in range(1, 9):
        connection = server.wait_for(lambda server: next((one for one in server.connections[count - 1:] if hasattr(one, "go_on")), None),
                                     "a message")
        wait_until(lambda: gateway.upstream()["in_flight"] >= 900 or connection.closed, "a full window")
        connection.cut()
        connection.go_on.set()
        server.wait_for(lambda server: len(server.connections) > count, "the next connection")
    server.manner = Manner()
    for connection in server.up():
        connection.cut()
        getattr(connection, "go_on", threading.Event()).set()
    server.wait_all(payloads)
    gateway.wait_drained()
    assert check_books(gateway, server)["discarded"] == {}


# --- Acknowledgements out of order ------------------------------------------------------------------------------------

def shuffled(publishes):
    return random.Random(5).sample(publishes, len(publishes))


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("order", [reversed, shuffled, lambda all: [one for one in all for _ in range(3)]],
                         ids=["reversed", "shuffled", "thrice"])
def test_acknowledgements_out_of_order_or_repeated_are_taken_for_what_they_are(make_gateway, make_hostile, version, qos, order):
    server = make_hostile(Manner(on_publish=lambda *_: None))
    gateway = make_gateway(block(server, version=version, more=f"qos = {qos}\nwindow = 50")).start()
    payloads = [str(n) for n in range(200)]
    send(gateway, payloads)
    for done in range(0, 200, 50):
        server.wait_for(lambda server: len(server.published) == done + 50 and len(server.up()[0].under_way) == 50, "a full window")
        server.up()[0].release(lambda publishes: order(list(publishes)))
    server.wait_all(payloads)
    gateway.wait_drained()
    assert server.seen() == payloads
    assert len(server.connections) == 1
    check_books(gateway, server)


def each(kinds, version, identifiers):
    return [wire.acknowledgement(kind, version, one) for kind in kinds for one in identifiers]


# Packets that settle nothing of what is under way; used: identifiers that are.
STRANGERS = {
    "unknown-identifiers": lambda version, qos, used: each((wire.PUBACK, wire.PUBREC, wire.PUBCOMP), version, (777, 60000, 65535)),
    "identifier-0": lambda version, qos, used: each((wire.PUBACK, wire.PUBREC, wire.PUBCOMP), version, [0]),
    "of-the-other-qos": lambda version, qos, used: each((wire.PUBREC, wire.PUBCOMP) if qos == 1 else [wire.PUBACK], version, used),
    "too-early": lambda version, qos, used: each([wire.PUBCOMP], version, used),
    "PUBREL": lambda version, qos, used: each([wire.PUBREL], version, used),
    "SUBACK": lambda version, qos, used: [wire.suback(version, one, [0]) for one in used],
    "UNSUBACK": lambda version, qos, used: [wire.suback(version, one, [0], wire.UNSUBACK) for one in used],
}


@pytest.mark.parametrize("what", STRANGERS)
@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_an_acknowledgement_of_something_else_delivers_nothing(make_gateway, make_hostile, version, qos, what):
    server = make_hostile(Manner(on_publish=lambda *_: None))
    gateway = make_gateway(block(server, version=version, more=f"qos = {qos}", first="10ms", most="10ms")).start()
    payloads = [str(n) for n in range(50)]
    send(gateway, payloads)
    server.wait_for(lambda server: len(server.published) == 50, "all under way")
    connection = server.up()[0]
    connection.released.update(range(65536))
    connection.send(b"".join(STRANGERS[what](connection.version, qos, list(connection.under_way)[:10])))
    # They are done with once the last message is, whose acknowledgement is right; or by hanging up.
    connection.acknowledge(list(connection.under_way.values())[-1])
    wait_until(lambda: connection.closed or gateway.lane()["delivered"], "an effect")
    assert gateway.lane()["delivered"] <= 1, gateway.lane()
    server.manner = Manner()
    for one in server.up():  # it may have come back already, and had the old manner
        one.cut()
    server.wait_all(payloads)
    gateway.wait_drained()
    check_books(gateway, server)


# --- Malformed packets ------------------------------------------------------------------------------------------------

def raw(text):
    return bytes.fromhex(text)


HUGE = raw("ffffff7f")  # a remaining length of 268,435,455
HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"

# In place of CONNACK; (name, bytes for MQTT 5, bytes for 3.1.1 or None for the same)
INSTEAD = [
    ("nothing in CONNACK", raw("2000"), None),
    ("one byte in CONNACK", raw("200100"), None),
    ("half a CONNACK", raw("2002 00"), None),
    ("CONNACK with flags", raw("2f03 0000 00"), raw("2f02 0000")),
    ("CONNACK with reserved bits", raw("2003 fe00 00"), raw("2002 fe00")),
    ("CONNACK with bytes left over", raw("2006 0000 00 616161"), raw("2005 0000 616161")),
    ("CONNACK without property length", raw("2002 0000"), raw("2002 0100")),
    ("CONNACK with a property length past its end", raw("2003 0000 7f"), None),
    ("CONNACK with a property length of five bytes", raw("2007 0000 ffffffff7f"), None),
    ("CONNACK with half a property", raw("2005 0000 02 21 00"), None),
    ("CONNACK with an unknown property", raw("2005 0000 02 7e 00"), None),
    ("CONNACK with a string past its end", raw("2006 0000 03 12 ffff"), None),
    ("CONNACK with half a user property", raw("2009 0000 06 26 0001 61 ffff"), None),
    ("CONNACK with a property of PUBLISH", raw("2006 0000 03 23 0001"), None),
    ("CONNACK with a reason string that is not UTF-8", raw("2008 0087 05 1f 0002 c3 28"), None),
    ("CONNACK with Receive Maximum 0", raw("2006 0000 03 21 0000"), None),
    ("CONNACK with Maximum Packet Size 0", raw("2008 0000 05 27 00000000"), None),
    ("CONNACK with Maximum QoS 9", raw("2005 0000 02 24 09"), None),
    ("CONNACK with a property twice", raw("2009 0000 06 21 0001 21 0002"), None),
    ("CONNACK with a huge length", raw("20") + HUGE, None),
    ("a remaining length of five bytes", raw("20ffffffffff01"), None),
    ("PUBACK before CONNACK", raw("4002 0001"), None),
    ("PUBLISH before CONNACK", raw("3003 0001 61"), None),
    ("PUBREL before CONNACK", raw("6202 0001"), None),
    ("SUBACK before CONNACK", raw("9003 0001 00"), None),
    ("PINGRESP before CONNACK", raw("d000"), None),
    ("DISCONNECT before CONNACK", raw("e001 8b"), raw("e000")),
    ("AUTH before CONNACK", raw("f002 1800"), raw("f000")),
    ("CONNECT", raw("100d 0004 4d515454 05 02 001e 00 0000"), None),
    ("zeroes", bytes(64), None),
    ("ones", b"\xff" * 64, None),
    ("an HTTP answer", HTTP, None),
    ("the start of TLS", raw("1503010002 0228"), None),
]

# After CONNACK.
AFTER = [
    ("a second CONNACK", raw("2003 0000 00"), raw("2002 0000")),
    ("a CONNACK that refuses", raw("2003 0087 00"), raw("2002 0005")),
    ("half a CONNACK", raw("2000"), None),
    ("a remaining length of five bytes", raw("30ffffffffff01"), None),
    ("packet type 0", raw("0000"), None),
    ("CONNECT", raw("100d 0004 4d515454 05 02 001e 00 0000"), None),
    ("SUBSCRIBE", raw("8207 0001 00 0001 61 00"), None),
    ("UNSUBSCRIBE", raw("a206 0001 00 0001 61"), None),
    ("PINGREQ", raw("c000"), None),
    ("PINGRESP that nobody asked for", raw("d000"), None),
    ("PINGRESP with a body", raw("d003 616161"), None),
    ("AUTH", raw("f002 1800"), raw("f000")),
    ("empty AUTH", raw("f000"), None),
    ("AUTH with half a property", raw("f005 18 03 15 ff ff"), None),
    ("DISCONNECT with a property length past its end", raw("e002 8b 7f"), None),
    ("DISCONNECT with half a property", raw("e005 8b 03 1f 00 ff"), None),
    ("DISCONNECT with flags", raw("ef00"), None),
    ("empty PUBLISH of QoS 0", raw("3000"), None),
    ("empty PUBLISH of QoS 1", raw("3200"), None),
    ("empty PUBLISH of QoS 2", raw("3400"), None),
    ("PUBLISH of QoS 3", raw("3607 0001 61 0001 00 61"), None),
    ("PUBLISH of QoS 3 with DUP and RETAIN", raw("3f07 0001 61 0001 00 61"), None),
    ("PUBLISH with one byte", raw("3001 00"), None),
    ("PUBLISH with a topic past its end", raw("3003 ffff 61"), None),
    ("PUBLISH with half a topic", raw("3004 0005 6161"), None),
    ("PUBLISH without a topic", raw("3003 0000 00"), raw("3002 0000")),
    ("PUBLISH without its identifier", raw("3203 0001 61"), None),
    ("PUBLISH with half its identifier", raw("3204 0001 61 00"), None),
    ("PUBLISH with identifier 0", raw("3206 0001 61 0000 00"), raw("3205 0001 61 0000")),
    ("PUBLISH without property length", raw("3003 0001 61"), None),
    ("PUBLISH with a property length past its end", raw("3004 0001 61 7f"), None),
    ("PUBLISH with a property length of five bytes", raw("3008 0001 61 ffffffff7f"), None),
    ("PUBLISH with half a property", raw("3006 0001 61 02 02 00"), None),
    ("PUBLISH with an unknown property", raw("3006 0001 61 02 7f 00"), None),
    ("PUBLISH with half a user property", raw("300a 0001 61 06 26 0001 61 ffff"), None),
    ("PUBLISH with a string past its end", raw("3007 0001 61 03 08 ffff"), None),
    ("PUBLISH with a topic alias that we did not offer", raw("3007 0001 61 03 23 0001"), None),
    ("PUBLISH with a topic alias only", raw("3006 0000 03 23 0001"), None),
    ("PUBLISH with subscription identifier 0", raw("3006 0001 61 02 0b 00"), None),
    ("PUBLISH with a property of CONNACK", raw("3007 0001 61 03 21 0001"), None),
    ("empty PUBACK", raw("4000"), None),
    ("PUBACK with one byte", raw("4001 00"), None),
    ("PUBACK with flags", raw("4f02 0001"), None),
    ("PUBACK with a property length past its end", raw("4004 0001 00 7f"), None),
    ("PUBACK with a property length of five bytes", raw("4008 0001 00 ffffffff7f"), None),
    ("PUBACK with half a property", raw("4007 0001 00 03 1f ff ff"), None),
    ("PUBACK with bytes left over", raw("4008 0001 00 00 61616161"), raw("4006 0001 61616161")),
    ("empty PUBREC", raw("5000"), None),
    ("PUBREC with half a property", raw("5007 0001 00 03 1f ff ff"), None),
    ("empty PUBREL", raw("6200"), None),
    ("PUBREL with flags 0", raw("6002 0001"), None),
    ("PUBREL of nothing", raw("6202 0001"), None),
    ("empty PUBCOMP", raw("7000"), None),
    ("PUBCOMP of nothing", raw("7002 0001"), None),
    ("empty SUBACK", raw("9000"), None),
    ("SUBACK with one byte", raw("9001 00"), None),
    ("SUBACK without codes", raw("9003 0001 00"), raw("9002 0001")),
    ("SUBACK with a property length past its end", raw("9003 0001 7f"), None),
    ("SUBACK of nothing", raw("9004 0777 00 00"), raw("9003 0777 00")),
    ("empty UNSUBACK", raw("b000"), None),
    ("UNSUBACK without codes", raw("b003 0001 00"), raw("b002 0001")),
    ("UNSUBACK with a property length past its end", raw("b003 0001 7f"), None),
    ("UNSUBACK of nothing", raw("b004 0777 00 00"), raw("b002 0777")),
    ("zeroes", bytes(64), None),
    ("ones", b"\xff" * 64, None),
    ("an HTTP answer", HTTP, None),
]

# Not malformed after all, or not yet: the rest may still come.
HARMLESS = {"half a CONNACK", "CONNACK with a huge length", "PINGRESP that nobody asked for", "PUBREL of nothing", "PUBCOMP of nothing"}
HARMLESS_IN_3 = HARMLESS | {"PUBLISH with a string past its end", "PUBLISH with a topic alias that we did not offer",
                            "PUBLISH with subscription identifier 0"}


def play(server, gateway, malformed, version, instead):
    """One connection for each; returns the names of those after which the client did not hang up."""
    harmless = HARMLESS if version == "5" else HARMLESS_IN_3
    overlooked = []
    for name, *data in malformed:
        data = data[1] if version == "3.1.1" and data[1] else data[0]

        def send_it(connection, data=data):
            connection.released.update(range(65536))
            connection.send(data)
        server.manner = Manner(on_connect=send_it) if instead else Manner(after_connack=send_it)
        count = len(server.connections)
        for connection in server.up():
            connection.cut()
        wait_until(lambda: not alive(gateway) or len(server.connections) > count and server.connections[count].connect,
                   f"a connection for {name!r}")
        assert alive(gateway), f"it died of the one before {name!r}"
        connection = server.connections[count]
        with server.books():
            if not server.books().wait_for(lambda: connection.closed, 0.15 if name in harmless else DEADLINE):
                overlooked.append(name)
    return overlooked


def alive(gateway):
    return gateway.process.poll() is None


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("place", ["instead", "after"])
def test_malformed_packets_end_the_connection_and_nothing_else(make_gateway, make_hostile, version, place):
    server = make_hostile()
    gateway = make_gateway(block(server, version=version, first="10ms", most="10ms")).start()
    gateway.wait_state("connected")
    malformed = [one for one in (INSTEAD if place == "instead" else AFTER) if version == "5" or "propert" not in one[0]]
    overlooked = play(server, gateway, malformed, version, place == "instead")
    print(f"{len(malformed)} sent, {len(overlooked)} overlooked: {overlooked}")
    assert set(overlooked) <= (HARMLESS if version == "5" else HARMLESS_IN_3)
    server.manner = Manner()
    for connection in server.up():
        connection.cut()
    send(gateway, [str(n) for n in range(20)])
    server.wait_all(map(str, range(20)))
    gateway.wait_drained()
    assert check_books(gateway, server)["discarded"] == {}
    gateway.end()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_garbled_packets_lose_nothing_that_is_under_way(make_gateway, make_hostile, version, seed):
    """Answers with a few bytes changed, left out or put in; a change may well make the acknowledgement of another message."""
    rng = random.Random(seed)
    budget = [150]

    def on_publish(connection, one):
        if budget[0] <= 0 or rng.random() < 0.5:
            connection.acknowledge(one)
            return
        budget[0] -= 1
        connection.released.update(range(65536))
        kind = rng.choice([wire.PUBACK, wire.PUBREC, wire.PUBREL, wire.PUBCOMP])
        number = connection.version
        good = rng.choice([
            wire.acknowledgement(kind, number, one.identifier, reason_string="why", user_property=[("a", "b")]) if number == 5
            else wire.acknowledgement(kind, number, one.identifier),
            wire.publish(number, "orders/a", b"payload", 1, 9, **({"content_type": "x"} if number == 5 else {})),
            wire.suback(number, one.identifier, [0, 1]), wire.packet(wire.PINGRESP)])
        bad = bytearray(good)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(bad))
            change = rng.randrange(3)
            if change == 0:
                bad[at] = rng.randrange(256)
            elif change == 1:
                bad.insert(at, rng.randrange(256))
            elif len(bad) > 1:
                del bad[at]
        connection.send(bytes(bad))
        connection.close()  # or it would wait for the rest of what was cut short

    server = make_hostile(Manner(on_publish=on_publish))
    gateway = make_gateway(block(server, version=version, first="10ms", most="10ms", more="window = 5")).start()
    payloads = [str(n) for n in range(400)]
    send(gateway, payloads)
    for count in range(20, 401, 20):  # over 150 connections
        wait_until(lambda: not alive(gateway) or len(set(server.seen())) >= count, f"{count} messages")  # noqa: B023
    wait_until(lambda: not alive(gateway) or (gateway.lane() or {}).get("waiting") == 0, "an empty backlog")
    assert alive(gateway)
    lane = gateway.lane()
    arrived = set(server.seen())
    assert not [one for one in payloads if one not in arrived]  # each was published at least once
    assert lane["delivered"] + sum(lane["discarded"].values()) == 400
    print(f"{len(server.connections)} connections, {lane['discarded']}")


def test_a_server_that_speaks_only_3_1_1_is_named(make_gateway, make_hostile):
    server = make_hostile(Manner(on_connect=lambda connection: (connection.send(wire.connack(4, 1)), connection.close())))
    gateway = make_gateway(block(server)).launch()
    wait_until(lambda: not alive(gateway) or "3.1.1" in (gateway.upstream() or {}).get("failure", ""), "a failure that says so")
    assert alive(gateway)


def test_a_suback_with_another_number_of_codes_is_survived(make_gateway, make_hostile):
    rng = random.Random(3)
    counts = [0, 1, 2, 4, 9, 200]

    def on_subscribe(connection, subscribe):
        which = server.connections.index(connection)
        good = wire.suback(connection.version, subscribe.identifier, [0] * (counts[which // 2] if which < 2 * len(counts) else 3))
        if which < 2 * len(counts) and which % 2:
            good = wire.suback(connection.version, subscribe.identifier, [0] * counts[which // 2], wire.UNSUBACK)
        connection.send(good)
        if which < 2 * len(counts):
            rng.choice([connection.cut, connection.close])()

    for version in ("5", "3.1.1"):
        server = make_hostile(Manner(on_subscribe=on_subscribe))
        gateway = make_gateway(block(server, version=version, first="10ms", most="10ms")
                               + '[[upstream.receive]]\ntopics = ["orders/a", "orders/b", "orders/c"]\n').start()
        send(gateway, ["x"])
        wait_until(lambda: not alive(gateway) or "x" in server.seen(acknowledged=True), "the message")
        assert alive(gateway), f"version {version}: it died after {len(server.connections)} connections"
        gateway.wait_drained()


def test_a_huge_announced_length_costs_no_memory_and_is_left(make_gateway, make_hostile):
    server = make_hostile(Manner(after_connack=lambda connection: connection.send(raw("30") + HUGE + bytes(1 << 20)),
                                 on_publish=lambda *_: None, answers_pings=False))
    gateway = make_gateway(block(server, more='keep_alive = "1s"', first="10ms", most="10ms")).start()
    send(gateway, ["x"])
    server.wait_for(lambda server: len(server.connections) >= 3, "the third connection")
    print("resident", resident(gateway) >> 20, "MiB")
    server.manner = Manner()
    for connection in server.up():
        connection.cut()
    server.wait_all(["x"])


def resident(gateway):
    """Bytes."""
    fields = dict(line.split(":", 1) for line in open(f"/proc/{gateway.process.pid}/status"))
    return int(fields["VmRSS"].split()[0]) << 10


# --- What comes towards us --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_messages_towards_us_that_are_not_allowed_do_no_harm_and_the_good_ones_arrive(make_gateway, make_hostile, make_witness, version):
    number = int(version[0]) if version == "5" else 4
    bad = [b"orders/\xff\xfe", b"orders/\xc3(", b"orders/\xed\xa0\x80", b"orders/a\0b", b"orders/+", b"orders/#", b"orders/a/+/b",
           b"/" * 65535, b"$SYS/orders", b"other/a"]
    packets = []
    for which, topic in enumerate(bad):
        for qos in (0, 1, 2):
            packets.append(wire.publish(number, topic, b"bad", qos, 1000 + 3 * which + qos))
            packets.append(wire.publish(number, b"orders/good", f"{which} {qos}".encode(), 1, 2000 + 3 * which + qos))
    order = [f"{which} {qos}" for which in range(len(bad)) for qos in (0, 1, 2)]
    todo = list(enumerate(packets))
    begun = threading.Event()  # once the witness looks
    confirmed = set()

    def on_acknowledgement(connection, packet):
        if packet.kind == wire.PUBACK and packet.identifier >= 2000:
            confirmed.add(packet.identifier)
        if packet.kind == wire.PUBREC and packet.code < 0x80:
            connection.send(wire.acknowledgement(wire.PUBREL, number, packet.identifier))

    def on_subscribe(connection, subscribe):
        connection.send(wire.suback(number, subscribe.identifier, [options & 3 for _, options in subscribe.filters]))
        if todo and begun.is_set():
            which, data = todo.pop(0)
            connection.send(data)
            if which % 2 == 0:
                connection.send(todo.pop(0)[1])

    server = make_hostile(Manner(on_subscribe=on_subscribe, on_acknowledgement=on_acknowledgement))
    gateway = make_gateway(block(server, version=version, first="10ms", most="10ms")
                           + '[[upstream.receive]]\ntopics = ["orders/#"]\nqos = 2\nprefix = "in/"\n').start()
    witness = make_witness(gateway, "in/orders/#")
    begun.set()
    before = len(server.connections)
    server.up()[0].cut()
    server.wait_for(lambda server: len(server.connections) > before, "the next connection")
    for which in range(len(order)):
        count = len(server.connections)
        server.wait_for(lambda server: server.connections[-1].subscribed, "SUBSCRIBE")
        connection = server.connections[-1]
        wanted = 2000 + which
        with server.books():
            server.books().wait_for(lambda: connection.closed or wanted in confirmed, 0.5)
        connection.cut()
        server.wait_for(lambda server: len(server.connections) > count, "the next connection")
        assert alive(gateway)
    print(f"{len(confirmed)} of {len(order)} good ones were taken beside a bad one")
    server.wait_for(lambda server: server.connections[-1].subscribed, "SUBSCRIBE")
    server.connections[-1].send(wire.publish(number, b"orders/good", b"end", 1, 5))
    seen = witness.wait_payload("in/orders/good", "end")
    assert {one.topic for one in seen} == {"in/orders/good"}
    assert {one.payload for one in seen} - {"end"} == {payload for which, payload in enumerate(order) if 2000 + which in confirmed}


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_topic_that_the_local_broker_hates_does_not_stop_the_rest(make_gateway, make_hostile, make_witness, version):
    """Mosquitto closes the connection of whoever publishes a control character in a topic."""
    server = make_hostile()
    gateway = make_gateway(block(server, version=version) + '[[upstream.receive]]\ntopics = ["orders/#"]\n').start()
    witness = make_witness(gateway, "orders/#")
    connection = server.wait_for(lambda server: server.connections[-1].subscribed and server.connections[-1], "SUBSCRIBE")
    for n in range(20):
        topic = b"orders/\x01" if n == 10 else b"orders/a"
        connection.send(wire.publish(connection.version, topic, str(n).encode(), 1, n + 1))
    seen = witness.wait_for(lambda seen: any(one.payload == "19" for one in seen))
    assert firsts(one.payload for one in seen) == [str(n) for n in range(20) if n != 10]
    send(gateway, ["x"])
    server.wait_all(["x"])


# --- Poison -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("end", ["cut", "close", "disconnect"])
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_message_that_kills_the_connection_is_put_aside_and_all_others_flow(make_gateway, make_hostile, version, end):
    def on_publish(connection, one):
        if "poison" not in one.payload:
            connection.acknowledge(one)
        elif end == "disconnect" and version == "5":
            connection.disconnect_with(0x95)
        else:
            connection.close() if end == "close" else connection.cut()

    server = make_hostile(Manner(on_publish=on_publish))
    gateway = make_gateway(block(server, version=version, first="10ms", most="50ms")).start()
    payloads = [str(n) for n in range(300)]
    sent = payloads[:50] + ["poison"] + payloads[50:]
    send(gateway, sent)
    server.wait_all(payloads)
    gateway.wait_drained()
    assert check_books(gateway, server)["discarded"] == {"dead-lettered": 1}
    print(f"published {server.seen().count('poison')} times over {len(server.connections)} connections")
    assert len(server.connections) <= 1 + 12  # some until it is alone, then six at most
    assert firsts(server.seen(acknowledged=True)) == payloads  # P4


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_server_that_closes_on_large_messages_gets_all_small_ones(make_gateway, make_hostile, version):
    server = make_hostile(Manner(on_publish=lambda connection, one: connection.cut() if one.size > 2000
                                 else connection.acknowledge(one)))
    gateway = make_gateway(block(server, version=version, first="10ms", most="50ms")).start()
    payloads = [str(n) for n in range(300)]
    sent = list(payloads)
    for at in (10, 60, 61, 62, 200):
        sent.insert(at, f"large {at} ".ljust(3000, "x"))
    send(gateway, sent)
    server.wait_all(payloads)
    gateway.wait_drained()
    assert check_books(gateway, server)["discarded"] == {"dead-lettered": 5}
    print(f"{len(server.connections)} connections for 5 large messages")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_server_that_closes_on_everything_is_blamed_itself(make_gateway, make_hostile, version):
    server = make_hostile(Manner(on_publish=lambda connection, one: connection.cut()))
    gateway = make_gateway(block(server, version=version, first="10ms", most="20ms")).start()
    payloads = [str(n) for n in range(300)]
    send(gateway, payloads)
    server.wait_for(lambda server: len(server.connections) >= 40, "forty attempts")
    server.manner = Manner()
    server.wait_all(payloads)
    gateway.wait_drained()
    assert check_books(gateway, server)["discarded"] == {}
    assert overtakers(server.seen(acknowledged=True)) <= 1


def test_poison_is_not_forgotten_when_the_gateway_is_killed_in_the_middle_of_the_hunt(make_gateway, make_hostile):
    server = make_hostile(Manner(on_publish=lambda connection, one: connection.cut() if one.payload == "poison"
                                 else connection.acknowledge(one)))
    gateway = make_gateway(block(server, first="10ms", most="50ms")).start()
    payloads = [str(n) for n in range(100)]
    send(gateway, payloads[:5] + ["poison"] + payloads[5:])
    server.wait_for(lambda server: sum(one.payload == "poison" for one in server.published) >= 3, "three deaths")
    gateway.kill()
    gateway.start()
    server.wait_all(payloads)
    gateway.wait_drained()
    lane = gateway.lane()
    assert lane["waiting"] == 0
    assert "poison" not in server.seen(acknowledged=True)
