# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Simulated power cuts (tests/crash/power_cut_test.cpp, many more of them), then SIGKILLs of the real daemon (kill.py)."""
import json
import os
import subprocess

import kill
import trial


def simulated(cuts, seed, folder, say):
    program = trial.BUILD / "tests" / "crash" / "test_power_cut"
    report, output = folder / "report.json", folder / "output"
    with open(output, "wb") as out:
        # About 100 a second where sanitized and alone; twenty times that is a hang.
        code = subprocess.run([program, f"--gtest_output=json:{report}"], stdout=out, stderr=subprocess.STDOUT, timeout=600 + cuts // 5,
                              env={**os.environ, "TIDEGATE_CUTS": str(cuts), "TIDEGATE_SEED": str(seed)}).returncode
    tests = [test for suite in json.loads(report.read_text())["testsuites"] for test in suite["testsuite"]] if report.exists() else []
    done = sum(int(test.get("cuts", 0)) for test in tests)
    failed = [f"{test['classname']}.{test['name']}" for test in tests if test.get("failures")]
    if code != 0:
        say(output.read_text(errors="replace")[-4000:])
    result = {"holds": code == 0 and not failed and done >= cuts, "cuts": done,
              "verdict": f"{done} simulated power cuts" + (f", failed: {', '.join(failed)}" if failed else "")
              + (f", of {cuts} wanted" if done < cuts else "") + (f", the program ended with {code}" if code else "")}
    if result["holds"]:
        report.unlink()
        output.unlink()
    return result


def run(options, folder, say):
    try:
        cuts = simulated(options.cuts, options.seed % 1_000_000_007, folder, say)
    except subprocess.TimeoutExpired:
        cuts = {"holds": False, "cuts": 0, "verdict": "the simulated power cuts did not come to an end"}
    say(cuts["verdict"])
    kills = kill.run(options, folder, say)
    return {**kills, "holds": cuts["holds"] and kills["holds"], "cuts": cuts["cuts"], "verdict": f"{cuts['verdict']}; {kills['verdict']}"}


if __name__ == "__main__":
    trial.main("crash", run, cuts=15000, kills=200)
