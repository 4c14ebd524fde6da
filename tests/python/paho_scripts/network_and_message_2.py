# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
import os
import threading
import time

import psutil

import tidegate.paho.client as mqtt

HOST = os.environ.get("HOST", "localhost")
PORT = int(os.environ.get("PORT", "1883"))


def on_message(client, userdata, msg):
    print("message: " + msg.topic + " " + str(msg.payload.decode()))


def publisher():
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect(HOST, PORT, 60)
    while True:
        counters = psutil.net_io_counters()
        client.publish("IoT101/Network", "%d %d" % (counters.bytes_sent, counters.bytes_recv))
        time.sleep(1)


def subscriber():
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect(HOST, PORT, 60)
    client.on_message = on_message
    client.subscribe("IoT101/Message")
    rc = 0
    while rc == 0:
        rc = client.loop()
    print("loop ended: " + str(rc))


threads = [threading.Thread(target=publisher), threading.Thread(target=subscriber)]
for thread in threads:
    thread.daemon = True
    thread.start()
while True:
    time.sleep(1)
