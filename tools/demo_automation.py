# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's automation: this machine's network counters every second, and an answer to each message.

It tells the demo on standard output what it published, what the gateway accepted of it, and what it reacted to."""

from tidegate import App

app = App("demo")
waiting = []  # (n, receipt) of what has not been accepted yet


@app.every("1s")
def network():
    n = network.n = getattr(network, "n", 0) + 1
    print("published", n, flush=True)
    waiting.append((n, app.publish("IoT101/Network", {"n": n, **app.system.net_io()})))
    tell()


@app.on("IoT101/Message")
def message(msg):
    print("reacted", msg.text, flush=True)
    app.publish("IoT101/Reply", f"heard: {msg.text}")


def tell():
    for n, receipt in list(waiting):
        if receipt.accepted.is_set():
            print("accepted", n, flush=True)
            waiting.remove((n, receipt))


app.run()
tell()
