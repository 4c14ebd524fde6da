# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""python -m tidegate run SCRIPT."""
import re
import signal

import pytest

RUN = ("-m", "tidegate", "run")
SCRIPT = """
import sys
from tidegate import App
app = App()

@app.every("1h", publish="up")
def up():
    print("up", app.name, sys.argv[1:], __name__)
    return app.name
"""


def test_a_script_that_only_makes_its_app_is_run_until_sigterm(script, broker, witness):
    one = script(SCRIPT, broker, by=RUN, more=("--verbose", "word"))
    name = one.wait_for("up ").split()[1]
    assert one.wait_for("up ") == f"up {name} ['--verbose', 'word'] __main__"
    assert witness.next() == ("up", name) and name.startswith("script")
    assert one.end(signal.SIGTERM) == 0


def test_a_script_that_runs_its_app_itself_is_not_run_twice(script, broker, witness):
    one = script(SCRIPT + "app.run()\nprint('ended')\n", broker, by=RUN)
    one.wait_for("up ")
    assert one.end(signal.SIGINT) == 0
    assert one.lines.count("ended") == 1 and sum(line.startswith("up ") for line in one.lines) == 1


def test_the_broker_can_be_named(script, broker, witness):
    one = script(SCRIPT, by=(*RUN, "--broker", broker.url), TIDEGATE_BROKER="mqtt://127.0.0.1:1")
    assert witness.next()[0] == "up"
    assert one.end(signal.SIGTERM) == 0


def test_a_script_imports_from_its_own_folder_and_its_log_has_times(script, broker, tmp_path):
    (tmp_path / "beside.py").write_text("word = 'found'\n")
    one = script("import beside\n" + SCRIPT + "\n@app.every('1h')\ndef broken():\n    raise RuntimeError(beside.word)\n", broker,
                 by=RUN)
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ERROR ", one.wait_for("broken failed: RuntimeError: found"))
    assert one.end(signal.SIGTERM) == 0


def test_the_status_of_a_script_is_its_own(script, broker):
    assert script("import sys\nsys.exit(7)\n", broker, by=RUN).end() == 7
    one = script("raise RuntimeError('oh')\n", broker, by=RUN)
    assert one.end() == 1 and one.wait_for("RuntimeError: oh")


@pytest.mark.parametrize("text, status, said", [("print('hello')\n", 65, "leaves no App"),
                                                ("from tidegate import App\na, b = App(), App()\n", 65, "makes 2 Apps")])
def test_a_script_without_one_app_is_told_what_to_write(script, text, status, said):
    one = script(text, by=RUN)
    assert one.end() == status
    one.wait_for(said)


def test_a_file_that_is_not_there_and_words_that_mean_nothing_have_their_statuses(script, tmp_path):
    one = script(tmp_path / "none.py", by=RUN)
    assert one.end() == 66 and one.wait_for("there is no file")
    one = script(tmp_path / "none.py", by=("-m", "tidegate", "fly"))
    assert one.end() == 64 and one.wait_for("fly")
