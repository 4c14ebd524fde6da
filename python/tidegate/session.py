# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""MQTT by hand: one connection, made and ended when told so, and a list of what has happened."""
from collections import namedtuple

from . import _core

# Types are in session.pyi.

Received = namedtuple("Received", "topic payload qos retain duplicate packet properties")
Received.__doc__ = "A message. topic is bytes, because a server need not look whether it is UTF-8."
Delivered = namedtuple("Delivered", "token reason_code reason")
Delivered.__doc__ = "publish(token, …) was acknowledged; QoS 0: handed to the network."
Refused = namedtuple("Refused", "token reason_code reason")
Refused.__doc__ = "The server answered publish(token, …) with a reason code of 0x80 or more."
Unknown = namedtuple("Unknown", "token reason_code reason")
Unknown.__doc__ = "The connection ended before publish(token, …) was acknowledged; nobody sends it again."
Opened = namedtuple("Opened", "")
Opened.__doc__ = "The server is reached, and verified."
Connected = namedtuple("Connected", "session_present properties")
Connected.__doc__ = "The server has accepted."
Failed = namedtuple("Failed", "reason reason_code error cause ours properties")
Failed.__doc__ = "The attempt of connect() came to nothing."
Disconnected = namedtuple("Disconnected", "reason reason_code error cause ours properties")
Disconnected.__doc__ = "The connection has ended."
Answered = namedtuple("Answered", "token codes properties")
Answered.__doc__ = "What the server said to subscribe(token, …) or unsubscribe(token, …), for each filter."
_KINDS = (Received, Delivered, Refused, Unknown, Opened, Connected, Failed, Disconnected, Answered)


class Session:
    """One MQTT connection at a time. For those who know MQTT and decide about each packet themselves; an App keeps itself
    up and is easier. Making one opens nothing; connect(), disconnect(), subscribe() and unsubscribe() return at once, and
    what comes of them are events of wait(). Thread-safe, but one thread at a time is in wait(); it calls nothing back.

    servers: mqtt://host:port, mqtts://host:port (TLS 1.2 or newer, verified) or unix:/path. version: 3 (MQTT 3.1),
    4 (3.1.1) or 5. Times are seconds. will: (topic, payload, qos, retain, properties). A property is (identifier, value),
    as MQTT 5 numbers them; a user property is (38, (name, value)). inbox: messages that wait for wait(); when it is full
    the oldest is dropped, and counted in dropped. Raises ConfigError, TopicError, PayloadError and ValueError.
    """

    def __init__(self, *servers, client_id="", version=5, clean_start=True, session_expiry=0.0, username=None, password=None,
                 keep_alive=60, connect_timeout=5.0, will=None, properties=(), ca_file="", cert_file="", key_file="",
                 key_password="", ciphers="", alpn=(), verify=True, verify_name=True, window=100, inbox=10000):
        self._core = _core.Session(
            list(servers), client_id=client_id, version=version, clean_start=clean_start, session_expiry=session_expiry,
            username=username, password=password, keep_alive=keep_alive, connect_timeout=connect_timeout, will=will,
            properties=properties, ca_file=ca_file, cert_file=cert_file, key_file=key_file, key_password=key_password,
            ciphers=ciphers, alpn=alpn, verify=verify, verify_name=verify_name, window=window, inbox=inbox)

    def connect(self):
        """One attempt at each server; a connection that is there is dropped without a DISCONNECT."""
        self._core.connect()

    def disconnect(self, reason_code=0, properties=()):
        """After what was published before; reason_code and properties in MQTT 5."""
        self._core.disconnect(reason_code, properties)

    def drop(self):
        """Ends the connection without a DISCONNECT, as one that breaks: the server publishes the will."""
        self._core.drop()

    def close(self):
        """Disconnects, and ends for good."""
        self._core.close()

    def publish(self, token, topic, payload, qos=1, retain=False, properties=(), patience=0.0):
        """Hands one message over; token is any number, and comes back in Delivered, Refused or Unknown. False when not
        connected, or when QoS 0 comes faster than the network takes it, for longer than patience."""
        return self._core.publish(token, topic, payload, qos, retain, properties, patience)

    def subscribe(self, token, subscriptions, properties=()):
        """One SUBSCRIBE of (filter, qos, no local, retain as published, retain handling). False when not connected."""
        return self._core.subscribe(token, subscriptions, properties)

    def unsubscribe(self, token, filters, properties=()):
        """One UNSUBSCRIBE. False when not connected."""
        return self._core.unsubscribe(token, filters, properties)

    def wait(self, timeout, most=256):
        """Waits until something has happened, and returns at most that many events, in order; empty after timeout, wake()
        or close()."""
        return [_KINDS[event[0]](*event[1:]) for event in self._core.wait(most, timeout)]

    def wake(self):
        """Makes a wait(), now or next, return."""
        self._core.wake()

    def fileno(self):
        """Can be read while wait() would return at once: for select() and asyncio. Not to be read from."""
        return self._core.fileno()

    @property
    def connected(self):
        return self._core.connected

    @property
    def dropped(self):
        return self._core.dropped

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
