# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The entry points of pyproject.toml, for programs that find the package by its path instead of by its installation."""
import configparser
import json
import pathlib
import re

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def write(folder):
    """Makes what pip would have in this folder; for PYTHONPATH. Returns the folder."""
    project = (SOURCE / "pyproject.toml").read_text()
    points = configparser.ConfigParser()
    for group, body in re.findall(r"^\[project\.entry-points\.([^\]]+)\]\n((?:\w+ = .+\n)+)", project, re.MULTILINE):
        points[group] = {key: json.loads(value) for key, value in (line.split(" = ", 1) for line in body.splitlines())}
    place = pathlib.Path(folder) / "tidegate-0.dist-info"
    place.mkdir()
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: tidegate\nVersion: 0\n")
    with open(place / "entry_points.txt", "w", encoding="utf-8") as file:
        points.write(file)
    return str(folder)
