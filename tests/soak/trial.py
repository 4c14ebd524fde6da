# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What the trials of tools/soak share: options, a folder that is kept when the trial failed, the verdict.

A trial is run(options, folder, say) -> dict: "holds" says whether everything held, "verdict" is one line for people, the
rest are counts. It raises Unable when it cannot run here."""
import argparse
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TIDEGATE_BINARY_DIR", ROOT / "build" / "debug")).resolve()
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tools")]


class Unable(Exception):
    """The trial cannot run here, and why."""


def one(name, run, options, say):
    """Runs one trial; its result, with how long it took."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"tidegate-soak-{name}-"))
    began = time.monotonic()
    result = {"holds": False}
    try:
        result = run(options, folder, say)
    finally:
        if result["holds"]:
            shutil.rmtree(folder)
        elif any(folder.iterdir()):
            result["kept"] = str(folder)
            say(f"what is left of it is in {folder}")
        else:
            folder.rmdir()
    result["seconds"] = round(time.monotonic() - began)
    return result


def main(name, run, choices=None, **numbers):
    """The command line of a trial. numbers: its options, each a number with its default; choices: those that take one of several words
    (the first when not given)."""
    parser = argparse.ArgumentParser(prog=f"tools/soak {name}", allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output and nothing else")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    for option, default in numbers.items():
        parser.add_argument(f"--{option}", type=int, default=default, metavar="N", help=f"default {default}")
    for option, words in (choices or {}).items():
        parser.add_argument(f"--{option}", choices=words, default=words[0])
    try:
        options = parser.parse_args()
    except SystemExit as end:
        sys.exit(64 if end.code else 0)

    def say(line):
        print(f"soak: {line}", file=sys.stderr if options.json else sys.stdout, flush=True)

    say(f"{name}, seed {options.seed}")
    try:
        result = one(name, run, options, say)
    except Unable as why:
        print(f"soak: {name} cannot run: {why}", file=sys.stderr)
        sys.exit(69)
    result["seed"] = options.seed
    say(f"{name} {'HELD' if result['holds'] else 'FAILED'} in {result['seconds']} s: {result['verdict']}")
    if options.json:
        print(json.dumps(result))
    sys.exit(0 if result["holds"] else 1)
