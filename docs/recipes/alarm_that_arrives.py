# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""An alarm that has to arrive: says on the spot whether the broker upstream has it, or that it waits on the gateway's disk."""
from tidegate import App

app = App()


@app.on("house/smoke")
async def smoke(msg):
    receipt = app.publish("alarm/smoke", msg.text)
    if await receipt.durable:
        print("safe on disk", flush=True)
    if await receipt.delivered:
        print("delivered to", ", ".join(receipt.upstreams), flush=True)
    else:
        print("not delivered:", receipt.reason, flush=True)


app.run()
