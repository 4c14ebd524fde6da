# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Tells of a door that has been open for too long, and when it is closed again: python door_left_open.py [SECONDS]"""
import sys
import time

from tidegate import App

app = App()
door = app.input("door")
LIMIT = float(sys.argv[1]) if len(sys.argv) > 1 else 300
opened = None
told = False


@app.every("100ms")
def look():
    global opened, told
    if not door.value:  # closed, or not known yet
        opened = None
    elif opened is None:
        opened = time.monotonic()
    too_long = opened is not None and time.monotonic() - opened > LIMIT
    if too_long != told:
        told = too_long
        app.publish("house/door/open_too_long", told, retain=True)


app.run()
