#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A lab's average: the mean of the newest temperature of each desk, published each second."""
from tidegate import App

app = App()
newest = {}


@app.on("lab/+/temperature")
def temperature(msg):
    newest[msg.levels[1]] = msg.float()


@app.every("1s", publish="lab/mean")
def mean():
    values = list(newest.values())
    if values:
        return {"mean": round(sum(values) / len(values), 3), "desks": len(values)}


app.run()
