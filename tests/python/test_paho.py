# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""tidegate.paho.client against a real Mosquitto: each call and callback of paho-mqtt's, of both generations."""
import asyncio
import queue
import select
import socket
import subprocess
import threading
import time

import pytest



import tidegate.paho.client as mqtt
from tidegate.paho import MQTTException
from tidegate.paho.packettypes import PacketTypes
from tidegate.paho.properties import Properties
from tidegate.paho.reasoncodes import ReasonCode
from tidegate.paho.subscribeoptions import SubscribeOptions

import hostile
from conftest import DEADLINE, wait_until
from parts import free_port, listens

V1, V2 = mqtt.CallbackAPIVersion.VERSION1, mqtt.CallbackAPIVersion.VERSION2
both = pytest.mark.parametrize("protocol", [mqtt.MQTTv311, mqtt.MQTTv5])


class Seen(queue.Queue):
    """What callbacks were called with: (name, arguments after client and userdata)."""

    def follow(self, client, *names):
        for name in names:
            setattr(client, f"on_{name}", lambda client, userdata, *arguments, name=name: self.put((name, arguments)))

    def next(self, name):
        """The arguments of the next call of this one; others are passed over."""
        end = time.monotonic() + DEADLINE
        while True:
            called, arguments = self.get(timeout=max(0.01, end - time.monotonic()))
            if called == name:
                return arguments


ALL = ("connect", "disconnect", "subscribe", "unsubscribe", "publish", "message")


@pytest.fixture
def seen():
    return Seen()


@pytest.fixture
def make(broker):
    """Clients that loop in a thread, and are connected unless told otherwise."""
    made = []

    def client(*arguments, connect=True, prepare=lambda client: None, **options):
        one = mqtt.Client(*arguments, **options)
        made.append(one)
        prepare(one)
        if connect:
            one.connect("127.0.0.1", broker.port)
            one.loop_start()
            wait_until(one.is_connected, "the connection")
        return one

    yield client
    for one in made:
        one.disconnect()
        one.loop_stop()


# ---- constructors ----

@pytest.mark.parametrize("arguments, options, api, client_id, protocol", [
    ((), {}, V1, "", 4),
    (("old",), {}, V1, "old", 4),
    (("old", False, "data", mqtt.MQTTv311, "tcp", False), {}, V1, "old", 4),
    ((), {"client_id": "old", "clean_session": True, "userdata": "data"}, V1, "old", 4),
    (("old",), {"protocol": mqtt.MQTTv5}, V1, "old", 5),
    ((b"old",), {"protocol": mqtt.MQTTv31}, V1, "old", 3),
    ((V2,), {}, V2, "", 4),
    ((V2, "new"), {"protocol": mqtt.MQTTv5}, V2, "new", 5),
    ((V2, "new", True, "data", mqtt.MQTTv311, "tcp", True, False), {}, V2, "new", 4),
    ((), {"callback_api_version": V2, "client_id": "new"}, V2, "new", 4),
    (("new",), {"callback_api_version": V2}, V2, "new", 4),
])
def test_a_client_is_made_as_in_either_generation(arguments, options, api, client_id, protocol):
    client = mqtt.Client(*arguments, **options)
    assert (client.callback_api_version, client._client_id, client.protocol) == (api, client_id, protocol)
    assert not client.is_connected() and client.socket() is None


def test_callback_api_version_1_by_name_warns_as_paho_does():
    with pytest.warns(DeprecationWarning):
        mqtt.Client(V1, "id")


@pytest.mark.parametrize("make_one, kind, words", [
    (lambda: mqtt.Client(transport="websockets"), ValueError, "websockets"),
    (lambda: mqtt.Client(transport="pigeon"), ValueError, "pigeon"),
    (lambda: mqtt.Client(clean_session=False), ValueError, "client id must be provided"),
    (lambda: mqtt.Client("id", True, protocol=mqtt.MQTTv5), ValueError, "Clean session is not used"),
    (lambda: mqtt.Client(V2, manual_ack=True), ValueError, "manual acknowledgement"),
    (lambda: mqtt.Client("id", colour="red"), TypeError, "colour"),
    (lambda: mqtt.Client("id", client_id="id"), TypeError, "twice"),
    (lambda: mqtt.Client("id", True, None, 4, "tcp", True, False, 9), TypeError, "arguments at most"),
    (lambda: mqtt.Client("id", protocol=7), ValueError, "MQTTv5"),
])
def test_a_client_that_cannot_be_is_refused(make_one, kind, words):
    with pytest.raises(kind, match=words):
        make_one()


# ---- callbacks of both generations ----

def test_callbacks_of_generation_1(make, seen):
    client = make("v1", prepare=lambda client: seen.follow(client, *ALL))
    assert seen.next("connect") == ({"session present": 0}, 0)
    rc, mid = client.subscribe([("t/1", 1), ("t/2", 2)])
    assert (rc, seen.next("subscribe")) == (0, (mid, (1, 2)))
    info = client.publish("t/1", "text", qos=1)
    message, = seen.next("message")
    assert (message.topic, message.payload, message.qos, message.retain, message.dup) == ("t/1", b"text", 1, False, False)
    assert tuple(info) == (0, info.mid) and info[1] == info.mid
    client.publish("none/hears", 5, qos=2)
    assert seen.next("publish") in ((info.mid,), (info.mid + 1,))
    rc, mid = client.unsubscribe("t/1")
    assert (rc, seen.next("unsubscribe")) == (0, (mid,))
    assert client.disconnect() == 0
    assert seen.next("disconnect") == (0,)


def test_callbacks_of_generation_1_on_mqtt_5(make, seen):
    client = make("v1", protocol=mqtt.MQTTv5, prepare=lambda client: seen.follow(client, *ALL))
    flags, reason, properties = seen.next("connect")
    assert flags == {"session present": 0} and reason == "Success" and properties.TopicAliasMaximum > 0
    _, mid = client.subscribe([("t/1", 1), ("t/2", SubscribeOptions(2))])
    told, reasons, properties = seen.next("subscribe")
    assert (told, [str(one) for one in reasons], properties.isEmpty()) == (mid, ["Granted QoS 1", "Granted QoS 2"], True)
    _, mid = client.unsubscribe("t/1")
    told, properties, reason = seen.next("unsubscribe")
    assert (told, reason) == (mid, "Success")
    info = client.publish("t/3", "x", 1)
    assert seen.next("publish") == (info.mid,)
    client.disconnect()
    assert seen.next("disconnect") == (0, None)


@both
def test_callbacks_of_generation_2(make, seen, protocol):
    client = make(V2, "v2", protocol=protocol, prepare=lambda client: seen.follow(client, *ALL))
    flags, reason, properties = seen.next("connect")
    assert flags.session_present is False and reason == 0 and isinstance(reason, ReasonCode)
    assert isinstance(properties, Properties)
    _, mid = client.subscribe("t", 2)
    told, reasons, properties = seen.next("subscribe")
    assert (told, reasons) == (mid, [2]) and str(reasons[0]) == "Granted QoS 2" and isinstance(properties, Properties)
    info = client.publish("t", b"x", 1)
    told, reason, properties = seen.next("publish")
    assert (told, reason.value, reason.packetType) == (info.mid, 0, PacketTypes.PUBACK)
    _, mid = client.unsubscribe(["t", "never"])
    told, reasons, properties = seen.next("unsubscribe")
    assert (told, [str(one) for one in reasons]) == (
        mid, [] if protocol == mqtt.MQTTv311 else ["Success", "No subscription found"])
    client.disconnect()
    flags, reason, properties = seen.next("disconnect")
    assert not flags.is_disconnect_packet_from_server and reason == "Normal disconnection"


def test_decorators_set_callbacks_and_user_data_goes_with_them(make):
    heard = queue.Queue()
    client = mqtt.Client(userdata="mine")

    @client.connect_callback()
    def connected(client, userdata, flags, rc):
        heard.put((userdata, client.user_data_get()))

    assert client.on_connect is connected
    client.user_data_set("other")
    other = make(connect=False)
    assert other.on_connect is None
    client.on_connect(client, "mine", {}, 0)
    assert heard.get_nowait() == ("mine", "other")


def test_pre_connect_connect_fail_and_log_are_called(make, seen, broker):
    make(V2, prepare=lambda client: seen.follow(client, "pre_connect", "log", "connect"))
    assert seen.next("pre_connect") == ()
    level, text = seen.next("log")
    assert level == mqtt.MQTT_LOG_DEBUG and "Sending CONNECT" in text
    lost = make(V2, connect=False)
    seen.follow(lost, "connect_fail")
    lost.reconnect_delay_set(1, 1)
    lost.connect_async("127.0.0.1", free_port())
    lost.loop_start()
    assert seen.next("connect_fail") == ()


def test_an_exception_in_a_callback_ends_the_loop_unless_suppressed(broker, make, seen):
    client = mqtt.Client(V2)
    client.on_connect = lambda *arguments: 1 / 0
    client.connect("127.0.0.1", broker.port)
    with pytest.raises(ZeroDivisionError):
        client.loop_forever()
    client.disconnect()
    tame = make(V2, connect=False)
    tame.suppress_exceptions = True
    tame.on_message = lambda *arguments: 1 / 0
    seen.follow(tame, "subscribe", "publish")
    tame.connect("127.0.0.1", broker.port)
    tame.subscribe("a")
    tame.loop_start()
    seen.next("subscribe")
    tame.publish("a", "x", 1)
    seen.next("publish")
    tame.publish("a", "y", 1)
    seen.next("publish")


# ---- messages ----

@pytest.mark.parametrize("qos", [0, 1, 2])
@both
def test_a_message_goes_round_with_each_qos(make, seen, qos, protocol):
    client = make(V2, protocol=protocol, prepare=lambda client: seen.follow(client, "subscribe", "message"))
    client.subscribe("round/#", qos)
    seen.next("subscribe")
    info = client.publish("round/trip", "ü", qos)
    info.wait_for_publish(DEADLINE)
    assert info.is_published()
    message, = seen.next("message")
    assert (message.topic, message.payload.decode(), message.qos) == ("round/trip", "ü", qos)
    assert bool(message.mid) == (qos > 0) and isinstance(message.timestamp, float)


@pytest.mark.parametrize("payload, sent", [("text", b"text"), (b"\x00\xff", b"\x00\xff"), (bytearray(b"ab"), b"ab"), (42, b"42"),
                                           (4.5, b"4.5"), (None, b"")])
def test_payloads_are_sent_as_paho_sends_them(make, seen, payload, sent):
    client = make(prepare=lambda client: seen.follow(client, "subscribe", "message"))
    client.subscribe("payload")
    seen.next("subscribe")
    client.publish("payload", payload)
    assert seen.next("message")[0].payload == sent


def test_retained_messages_are_kept_told_and_removed(make, seen):
    client = make()
    client.publish("kept", "state", 1, retain=True).wait_for_publish(DEADLINE)
    other = make(prepare=lambda client: seen.follow(client, "message", "subscribe"))
    other.subscribe("kept", 1)
    message, = seen.next("message")
    assert message.payload == b"state" and message.retain
    client.publish("kept", None, 1, retain=True).wait_for_publish(DEADLINE)
    assert seen.next("message")[0].payload == b""


@both
def test_a_will_is_published_when_the_client_is_killed(script, broker, witness, protocol):
    program = script(
        "import os, time, tidegate.paho.client as mqtt\n"
        f"client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol={int(protocol)})\n"
        "client.will_set('last/word', 'gone', 1, True)\n"
        "client.on_connect = lambda *arguments: print('here', flush=True)\n"
        f"client.connect('127.0.0.1', {broker.port})\n"
        "client.loop_forever()\n")
    program.wait_for("here")
    program.process.kill()
    assert witness.next() == ("last/word", "gone")


@pytest.mark.parametrize("end", ["", "del client\ntime.sleep(60)", "1 / 0"])
def test_a_will_is_published_when_a_script_ends_without_disconnect(script, broker, witness, end):
    script("import time, tidegate.paho.client as mqtt\n"
           "client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)\n"
           "client.will_set('last/word', 'gone', 1)\n"
           f"client.connect('127.0.0.1', {broker.port})\n"
           f"client.loop(10)\n{end}\n")
    assert witness.next() == ("last/word", "gone")


def test_settings_that_change_between_connections_hold_for_the_next(make, broker, witness):
    client = mqtt.Client(V2, "changes")
    for n in range(3):
        client.will_set("last/word", str(n))
        client.connect("127.0.0.1", broker.port, keepalive=10 + n)
        assert client.loop(DEADLINE) == 0 and client.is_connected()
        client.publish("between", str(n), 1).wait_for_publish(DEADLINE)
        client.socket().close()
        while client.loop() == 0:
            pass
        assert sorted(witness.take(2)) == [("between", str(n)), ("last/word", str(n))]


def test_a_will_is_not_published_after_a_disconnect_and_can_be_cleared(make, witness):
    client = make(prepare=lambda client: client.will_set("last/word", "gone"))
    assert (client.will_topic, client.will_payload) == ("last/word", b"gone")
    client.disconnect()
    client.will_clear()
    assert client.will_topic is None
    make().publish("marker", "x", 1).wait_for_publish(DEADLINE)
    assert witness.next() == ("marker", "x")


def test_callbacks_for_filters_come_before_on_message(make, seen):
    client = make(prepare=lambda client: seen.follow(client, "message", "subscribe"))
    heard = queue.Queue()
    client.message_callback_add("a/+", lambda client, userdata, message: heard.put(("a/+", message.topic)))

    @client.topic_callback("a/#")
    def deep(client, userdata, message):
        heard.put(("a/#", message.topic))

    client.subscribe("#", 1)
    seen.next("subscribe")
    client.publish("a/b", "1", 1)
    assert {heard.get(timeout=DEADLINE) for _ in range(2)} == {("a/+", "a/b"), ("a/#", "a/b")}
    client.publish("c", "2", 1)
    assert seen.next("message")[0].topic == "c"
    client.message_callback_remove("a/+")
    client.message_callback_remove("a/#")
    client.publish("a/b", "3", 1)
    assert seen.next("message")[0].payload == b"3"


def test_publishing_from_a_callback_and_waiting_does_not_deadlock(make, seen):
    def on_message(client, userdata, message):
        info = client.publish("answer", message.payload, 2)
        info.wait_for_publish(DEADLINE)
        seen.put(("waited", (info.is_published(),)))

    client = make(prepare=lambda client: seen.follow(client, "subscribe"))
    client.on_message = on_message
    client.subscribe("question", 1)
    seen.next("subscribe")
    for _ in range(3):
        client.publish("question", "?", 1)
        assert seen.next("waited") == (True,)


def test_waiting_for_a_publish_works_without_a_loop(broker, witness):
    client = mqtt.Client(V2)
    client.connect("127.0.0.1", broker.port)
    info = client.publish("alone", "x", 1)
    info.wait_for_publish(DEADLINE)
    assert info.is_published() and witness.next() == ("alone", "x")
    assert client.disconnect() == 0 and not client.is_connected()


def test_more_than_the_window_is_published_without_a_loop(broker, witness):
    client = mqtt.Client(V2)
    client.max_inflight_messages_set(2)
    client.connect("127.0.0.1", broker.port)
    infos = [client.publish("alone", str(n), 1) for n in range(20)]
    for info in infos:
        info.wait_for_publish(DEADLINE)
    assert witness.take(20) == [("alone", str(n)) for n in range(20)]
    client.disconnect()


def test_connect_publish_disconnect_in_a_row_delivers(broker, witness):
    for n in range(5):
        client = mqtt.Client()
        client.connect("127.0.0.1", broker.port)
        client.publish("row", str(n))
        client.disconnect()
        assert witness.next() == ("row", str(n))


def test_more_messages_than_the_window_arrive_in_order(make, seen):
    client = make(prepare=lambda client: client.max_inflight_messages_set(3))
    other = make(prepare=lambda client: seen.follow(client, "message", "subscribe"))
    other.subscribe("many", 1)
    seen.next("subscribe")
    infos = [client.publish("many", str(n), 1) for n in range(200)]
    assert [seen.next("message")[0].payload for _ in range(200)] == [b"%d" % n for n in range(200)]
    for info in infos:
        info.wait_for_publish(DEADLINE)


def test_a_full_queue_says_so(make):
    client = make(connect=False)
    client.max_queued_messages_set(2)
    assert [client.publish("q", "x", 1).rc for _ in range(3)] == [mqtt.MQTT_ERR_NO_CONN] * 2 + [mqtt.MQTT_ERR_QUEUE_SIZE]
    refused = client.publish("q", "x", 1)
    with pytest.raises(ValueError, match="ERR_QUEUE_SIZE"):
        refused.wait_for_publish(1)


def test_what_was_published_before_connecting_is_sent_then_and_qos_0_is_not(make, broker, witness):
    client = make(connect=False)
    early = client.publish("early", "1", 1)
    lost = client.publish("early", "0", 0)
    assert (early.rc, lost.rc) == (mqtt.MQTT_ERR_NO_CONN, mqtt.MQTT_ERR_NO_CONN)
    with pytest.raises(RuntimeError, match="not currently connected"):
        lost.wait_for_publish(1)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    assert witness.next() == ("early", "1")


# ---- MQTT 5 ----

def test_properties_travel_with_a_message(make, seen):
    client = make(V2, protocol=mqtt.MQTTv5, prepare=lambda client: seen.follow(client, "subscribe", "message"))
    wanted = Properties(PacketTypes.SUBSCRIBE)
    wanted.SubscriptionIdentifier = 5
    client.subscribe("p", options=SubscribeOptions(1, retainAsPublished=True), properties=wanted)
    seen.next("subscribe")
    sent = Properties(PacketTypes.PUBLISH)
    sent.PayloadFormatIndicator = 1
    sent.MessageExpiryInterval = 600
    sent.ContentType = "text/plain"
    sent.ResponseTopic = "answers"
    sent.CorrelationData = b"\x01"
    sent.UserProperty = ("a", "1")
    sent.UserProperty = ("a", "2")
    client.publish("p", "x", 1, properties=sent)
    came = seen.next("message")[0].properties
    assert came.json() == {**sent.json(), "SubscriptionIdentifier": [5]}
    assert came.CorrelationData == b"\x01" and came.UserProperty == [("a", "1"), ("a", "2")]


def test_subscribe_options_are_kept_to(make, seen):
    client = make(V2, protocol=mqtt.MQTTv5, prepare=lambda client: seen.follow(client, "subscribe", "message"))
    client.publish("o/kept", "old", 1, True).wait_for_publish(DEADLINE)
    client.subscribe([("o/#", SubscribeOptions(1, noLocal=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND))])
    seen.next("subscribe")
    client.publish("o/mine", "mine", 1).wait_for_publish(DEADLINE)
    make().publish("o/other", "other", 1)
    assert seen.next("message")[0].payload == b"other"


def test_a_session_is_kept_as_its_expiry_says(make, broker, seen):
    client = make(V2, "kept", protocol=mqtt.MQTTv5, connect=False)
    seen.follow(client, *ALL)
    expiry = Properties(PacketTypes.CONNECT)
    expiry.SessionExpiryInterval = 600
    client.connect("127.0.0.1", broker.port, properties=expiry)
    client.loop_start()
    assert seen.next("connect")[0].session_present is False
    client.subscribe("kept/t", 1)
    seen.next("subscribe")
    client.disconnect()
    seen.next("disconnect")
    client.loop_stop()
    broker.publish("kept/t", "meanwhile")
    client.connect("127.0.0.1", broker.port, clean_start=False, properties=expiry)
    client.loop_start()
    assert seen.next("connect")[0].session_present is True
    assert seen.next("message")[0].payload == b"meanwhile"


def test_a_disconnect_with_a_reason_sends_the_will(make, witness):
    client = make(V2, protocol=mqtt.MQTTv5, prepare=lambda client: client.will_set("last/word", "meant"))
    client.disconnect(ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message"))
    assert witness.next() == ("last/word", "meant")


def test_a_disconnect_from_the_server_is_told_with_its_reason(seen):
    server = hostile.Hostile(hostile.Manner(after_connack=lambda connection: connection.disconnect_with(0x8E, reason_string="twice")))
    client = mqtt.Client(V2, "same", protocol=mqtt.MQTTv5)
    seen.follow(client, "connect", "disconnect")
    client.connect("127.0.0.1", server.port)
    rc = 0
    while rc == 0:
        rc = client.loop()
    server.stop()
    assert rc == mqtt.MQTT_ERR_CONN_LOST and not client.is_connected()
    flags, reason, properties = seen.next("disconnect")
    assert flags.is_disconnect_packet_from_server and reason == "Session taken over"
    assert properties.ReasonString == "twice"


@pytest.mark.parametrize("set_one, words", [
    (lambda one: setattr(one, "Colour", 1), "must be one of"),
    (lambda one: setattr(one, "SessionExpiryInterval", 1), "does not apply to packet type Publish"),
    (lambda one: setattr(one, "TopicAlias", 0), "1-65535"),
    (lambda one: setattr(one, "MessageExpiryInterval", -1), "0-4294967295"),
    (lambda one: setattr(one, "UserProperty", "a"), "pair"),
])
def test_properties_refuse_what_cannot_be(set_one, words):
    with pytest.raises(MQTTException, match=words):
        set_one(Properties(PacketTypes.PUBLISH))


# ---- connecting ----

@pytest.mark.parametrize("protocol, api, told", [
    (mqtt.MQTTv311, V1, 5), (mqtt.MQTTv5, V1, "Not authorized"), (mqtt.MQTTv311, V2, "Not authorized"),
    (mqtt.MQTTv5, V2, "Not authorized")])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_refused_client_is_told_why_and_loop_is_not_zero(make_broker, seen, protocol, api, told):
    closed = make_broker("allow_anonymous false")
    client = mqtt.Client(api, protocol=protocol)
    seen.follow(client, "connect", "disconnect")
    client.connect("127.0.0.1", closed.port)
    rc = 0
    while rc == 0:
        rc = client.loop()
    assert rc == mqtt.MQTT_ERR_CONN_REFUSED and client.loop() == mqtt.MQTT_ERR_NO_CONN
    assert seen.next("connect")[1] == told
    seen.next("disconnect")
    if api is V1 and protocol == mqtt.MQTTv311:
        assert mqtt.connack_string(told) == "Connection Refused: not authorised."


@both
def test_user_name_and_password_open_the_door(make_broker, tmp_path, protocol):
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), "me", "sécret"], check=True, stderr=subprocess.DEVNULL)
    guarded = make_broker("allow_anonymous false", f"password_file {passwords}")
    client = mqtt.Client(V2, protocol=protocol)
    client.username_pw_set("me", "sécret")
    client.connect("127.0.0.1", guarded.port)
    assert client.loop(DEADLINE) == 0 and client.is_connected()
    client.disconnect()


def test_tls_is_verified_and_can_be_told_not_to_look_at_the_name(make_broker, tmp_path, seen):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                    str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=elsewhere"], check=True,
                   stderr=subprocess.DEVNULL)
    key.chmod(0o644)
    port = free_port()
    make_broker("allow_anonymous true", f"listener {port} 127.0.0.1", f"certfile {certificate}", f"keyfile {key}",
                "allow_anonymous true")
    import ssl
    client = mqtt.Client(V2)
    client.tls_set(str(certificate))
    with pytest.raises(ssl.SSLError, match="wrong name"):
        client.connect("127.0.0.1", port)
    client.tls_insecure_set(True)
    client.connect("127.0.0.1", port)
    assert client.loop(DEADLINE) == 0 and client.is_connected()
    client.disconnect()
    unknown = mqtt.Client(V2)
    unknown.tls_set()
    with pytest.raises(ssl.SSLError, match="certificate verify failed"):
        unknown.connect("127.0.0.1", port)
    blind = mqtt.Client(V2)
    blind.tls_set(cert_reqs=ssl.CERT_NONE)
    blind.connect("127.0.0.1", port)
    assert blind.loop(DEADLINE) == 0 and blind.is_connected()
    blind.disconnect()


def test_tls_settings_that_cannot_be_are_refused(tmp_path):
    import ssl
    client = mqtt.Client(V2)
    with pytest.raises(FileNotFoundError):
        client.tls_set(str(tmp_path / "none"))
    with pytest.raises(ValueError, match="before using tls_insecure_set"):
        client.tls_insecure_set(True)
    with pytest.raises(ValueError, match="SSLContext"):
        client.tls_set_context(ssl.create_default_context())
    client.tls_set_context()
    with pytest.raises(ValueError, match="already"):
        client.tls_set()


def test_where_nothing_listens_connect_raises_what_paho_raises():
    client = mqtt.Client()
    with pytest.raises(ConnectionRefusedError, match="nothing listens there"):
        client.connect("127.0.0.1", free_port())
    with pytest.raises(socket.gaierror):
        client.connect("no-such-host.invalid")
    with pytest.raises(ConnectionRefusedError):
        client.connect("127.0.0.1", free_port())
        client.loop_forever()


def test_connect_async_connects_in_the_loop(make, broker):
    client = make(connect=False)
    client.connect_async("127.0.0.1", broker.port)
    assert client.loop() == mqtt.MQTT_ERR_NO_CONN
    client.loop_start()
    assert client.loop_start() == mqtt.MQTTErrorCode.MQTT_ERR_INVAL
    wait_until(client.is_connected)
    assert client.loop_stop() == 0 and client.loop_stop() == mqtt.MQTTErrorCode.MQTT_ERR_INVAL
    assert client.is_connected()


@both
def test_after_a_broken_connection_it_connects_again_and_sends_what_was_left(make, broker, seen, protocol):
    client = make(V2, protocol=protocol, prepare=lambda client: seen.follow(client, "connect", "disconnect", "publish"))
    client.reconnect_delay_set(1, 2)
    seen.next("connect")
    broker.stop()
    flags, reason, _ = seen.next("disconnect")
    assert reason.is_failure
    info = client.publish("later", "x", 1)
    assert info.rc == mqtt.MQTT_ERR_NO_CONN
    broker.start()
    assert seen.next("connect")[1] == 0
    assert seen.next("publish")[0] == info.mid


def test_qos_2_of_a_kept_session_is_delivered_once_over_restarts_of_the_broker(make, broker, seen):
    client = make(V2, "keeper", clean_session=False)
    client.reconnect_delay_set(1, 1)
    other = make(V2, "listener", clean_session=False, prepare=lambda client: seen.follow(client, "message", "subscribe"))
    other.reconnect_delay_set(1, 1)
    other.subscribe("once", 2)
    seen.next("subscribe")
    infos = []
    for n in range(60):
        infos.append(client.publish("once", str(n), 2))
        if n == 30:
            broker.stop()
            broker.start()
    end = time.monotonic() + DEADLINE
    came = []
    while len(set(came)) < 60 and time.monotonic() < end:
        came.append(seen.next("message")[0].payload)
    assert sorted(map(int, set(came))) == list(range(60)) and len(came) == len(set(came))


def test_reconnect_from_on_disconnect_works(make, broker, seen):
    client = make(prepare=lambda client: seen.follow(client, "connect"))
    seen.next("connect")

    back = threading.Event()

    def on_disconnect(client, userdata, rc):
        wait_until(lambda: back.is_set() and listens(broker.port), "the broker")
        client.reconnect()

    client.on_disconnect = on_disconnect
    broker.stop()
    broker.start()
    back.set()
    assert seen.next("connect")[1] == 0
    wait_until(client.is_connected)
    client.on_disconnect = None


def test_settings_can_be_changed_only_while_there_is_no_connection(make, broker):
    client = make(connect=False)
    client.host, client.port, client.keepalive = "127.0.0.1", broker.port, 7
    client.connect_timeout, client.username, client.password = 3.0, "u", "p"
    client.max_inflight_messages, client.max_queued_messages, client.transport = 5, 6, "tcp"
    client.reconnect()
    for name, value in [("host", "x"), ("port", 1), ("keepalive", 1), ("connect_timeout", 1), ("username", "x"), ("password", "x"),
                        ("max_inflight_messages", 1), ("max_queued_messages", 1), ("transport", "tcp")]:
        with pytest.raises(RuntimeError, match=name):
            setattr(client, name, value)
    client.disconnect()
    client.host = "localhost"
    for name, value in [("host", ""), ("port", 0), ("keepalive", -1), ("connect_timeout", 0), ("max_inflight_messages", -1),
                        ("max_queued_messages", -1), ("transport", "websockets")]:
        with pytest.raises(ValueError):
            setattr(client, name, value)


def test_a_client_can_connect_disconnect_and_connect_again(broker):
    client = mqtt.Client(V2, "again")
    for _ in range(5):
        client.connect("127.0.0.1", broker.port)
        assert client.loop(DEADLINE) == 0 and client.is_connected()
        assert client.disconnect() == 0 and not client.is_connected()
        assert client.loop() == mqtt.MQTT_ERR_NO_CONN
    client.reinitialise("other")
    assert client._client_id == "other" and client.host == ""


# ---- loops of one's own ----

def test_select_on_socket_and_loop_read_is_enough(broker, seen):
    client = mqtt.Client(V2)
    seen.follow(client, "connect", "subscribe", "message")
    client.connect("127.0.0.1", broker.port)

    def until(name):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            readable, _, _ = select.select([client.socket()], [client.socket()] if client.want_write() else [], [], 1)
            if readable:
                assert client.loop_read() == 0
            assert client.loop_misc() == 0 and client.loop_write() == 0
            while not seen.empty():
                called, arguments = seen.get()
                if called == name:
                    return arguments
        raise AssertionError(name)

    until("connect")
    client.subscribe("a")
    until("subscribe")
    client.publish("a", "x")
    assert until("message")[0].payload == b"x"
    client.disconnect()
    assert client.socket() is None and client.loop_misc() == mqtt.MQTT_ERR_NO_CONN


def test_asyncio_drives_it_with_the_socket_callbacks(broker):
    async def main():
        loop = asyncio.get_running_loop()
        came = loop.create_future()
        client = mqtt.Client(V2)
        client.on_socket_open = lambda client, userdata, sock: loop.add_reader(sock, client.loop_read)
        client.on_socket_close = lambda client, userdata, sock: loop.remove_reader(sock)
        client.on_connect = lambda client, *more: client.subscribe("a")
        client.on_subscribe = lambda client, *more: client.publish("a", "x")
        client.on_message = lambda client, userdata, message: came.set_result(message.payload)
        client.connect("127.0.0.1", broker.port)
        payload = await asyncio.wait_for(came, DEADLINE)
        client.disconnect()
        return payload

    assert asyncio.run(main()) == b"x"


# ---- arguments ----

@pytest.mark.parametrize("call, kind", [
    (lambda one: one.connect("", 1883), ValueError), (lambda one: one.connect("h", 0), ValueError),
    (lambda one: one.connect("h", 70000), ValueError), (lambda one: one.connect("h", keepalive=-1), ValueError),
    (lambda one: one.connect("h", clean_start=True), ValueError),
    (lambda one: one.connect("h", properties=Properties(PacketTypes.CONNECT)), ValueError),
    (lambda one: one.connect("h", bind_address="127.0.0.1"), ValueError),
    (lambda one: one.connect_srv("example.com"), ValueError), (lambda one: one.reconnect(), ValueError),
    (lambda one: one.loop(-1), ValueError), (lambda one: one.proxy_set(proxy_addr="x"), ValueError),
    (lambda one: one.ws_set_options(), ValueError), (lambda one: one.manual_ack_set(True), ValueError),
    (lambda one: one.enable_bridge_mode(), ValueError),
    (lambda one: one.publish("", "x"), ValueError), (lambda one: one.publish(None, "x"), ValueError),
    (lambda one: one.publish("a/#", "x"), ValueError), (lambda one: one.publish("a", "x", 3), ValueError),
    (lambda one: one.publish("a", "x", -1), ValueError), (lambda one: one.publish("a", {}), TypeError),
    (lambda one: one.publish("a" * 65536, "x"), ValueError),
    (lambda one: one.subscribe("", 0), ValueError), (lambda one: one.subscribe([]), ValueError),
    (lambda one: one.subscribe(None), ValueError), (lambda one: one.subscribe("a", 3), ValueError),
    (lambda one: one.subscribe([("a", 3)]), ValueError), (lambda one: one.subscribe([("", 0)]), ValueError),
    (lambda one: one.subscribe("a/#/b"), ValueError), (lambda one: one.unsubscribe(""), ValueError),
    (lambda one: one.unsubscribe(None), ValueError), (lambda one: one.unsubscribe([""]), ValueError),
    (lambda one: one.will_set("", "x"), ValueError), (lambda one: one.will_set("a", "x", 3), ValueError),
    (lambda one: one.will_set("a", {}), TypeError), (lambda one: one.will_set("a/+"), ValueError),
    (lambda one: one.message_callback_add("a", None), ValueError), (lambda one: one.message_callback_add("", print), ValueError),
    (lambda one: one.message_callback_remove(""), ValueError), (lambda one: one.max_queued_messages_set("x"), ValueError),
    (lambda one: one.max_inflight_messages_set(-1), ValueError),
])
def test_wrong_arguments_raise_what_paho_raises(call, kind):
    with pytest.raises(kind):
        call(mqtt.Client(V2))


def test_without_a_connection_calls_say_so():
    client = mqtt.Client()
    assert client.subscribe("a") == (mqtt.MQTT_ERR_NO_CONN, None)
    assert client.unsubscribe("a") == (mqtt.MQTT_ERR_NO_CONN, None)
    assert client.disconnect() == mqtt.MQTT_ERR_NO_CONN
    assert [client.loop(), client.loop_read(), client.loop_write(), client.loop_misc()] == [mqtt.MQTT_ERR_NO_CONN] * 4
    assert mqtt.error_string(mqtt.MQTT_ERR_NO_CONN) == "The client is not currently connected."


@pytest.mark.parametrize("sub, topic, fits", [("a/+/c", "a/b/c", True), ("a/#", "a", True), ("#", "$SYS/x", False),
                                              ("a/b", "a/c", False), ("+", "/a", False)])
def test_topic_matches_sub(sub, topic, fits):
    assert mqtt.topic_matches_sub(sub, topic) is fits


def test_reason_codes_equal_numbers_and_names_and_are_ordered():
    code = ReasonCode(PacketTypes.CONNACK, "Not authorized")
    assert code == 135 and code == "Not authorized" and code.is_failure and code > 0
    assert ReasonCode(PacketTypes.DISCONNECT) == "Normal disconnection"
    with pytest.raises(KeyError):
        ReasonCode(PacketTypes.SUBACK, "Server busy")


# ---- many, threads and the end ----

def test_threads_publish_through_one_client(make, seen):
    client = make()
    other = make(prepare=lambda client: seen.follow(client, "message", "subscribe"))
    other.subscribe("thread/+", 1)
    seen.next("subscribe")

    def publish(n):
        for i in range(50):
            client.publish(f"thread/{n}", str(i), 1)
    threads = [threading.Thread(target=publish, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    came = {}
    for _ in range(200):
        message, = seen.next("message")
        came.setdefault(message.topic, []).append(int(message.payload))
    for thread in threads:
        thread.join()
    assert came == {f"thread/{n}": list(range(50)) for n in range(4)}


def test_importing_opens_nothing(script):
    program = script("import os, threading, tidegate.paho.client, tidegate.paho.publish, tidegate.paho.subscribe\n"
                     "print(threading.active_count(), len(os.listdir('/proc/self/task')), 'threads')\n")
    assert program.wait_for("threads") == "1 1 threads"


def test_a_process_ends_with_a_client_in_full_swing(script, broker):
    program = script("import tidegate.paho.client as mqtt, time\n"
                     "client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)\n"
                     f"client.connect('127.0.0.1', {broker.port})\n"
                     "client.on_message = lambda *arguments: None\n"
                     "client.subscribe('#')\nclient.loop_start()\n"
                     "for n in range(2000):\n    client.publish('busy', str(n))\n"
                     "print('end')\n")
    program.wait_for("end")
    assert program.end() == 0


