# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Tells whether hosts answer: python host_watchdog.py router:80 nas:22"""
import socket
import sys

from tidegate import App

app = App()
known = {}


def answers(host, port):
    try:
        socket.create_connection((host, port), timeout=2).close()
        return True
    except OSError:
        return False


@app.every("2s")
def look():
    for name in sys.argv[1:]:
        host, _, port = name.rpartition(":")
        up = answers(host, int(port))
        if known.get(name) is not up:
            known[name] = up
            app.publish(f"house/host/{name}", up, retain=True)


app.run()
