# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Every message under lab/ as a line of a CSV file, one file a day: python csv_logger.py FOLDER"""
import csv
import pathlib
import sys
import time

from tidegate import App

app = App()
folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")


@app.on("lab/#")
def log(msg):
    now = time.localtime()
    with open(folder / time.strftime("%Y-%m-%d.csv", now), "a", newline="") as file:
        csv.writer(file).writerow([time.strftime("%H:%M:%S", now), msg.topic, msg.text])


app.run()
