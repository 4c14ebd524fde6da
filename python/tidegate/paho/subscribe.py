# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Messages on a connection of their own: each to a function, or the next few as what is returned."""
from . import MQTTException
from . import client as paho
from .publish import _apply


def callback(callback, topics, qos=0, userdata=None, hostname="localhost", port=1883, client_id="", keepalive=60, will=None,
             auth=None, tls=None, protocol=paho.MQTTv311, transport="tcp", clean_session=True, proxy_args=None):
    """Calls callback(client, userdata, message) for each message, until it calls client.disconnect().
    MQTTException where the server refuses the connection, OSError where it is not there."""
    if qos < 0 or qos > 2:
        raise ValueError("qos must be in the range 0-2")
    names = [topics] if isinstance(topics, str) else list(topics)

    def on_connect(client, userdata, flags, reason_code, properties):
        if reason_code != 0:
            raise MQTTException(paho.connack_string(reason_code))
        client.subscribe([(name, qos) for name in names])

    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id, userdata=userdata, protocol=protocol,
                         transport=transport, clean_session=None if protocol == paho.MQTTv5 else clean_session)
    client.on_connect = on_connect
    client.on_message = callback
    _apply(client, will, auth, tls, proxy_args)
    client.connect(hostname, port, keepalive)
    client.loop_forever()


def simple(topics, qos=0, msg_count=1, retained=True, hostname="localhost", port=1883, client_id="", keepalive=60,
           will=None, auth=None, tls=None, protocol=paho.MQTTv311, transport="tcp", clean_session=True, proxy_args=None):
    """Returns the next message, or a list of msg_count of them. retained False: without those that the server had kept."""
    if msg_count < 1:
        raise ValueError("msg_count must be > 0")
    messages = []

    def keep(client, userdata, message):
        if (message.retain and not retained) or len(messages) == msg_count:
            return
        messages.append(message)
        if len(messages) == msg_count:
            client.disconnect()

    callback(keep, topics, qos, None, hostname, port, client_id, keepalive, will, auth, tls, protocol, transport,
             clean_session, proxy_args)
    return messages[0] if msg_count == 1 else messages
