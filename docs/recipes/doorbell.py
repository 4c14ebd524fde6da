# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A bell button rings a chime for half a second and tells the phones; impatient visitors ring once in five seconds."""
import time

from tidegate import App

app = App()
chime = app.output("chime")
rung = float("-inf")


@app.edge("bell", "pressed", publish="house/doorbell")
def ring():
    global rung
    if time.monotonic() - rung < 5:
        return None
    rung = time.monotonic()
    chime.pulse("500ms")
    return {"at": time.strftime("%H:%M:%S")}


app.run()
