#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Runs CTest in a build folder, shows what fails and what is skipped, and ends with "N passed, N failed, N skipped".

usage: run_tests.py BUILD_FOLDER [argument of ctest …]

A CTest counts as one test; one that left <build folder>/junit/<name>.xml (a pytest file) counts as the cases in there.
"""

import dataclasses
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: list = dataclasses.field(default_factory=list)  # names, with the reason where there is a short one
    skipped: list = dataclasses.field(default_factory=list)  # (name, reason)

    def line(self):
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


def gtest_reason(output):
    """What GTEST_SKIP() was given: the lines between "file:line: Skipped" and the closing mark."""
    match = re.search(r": Skipped\n(.*?)\n*\[  SKIPPED \]", output, re.DOTALL)
    return " ".join(match[1].split()) if match else ""


def count_cases(count, name, file):
    """Adds the cases of one pytest file; says whether any of them failed."""
    failed = False
    for case in ElementTree.parse(file).iter("testcase"):
        title = f"{name}: {case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            count.failed.append(title)
            failed = True
        elif skipped is not None:
            count.skipped.append((title, skipped.get("message") or "no reason given"))
        else:
            count.passed += 1
    return failed


def count_tests(report, cases_folder):
    """The count of one CTest run, from its JUnit report and those of the pytest files it ran."""
    count = Count()
    for test in ElementTree.parse(report).iter("testcase"):
        name, status = test.get("name"), test.get("status")
        failure, skipped = test.find("failure"), test.find("skipped")
        why = skipped.get("message", "") if skipped is not None else ""
        # A test that could not be started is "notrun" as well, and no skip at all.
        really_skipped = status == "disabled" or (status == "notrun" and why.startswith("SKIP_"))
        bad = not really_skipped and status != "run"
        cases = cases_folder / f"{name}.xml"
        if cases.exists():
            try:
                told = count_cases(count, name, cases)
            except ElementTree.ParseError:
                told = False
            if bad and not told:
                reason = (failure.get("message") if failure is not None else "") or "ended badly"
                count.failed.append(f"{name} ({reason})")
        elif bad:
            reason = failure.get("message") if failure is not None else why
            count.failed.append(f"{name} ({reason})" if reason and reason != "Failed" else name)
        elif really_skipped:
            output = test.findtext("system-out") or ""
            reason = (
                "disabled"
                if status == "disabled"
                else gtest_reason(output) or (output.strip().splitlines() or ["no reason given"])[-1]
            )
            count.skipped.append((name, reason))
        else:
            count.passed += 1
    return count


def show(ctest):
    """Passes on what CTest says of tests that did not pass; of the others, how far it has come."""
    terminal, shown, last, verbose = sys.stdout.isatty(), 0, time.monotonic(), False
    for line in ctest.stdout:
        if re.match(r"\s+Start\s+\d+: ", line) or line.startswith(("Test project", "Internal ctest", "    Start")):
            continue
        if re.match(r"\d+% tests passed", line):
            break
        match = re.match(r"\s*(\d+)/(\d+) Test\s+#\d+: (.+?) \.*\s*((?:\*\*\*|Passed).*)", line)
        if match:
            verbose = "Passed" not in match[4] and "Skipped" not in match[4] and "Disabled" not in match[4]
            if terminal:
                width = shutil.get_terminal_size().columns - 1
                sys.stdout.write("\r\033[K" + f"test: {match[1]}/{match[2]}  {match[3]}"[:width])
            elif not verbose and (time.monotonic() - last > 10 or match[1] == match[2]):
                print(f"test: {match[1]}/{match[2]}", flush=True)
                last = time.monotonic()
            if verbose:
                print(("\n" if terminal else "") + f"test: {match[3]} {match[4].strip('* ')}", flush=True)
            sys.stdout.flush()
        elif verbose and shown < 5000:
            shown += 1
            sys.stdout.write(line)
            sys.stdout.flush()
    for line in ctest.stdout:
        pass
    if terminal:
        sys.stdout.write("\r\033[K")


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 64
    folder = pathlib.Path(sys.argv[1]).resolve()
    report, cases_folder = folder / "ctest.xml", folder / "junit"
    report.unlink(missing_ok=True)
    shutil.rmtree(cases_folder, ignore_errors=True)
    cases_folder.mkdir()
    command = [
        "ctest",
        "--test-dir",
        str(folder),
        "--output-on-failure",
        "--no-tests=error",
        "--test-output-size-passed",
        "20000",
        "--output-junit",
        str(report),
        *sys.argv[2:],
    ]
    began = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as ctest:
        show(ctest)
    count = count_tests(report, cases_folder) if report.exists() else Count()
    if ctest.returncode != 0 and not count.failed:
        count.failed.append(f"ctest ended with {ctest.returncode}" + ("" if count.passed else ": no test ran"))
    for name, reason in count.skipped:
        print(f"skipped: {name}: {reason}")
    for name in count.failed:
        print(f"failed: {name}")
    print(f"test: took {time.monotonic() - began:.0f} s; reports in {report} and {cases_folder}")
    print(count.line())
    return 0 if count.passed and not count.failed else 1


if __name__ == "__main__":
    sys.exit(main())
