# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""tidegate.gpio on lines of a real kernel."""
import ast
import os
import pathlib
import re
import subprocess

import gpio_sim
import parts
from conftest import let_in


def over(script, status=0):
    """Its last words; it ended as it should."""
    ended, lines, errors = script.end()
    assert ended == status, errors
    return lines


def test_a_line_is_found_by_each_of_its_names_and_told_as_it_is(pi, expander, python):
    script = python(f"""
from tidegate import gpio
for name in ("GPIO17", "J8:11", "BOARD11", "pinctrl-bcm2711:17"):
    line = gpio.find(name)
    print((line.chip, line.label, line.offset, line.name, line.header, line.output, line.used, line.consumer))
print([(chip.path, chip.label, len(chip.lines)) for chip in gpio.chips()], gpio.refused())
with gpio.request_output("GPIO17", value=True, consumer="a test") as held:
    line = gpio.find("GPIO17")
    print((line.output, line.used, line.consumer), held.info.offset, held)
    assert {pi.path!r} == line.chip
""")
    told = over(script)
    assert [ast.literal_eval(line) for line in told[:4]] == [(pi.path, "pinctrl-bcm2711", 17, "GPIO17", "J8:11", False, False, "")] * 4
    assert told[4] == f"{[(pi.path, 'pinctrl-bcm2711', 54), (expander.path, 'expander', 8)]} {{}}"
    assert told[5] == "(True, True, 'a test') 17 <gpio.Line GPIO17>"


def test_edges_come_with_the_time_of_the_kernel_in_order_and_numbered(pi, python):
    script = python("""
from tidegate import gpio
with gpio.request_input("GPIO17", edges="both") as line:
    print("ready", line.value)
    edges = []
    while len(edges) < 6:
        edges += line.wait("30s")
    print([(edge.active, edge.time, edge.sequence) for edge in edges])
    print(line.wait(0), line.value)
""")
    assert script.line() == "ready False"
    times = pi.burst(17, 6, 0.02)
    edges = ast.literal_eval(script.line())
    assert [edge[0] for edge in edges] == [True, False] * 3 and [edge[2] for edge in edges] == [1, 2, 3, 4, 5, 6]
    assert all(0 <= edge[1] - time < 0.1 for edge, time in zip(edges, times)), (edges, times)
    assert over(script) == ["[] False"]


def test_one_kind_of_edge_active_low_and_pulled_up(pi, python):
    script = python("""
from tidegate import gpio
with gpio.request_input("GPIO17", bias="pull-up", active_low=True, edges="rising") as line:
    print(line.value, gpio.find("GPIO17").bias)
    print([edge.active for edge in line.wait("30s")])
""")
    assert script.line() == "False pull-up"
    pi.pull(17, False)
    assert over(script) == ["[True]"]


def test_a_level_shorter_than_the_debounce_is_no_edge(pi, python):
    script = python("""
from tidegate import gpio
with gpio.request_input("GPIO17", edges="both", debounce="200ms") as line:
    print("ready", line.debounce_refused)
    print([edge.active for edge in line.wait("60s")], line.wait("300ms"))
""")
    assert script.line() == "ready False"
    pi.burst(17, 5, 0.005)
    assert over(script) == ["[True] []"]


def test_others_run_while_one_waits_and_a_release_ends_the_wait(pi, python):
    script = python("""
import threading, time
from tidegate import UnavailableError, gpio
line = gpio.request_input("GPIO17", edges="both")
found = []
waiting = threading.Thread(target=lambda: found.append(line.wait()))
waiting.start()
end, turns = time.monotonic() + 0.2, 0
while time.monotonic() < end:
    turns += 1
print(turns > 100, waiting.is_alive(), line.value)
line.release()
waiting.join()
print(found, line.released, line.wait(0))
line.release()
try:
    line.value
except UnavailableError as error:
    print(error)
""")
    assert over(script) == ["True True False", "[[]] True []", "GPIO17 was released"]


def test_select_and_asyncio_can_wait_for_it(pi, python):
    script = python("""
import asyncio
from tidegate import gpio
async def main():
    with gpio.request_input("GPIO17", edges="both") as line:
        come = asyncio.Event()
        asyncio.get_running_loop().add_reader(line.fileno(), come.set)
        print("ready")
        await come.wait()
        print([edge.active for edge in line.wait(0)])
asyncio.run(main())
""")
    assert script.line() == "ready"
    pi.pull(17, True)
    assert over(script) == ["[True]"]


def test_an_output_begins_as_it_is_told_and_drives_what_it_is_set_to(pi, python):
    with gpio_sim.Trace(pi) as trace:
        script = python("""
from tidegate import gpio
with gpio.request_output("GPIO27", value=True) as lamp:
    print(lamp.value)
    lamp.value = False
    print(lamp.value)
    input()
""".replace("input()", "import rest; rest.forever()"))
        assert [script.line(), script.line()] == ["True", "False"]
        did = trace.outputs(27)
    assert did.count("out") == 1 and "in" not in did and [one for one in did if isinstance(one, bool)][-1:] == [False]
    status, _, errors = script.interrupt()
    assert "KeyboardInterrupt" in errors and status != 0


def test_pulses_have_the_share_that_was_asked_for_and_end(pi, python):
    script = python("""
import time
from tidegate import gpio
with gpio.request_output("GPIO18", value=False) as lamp:
    for share in (0.25, 0.75):
        lamp.pulse(20, share)
        print("pulses", share, lamp.value)
        time.sleep(3)
    lamp.value = True
    print("steady", lamp.value)
    lamp.pulse(100, 0)
    print("nothing", lamp.value)
""")
    for share in (0.25, 0.75):
        assert script.line() == f"pulses {share} True"
        seen = [pi.value(18) for _ in range(1500)]
        assert abs(sum(seen) / len(seen) - share) < 0.15
    assert over(script) == ["steady True", "nothing False"]


def test_a_line_that_is_held_is_told_with_its_holder_and_an_input_cannot_be_set(pi, start, python):
    holder = start("tidegate", "gpio", "set", "GPIO22=ON")
    assert holder.line() == "GPIO22=ON"
    script = python("""
import errno
from tidegate import ConfigError, SystemCallError, UnavailableError, gpio
def told(what, kind):
    try:
        what()
        print("nothing")
    except kind as error:
        print(type(error).__name__, getattr(error, "errno", None) == errno.EBUSY, error)
told(lambda: gpio.request_input("GPIO22"), OSError)
told(lambda: gpio.request_input("GPIO77"), ConnectionError)
with gpio.request_input("GPIO17") as line:
    told(lambda: setattr(line, "value", True), ValueError)
    told(lambda: line.wait(0), ValueError)
told(lambda: gpio.request_input("GPIO17", bias="up"), ConfigError)
told(lambda: gpio.request_output("GPIO17").pulse(100, 1.5), ConfigError)
""")
    told = over(script)
    assert told[0].startswith("SystemCallError True") and 'held by "tidegate gpio"' in told[0]
    assert told[1].startswith('UnavailableError False there is no GPIO line "GPIO77"') and "GPIO17" in told[1]
    assert "requested as an input" in told[2] and "not requested with edges" in told[3]
    assert '"pull-up"' in told[4] and "0 to 1" in told[5]


def test_a_fork_is_told_that_a_line_is_not_its_own_and_ends(pi, python):
    script = python("""
import os, sys
from tidegate import UnavailableError, gpio
lamp = gpio.request_output("GPIO18", value=False)
lamp.pulse(100, 0.5)
if os.fork() == 0:
    try:
        lamp.value = True
    except UnavailableError as error:
        print(error)
    del lamp
    sys.exit(0)
print(os.wait()[1], lamp.value)
""")
    assert over(script) == ["GPIO18 belongs to the process that requested it, of which this is a fork", "0 True"]


def test_a_chip_that_goes_away_ends_the_wait_with_that_error(pi, python):
    script = python("""
import errno
from tidegate import gpio
line = gpio.request_input("GPIO17", edges="both")
print("ready")
try:
    line.wait("100ms")
    while True:
        line.wait("1s")
        line.value
except OSError as error:
    print(error.errno == errno.ENODEV, error)
""")
    assert script.line() == "ready"
    pi.unplug()
    assert over(script)[0].startswith("True")


def test_who_may_not_is_told_how_to_be_let_in(pi, python_environment, nobody, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("""
from tidegate import gpio
print(gpio.chips(), list(gpio.refused()))
try:
    gpio.request_input("GPIO17")
except ConnectionError as error:
    print(error)
""")
    let_in(tmp_path)
    ran = subprocess.run(["/usr/bin/python3", script], capture_output=True, text=True, check=False, **nobody,
                         env={"PATH": "/usr/bin", **python_environment})
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[0] == f"[] ['{pi.path}']" and "sudo" in ran.stdout.splitlines()[1]


def test_the_doorbell_of_the_documentation_rings(pi, python):
    page = pathlib.Path(os.environ["TIDEGATE_SOURCE_DIR"]) / "docs" / "migrating-from-gpiozero.md"
    [text] = re.findall(r"^```python\n(# doorbell\.py\n.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    with gpio_sim.Trace(pi) as trace:
        script = python(text + "    import rest; rest.forever()\n")
        parts.wait_until(lambda: "out" in trace.outputs(27), "the lamp's line", parts.DEADLINE)
    pi.pull(17, False)
    assert re.fullmatch(r"rung at [\d.]+ edge number 1", script.line())
    parts.wait_until(lambda: pi.value(27), "a lit lamp")
    parts.wait_until(lambda: not pi.value(27), "a dark lamp")
    script.interrupt()
