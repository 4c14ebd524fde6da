# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""At midnight: least, greatest and mean of the day, for each topic under lab/."""
from tidegate import App

app = App()
day = {}  # topic -> values


@app.on("lab/#")
def value(msg):
    day.setdefault(msg.topic, []).append(msg.float())


@app.at("00:00", publish="report/day", retain=True)
def report():
    global day
    values, day = day, {}
    return {topic: {"min": min(all), "max": max(all), "mean": round(sum(all) / len(all), 2), "count": len(all)}
            for topic, all in values.items()} or None


app.run()
