#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Publishes this machine's network counters each second, and prints the messages it is sent."""
from tidegate import App

app = App()


@app.every("1s", publish="IoT101/Network")
def network():
    return app.system.net_io()


@app.on("IoT101/Message")
def message(msg):
    print(msg.topic, msg.text, flush=True)


app.run()
