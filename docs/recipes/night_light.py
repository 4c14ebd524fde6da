# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A lamp from sunset to half past ten, and in the dark of the morning."""
from tidegate import App

app = App(latitude=52.52, longitude=13.40)
lamp = app.led("porch")


@app.at("sunset", "06:30")
def on():
    lamp.on()


@app.at("22:30", "sunrise+10m")
def off():
    lamp.off()


app.run()
