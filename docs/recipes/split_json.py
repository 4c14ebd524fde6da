# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Devices that send everything in one JSON object: each number on a topic of its own, zigbee/attic -> attic/temperature."""
from tidegate import App

app = App()


@app.on("zigbee/+")
def split(msg):
    for name, value in msg.json().items():
        if isinstance(value, (int, float)):
            app.publish(f"{msg.levels[1]}/{name}", value, retain=True)


app.run()
