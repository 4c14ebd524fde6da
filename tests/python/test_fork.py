# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Forks, sub-interpreters, and the end of the interpreter: safe, or a clear error; never a hang."""
import sys
import textwrap

import pytest

BEFORE = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 and newer have one for each fork beside threads
from tidegate import App, Gateway, Spool, StateError
from tidegate import _core
"""

# A child of a process with threads has AddressSanitizer's allocator as it was, with the locks that other threads had in it
# (gcc 12; malloc of the C library is made for that). So none of them is to be at work at that moment.
QUIET = r"""
import glob, time
def turns():
    found = []
    for thread in sorted(set(glob.glob("/proc/self/task/*/status")) - {f"/proc/self/task/{os.getpid()}/status"}):
        text = open(thread).read()
        running = "State:\tR" in text
        found.append((thread, time.monotonic() if running else [line for line in text.splitlines() if "ctxt_switches" in line]))
    return found
before = None
while before != (before := turns()):
    time.sleep(0.05)
"""

CHILD = QUIET + """
child = os.fork()
if child == 0:
    for call in calls:
        try:
            call()
            print("no error", call.__name__)
        except StateError as error:
            print("refused:", error)
    sys.stdout.flush()
    sys.exit(7)  # with all that an interpreter does at its end
_, status = os.waitpid(child, 0)
print("child", os.waitstatus_to_exitcode(status) if hasattr(os, "waitstatus_to_exitcode") else status >> 8)
"""


def refusals(one):
    return [line for line in one.lines if line.startswith("refused: ") and "forked" in line]


def test_an_app_that_runs_is_refused_in_a_forked_child_and_goes_on_in_the_parent(script, broker, witness):
    one = script(BEFORE + """
import asyncio
app = App("test")
app.on("a")(lambda: None)
lamp = app.led("lamp", topic="lamp")
app.start()
receipt, messages = app.publish("a", 1), app.messages("c")
async def stage():
    await receipt.accepted
async def message():
    await messages.__anext__()
calls = [lamp.on, lambda: lamp.wait_for(True), lambda: app.publish("a", 1), app.stop, app.start, app.run, lambda: app.connected, lambda: app.messages("b"),
         lambda: app.led("lamp", topic="x"), receipt.delivered.wait, lambda: asyncio.run(stage()), lambda: asyncio.run(message()),
         messages.close]
""" + CHILD + """
app.publish("parent", "on")
app.stop()
print("ended")
""", broker)
    assert one.end() == 0, one.lines
    assert one.wait_for("child ") == "child 7"
    assert len(refusals(one)) == 13, one.lines
    one.wait_for("ended")
    assert witness.take(2) == [("a", "1"), ("parent", "on")]


def test_an_app_that_was_made_before_a_fork_is_refused_and_one_made_after_works(script, broker, witness):
    one = script(BEFORE + """
from tidegate import receipt
before = App("test")
receipt._lock.acquire()  # as another thread may have at that moment
child = os.fork()
if child == 0:
    try:
        before.start()
    except StateError as error:
        print("refused:", error)
    with App("child") as app:
        app.publish("from", "child")
    sys.exit(0)
receipt._lock.release()
_, status = os.waitpid(child, 0)
with before:
    before.publish("from", "parent")
print("child", status)
""", broker)
    assert one.end() == 0, one.lines
    assert one.wait_for("child ") == "child 0"
    assert len(refusals(one)) == 1
    assert sorted(witness.take(2)) == [("from", "child"), ("from", "parent")]


def test_a_client_and_a_spool_are_refused_in_a_forked_child(script, broker, tmp_path):
    one = script(BEFORE + f"""
client = _core.Client(url={broker.url!r})
client.start()
spool = Spool({str(tmp_path / "spool")!r})
lane = spool.lane("a")
lane.append("a", 1)
calls = [lambda: client.publish("a", b""), lambda: client.stop(1), lambda: client.wait(1, 1), client.counters,
         lambda: client.flush(10), lambda: lane.append("a", 2), lane.read, lane.status, spool.close, lambda: spool.lane("b")]
""" + CHILD + """
lane.append("a", 3)
print("waiting", lane.status()["waiting"])
spool.close()
client.stop(1)
""")
    assert one.end() == 0, one.lines
    assert one.wait_for("child ") == "child 7"
    assert len(refusals(one)) == 10, one.lines
    assert one.wait_for("waiting") == "waiting 2"


def test_a_gateway_is_refused_in_a_forked_child_and_runs_on_in_the_parent(script, tmp_path):
    one = script(BEFORE + f"""
gateway = Gateway.from_text('''[gateway]
id = "x"
state = "{tmp_path}/state"
runtime = "{tmp_path}/run"
log_level = "error"
[broker]
port = 0
''')
gateway.start()
calls = [gateway.status, gateway.stop, lambda: gateway.publish("a", 1), gateway.start]
""" + CHILD + """
print("id", gateway.status()["gateway"]["id"])
""")
    assert one.end() == 0, one.lines
    assert one.wait_for("child ") == "child 7"
    assert len(refusals(one)) == 4, one.lines
    one.wait_for("id x")


def test_a_child_of_multiprocessing_ends_beside_an_app_that_runs(script, broker):
    one = script(BEFORE + """
import multiprocessing
def work(n):
    return n * n
if __name__ == "__main__":
    with App("test") as app:
        app.on("a")(print)
""" + textwrap.indent(QUIET, " " * 8) + """
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print("sum", sum(pool.map(work, range(10))))
""", broker)
    assert one.end() == 0, one.lines
    one.wait_for("sum 285")


@pytest.mark.parametrize("first", [True, False])
def test_a_sub_interpreter_is_refused_with_the_reason(script, first):
    """Whether it is the first to import tidegate, or the main one was."""
    module = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    one = script(f"""
{"" if first else "import tidegate"}
import {module} as interpreters
sub = interpreters.create()
answer = interpreters.run_string(sub, '''
try:
    import tidegate
    print("imported")
except ImportError as error:
    print("refused:", error)
''')
import tidegate
print("main", tidegate.App("x").name)
""")
    assert one.end() == 0, one.lines
    assert "sub" in one.wait_for("refused:") and "interpreter" in one.wait_for("refused:")
    one.wait_for("main x")


def test_objects_that_nobody_stopped_do_no_harm_at_the_end(script, broker, tmp_path):
    one = script(BEFORE + f"""
import threading
app = App("test", stop_timeout=0.2)
app.on("a", durable="one")(lambda: None)
app.start()
client = _core.Client(url={broker.url!r})
client.start()
spool = Spool({str(tmp_path / "spool")!r})
lane = spool.lane("a")
def work():
    while True:
        lane.append("a", 1)
        client.wait(1, 10)
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
sys.exit(3)
""", broker, STATE_DIRECTORY=str(tmp_path / "state"))
    assert one.end() == 3, one.lines
    assert one.lines == []
