#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Fails when an #include crosses an arrow between the rooms, or takes a foreign library out of its room.

usage: include_rules.py [ROOT]

The tables below are the arrows. A room may always include its own headers, "base/…" and the public <tidegate/…>.
"""

import fnmatch
import pathlib
import re
import sys

# What else a room may include: a room (every header of it) or single headers of one.
ROOMS = {
    "core/include": [],
    "core/base": [],
    "core/event": [],
    "core/config": [],
    "core/filter": [],
    "core/spool": [],
    "core/mqtt": [],
    "core/route": [],
    "core/forward": ["spool/lane.hpp", "spool/record.hpp", "mqtt/session.hpp"],
    "core/client": ["mqtt/session.hpp"],
    "core/broker": ["event/", "config/"],
    "core/automation": ["event/", "config/"],
    "core/control": ["event/", "config/"],
    "core/dbus": ["event/", "config/", "control/"],
    "core/http": ["event/", "control/"],
    "core/gateway": [
        "event/",
        "config/",
        "spool/",
        "mqtt/",
        "route/",
        "forward/",
        "client/",
        "broker/",
        "automation/",
        "control/",
        "dbus/",
        "http/",
        "plugins/table.hpp",
    ],
    "plugins": ["plugins/"],
    "bindings": [],
}

# A foreign library's headers, and the files that may name them.
FOREIGN = {
    "Paho MQTT C": (r"MQTT\w+\.h", ["core/mqtt/paho*"]),
    "Mosquitto": (r"mosquitto(_\w+)?\.h", ["core/broker/doorkeeper_plugin.cpp"]),
    "toml++": (r"toml(\+\+|plusplus)?/.*|toml\.hpp", ["core/config/*"]),
    "sd-event": (r"systemd/sd-event\.h", ["core/event/*"]),
    "libsystemd": (r"systemd/(?!sd-event).*", ["core/event/*", "core/gateway/*", "core/dbus/*"]),
    "isa-l": (r"isa-l(/.*|\.h)", ["core/spool/*"]),
    "utfcpp": (r"(utf8cpp/)?utf8(/.*|\.h)", ["core/base/*"]),
    "pybind11": (r"pybind11/.*", ["bindings/*"]),
    "CLI11": (r"CLI/.*", ["core/gateway/*"]),
    "nlohmann-json": (
        r"nlohmann/.*",
        ["core/base/*", "core/forward/*", "core/broker/*", "core/control/*", "core/dbus/*", "core/gateway/*", "plugins/calculate/*", "bindings/*"],
    ),
    "sdbus-c++": (r"sdbus-c\+\+/.*", ["core/dbus/*"]),
    "cpp-httplib": (r"httplib\.h", ["core/http/*"]),
    "libgpiod": (r"gpiod(\.hpp|\.h|/.*|cxx/.*)", ["plugins/gpio/*"]),
    "a test library": (r"(gtest|gmock|benchmark)/.*", []),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SOURCES = {".hpp", ".cpp", ".h", ".c", ".in"}


def room_of(path):
    """The room of a file, by its path below the root; None for one that is in no table."""
    return next((room for room in sorted(ROOMS, key=len, reverse=True) if path.startswith(room + "/")), None)


def complaint(root, path, quoted, name):
    """Why this file may not include this header, or None. Tests may include anything."""
    if path.startswith("tests/"):
        return None
    for library, (pattern, homes) in FOREIGN.items():
        if re.fullmatch(pattern, name):
            if any(fnmatch.fnmatch(path, home) for home in homes):
                return None
            return f"{library} stays in {', '.join(homes) or 'the tests'}"
    room = room_of(path)
    if room is None:
        return "this room is not in the table of tests/include_rules.py"
    if name.startswith("tidegate/"):
        return None
    if ".." in name.split("/"):
        return "name a header from its room, not by a relative path"
    if name.startswith("tests/") or (quoted and (root / "tests" / name).exists()):
        return "what is built for users never includes the tests"
    owner = name if name.startswith("plugins/") else "core/" + name
    owner = room_of(owner)
    if owner is None or owner == room or (owner == "core/base" and room not in ("core/include", "plugins", "bindings")):
        return None
    if any(name == seen or (seen.endswith("/") and name.startswith(seen)) for seen in ROOMS[room]):
        return None
    return f"{room} may not see {owner}"


def crossings(root):
    """Every crossing as (path, line number, header, reason), then how many files and includes were read."""
    found, files, includes = [], 0, 0
    for folder in ("core", "plugins", "bindings", "tests"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in SOURCES or not file.is_file():
                continue
            files += 1
            path = file.relative_to(root).as_posix()
            for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
                if match := INCLUDE.match(line):
                    includes += 1
                    if reason := complaint(root, path, match[1] == '"', match[2]):
                        found.append((path, number, match[2], reason))
    return found, files, includes


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    found, files, includes = crossings(root)
    for path, number, header, reason in found:
        print(f"{path}:{number}: includes {header}: {reason}")
    print(f"include rules: {includes} includes in {files} files, {len(found)} crossing an arrow")
    if not includes:
        print(f"include rules: {root} holds no sources", file=sys.stderr)
    return 1 if found or not includes else 0


if __name__ == "__main__":
    sys.exit(main())
