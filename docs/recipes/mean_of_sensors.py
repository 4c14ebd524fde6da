# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The mean of many thermometers, lab/<desk>/temperature, every second; one that was silent for a minute does not count."""
import time

from tidegate import App

app = App()
newest = {}  # topic -> (when, value)


@app.on("lab/+/temperature")
def temperature(msg):
    newest[msg.topic] = time.monotonic() - msg.age, msg.float()


@app.every("1s", publish="lab/mean")
def mean():
    values = [value for when, value in list(newest.values()) if time.monotonic() - when < 60]
    return {"mean": round(sum(values) / len(values), 2), "of": len(values)} if values else None


app.run()
