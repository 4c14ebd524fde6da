# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""tools/run_tests.py counts every kind of outcome once, and never calls an empty or broken run good."""

import pathlib
import subprocess
import sys

RUNNER = pathlib.Path(__file__).parents[2] / "tools" / "run_tests.py"
GTEST = "/a/b.cpp:7: Skipped\\nno kernel\\nhere\\n\\n[  SKIPPED ] A.B (0 ms)"


def run(folder, *tests, arguments=()):
    (folder / "CTestTestfile.cmake").write_text("\n".join(tests) + "\n")
    return subprocess.run([sys.executable, RUNNER, folder, *arguments], capture_output=True, text=True)


def closing(ran):
    return ran.stdout.rstrip().splitlines()[-1]


def pytest_file(folder, name, cases, end="true"):
    """A CTest that leaves a report as pytest does, and then runs `end`."""
    xml = f"<testsuites><testsuite>{cases}</testsuite></testsuites>"
    script = folder / f"{name}.sh"
    script.write_text(f"cat >'{folder}/junit/{name}.xml' <<'END'\n{xml}\nEND\n{end}\n")
    return f'add_test({name} sh "{script}")'


def test_each_outcome_is_counted_once_and_each_skip_says_why(tmp_path):
    ran = run(
        tmp_path,
        "add_test(good true)",
        'add_test(bad sh -c "echo its words; exit 1")',
        "add_test(gone /nonexistent/program)",
        f'add_test(skip printf "{GTEST}")',
        'set_tests_properties(skip PROPERTIES SKIP_REGULAR_EXPRESSION "SKIPPED")',
        "add_test(off true)",
        "set_tests_properties(off PROPERTIES DISABLED ON)",
    )
    assert ran.returncode == 1
    assert closing(ran) == "1 passed, 2 failed, 2 skipped"
    assert "its words" in ran.stdout
    assert "skipped: skip: no kernel here" in ran.stdout
    assert "skipped: off: disabled" in ran.stdout
    assert "failed: gone (Unable to find executable)" in ran.stdout


def test_the_cases_of_a_pytest_file_are_counted_one_by_one(tmp_path):
    ran = run(
        tmp_path,
        "add_test(good true)",
        pytest_file(
            tmp_path,
            "py.x",
            '<testcase name="a"/><testcase name="b"/><testcase name="c"><skipped message="no bus"/></testcase>',
        ),
    )
    assert closing(ran) == "3 passed, 0 failed, 1 skipped"
    assert "skipped: py.x: c: no bus" in ran.stdout
    assert ran.returncode == 0


def test_a_failed_case_is_counted_once_though_ctest_failed_too(tmp_path):
    ran = run(
        tmp_path,
        pytest_file(tmp_path, "py.x", '<testcase name="a"/><testcase name="b"><failure/></testcase>', "exit 1"),
    )
    assert closing(ran) == "1 passed, 1 failed, 0 skipped"
    assert ran.returncode == 1


def test_a_pytest_that_dies_after_its_report_is_a_failure(tmp_path):
    ran = run(tmp_path, pytest_file(tmp_path, "py.x", '<testcase name="a"/>', "kill -SEGV $$"))
    assert closing(ran) == "1 passed, 1 failed, 0 skipped"
    assert ran.returncode == 1


def test_a_run_without_tests_fails(tmp_path):
    ran = run(tmp_path)
    assert ran.returncode == 1
    assert closing(ran) == "0 passed, 1 failed, 0 skipped"
    assert "no test ran" in ran.stdout


def test_a_filter_that_matches_nothing_fails(tmp_path):
    assert run(tmp_path, "add_test(good true)", arguments=("-R", "nothing")).returncode == 1


def test_a_report_of_an_earlier_run_is_not_believed(tmp_path):
    (tmp_path / "junit").mkdir()
    (tmp_path / "junit" / "good.xml").write_text('<testsuites><testcase name="a"/><testcase name="b"/></testsuites>')
    assert closing(run(tmp_path, "add_test(good true)")) == "1 passed, 0 failed, 0 skipped"


def test_nothing_but_skips_is_not_a_pass(tmp_path):
    ran = run(tmp_path, 'add_test(skip sh -c "exit 77")', "set_tests_properties(skip PROPERTIES SKIP_RETURN_CODE 77)")
    assert closing(ran) == "0 passed, 0 failed, 1 skipped"
    assert ran.returncode == 1
