# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""LOCAL_PORT UPSTREAM_PORT: forwards device/# at QoS 1 with paho-mqtt 1.6, as scripts in the field do. Nothing is kept on disk."""
import sys

import paho.mqtt.client as mqtt

upstream = mqtt.Client("bench-upstream")
upstream.max_queued_messages_set(0)
local = mqtt.Client("bench-local", clean_session=False)
local.on_connect = lambda client, *_: client.subscribe("device/#", 1)
local.on_message = lambda _client, _data, message: upstream.publish(message.topic, message.payload, message.qos)
upstream.connect("127.0.0.1", int(sys.argv[2]))
upstream.loop_start()
local.connect("127.0.0.1", int(sys.argv[1]))
local.loop_forever()
