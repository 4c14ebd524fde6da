# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The trials that a release passes: crash, power and fuzz."""
import argparse

import crash
import fuzz
import power
import trial


def run(options, folder, say):
    results = {}
    for name, what, numbers in (("crash", crash, {"cuts": 15000, "kills": 200}), ("power", power, {"cuts": 200}), ("fuzz", fuzz, {"seconds": 60})):
        say(f"{name} begins")
        try:
            results[name] = trial.one(name, what.run, argparse.Namespace(seed=options.seed, **numbers), say)
        except trial.Unable as why:
            results[name] = {"holds": False, "verdict": f"cannot run: {why}"}
        say(f"{name} {'HELD' if results[name]['holds'] else 'FAILED'}: {results[name]['verdict']}")
    return {"holds": all(one["holds"] for one in results.values()), **results,
            "verdict": ", ".join(f"{name} {'held' if one['holds'] else 'failed'}" for name, one in results.items())}


if __name__ == "__main__":
    trial.main("all", run)
