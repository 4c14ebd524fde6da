# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
import os
import time

import tidegate.paho.client as mqtt


def on_connect(client, userdata, flags, rc):
    print("Connected with result code " + str(rc))


client = mqtt.Client()
client.on_connect = on_connect
client.connect(os.environ.get("HOST", "localhost"), int(os.environ.get("PORT", "1883")), 60)
client.loop_start()

while True:
    client.publish("loft/motion1", time.strftime("%H:%M:%S"))
    time.sleep(1)
