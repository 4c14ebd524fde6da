# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A button steps an RGB LED through colours; held, it is off."""
from itertools import cycle

from tidegate import App

app = App()
lamp, button = app.rgbled("mood"), app.button("step")
colours = cycle(["red", "green", "blue", "white"])


def step():
    lamp.color = next(colours)


button.when_pressed = step
button.when_held = lamp.off
app.run()
