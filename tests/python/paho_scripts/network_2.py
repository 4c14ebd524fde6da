# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
import os
import threading
import time

import psutil

import tidegate.paho.client as mqtt

HOST = os.environ.get("HOST", "localhost")
PORT = int(os.environ.get("PORT", "1883"))


def publisher():
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect(HOST, PORT, 60)
    while True:
        counters = psutil.net_io_counters()
        client.publish("IoT101/Network", "%d %d" % (counters.bytes_sent, counters.bytes_recv))
        time.sleep(1)


thread = threading.Thread(target=publisher)
thread.daemon = True
thread.start()
while True:
    time.sleep(1)
