# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Waters the beds at six in the morning for ten minutes, unless it has rained 3 mm since the day before."""
from tidegate import App

app = App()
valve, rain = app.output("valve"), app.counter("rain")
before = None


@app.cron("0 6 * * *", publish="garden/watering")
def water():
    global before
    fallen = None if before is None or rain.total is None else rain.total - before
    before = rain.total
    if fallen is not None and fallen >= 3:
        return "not needed"
    valve.pulse("10m")
    return "10 minutes"


app.run()
