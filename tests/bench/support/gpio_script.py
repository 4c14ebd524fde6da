# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""CHIP OFFSET PORT TOPIC: publishes the kernel's time of each edge of a line with gpiod and paho-mqtt 1.6, as scripts in the field
publish its level. (It loses edges when they come fast; the time tells which came.)"""
import sys

import gpiod
import paho.mqtt.client as mqtt

chip, offset, port, topic = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
client = mqtt.Client("script")
client.connect("127.0.0.1", port)
client.loop_start()
settings = gpiod.LineSettings(edge_detection=gpiod.line.Edge.BOTH)
with gpiod.request_lines(chip, consumer="script", config={offset: settings}) as request:
    while True:
        for event in request.read_edge_events():
            client.publish(topic, str(event.timestamp_ns), qos=1, retain=True)
