# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""An RGB LED that anybody sets with a message: a colour ("green", "#ff8000"), a brightness (0 to 100), ON or OFF."""
from tidegate import App

app = App()
lamp = app.rgbled("mood")


@app.on("IoT101/Message")
def message(msg):
    word = msg.text.strip()
    if word.upper() in ("ON", "OFF"):
        lamp.on() if word.upper() == "ON" else lamp.off()
    elif word.isdigit():
        lamp.brightness = int(word)
    else:
        lamp.color = word


app.run()
