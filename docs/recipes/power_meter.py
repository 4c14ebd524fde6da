# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What the electricity meter says, and what that costs: a [[gpio.counter]] "power" in kWh, per = "hour"."""
from tidegate import App

app = App()
meter = app.counter("power")
PRICE = 0.32  # a kWh


@app.every("1s", publish="house/power")
def power():
    if meter.total is None or meter.rate is None:
        return None
    return {"kW": meter.rate, "kWh": meter.total, "cost_per_hour": round(meter.rate * PRICE, 3)}


app.run()
