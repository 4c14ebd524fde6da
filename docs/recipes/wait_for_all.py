# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Waits at the start until three machines have reported, then starts the line; a coroutine loops over the messages."""
from tidegate import App

app = App()
MACHINES = {"press", "oven", "packer"}


@app.startup
async def ready():
    missing = set(MACHINES)
    async for msg in app.messages("line/+/ready"):
        missing.discard(msg.levels[1])
        if not missing:
            break
    app.publish("line/state", "running", retain=True)


@app.shutdown
def end():
    app.publish("line/state", "stopped", retain=True)


app.run()
