# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""paho.mqtt.client's Client over tidegate's own session: the same calls, the same callbacks, of both generations.

The network is C++'s; Python pulls what has happened, in loop(), loop_forever() or the thread of loop_start(), and calls
back from there alone.
"""
import collections
import logging
import os
import random
import socket as _socket
import string
import threading
import time
import warnings
from typing import Union

from .. import _core
from .enums import CallbackAPIVersion, ConnackCode, LogLevel, MessageType, MQTTErrorCode, MQTTProtocolVersion
from .packettypes import PacketTypes
from .properties import Properties, from_pairs, to_pairs
from .reasoncodes import ReasonCode, ReasonCodes, from_network
from .subscribeoptions import SubscribeOptions

for _enum in (MQTTErrorCode, MQTTProtocolVersion, MessageType, LogLevel, ConnackCode):
    globals().update(_enum.__members__)
MQTTv31, MQTTv311, MQTTv5 = MQTTProtocolVersion
MQTT_ERR_SUCCESS, MQTT_ERR_NO_CONN = MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN
MQTT_ERR_CONN_REFUSED, MQTT_ERR_CONN_LOST = MQTTErrorCode.MQTT_ERR_CONN_REFUSED, MQTTErrorCode.MQTT_ERR_CONN_LOST
MQTT_ERR_QUEUE_SIZE = MQTTErrorCode.MQTT_ERR_QUEUE_SIZE
MQTT_LOG_INFO, MQTT_LOG_NOTICE, MQTT_LOG_WARNING, MQTT_LOG_ERR, MQTT_LOG_DEBUG = LogLevel
_ = ReasonCodes  # scripts take it from here
LOGGING_LEVEL = {MQTT_LOG_DEBUG: logging.DEBUG, MQTT_LOG_INFO: logging.INFO, MQTT_LOG_NOTICE: logging.INFO,
                 MQTT_LOG_WARNING: logging.WARNING, MQTT_LOG_ERR: logging.ERROR}
MQTT_CLEAN_START_FIRST_ONLY = 3
MQTT_CLIENT, MQTT_BRIDGE = 0, 1

# The kinds of events of tidegate.Session.
_MESSAGE, _DELIVERED, _REFUSED, _UNKNOWN, _OPENED, _CONNECTED, _FAILED, _DISCONNECTED, _ANSWERED = range(9)
_CAUSE_NAME, _CAUSE_TLS = 1, 2

_BATCH = 256                # events taken at a time
_POLL = 0.1                 # how long a thread waits for another one that pulls, before it looks whether that still does
_FIRST_ANSWER = 0.5         # how long the first call after connect() waits for CONNACK where no loop runs
_GOODBYE = 2.0              # how long DISCONNECT may take
_PATIENCE = 10.0            # how long a QoS 0 publish waits while the network does not take it
_LONGEST_PAYLOAD = 268435455

PayloadType = Union[str, bytes, bytearray, int, float, None]
CleanStartOption = Union[bool, int]
ConnectFlags = collections.namedtuple("ConnectFlags", "session_present")
DisconnectFlags = collections.namedtuple("DisconnectFlags", "is_disconnect_packet_from_server")

_ERRORS = {
    -1: "no error, but the operation is not complete yet", 0: "No error.", 1: "Out of memory.",
    2: "A network protocol error occurred when communicating with the broker.", 3: "Invalid function arguments provided.",
    4: "The client is not currently connected.", 5: "The connection was refused.", 6: "Message not found (internal error).",
    7: "The connection was lost.", 8: "A TLS error occurred.", 9: "Payload too large.",
    10: "This feature is not supported.", 11: "Authorisation failed.", 12: "Access denied by ACL.", 13: "Unknown error.",
    14: "Error defined by errno.", 15: "Message queue full.", 16: "Client or broker did not communicate in the keepalive interval."}
_CONNACKS = {
    0: "Connection Accepted.", 1: "Connection Refused: unacceptable protocol version.",
    2: "Connection Refused: identifier rejected.", 3: "Connection Refused: broker unavailable.",
    4: "Connection Refused: bad user name or password.", 5: "Connection Refused: not authorised."}
_CONNACK_REASONS = {0: 0, 1: 132, 2: 133, 3: 136, 4: 134, 5: 135}


def error_string(mqtt_errno):
    """An MQTT_ERR_… in words."""
    return _ERRORS.get(int(mqtt_errno), "Unknown error.")


def connack_string(connack_code):
    """A CONNACK's code, or its ReasonCode, in words."""
    if isinstance(connack_code, ReasonCode):
        return str(connack_code)
    return _CONNACKS.get(int(connack_code), "Connection Refused: unknown reason.")


def topic_matches_sub(sub, topic):
    """Whether a topic matches a filter."""
    return _core.matches(sub, topic)


def convert_connack_rc_to_reason_code(connack_code):
    """A CONNACK's code of MQTT 3 as MQTT 5's ReasonCode."""
    return ReasonCode(PacketTypes.CONNACK, identifier=_CONNACK_REASONS.get(int(connack_code), 128))


def convert_disconnect_error_code_to_reason_code(rc):
    """Why a connection ended, as MQTT 5's ReasonCode."""
    known = {MQTTErrorCode.MQTT_ERR_SUCCESS: 0, MQTTErrorCode.MQTT_ERR_KEEPALIVE: 141}
    return ReasonCode(PacketTypes.DISCONNECT, identifier=known.get(rc, 128))


def _encode(payload):
    if payload is None:
        return b""
    if isinstance(payload, (bytes, bytearray)):
        return bytes(payload)
    if isinstance(payload, str):
        return payload.encode()
    if isinstance(payload, (int, float)):
        return str(payload).encode()
    raise TypeError(f"payload must be a string, bytearray, int, float or None, not {type(payload).__name__}")


def _text(value):
    return value.decode() if isinstance(value, (bytes, bytearray)) else value


class MQTTMessageInfo:
    """What publish() returns: also the pair (rc, mid)."""

    def __init__(self, mid, client=None):
        self.mid = mid
        self.rc = MQTT_ERR_SUCCESS
        self._published = False
        self._client = client

    def _pair(self):
        return (self.rc, self.mid)

    def __iter__(self):
        return iter(self._pair())

    def __getitem__(self, index):
        return self._pair()[index]

    def __len__(self):
        return 2

    def __str__(self):
        return str(self._pair())

    def _raise(self):
        if self.rc == MQTT_ERR_QUEUE_SIZE:
            raise ValueError("Message is not queued due to ERR_QUEUE_SIZE")
        if self.rc > 0:
            raise RuntimeError(f"Message publish failed: {error_string(self.rc)}")

    def wait_for_publish(self, timeout=None):
        """Waits until it is published, at most for timeout seconds. In a callback too, and with no loop running."""
        self._raise()
        if not self._published and self._client is not None:
            self._client._wait(lambda: self._published or self.rc > 0, timeout)
        self._raise()

    def is_published(self):
        """Whether it is: QoS 0 handed to the network, QoS 1 and 2 acknowledged."""
        self._raise()
        return self._published


class MQTTMessage:
    """A message as it came."""

    __slots__ = ("_topic", "dup", "info", "mid", "payload", "properties", "qos", "retain", "state", "timestamp")

    def __init__(self, mid=0, topic=b""):
        self.timestamp = time.monotonic()
        self.state = 0
        self.dup = False
        self.mid = mid
        self._topic = topic
        self.payload = b""
        self.qos = 0
        self.retain = False
        self.info = MQTTMessageInfo(mid)
        self.properties = None

    @property
    def topic(self):
        """Raises UnicodeDecodeError where it is not UTF-8."""
        return self._topic.decode()

    @topic.setter
    def topic(self, value):
        self._topic = value

    def __eq__(self, other):
        return isinstance(other, MQTTMessage) and self.mid == other.mid

    __hash__ = None


class _Out:
    """A message on its way out."""

    __slots__ = ("info", "mid", "payload", "properties", "qos", "retain", "sent", "topic")

    def __init__(self, mid, topic, payload, qos, retain, properties, info):
        self.mid, self.topic, self.payload, self.qos, self.retain = mid, topic, payload, qos, retain
        self.properties, self.info, self.sent = properties, info, False


class _Link:
    """What socket() returns while there is a connection: can be read when loop_read() has something to do, for select()
    and the like. The network's own socket is C++'s, so there is nothing to set here."""

    def __init__(self, session, todo):
        self._session = session
        self._todo = todo
        self.watched = False

    def fileno(self):
        self.watched = True
        number = self._session.fileno()
        if self._todo:
            self._session.wake()
        return number

    def setsockopt(self, *_):
        """Does nothing: see the class."""

    def close(self):
        """Ends the connection without a DISCONNECT."""
        self._session.drop()


_CALLBACKS = ("connect", "connect_fail", "disconnect", "log", "message", "pre_connect", "publish", "socket_close",
              "socket_open", "socket_register_write", "socket_unregister_write", "subscribe", "unsubscribe")
_NAMES_2 = ("callback_api_version", "client_id", "clean_session", "userdata", "protocol", "transport",
            "reconnect_on_failure", "manual_ack")
_NAMES_1 = _NAMES_2[1:7]


def _setting(name, check, complaint):
    """An attribute that cannot be set while there is a connection, or one is wanted."""
    inner = f"_{name}"

    def get(self):
        return getattr(self, inner)

    def put(self, value):
        if self._busy():
            raise RuntimeError(f"updating {name} on established connection is not supported")
        if not check(value):
            raise ValueError(complaint)
        setattr(self, inner, value)

    return property(get, put)


def _callback(name):
    """The attribute on_NAME, and the decorator that sets it."""

    def get(self):
        return self._callbacks[name]

    def put(self, function):
        self._callbacks[name] = function

    def decorator(self):
        def decorate(function):
            self._callbacks[name] = function
            return function
        return decorate

    return property(get, put), decorator


class Client:
    """An MQTT client as paho.mqtt.client has it. Takes the arguments of either generation:

        Client(client_id, clean_session, userdata, protocol, transport, reconnect_on_failure)                    (1.x)
        Client(CallbackAPIVersion.VERSION2, client_id, clean_session, userdata, protocol, transport, …)          (2.x)
    """

    def __init__(self, *arguments, **options):
        second = bool(arguments) and isinstance(arguments[0], CallbackAPIVersion)
        names = _NAMES_2 if second or isinstance(options.get("callback_api_version"), CallbackAPIVersion) else _NAMES_1
        if names is _NAMES_2 and not second:
            names = _NAMES_2[1:]
        if len(arguments) > len(names):
            raise TypeError(f"Client takes {len(names)} arguments at most: {', '.join(names)}")
        given = dict(zip(names, arguments))
        for name, value in options.items():
            if name not in _NAMES_2:
                raise TypeError(f"Client has no argument '{name}'; it has {', '.join(_NAMES_2)}")
            if name in given:
                raise TypeError(f"Client got '{name}' twice")
            given[name] = value
        self._init(**given)

    def _init(self, callback_api_version=None, client_id="", clean_session=None, userdata=None, protocol=MQTTv311,
              transport="tcp", reconnect_on_failure=True, manual_ack=False):
        if callback_api_version is CallbackAPIVersion.VERSION1:
            warnings.warn("Callback API version 1 is deprecated, update to latest version", DeprecationWarning, stacklevel=3)
        elif callback_api_version not in (None, CallbackAPIVersion.VERSION2):
            raise ValueError("Unsupported callback API version: give CallbackAPIVersion.VERSION1 or VERSION2")
        self._check_transport(transport)
        if protocol not in (MQTTv31, MQTTv311, MQTTv5):
            raise ValueError(f"protocol is MQTTv31, MQTTv311 or MQTTv5, not {protocol!r}")
        if manual_ack:
            self.manual_ack_set(True)
        self._api = callback_api_version or CallbackAPIVersion.VERSION1
        self._protocol = MQTTProtocolVersion(protocol)
        self._transport = transport
        self._reconnect_on_failure = reconnect_on_failure
        self._callbacks = dict.fromkeys(_CALLBACKS)
        self._filters = {}
        self._userdata = userdata
        self._logger = None
        self.suppress_exceptions = False
        self._host, self._port, self._keepalive = "", 1883, 60
        self._connect_timeout = 5.0
        self._username = self._password = None
        self._max_inflight_messages, self._max_queued_messages = 20, 0
        self._will = None
        self._tls = None
        self._tls_insecure = False
        self._clean_start = MQTT_CLEAN_START_FIRST_ONLY
        self._connect_properties = None
        self._min_delay, self._max_delay, self._delay = 1, 120, None
        self._set_identity(client_id, clean_session)

        self._session = None
        self._session_options = None
        self._state = "new"          # async, connecting, connected, lost, disconnecting, disconnected
        self._first_connect = True
        self._awaits_opening = False
        self._opened = False
        self._failure = None
        self._goodbye = None         # a DISCONNECT to be sent once on_disconnect has been called
        self._leaving = False        # it is on its way
        self._awaits_answer = False  # nobody has waited for CONNACK yet
        self._link = None            # a _Link from opened to disconnected or failed
        self._receive_maximum = 65535
        self._ready = False          # on_connect has been called: what waits may be sent

        self._connects = threading.RLock()       # held while connecting
        self._lock = threading.RLock()           # guards what follows
        self._last_mid = 0
        self._out = collections.OrderedDict()    # QoS 1 and 2, by mid: unacknowledged, in order
        self._out_qos0 = {}
        self._inflight = 0
        self._asked = {}                         # by mid: whether a SUBSCRIBE, not an UNSUBSCRIBE, waits for its answer
        self._early = collections.deque()        # what was asked for between CONNECT and CONNACK
        self._pulls = threading.Lock()           # held by the one thread that takes events from the session
        self._claims = 0                         # threads that want to hold it next
        self._news = threading.Condition()       # that thread has
        self._todo = collections.deque()         # events to be told by the loop
        self._calls = 0                          # publishes since events were taken
        self._thread = None
        self._terminate = False
        self._wake = threading.Event()           # ends the wait before a reconnect
        self._in_callback = threading.local()

    # ---- callbacks; which arguments they are called with: docs/migrating-from-paho.md ----

    on_connect, connect_callback = _callback("connect")
    on_connect_fail, connect_fail_callback = _callback("connect_fail")
    on_disconnect, disconnect_callback = _callback("disconnect")
    on_log, log_callback = _callback("log")
    on_message, message_callback = _callback("message")
    on_pre_connect, pre_connect_callback = _callback("pre_connect")
    on_publish, publish_callback = _callback("publish")
    on_socket_close, socket_close_callback = _callback("socket_close")
    on_socket_open, socket_open_callback = _callback("socket_open")
    on_socket_register_write, socket_register_write_callback = _callback("socket_register_write")
    on_socket_unregister_write, socket_unregister_write_callback = _callback("socket_unregister_write")
    on_subscribe, subscribe_callback = _callback("subscribe")
    on_unsubscribe, unsubscribe_callback = _callback("unsubscribe")

    # ---- settings ----

    host = _setting("host", bool, "Invalid host.")
    port = _setting("port", lambda value: value > 0, "Invalid port number.")
    keepalive = _setting("keepalive", lambda value: value >= 0, "Keepalive must be >=0.")
    connect_timeout = _setting("connect_timeout", lambda value: value > 0, "timeout must be a positive number")
    username = _setting("username", lambda value: True, "")
    password = _setting("password", lambda value: True, "")
    max_inflight_messages = _setting("max_inflight_messages", lambda value: value >= 0, "Invalid inflight.")
    max_queued_messages = _setting("max_queued_messages", lambda value: value >= 0, "Invalid queue size.")

    @staticmethod
    def _check_transport(transport):
        if transport == "websockets":
            raise ValueError('transport="websockets" is not supported: use "tcp" and the port of a plain or TLS listener')
        if transport not in ("tcp", "unix"):
            raise ValueError(f'transport must be "tcp" or "unix", not {transport}')

    @property
    def transport(self):
        return self._transport

    @transport.setter
    def transport(self, value):
        if self._busy():
            raise RuntimeError("updating transport on established connection is not supported")
        self._check_transport(value)
        self._transport = value

    @property
    def protocol(self):
        return self._protocol

    @property
    def callback_api_version(self):
        return self._api

    @property
    def will_topic(self):
        return None if self._will is None else self._will[0]

    @property
    def will_payload(self):
        return None if self._will is None else self._will[1]

    @property
    def logger(self):
        return self._logger

    @logger.setter
    def logger(self, value):
        self._logger = value

    def _set_identity(self, client_id, clean_session):
        if self._protocol == MQTTv5:
            if clean_session is not None:
                raise ValueError("Clean session is not used for MQTT 5.0")
        else:
            clean_session = True if clean_session is None else clean_session
            if not clean_session and not client_id:
                raise ValueError("A client id must be provided if clean session is False.")
        client_id = _text(client_id or "")
        if not client_id and self._protocol == MQTTv31:
            client_id = "tidegate" + "".join(random.choice(string.ascii_letters + string.digits) for _ in range(15))
        self._client_id = client_id
        self._clean_session = clean_session

    def _busy(self):
        return self._state not in ("new", "async", "disconnected", "disconnecting")

    def reinitialise(self, client_id="", clean_session=True, userdata=None):
        """As a new Client of the same protocol; a connection that is there is dropped."""
        self.loop_stop()
        if self._session is not None:
            self._session.close()
        self._init(self._api if self._api is CallbackAPIVersion.VERSION2 else None, client_id,
                   None if self._protocol == MQTTv5 else clean_session, userdata, self._protocol, self._transport,
                   self._reconnect_on_failure)

    def username_pw_set(self, username, password=None):
        """username None: neither."""
        self._username = username
        self._password = password

    def tls_set(self, ca_certs=None, certfile=None, keyfile=None, cert_reqs=None, tls_version=None, ciphers=None,
                keyfile_password=None, alpn_protocols=None):
        """TLS 1.2 or newer, verified. cert_reqs ssl.CERT_NONE: not verified. Files are looked at now: OSError."""
        import ssl
        if self._tls is not None:
            raise ValueError("SSL/TLS has already been configured.")
        if tls_version in (getattr(ssl, "PROTOCOL_TLSv1", -1), getattr(ssl, "PROTOCOL_TLSv1_1", -1)):
            raise ValueError("TLS before 1.2 is not supported: leave tls_version out")
        for path in (ca_certs, certfile, keyfile):
            if path is not None:
                with open(path, "rb"):
                    pass
        if keyfile_password is not None:
            keyfile_password = keyfile_password() if callable(keyfile_password) else keyfile_password
        self._tls = {"ca_file": os.fspath(ca_certs or ""), "cert_file": os.fspath(certfile or ""),
                     "key_file": os.fspath(keyfile or ""), "key_password": _text(keyfile_password or ""),
                     "ciphers": ciphers or "", "alpn": list(alpn_protocols or ()), "verify": cert_reqs in (None, ssl.CERT_REQUIRED)}

    def tls_set_context(self, context=None):
        """None: as tls_set(). A context of Python's ssl module cannot be used, because the network is not Python's."""
        if context is not None:
            raise ValueError("an SSLContext is not supported: give the same files to tls_set()")
        self.tls_set()

    def tls_insecure_set(self, value):
        """True: the certificate's name is not compared with the host's."""
        if self._tls is None:
            raise ValueError("Must configure SSL context before using tls_insecure_set.")
        self._tls_insecure = bool(value)

    def ws_set_options(self, path="/mqtt", headers=None):
        raise ValueError("websockets are not supported: use tcp")

    def proxy_set(self, **proxy_args):
        raise ValueError("proxies are not supported: connect directly, or through a forwarded port")

    def manual_ack_set(self, on):
        if on:
            raise ValueError("manual acknowledgement is not supported: a message is acknowledged when it has come in")

    def ack(self, mid, qos):
        raise ValueError("manual acknowledgement is not supported: a message is acknowledged when it has come in")

    def enable_bridge_mode(self):
        raise ValueError("bridge mode is not supported: use MQTTv5 and SubscribeOptions(noLocal=True, retainAsPublished=True)")

    def message_retry_set(self, retry):
        """Nothing, as in paho since 1.4: messages are sent again after a reconnect only."""

    def max_inflight_messages_set(self, inflight):
        """Most QoS 1 and 2 messages under way; 0: as many as MQTT has numbers for."""
        self.max_inflight_messages = inflight

    def max_queued_messages_set(self, queue_size):
        """Most QoS 1 and 2 messages waiting or under way; 0: no limit."""
        if not isinstance(queue_size, int):
            raise ValueError("Invalid type of queue size.")
        self.max_queued_messages = queue_size
        return self

    def reconnect_delay_set(self, min_delay=1, max_delay=120):
        """Seconds before the first attempt to reconnect, doubled for each one that fails, up to max_delay."""
        with self._lock:
            self._min_delay, self._max_delay, self._delay = min_delay, max_delay, None

    def user_data_set(self, userdata):
        self._userdata = userdata

    def user_data_get(self):
        return self._userdata

    def will_set(self, topic, payload=None, qos=0, retain=False, properties=None):
        """What the server publishes when the connection breaks. Before connect()."""
        if not topic:
            raise ValueError("Invalid topic.")
        if not 0 <= qos <= 2:
            raise ValueError("Invalid QoS level.")
        if properties is not None and self._protocol != MQTTv5:
            raise ValueError("Properties only apply to MQTT V5")
        _core.check_topic(_text(topic))
        self._will = (_text(topic), _encode(payload), qos, bool(retain), to_pairs(properties))

    def will_clear(self):
        self._will = None

    def enable_logger(self, logger=None):
        """What on_log is told goes to Python's logging too."""
        self._logger = logger or self._logger or logging.getLogger(__name__)

    def disable_logger(self):
        self._logger = None

    # ---- connecting ----

    def connect(self, host, port=1883, keepalive=60, bind_address="", bind_port=0, clean_start=MQTT_CLEAN_START_FIRST_ONLY,
                properties=None):
        """Returns when the server is reached; the loop then takes its answer to on_connect. OSError where it is not."""
        with self._connects:
            self.connect_async(host, port, keepalive, bind_address, bind_port, clean_start, properties)
            return self.reconnect()

    def connect_async(self, host, port=1883, keepalive=60, bind_address="", bind_port=0,
                      clean_start=MQTT_CLEAN_START_FIRST_ONLY, properties=None):
        """loop_start() or loop_forever() then connects."""
        if bind_address or bind_port:
            raise ValueError("bind_address and bind_port are not supported: leave the choice to the system's routes")
        if self._protocol != MQTTv5:
            if clean_start != MQTT_CLEAN_START_FIRST_ONLY:
                raise ValueError("Clean start only applies to MQTT V5")
            if properties is not None:
                raise ValueError("Properties only apply to MQTT V5")
        if properties is not None and getattr(properties, "TopicAliasMaximum", 0):
            raise ValueError("topic aliases are not supported: leave TopicAliasMaximum out")
        if not host:
            raise ValueError("Invalid host.")
        if port <= 0 or port > 65535:
            raise ValueError("Invalid port number.")
        if keepalive < 0 or keepalive > 65535:
            raise ValueError("Keepalive must be >=0.")
        if self._link is not None:
            self._drop()
        self._host, self._port, self._keepalive = _text(host), port, keepalive
        self._clean_start, self._connect_properties = clean_start, properties
        self._state = "async"

    def connect_srv(self, domain=None, keepalive=60, bind_address="", bind_port=0,
                    clean_start=MQTT_CLEAN_START_FIRST_ONLY, properties=None):
        raise ValueError("SRV records are not supported: look the host and port up, and give them to connect()")

    def reconnect(self):
        """Connects again, as connect() did."""
        if not self._host:
            raise ValueError("Invalid host.")
        self._wake.clear()
        self._say_goodbye()
        if self._leaving:
            self._wait(lambda: not self._leaving, _GOODBYE)
        self._call("pre_connect")
        options = self._make_options()
        if self._session is None or options != self._session_options:
            self._replace_session(options)
        session = self._session
        with self._lock:
            self._lose_qos0()
            self._state = "connecting"
            self._opened, self._failure, self._awaits_opening = False, None, True
            self._ready = False
            self._awaits_answer = True
            had_link, self._link = self._link, None
        if had_link is not None:
            self._call("socket_close", had_link)
        self._log(MQTT_LOG_DEBUG, "Sending CONNECT (client_id %s, keepalive %s) to %s", self._client_id, self._keepalive,
                  options["servers"][0])
        try:
            session.connect()
            self._wait(lambda: self._opened or self._failure is not None, None)
        finally:
            self._awaits_opening = False
        if self._failure is not None:
            self._state = "lost"
            with self._lock:
                self._lose_qos0()
            raise self._to_error(self._failure)
        self._call("socket_open", self._link)
        return MQTT_ERR_SUCCESS

    def _make_options(self):
        if self._transport == "unix":
            server = f"unix:{self._host}"
        else:
            host = f"[{self._host}]" if ":" in self._host else self._host
            server = f"{'mqtt' if self._tls is None else 'mqtts'}://{host}:{self._port}"
        if self._protocol == MQTTv5:
            clean = self._first_connect if self._clean_start == MQTT_CLEAN_START_FIRST_ONLY else bool(self._clean_start)
        else:
            clean = self._clean_session
        pairs = to_pairs(self._connect_properties)
        options = {
            "servers": [server], "client_id": self._client_id, "version": int(self._protocol), "clean_start": clean,
            "session_expiry": float(dict(pairs).get(17, 0)), "properties": [pair for pair in pairs if pair[0] != 17],
            "username": self._username, "password": self._password if self._username is not None or self._protocol == MQTTv5
            else None, "keep_alive": self._keepalive, "connect_timeout": float(self._connect_timeout), "will": self._will,
            "window": 65535, **(self._tls or {})}
        if self._tls is not None:
            options["verify_name"] = not self._tls_insecure
        return options

    @staticmethod
    def _to_error(event):
        _, reason, _, error, cause, _, _ = event
        if cause == _CAUSE_NAME:
            return _socket.gaierror(_socket.EAI_NONAME, reason)
        if cause == _CAUSE_TLS:
            import ssl
            if "certificate" in reason:
                return ssl.SSLCertVerificationError(1, f"certificate verify failed: {reason}")
            return ssl.SSLError(1, reason)
        return OSError(error, reason) if error else ConnectionError(reason)

    def _drop(self):
        """Ends the connection without a word to on_disconnect, as a second connect() does."""
        link, self._link = self._link, None
        self._ready = False
        if link is not None:
            self._call("socket_close", link)

    def _replace_session(self, options):
        """Takes what is left of a session whose options no longer hold."""
        new, old = _core.Session(**options), self._session
        if old is not None:
            old.drop()
            old.close()
        with self._pulls:
            while old is not None:
                events = old.wait(_BATCH, 0)
                if not events:
                    break
                for event in events:
                    if event[0] in (_MESSAGE, _DELIVERED, _REFUSED, _UNKNOWN):
                        self._note(event)
            self._session, self._session_options = new, options
        with self._lock:
            for out in self._out.values():
                out.sent = False
            self._inflight = 0

    def disconnect(self, reasoncode=None, properties=None):
        """Says goodbye, after what was published before; on_disconnect comes from the loop."""
        v5 = self._protocol == MQTTv5
        code = int(reasoncode) if v5 and reasoncode is not None else 0
        pairs = to_pairs(properties) if v5 else []
        if self._awaits_opening:
            self._wait(lambda: self._opened or not self._awaits_opening, self._connect_timeout)
        session = self._session
        if session is None or self._link is None:
            self._state = "disconnected"
            self._wake.set()
            return MQTT_ERR_NO_CONN
        if self._early:
            self._wait(lambda: not self._early or self._link is None, self._connect_timeout)
        self._state = "disconnecting"
        self._wake.set()
        self._log(MQTT_LOG_DEBUG, "Sending DISCONNECT")
        self._take_now()  # what has come already is told before on_disconnect
        with self._lock:
            self._leaving = self._link is not None
            self._goodbye = (code, pairs)
            if self._out_qos0:  # on_publish comes before on_disconnect
                self._say_goodbye()
            else:
                self._end((_DISCONNECTED, "ended by this side", 0, 0, 0, True, ()))
        with self._news:
            self._news.notify_all()
        if self._thread is None and not self._called_back():
            self._dispatch()
            self._wait(lambda: not self._leaving, _GOODBYE)
            self._dispatch()
        return MQTT_ERR_SUCCESS

    def _say_goodbye(self):
        """Sends the DISCONNECT that waits for on_disconnect, if one does."""
        with self._lock:
            goodbye, self._goodbye = self._goodbye, None
            if goodbye is not None:
                self._session.disconnect(*goodbye)

    def _end(self, event):
        """A connection has ended. With the lock."""
        link, self._link = self._link, None
        self._ready = False
        if link is not None:
            self._todo.append((*event, link))

    def is_connected(self):
        return self._state == "connected" and self._link is not None

    def socket(self):
        """See _Link; None while there is no connection."""
        return self._link

    # ---- sending ----

    def _next_mid(self):
        while True:
            self._last_mid = self._last_mid % 65535 + 1
            if not any(self._last_mid in used for used in (self._out, self._out_qos0, self._asked)):
                return self._last_mid

    def publish(self, topic, payload=None, qos=0, retain=False, properties=None):
        """Returns a MQTTMessageInfo. QoS 0 without a connection is lost (rc MQTT_ERR_NO_CONN); QoS 1 and 2 are sent later."""
        topic = _text(topic)
        if not topic:
            raise ValueError("Invalid topic.")
        if not 0 <= qos <= 2:
            raise ValueError("Invalid QoS level.")
        payload = _encode(payload)
        if len(payload) > _LONGEST_PAYLOAD:
            raise ValueError("Payload too large.")
        _core.check_topic(topic)
        pairs = ()
        if properties is not None and self._protocol == MQTTv5:
            if getattr(properties, "TopicAlias", None) is not None:
                raise ValueError("topic aliases are not supported: leave TopicAlias out")
            pairs = to_pairs(properties)
        self._look_up()
        with self._lock:
            mid = self._next_mid()
            info = MQTTMessageInfo(mid, self)
            out = _Out(mid, topic, payload, qos, bool(retain), pairs, info)
            away = self._link is None and not self._awaits_opening
            if qos == 0:
                if away:
                    info.rc = MQTT_ERR_NO_CONN
                    return info
                self._out_qos0[mid] = out
            else:
                if 0 < self._max_queued_messages <= len(self._out):
                    info.rc = MQTT_ERR_QUEUE_SIZE
                    return info
                self._out[mid] = out
            if away:
                info.rc = MQTT_ERR_NO_CONN
                return info
            if self._link is None or self._early or not self._session.connected:
                self._early.append(out)
                return info
            if qos > 0:
                if self._inflight < self._window():
                    self._send(out)
                return info
        # Without the lock: it may wait for the network.
        if not self._session.publish(mid, topic, payload, 0, bool(retain), pairs, _PATIENCE):
            with self._lock:
                self._out_qos0.pop(mid, None)
            info.rc = MQTT_ERR_NO_CONN if not self._session.connected else MQTTErrorCode.MQTT_ERR_AGAIN
        return info

    def _window(self):
        return min(self._max_inflight_messages or 65535, self._receive_maximum)

    def _send(self, out):
        """With the lock. Nothing where there is no connection any more: it is sent on the next one."""
        self._log(MQTT_LOG_DEBUG, "Sending PUBLISH (q%d, r%d, m%d), '%s', ... (%d bytes)", out.qos, out.retain, out.mid,
                  out.topic, len(out.payload))
        out.sent = True
        self._inflight += 1
        if not self._session.publish(out.mid, out.topic, out.payload, out.qos, out.retain, out.properties):
            out.sent = False
            self._inflight -= 1
            return False
        return True

    def _send_waiting(self, ready=False):
        """Sends what waits, as far as the window allows. With the lock."""
        if not (ready or self._ready) or self._inflight == len(self._out):
            return
        for out in list(self._out.values()):
            if self._inflight >= self._window():
                return
            if not out.sent and not self._send(out):
                return

    def _send_early(self):
        """What was asked for between CONNECT and CONNACK. With the lock."""
        early, self._early = self._early, collections.deque()
        for one in early:
            if callable(one):
                one()
            elif one.qos > 0:
                if self._inflight < self._window() and not one.sent:
                    self._send(one)
            elif not self._session.publish(one.mid, one.topic, one.payload, 0, one.retain, one.properties):
                self._out_qos0.pop(one.mid, None)
                one.info.rc = MQTT_ERR_CONN_LOST

    def _lose_qos0(self):
        """A connection has ended: what was QoS 0 and is not out is lost. With the lock."""
        for out in self._out_qos0.values():
            out.info.rc = MQTT_ERR_CONN_LOST
        self._out_qos0.clear()
        self._asked.clear()
        self._early.clear()

    def subscribe(self, topic, qos=0, options=None, properties=None):
        """Returns (rc, mid); on_subscribe tells the answer."""
        wanted = self._subscriptions(topic, qos, options)
        pairs = to_pairs(properties) if self._protocol == MQTTv5 else []
        return self._ask(lambda session, mid: session.subscribe(mid, wanted, pairs), True, [one[:2] for one in wanted])

    def _subscriptions(self, topic, qos, options):
        v5 = self._protocol == MQTTv5
        many = topic
        if isinstance(topic, (str, bytes)):
            many = [(topic, (options or SubscribeOptions(qos)) if v5 else qos)]
            if v5 and options is not None and qos != 0:
                raise ValueError("Subscribe options and qos parameters cannot be combined.")
        elif isinstance(topic, tuple):
            many = [topic]
        elif not isinstance(topic, list):
            raise ValueError("No topic specified, or incorrect topic type.")
        if not many:
            raise ValueError("Empty topic list")
        wanted = []
        for name, choice in many:
            if not name or not isinstance(name, (str, bytes)):
                raise ValueError("Invalid topic.")
            if isinstance(choice, SubscribeOptions):
                if not v5:
                    raise ValueError("Subscribe options only apply to MQTT V5: give a qos")
            else:
                if not isinstance(choice, int) or not 0 <= choice <= 2:
                    raise ValueError("Invalid QoS level.")
                choice = SubscribeOptions(choice)
            _core.check_filter(_text(name))
            wanted.append((_text(name), choice.QoS, choice.noLocal, choice.retainAsPublished, choice.retainHandling))
        return wanted

    def unsubscribe(self, topic, properties=None):
        """Returns (rc, mid); on_unsubscribe tells the answer."""
        names = [topic] if isinstance(topic, (str, bytes)) else topic
        if not isinstance(names, list) or not names:
            raise ValueError("No topic specified, or incorrect topic type.")
        for name in names:
            if not isinstance(name, (str, bytes)) or not name:
                raise ValueError("Invalid topic.")
        names = [_text(name) for name in names]
        for name in names:
            _core.check_filter(name)
        pairs = to_pairs(properties) if self._protocol == MQTTv5 else []
        return self._ask(lambda session, mid: session.unsubscribe(mid, names, pairs), False, names)

    def _ask(self, send, subscribes, topics):
        self._look_up()
        with self._lock:
            if self._link is None and not self._awaits_opening:
                return (MQTT_ERR_NO_CONN, None)
            mid = self._next_mid()
            self._asked[mid] = subscribes
            self._log(MQTT_LOG_DEBUG, "Sending %s (m%d) %s", "SUBSCRIBE" if subscribes else "UNSUBSCRIBE", mid, topics)
            if self._link is None or self._early or not self._session.connected:
                self._early.append(lambda: send(self._session, mid))
            elif not send(self._session, mid):
                return (MQTT_ERR_NO_CONN, None)
            return (MQTT_ERR_SUCCESS, mid)

    # ---- taking events ----

    def _look_up(self):
        """For scripts that run no loop: waits for CONNACK, and takes events now and then."""
        self._calls += 1
        if self._awaits_answer and self._thread is None and not self._called_back():
            self._awaits_answer = False
            if self._callbacks["socket_open"] is None:
                self._session.wait_connected(_FIRST_ANSWER)
        if (self._early or self._calls >= _BATCH) and self._thread is None and self._pulls.acquire(blocking=False):
            try:
                self._pull(0)
            finally:
                self._pulls.release()

    def _pull(self, timeout):
        """Takes events from the session, with _pulls held: what threads wait for is noted now, callbacks come later."""
        session = self._session
        if session is None:
            return
        self._calls = 0
        events = session.wait(_BATCH, timeout)
        for event in events:
            self._note(event)
        with self._news:
            self._news.notify_all()

    def _take_now(self):
        """Takes what has come, from whichever thread is waiting for more."""
        self._claims += 1
        try:
            self._session.wake()
            if self._pulls.acquire(timeout=_GOODBYE):
                try:
                    self._pull(0)
                finally:
                    self._pulls.release()
        finally:
            self._claims -= 1

    def _wait(self, done, timeout):
        """Until done(), by whichever thread is taking events; this one when no other does."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not done():
            left = _BATCH if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return False
            if self._session is not None and not self._claims and self._pulls.acquire(blocking=False):
                try:
                    if not done():
                        self._pull(min(left, 1.0))
                finally:
                    self._pulls.release()
            else:
                with self._news:
                    if not done():
                        self._news.wait(min(left, _POLL))
        link = self._link
        if link is not None and link.watched and self._todo:
            self._session.wake()
        return True

    def _note(self, event):
        kind = event[0]
        if kind == _MESSAGE:
            self._todo.append(event)
        elif kind == _DELIVERED or kind == _REFUSED:
            with self._lock:
                out = self._out_qos0.pop(event[1], None) or self._out.pop(event[1], None)
                if out is None:
                    return
                if out.qos > 0:
                    self._inflight -= out.sent
                    self._send_waiting(True)
            out.info._published = True
            if self._callbacks["publish"] is not None:
                self._todo.append(event)
        elif kind == _UNKNOWN:
            with self._lock:
                out = self._out.get(event[1])
                if out is not None:
                    self._inflight -= out.sent
                    out.sent = False
                    self._send_waiting()
                elif event[1] in self._out_qos0:
                    self._out_qos0.pop(event[1]).info.rc = MQTT_ERR_CONN_LOST
        elif kind == _OPENED:
            self._link = _Link(self._session, self._todo)
            self._opened = True
        elif kind == _CONNECTED:
            with self._lock:
                self._receive_maximum = dict(event[2]).get(33, 65535)
                self._send_early()
            self._todo.append(event)
        elif kind == _ANSWERED:
            with self._lock:
                subscribed = self._asked.pop(event[1], None)
            if subscribed is not None:
                self._todo.append((*event, subscribed))
        elif self._awaits_opening and not self._opened:
            if kind == _FAILED and not event[5]:  # else: the end of the connection before this attempt
                self._failure = event
        else:
            with self._lock:
                self._leaving = False
                self._lose_qos0()
                self._end(event)

    # ---- the loop ----

    def loop(self, timeout=1.0, max_packets=1):
        """Waits at most timeout seconds for something to happen, and calls back for all that has. 0, or why there is no
        connection any more: MQTT_ERR_NO_CONN, MQTT_ERR_CONN_LOST, MQTT_ERR_CONN_REFUSED."""
        if timeout < 0:
            raise ValueError("Invalid timeout.")
        return self._loop(timeout)

    def _loop(self, timeout):
        if not self._todo:
            if self._link is None:
                return MQTT_ERR_NO_CONN
            self._wait(lambda: self._todo or self._link is None or self._terminate, timeout)
        return self._dispatch()

    def loop_read(self, max_packets=1):
        """Calls back for all that has happened; for programs that wait for socket() themselves."""
        if self._link is None and not self._todo:
            return MQTT_ERR_NO_CONN
        if self._pulls.acquire(blocking=False):
            try:
                self._pull(0)
            finally:
                self._pulls.release()
        return self._dispatch()

    def loop_write(self, max_packets=1):
        """Nothing: what is to be sent is sent at once."""
        return MQTT_ERR_NO_CONN if self._link is None else MQTT_ERR_SUCCESS

    def loop_misc(self):
        """Calls back for what another wait has taken; pings are sent anyway."""
        if self._link is None and not self._todo:
            return MQTT_ERR_NO_CONN
        return self._dispatch()

    def want_write(self):
        return False

    def loop_start(self):
        """Runs the loop in a thread of its own, which reconnects."""
        if self._thread is not None:
            return MQTTErrorCode.MQTT_ERR_INVAL
        self._terminate = False
        self._thread = threading.Thread(target=self._run, name=f"tidegate-paho-{self._client_id}", daemon=True)
        self._thread.start()
        return MQTT_ERR_SUCCESS

    def _run(self):
        try:
            self.loop_forever(retry_first_connection=True)
        finally:
            if self._thread is threading.current_thread():
                self._thread = None

    def loop_stop(self, force=False):
        """Ends that thread; does not disconnect."""
        thread = self._thread
        if thread is None:
            return MQTTErrorCode.MQTT_ERR_INVAL
        self._terminate = True
        self._wake.set()
        if self._session is not None:
            self._session.wake()
        with self._news:
            self._news.notify_all()
        if thread is not threading.current_thread():
            thread.join()
        self._thread = None
        return MQTT_ERR_SUCCESS

    def loop_forever(self, timeout=1.0, max_packets=1, retry_first_connection=False):
        """Runs until disconnect(), reconnecting as reconnect_delay_set() says."""
        if self._thread is not threading.current_thread():
            self._terminate = False
        rc = MQTT_ERR_SUCCESS
        if self._state == "async":
            while not self._ended():
                try:
                    self.reconnect()
                    break
                except OSError as error:
                    self._fail(error)
                    if not retry_first_connection:
                        raise
                    self._pause()
        while True:
            rc = self._loop(timeout)
            if rc == MQTT_ERR_SUCCESS:
                if self._terminate and not self._todo:
                    return rc
                continue
            if self._ended() or not (self._reconnect_on_failure or self._state == "new"):
                break
            if self._link is None:
                self._pause()
            if self._ended():
                break
            with self._connects:
                if self._link is None and self._host and not self._todo:
                    try:
                        self.reconnect()
                    except OSError as error:
                        self._fail(error)
        self._wait(lambda: not self._leaving or self._goodbye, _GOODBYE)  # the DISCONNECT is out
        return MQTT_ERR_SUCCESS if self._state == "disconnected" else rc

    def _ended(self):
        return self._terminate or self._state in ("disconnecting", "disconnected")

    def _fail(self, error):
        self._log(MQTT_LOG_DEBUG, "Connection failed: %s", error)
        self._call("connect_fail")

    def _pause(self):
        """Before a reconnect. Ended by loop_stop(), disconnect() and connect()."""
        with self._lock:
            self._delay = self._min_delay if self._delay is None else min(self._delay * 2, self._max_delay)
            delay = self._delay
        if self._link is None and self._state in ("new", "async"):
            delay = _POLL  # nobody has connected yet
        self._wake.wait(delay)

    # ---- calling back ----

    def _called_back(self):
        return getattr(self._in_callback, "depth", 0) > 0

    def _call(self, name, *arguments):
        function = self._callbacks[name]
        if function is not None:
            self._run_callback(f"on_{name}", function, *arguments)

    def _run_callback(self, name, function, *arguments):
        here = self._in_callback
        here.depth = getattr(here, "depth", 0) + 1
        try:
            function(self, self._userdata, *arguments)
        except Exception as error:
            self._log(MQTT_LOG_ERR, "Caught exception in %s: %s", name, error)
            if not self.suppress_exceptions:
                raise
        finally:
            here.depth -= 1

    def _log(self, level, text, *arguments):
        if self._callbacks["log"] is not None:
            try:
                self._callbacks["log"](self, self._userdata, level, text % arguments)
            except Exception:
                logging.getLogger(__name__).exception("on_log")
        if self._logger is not None:
            self._logger.log(LOGGING_LEVEL[level], text, *arguments)

    def _dispatch(self):
        """Calls back for all that was taken, until a connection ends; returns why it did."""
        while self._todo:
            try:
                event = self._todo.popleft()
            except IndexError:  # another thread was faster
                break
            rc = self._TELL[event[0]](self, event)
            if rc:
                return rc
        return MQTT_ERR_SUCCESS

    def _tell_message(self, event):
        _, topic, payload, qos, retain, dup, mid, pairs = event
        message = MQTTMessage(mid, topic)
        message.payload, message.qos, message.retain, message.dup = payload, qos, retain, dup
        if self._protocol == MQTTv5:
            message.properties = from_pairs(PacketTypes.PUBLISH, pairs)
        self._log(MQTT_LOG_DEBUG, "Received PUBLISH (d%d, q%d, r%d, m%d), '%s', ...  (%d bytes)", dup, qos, retain, mid,
                  topic, len(payload))
        functions = []
        if self._filters:
            try:
                text = topic.decode()
                functions = [function for sub, function in list(self._filters.items()) if topic_matches_sub(sub, text)]
            except UnicodeDecodeError:
                pass
        if functions:
            for function in functions:
                self._run_callback("on_message", function, message)
        else:
            self._call("message", message)

    def _tell_published(self, event):
        self._log(MQTT_LOG_DEBUG, "Published (m%d)", event[1])
        if self._api is CallbackAPIVersion.VERSION1:
            self._call("publish", event[1])
        else:
            self._call("publish", event[1], from_network(PacketTypes.PUBACK, event[2]), Properties(PacketTypes.PUBACK))

    def _tell_connected(self, event):
        _, session_present, pairs = event
        self._log(MQTT_LOG_DEBUG, "Received CONNACK (%d, 0)", session_present)
        self._first_connect = False
        self._delay = None
        if self._state == "connecting":
            self._state = "connected"
        self._tell_answer_to_connect(session_present, 0, pairs)
        with self._lock:
            self._ready = self._link is not None
            self._send_waiting()

    def _tell_answer_to_connect(self, session_present, code, pairs):
        v5 = self._protocol == MQTTv5
        properties = from_pairs(PacketTypes.CONNACK, pairs)
        reason = from_network(PacketTypes.CONNACK, code) if v5 else convert_connack_rc_to_reason_code(code)
        if self._api is CallbackAPIVersion.VERSION2:
            self._call("connect", ConnectFlags(session_present), reason, properties)
        elif v5:
            self._call("connect", {"session present": int(session_present)}, reason, properties)
        else:
            self._call("connect", {"session present": int(session_present)}, code if code > 5 else ConnackCode(code))

    def _tell_end(self, event):
        kind, words, code, _, _, _, pairs, link = event
        meant = self._state in ("disconnecting", "disconnected")
        refused = kind == _FAILED and code > 0
        self._log(MQTT_LOG_DEBUG, "Connection ended: %s", words)
        if refused:
            self._log(MQTT_LOG_DEBUG, "Received CONNACK (0, %d)", code)
            self._tell_answer_to_connect(False, code, pairs)
            meant = meant or self._state in ("disconnecting", "disconnected")
        if link is not None:
            self._call("socket_close", link)
        if self._link is not None:
            return None  # connected anew meanwhile
        rc = MQTTErrorCode.MQTT_ERR_SUCCESS if meant else MQTT_ERR_CONN_REFUSED if refused else MQTT_ERR_CONN_LOST
        if not meant and "nothing came from the server" in words:
            rc = MQTTErrorCode.MQTT_ERR_KEEPALIVE
        self._state = "disconnected" if meant else "lost"
        from_server = kind == _DISCONNECTED and not meant and self._protocol == MQTTv5 and (code > 0 or bool(pairs))
        properties = from_pairs(PacketTypes.DISCONNECT, pairs if from_server else ())
        reason = from_network(PacketTypes.DISCONNECT, code) if from_server else convert_disconnect_error_code_to_reason_code(rc)
        try:
            if self._api is CallbackAPIVersion.VERSION2:
                self._call("disconnect", DisconnectFlags(from_server), reason, properties)
            elif self._protocol == MQTTv5:
                self._call("disconnect", *((reason, properties) if from_server else (rc, None)))
            else:
                self._call("disconnect", rc)
        finally:
            self._say_goodbye()
        return rc

    def _tell_answered(self, event):
        _, mid, codes, pairs, subscribed = event
        v5, second = self._protocol == MQTTv5, self._api is CallbackAPIVersion.VERSION2
        packet = PacketTypes.SUBACK if subscribed else PacketTypes.UNSUBACK
        self._log(MQTT_LOG_DEBUG, "Received %s (m%d)", "SUBACK" if subscribed else "UNSUBACK", mid)
        reasons = [from_network(packet, code) for code in codes] if v5 or subscribed else []
        properties = from_pairs(packet, pairs)
        if subscribed:
            if second or v5:
                self._call("subscribe", mid, reasons, properties)
            else:
                self._call("subscribe", mid, tuple(codes))
        elif second:
            self._call("unsubscribe", mid, reasons, properties)
        elif v5:
            self._call("unsubscribe", mid, properties, reasons[0] if len(reasons) == 1 else reasons)
        else:
            self._call("unsubscribe", mid)

    _TELL = {_MESSAGE: _tell_message, _DELIVERED: _tell_published, _REFUSED: _tell_published, _CONNECTED: _tell_connected,
             _FAILED: _tell_end, _DISCONNECTED: _tell_end, _ANSWERED: _tell_answered}

    def message_callback_add(self, sub, callback):
        """Messages that match sub go to callback, and not to on_message."""
        if callback is None or not sub:
            raise ValueError("sub and callback must both be defined.")
        _core.check_filter(sub)
        self._filters = {**self._filters, sub: callback}

    def message_callback_remove(self, sub):
        if not sub:
            raise ValueError("sub must defined.")
        self._filters = {name: function for name, function in self._filters.items() if name != sub}

    def topic_callback(self, sub):
        """A decorator: message_callback_add()."""
        def decorate(function):
            self.message_callback_add(sub, function)
            return function
        return decorate
