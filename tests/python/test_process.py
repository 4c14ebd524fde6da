# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Scripts as processes of their own: signals, exits, and what they say."""
import signal

import pytest

HEAD = "from tidegate import App\napp = App()\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_run_in_order_with_status_0(script, broker, witness, number):
    one = script(HEAD + """
import threading
@app.every("1h", publish="up")
def up():
    return "up"
@app.shutdown
def down():
    app.publish("down", "bye")
app.run()
print("after run", threading.active_count())
""", broker)
    assert witness.next() == ("up", "up")
    assert one.end(number) == 0
    assert one.wait_for("after run") == "after run 1"
    assert witness.next() == ("down", "bye")
    assert not any("Traceback" in line for line in one.lines)


def test_a_second_ctrl_c_does_not_wait_for_a_handler_that_hangs(script, broker):
    one = script("from tidegate import App\napp = App(stop_timeout=1000)\n" + """
import time
@app.every("1h")
def hang():
    print("hanging")
    while not app._stopping:
        time.sleep(0.01)
    print("stopping")
    time.sleep(1000)
app.run()
""", broker)
    one.wait_for("hanging")
    one.process.send_signal(signal.SIGINT)
    one.wait_for("stopping")
    assert one.end(signal.SIGINT) == -signal.SIGINT
    assert one.wait_for("KeyboardInterrupt")


def test_a_script_that_chose_its_own_signal_handler_keeps_it(script, broker):
    one = script(HEAD + """
import signal
signal.signal(signal.SIGTERM, lambda number, frame: print("mine") or app.stop())
app.every("1h")(lambda: print("up"))
app.run()
""", broker)
    one.wait_for("up")
    assert one.end(signal.SIGTERM) == 0
    assert one.wait_for("mine")


def test_stop_in_a_signal_handler_that_interrupts_run_anywhere_ends_it(script, broker):
    """Deterministic where a signal would have to hit one instruction: run() is interrupted while it holds the lock that
    the dispatcher needs in order to say that it has finished."""
    one = script(HEAD + """
import threading
begin = app._finished.wait
def wait(timeout=None):
    with app._finished._cond:
        app.stop()
    return begin(timeout)
app._finished.wait = wait
app.run()
print("ended")
""", broker)
    assert one.end() == 0
    assert one.wait_for("ended")


def test_sys_exit_in_a_handler_ends_the_program_with_that_status(script, broker):
    one = script(HEAD + """
import sys
app.every("1h")(lambda: sys.exit(7))
app.run()
""", broker)
    assert one.end() == 7


def test_on_error_exit_ends_with_status_1_and_the_traceback(script, broker):
    one = script("from tidegate import App\napp = App(on_error='exit')\n" + """
@app.every("1h")
def broken():
    raise RuntimeError("this went wrong")
app.run()
""", broker)
    assert one.end() == 1
    assert one.wait_for("RuntimeError: this went wrong")


def test_a_program_that_ends_without_stopping_its_app_ends_and_sends_what_waits(script, broker, witness):
    one = script(HEAD + """
app.start()
for n in range(200):
    app.publish("left", n)
""", broker)
    assert one.end() == 0, one.lines
    assert witness.take(200) == [("left", str(n)) for n in range(200)]
    assert one.lines == []


def test_a_program_that_dies_of_an_exception_ends_too(script, broker):
    one = script(HEAD + "app.start()\nraise RuntimeError('main')\n", broker)
    assert one.end() == 1
    assert one.wait_for("RuntimeError: main")


def test_threads_in_handlers_at_interpreter_exit_do_no_harm(script, broker):
    one = script("from tidegate import App\napp = App(stop_timeout=0.1)\n" + """
import time, sys
@app.every("1ms", publish="flood")
def flood():
    return "x"
@app.every("1h")
def hang():
    print("hanging")
    while True:
        try:
            app.publish("more", "y", receipt=False)
        except ConnectionError:
            time.sleep(0.001)
app.start()
time.sleep(0.3)
sys.exit(3)
""", broker)
    assert one.end() == 3, one.lines


def test_without_a_broker_the_script_says_where_it_looked_and_goes_on(script, tmp_path):
    one = script(HEAD + "app.every('1h')(lambda: print('running'))\napp.run()\n", RUNTIME_DIRECTORY=str(tmp_path),
                 TIDEGATE_BROKER="")
    one.wait_for("running")
    line = one.wait_for("no connection to the local broker")
    assert str(tmp_path / "broker.url") in line or "Connection refused" in line
    assert one.end(signal.SIGTERM) == 0


def test_the_url_of_a_running_gateways_broker_is_found_in_its_runtime_folder(script, broker, witness, tmp_path):
    (tmp_path / "broker.url").write_text(broker.url + "\n")
    one = script(HEAD + "app.every('1h', publish='found')(lambda: 'it')\napp.run()\n", RUNTIME_DIRECTORY=str(tmp_path),
                 TIDEGATE_BROKER="")
    assert witness.next() == ("found", "it")
    assert one.end(signal.SIGINT) == 0


def test_ctrl_c_lets_running_handlers_end_runs_shutdown_after_them_and_sends_all_that(script, broker, witness):
    one = script(HEAD + """
import asyncio, time
@app.on("go")
def thread():
    print("thread entered\\n", end="")  # in one write: another thread may write too
    while not app._stopping:
        time.sleep(0.01)
    app.publish("late", "thread")
    print("thread left\\n", end="")
@app.on("go")
async def coroutine():
    print("coroutine entered\\n", end="")
    while not app._stopping:
        await asyncio.sleep(0.01)
    app.publish("late", "coroutine")
    print("coroutine left\\n", end="")
@app.shutdown
async def down():
    print("down")
    for n in range(100):
        app.publish("late", n)
app.every("1h", publish="up")(lambda: "up")
app.run()
print("after run")
""", broker)
    assert witness.next() == ("up", "up")
    broker.publish("go", "x")
    one.wait_for("thread entered")
    one.wait_for("coroutine entered")
    assert one.end(signal.SIGINT) == 0, one.lines
    assert sorted(one.lines[:2]) == ["coroutine entered", "thread entered"] and one.lines[4:] == ["down", "after run"], one.lines
    late = [payload for topic, payload in witness.take(103) if topic == "late"]
    assert sorted(late[:2]) == ["coroutine", "thread"] and late[2:] == [str(n) for n in range(100)]


def test_threads_of_the_script_and_coroutines_at_interpreter_exit_do_no_harm(script, broker):
    one = script("from tidegate import App\napp = App(stop_timeout=0.2)\n" + """
import asyncio, sys, threading
@app.every("1h")
async def wait():
    async for msg in app.messages("own/#"):
        app.publish("seen", msg.payload, receipt=False)
@app.every("1h")
async def never():
    await asyncio.get_running_loop().create_future()
def own():
    while True:
        try:
            app.publish("own/a", b"x" * 1000, qos=0)
        except ConnectionError:
            print("stopped")
            return
for daemon in (True, True, False):
    threading.Thread(target=own, daemon=daemon).start()
app.start()
while app.counters()["received"] < 500:
    pass
sys.exit(3)
""", broker)
    assert one.end() == 3, one.lines
    said = "\n".join(one.lines)
    assert said.count("stopped") and "Sanitizer" not in said and "Fatal Python" not in said, said
