#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Publishes the time of day to loft/motion1 each second, and prints what arrives there."""
import time

from tidegate import App

app = App()


@app.every("1s", publish="loft/motion1")
def clock():
    return time.strftime("%H:%M:%S")


@app.on("loft/motion1")
def seen(topic, text):
    print(topic, text, flush=True)


app.run()
