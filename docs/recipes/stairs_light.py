# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Light on the stairs for two minutes after the last motion. The gateway ends it, also when this script is dead by then."""
from tidegate import App

app = App()
lamp = app.led("stairs")


@app.edge("motion", "pressed")
def motion():
    lamp.pulse("2m")


app.run()
