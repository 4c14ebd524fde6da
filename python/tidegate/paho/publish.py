# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""One message, or several, on a connection of their own: connects, publishes, waits, disconnects."""
from collections.abc import Iterable

from . import MQTTException
from . import client as paho


def _apply(client, will, auth, tls, proxy_args):
    """What all the helpers take."""
    if proxy_args is not None:
        client.proxy_set(**proxy_args)
    if auth:
        if "username" not in auth:
            raise KeyError("The 'username' key was not found, this is required for auth")
        client.username_pw_set(auth["username"], auth.get("password"))
    if will is not None:
        client.will_set(**will)
    if tls is not None:
        if not isinstance(tls, dict):
            client.tls_set_context(tls)
            return
        tls = dict(tls)
        insecure = tls.pop("insecure", False)
        client.tls_set(**tls)
        if insecure:
            client.tls_insecure_set(insecure)


def _to_arguments(message):
    if isinstance(message, dict):
        return (), message
    if isinstance(message, (tuple, list)):
        return message, {}
    raise TypeError("message must be a dict, tuple, or list")


def multiple(msgs, hostname="localhost", port=1883, client_id="", keepalive=60, will=None, auth=None, tls=None,
             protocol=paho.MQTTv311, transport="tcp", proxy_args=None):
    """msgs: dictionaries of publish()'s arguments, or tuples (topic, payload, qos, retain). Returns when all are
    published; MQTTException where the server refuses the connection, OSError where it is not there."""
    if isinstance(msgs, (str, bytes)) or not isinstance(msgs, Iterable):
        raise TypeError("msgs must be an iterable")
    msgs = [_to_arguments(message) for message in msgs]
    if not msgs:
        raise ValueError("msgs is empty")
    waiting = list(reversed(msgs))

    def publish_next(client):
        positional, named = waiting.pop()
        client.publish(*positional, **named)

    def on_connect(client, userdata, flags, reason_code, properties):
        if reason_code != 0:
            raise MQTTException(paho.connack_string(reason_code))
        if len(waiting) == len(msgs):  # else: a reconnect, and what was under way is sent again by itself
            publish_next(client)

    def on_publish(client, userdata, mid, reason_code, properties):
        if waiting:
            publish_next(client)
        else:
            client.disconnect()

    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id, protocol=protocol, transport=transport)
    client.on_connect = on_connect
    client.on_publish = on_publish
    _apply(client, will, auth, tls, proxy_args)
    client.connect(hostname, port, keepalive)
    client.loop_forever()


def single(topic, payload=None, qos=0, retain=False, hostname="localhost", port=1883, client_id="", keepalive=60,
           will=None, auth=None, tls=None, protocol=paho.MQTTv311, transport="tcp", proxy_args=None):
    """multiple() for one message."""
    multiple([(topic, payload, qos, retain)], hostname, port, client_id, keepalive, will, auth, tls, protocol, transport,
             proxy_args)
