#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What pip would write beside the Python package, from pyproject.toml: its name, version and entry points, for installations that are
not pip's (a Debian package, a path in PYTHONPATH).

usage: tools/dist_info.py FOLDER      makes FOLDER/tidegate-VERSION.dist-info"""
import configparser
import json
import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[1]


def write(folder):
    """Returns the folder, for PYTHONPATH."""
    project = (SOURCE / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r"^project\(tidegate VERSION ([0-9.]+)", (SOURCE / "CMakeLists.txt").read_text(encoding="utf-8"), re.MULTILINE).group(1)
    points = configparser.ConfigParser()
    for group, body in re.findall(r"^\[project\.entry-points\.([^\]]+)\]\n((?:.+ = .+\n)+)", project, re.MULTILINE):
        points[group.strip('"')] = {key.strip('"'): json.loads(value) for key, value in re.findall(r"^(\S+) = (\"[^\"]*\")", body, re.MULTILINE)}
    said = {name: json.loads(re.search(rf"^{name} = (.*)$", project, re.MULTILINE).group(1)) for name in ("name", "description", "requires-python", "license")}
    place = pathlib.Path(folder) / f"tidegate-{version}.dist-info"
    place.mkdir()
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {said['name']}\nVersion: {version}\nSummary: {said['description']}\n"
                                    f"License: {said['license']}\nRequires-Python: {said['requires-python']}\n", encoding="utf-8")
    with open(place / "entry_points.txt", "w", encoding="utf-8") as file:
        points.write(file)
    return str(folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(sys.argv[1])
