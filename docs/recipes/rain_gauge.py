# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Rain of the last hour and of the day, from a tipping bucket: a [[gpio.counter]] "rain" with factor = 0.2, unit = "mm"."""
from tidegate import App

app = App()
rain = app.counter("rain")
marks = {}  # "hour", "day" -> the total when it began


def since(what):
    before, marks[what] = marks.get(what, rain.total), rain.total
    return None if before is None else round(rain.total - before, 1)


@app.startup
def begin():
    if rain.wait_for(0, "30s"):
        since("hour"), since("day")
        app.publish("garden/rain/hour", 0.0, retain=True)


@app.cron("0 * * * *", publish="garden/rain/hour", retain=True)
def hour():
    return since("hour")


@app.at("00:00", publish="garden/rain/day", retain=True)
def day():
    return since("day")


app.run()
