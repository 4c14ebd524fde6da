# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A switch that sends ON and OFF many times when it is touched: what counts is what it has said for half a second."""
import time

from tidegate import App

app = App()
said, when, settled = None, 0.0, None


@app.on("hall/switch")
def touched(msg):
    global said, when
    said, when = msg.bool(), time.monotonic()


@app.every("50ms")
def settle():
    global settled
    if said != settled and time.monotonic() - when >= 0.5:
        settled = said
        app.publish("hall/light/set", settled)


app.run()
