#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Switches a fan: on above 28 degrees, off below 26, and says so whenever that changes."""
from tidegate import App

app = App()
fan = None


@app.on("loft/temperature")
def temperature(msg):
    global fan
    wanted = msg.float() > (26 if fan else 28)
    if wanted != fan:
        fan = wanted
        app.publish("loft/fan/set", fan, retain=True)


app.run()
