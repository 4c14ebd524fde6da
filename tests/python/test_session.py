# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""tidegate.Session against a real Mosquitto."""
import errno
import select
import time

import pytest

import tidegate
from tidegate import Session, session as kinds

from conftest import DEADLINE
from parts import free_port


def take(session, *wanted, deadline=DEADLINE):
    """The first events of these kinds, in any order between them; others are passed over."""
    found, end = {}, time.monotonic() + deadline
    while len(found) < len(wanted):
        assert time.monotonic() < end, f"{wanted} did not all come; this did: {found}"
        for event in session.wait(0.2):
            if type(event) in wanted:
                found.setdefault(type(event), event)
    return found[wanted[0]] if len(wanted) == 1 else [found[kind] for kind in wanted]


@pytest.fixture
def make(broker):
    made = []

    def session(url=None, **options):
        made.append(Session(url or broker.url, **options))
        return made[-1]

    yield session
    for one in made:
        one.close()


@pytest.fixture(params=[4, 5])
def session(make, request):
    one = make(version=request.param)
    one.connect()
    take(one, kinds.Connected)
    return one


def test_making_one_opens_nothing_and_connecting_tells_each_step(make, broker):
    one = make()
    assert not one.connected and one.wait(0) == []
    one.connect()
    events = one.wait(DEADLINE)
    opened, connected = events if len(events) == 2 else events + one.wait(DEADLINE)  # one at a time, or at once
    assert type(opened) is kinds.Opened
    assert connected.session_present is False and one.connected
    one.disconnect()
    assert take(one, kinds.Disconnected).ours
    assert not one.connected


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_message_goes_out_with_a_token_and_comes_in(session, qos):
    assert session.subscribe(7, [("a/+", qos, False, False, 0)])
    answered = take(session, kinds.Answered)
    assert (answered.token, answered.codes) == (7, (qos,))
    assert session.publish(8, "a/b", b"\x00\xff", qos)
    delivered, received = take(session, kinds.Delivered, kinds.Received)
    assert delivered.token == 8
    assert (received.topic, received.payload, received.qos, received.retain) == (b"a/b", b"\x00\xff", qos, False)
    assert bool(received.packet) == (qos > 0)
    assert session.unsubscribe(9, ["a/+"])
    assert take(session, kinds.Answered).token == 9


def test_properties_travel_and_answers_have_reason_codes(make):
    one = make(version=5)
    one.connect()
    take(one, kinds.Connected)
    assert one.subscribe(1, [("p", 1, False, False, 0)], [(11, 5)])
    assert take(one, kinds.Answered).codes == (1,)
    sent = [(1, 1), (2, 600), (3, "text/plain"), (8, "answers"), (9, b"\x01\x02"), (38, ("a", "1")), (38, ("a", "2"))]
    assert one.publish(2, "p", b"x", 1, False, sent)
    received, delivered = take(one, kinds.Received, kinds.Delivered)
    assert sorted(map(repr, received.properties)) == sorted(map(repr, [*sent, (11, 5)]))
    assert (delivered.token, delivered.reason_code) == (2, 0)
    assert one.unsubscribe(4, ["p", "never"])
    assert take(one, kinds.Answered).codes == (0, 17)


def test_the_will_is_published_when_the_connection_is_dropped_and_not_after_a_disconnect(make, witness):
    one = make(will=("last/word", b"gone", 1, False, [(3, "text/plain")]))
    one.connect()
    take(one, kinds.Connected)
    one.drop()
    take(one, kinds.Disconnected)
    assert witness.next() == ("last/word", "gone")
    one.connect()
    take(one, kinds.Connected)
    one.connect()
    take(one, kinds.Disconnected, kinds.Connected)
    assert witness.next() == ("last/word", "gone")
    one.disconnect()
    take(one, kinds.Disconnected)
    one.connect()
    take(one, kinds.Connected)
    one.disconnect(4)  # with will message
    assert witness.next() == ("last/word", "gone")
    assert witness.waiting() == []


def test_a_kept_session_sends_again_what_was_not_acknowledged(make, broker, witness):
    one = make(version=4, client_id="kept", clean_start=False)
    one.connect()
    take(one, kinds.Connected)
    one.subscribe(1, [("kept/in", 1, False, False, 0)])
    take(one, kinds.Answered)
    one.disconnect()
    take(one, kinds.Disconnected)
    broker.publish("kept/in", "meanwhile")
    one.connect()
    connected, received = take(one, kinds.Connected, kinds.Received)
    assert connected.session_present and received.payload == b"meanwhile"


def test_without_a_server_the_attempt_fails_with_errno_and_words(make):
    one = make(f"mqtt://127.0.0.1:{free_port()}")
    one.connect()
    failed = take(one, kinds.Failed)
    assert failed.error == errno.ECONNREFUSED and "nothing listens there" in failed.reason
    named = make("mqtt://no-such-host.invalid")
    named.connect()
    assert take(named, kinds.Failed).cause == 1
    assert not one.publish(1, "a", b"") and not one.subscribe(2, [("a", 0, False, False, 0)])


def test_a_refused_client_is_told_the_reason_code(make_broker, make):
    closed = make_broker("allow_anonymous false")
    for version, code in (4, 5), (5, 135):
        one = make(closed.url, version=version)
        one.connect()
        assert take(one, kinds.Failed).reason_code == code


def test_the_descriptor_is_readable_while_something_waits(session):
    assert select.select([session], [], [], 0)[0] == []
    session.publish(1, "a", b"x")
    assert select.select([session], [], [], DEADLINE)[0] == [session]
    take(session, kinds.Delivered)
    assert select.select([session], [], [], 0)[0] == []


def test_a_unix_socket_is_a_server_too(make_broker, make, tmp_path):
    socket = tmp_path / "socket"
    make_broker("allow_anonymous true", f"listener 0 {socket}", "allow_anonymous true")
    one = make(f"unix:{socket}")
    one.connect()
    take(one, kinds.Connected)
    assert one.publish(1, "a", b"x")
    assert take(one, kinds.Delivered).token == 1


def test_a_full_inbox_drops_the_oldest_and_counts(make, broker):
    one = make(inbox=3)
    one.connect()
    take(one, kinds.Connected)
    one.subscribe(1, [("n", 1, False, False, 0)])
    take(one, kinds.Answered)
    for n in range(5):
        assert one.publish(n, "n", b"%d" % n)
    end = time.monotonic() + DEADLINE
    while one.dropped < 2 and time.monotonic() < end:
        select.select([one], [], [], 0.05)
    kept = [event.payload for event in one.wait(0) if type(event) is kinds.Received]
    assert one.dropped == 2 and kept == [b"2", b"3", b"4"]


@pytest.mark.parametrize("wrong, kind, words", [
    (lambda: Session("http://x"), tidegate.ConfigError, "unknown scheme"),
    (lambda: Session("mqtt://x", version=6), tidegate.ConfigError, "no version of MQTT"),
    (lambda: Session("unix:"), tidegate.ConfigError, "has no path"),
    (lambda: Session("mqtt://x", will=("a/#", b"", 0, False, ())), tidegate.TopicError, "a/#"),
    (lambda: Session("mqtt://x").publish(1, "a/+", b""), tidegate.TopicError, "a/+"),
    (lambda: Session("mqtt://x").publish(1, "a", b"", 3), ValueError, "qos is 0, 1 or 2"),
    (lambda: Session("mqtt://x").publish(1, "a", b"", 0, False, [(35, 1)]), ValueError, "cannot carry property 35"),
    (lambda: Session("mqtt://x").subscribe(1, [("a/#/b", 0, False, False, 0)]), tidegate.TopicError, "a/#/b"),
])
def test_what_cannot_be_is_refused_in_words(wrong, kind, words):
    with pytest.raises(kind, match=words.replace("+", r"\+")):
        wrong()


def test_without_a_keep_alive_a_connection_stays(make):
    one = make(keep_alive=0)
    one.connect()
    take(one, kinds.Connected)
    for token in range(3):
        assert one.publish(token, "a", b"x")
        assert take(one, kinds.Delivered).token == token
    assert one.connected


def test_after_close_nothing_more_is_possible(make):
    one = make()
    one.close()
    assert one.wait(DEADLINE) == []
    with pytest.raises(tidegate.UnavailableError):
        one.connect()
