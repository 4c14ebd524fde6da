# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Heats to the temperature that loft/wanted says, which the broker keeps. Without a thermometer for five minutes: off."""
import time

from tidegate import App

app = App()
heater = app.output("heater")
wanted, seen = 18.0, None


@app.on("loft/wanted")
def want(msg):
    global wanted
    wanted = msg.float()


@app.on("loft/temperature")
def temperature(msg):
    global seen
    seen = time.monotonic()
    if msg.float() < wanted - 0.5:
        heater.on()
    elif msg.float() > wanted:
        heater.off()


@app.every("10s")
def silence():
    if seen is None or time.monotonic() - seen > 300:
        heater.off()


app.run()
