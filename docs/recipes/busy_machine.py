# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Tells when this machine is busy or its memory runs out, and when that is over."""
from tidegate import App

app = App()
worries = None


@app.every("1s", publish="house/machine/worries", retain=True)
def look():
    global worries
    found = []
    if app.system.cpu_percent() > 90:
        found.append("busy")
    if app.system.memory()["percent"] > 90:
        found.append("memory")
    if app.system.disk("/")["percent"] > 95:
        found.append("disk")
    if found != worries:
        worries = found
        return found
    return None


app.run()
