# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Alarm above 28 degrees, all clear below 26; a thermometer that is silent for ten minutes is an alarm too."""
import time

from tidegate import App

app = App()
HIGH, LOW, SILENT = 28, 26, 600
last = time.monotonic()
alarm = None


def tell(what):
    global alarm
    if what != alarm:
        alarm = what
        app.publish("loft/alarm", what, retain=True)


@app.on("loft/temperature")
def temperature(msg):
    global last
    last = time.monotonic()
    if msg.float() > HIGH:
        tell("too hot")
    elif msg.float() < LOW or alarm != "too hot":
        tell("none")


@app.every("10s")
def silence():
    if time.monotonic() - last > SILENT:
        tell("no thermometer")


app.run()
