# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Inputs and counters of the real daemon, on lines of a real kernel."""
import calendar
import json
import subprocess
import time

import pytest

import parts

DOOR = '[[gpio.input]]\nname = "door"\nline = "GPIO17"\n'


def events(daemon, name="door"):
    return daemon.arrivals.payloads(daemon.topic(f"{name}/event"))


def states(daemon, name="door"):
    return daemon.arrivals.payloads(daemon.topic(name))


def settle(daemon, name="door"):
    """Until nothing more can be under way: a marker through the same broker, after the loop had a turn."""
    time.sleep(0.5)
    stamp = str(time.monotonic())
    parts.publish(daemon.port, "settled", stamp)
    daemon.arrivals.wait_payload("settled", stamp, parts.DEADLINE)


def test_the_state_is_there_at_the_start_and_follows_each_edge(pi, make_daemon):
    pi.pull(17, True)
    daemon = make_daemon(DOOR).start()
    daemon.wait_state("door", "ON")
    pi.pull(17, False)
    daemon.wait_state("door", "OFF")
    pi.pull(17, True)
    daemon.wait_state("door", "ON")
    assert states(daemon) == ["ON", "OFF", "ON"]
    kept = subprocess.run(["mosquitto_sub", "-p", str(daemon.port), "-t", daemon.topic("door"), "--retained-only", "-C", "1", "-W", "60"],
                          capture_output=True, text=True, check=True, env=parts.tool_environment())
    assert kept.stdout == "ON\n"


@pytest.mark.parametrize("edges, expected", [("rising", ["press"] * 3), ("falling", ["release"] * 3)])
def test_one_edge_alone_is_an_event_and_has_no_state(pi, make_daemon, edges, expected):
    daemon = make_daemon(DOOR + f'edges = "{edges}"\n').start()
    for _ in range(3):
        pi.pulse(17)
    daemon.arrivals.wait_for(lambda seen: sum(one.topic.endswith("/event") for one in seen) >= 3, "three events", parts.DEADLINE)
    settle(daemon)
    assert events(daemon) == expected and states(daemon) == []


def test_active_low_turns_the_levels_round(pi, make_daemon):
    pi.pull(17, True)
    daemon = make_daemon(DOOR + "active_low = true\n").start()
    daemon.wait_state("door", "OFF")
    pi.pull(17, False)
    daemon.wait_state("door", "ON")


@pytest.mark.parametrize("bias, state", [("pull-up", "ON"), ("pull-down", "OFF")])
def test_a_bias_pulls_the_line(pi, make_daemon, bias, state):
    pi.pull(17, bias != "pull-up")
    daemon = make_daemon(DOOR + f'bias = "{bias}"\n').start()
    daemon.wait_state("door", state)
    told = json.loads(daemon.tidegate("gpio", "info", "GPIO17", "--json").stdout)
    line = told["chips"][0]["lines"][0]
    assert (line["bias"], line["consumer"], line["our_name"]) == (bias, "tidegate", "door")


def test_bounces_count_once(pi, make_daemon):
    daemon = make_daemon(DOOR + 'debounce = "1s"\ndouble_click = "0s"\nhold = "0s"\n').start()
    daemon.wait_state("door", "OFF")
    for level in (True, False, True, False, True):
        pi.pull(17, level)
    daemon.wait_state("door", "ON")
    pi.pulse(17)  # too short for anything
    pi.pull(17, True)
    for level in (False, True, False, True, False):
        pi.pull(17, level)
    daemon.wait_state("door", "OFF")
    settle(daemon)
    assert states(daemon) == ["OFF", "ON", "OFF"]
    assert events(daemon)[:2] == ["press", "release"]


def test_clicks_doubles_and_holds_are_told(pi, make_daemon):
    daemon = make_daemon(DOOR + 'hold = "3s"\ndouble_click = "1s"\n').start()
    daemon.wait_state("door", "OFF")

    def told(*expected):
        daemon.arrivals.wait_for(lambda seen: [one.payload for one in seen if one.topic.endswith("/event")][-1:] == [expected[-1]], expected,
                                 parts.DEADLINE)
        assert events(daemon) == list(expected)
        daemon.arrivals.clear()

    pi.pulse(17)
    told("press", "release", "click")
    pi.pulse(17)
    pi.pulse(17)
    told("press", "release", "press", "release", "double")
    pi.pull(17, True)
    told("press", "hold")
    pi.pull(17, False)
    told("release")


def test_a_reading_has_the_time_of_the_edge(pi, make_daemon):
    daemon = make_daemon(DOOR + "json = true\n").start()
    daemon.arrivals.wait_for(lambda seen: any(one.topic == daemon.topic("door") for one in seen), "the state", parts.DEADLINE)
    daemon.arrivals.clear()
    before = time.time()
    pi.pull(17, True)
    after = time.time()
    daemon.arrivals.wait_for(lambda seen: any(one.topic == daemon.topic("door") for one in seen), "the state", parts.DEADLINE)
    reading = json.loads(states(daemon)[0])
    stamp, fraction = reading["time"].removesuffix("Z").split(".")
    taken = calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%S")) + float("0." + fraction)
    assert reading["value"] is True and before - 0.002 <= taken <= after + 0.002


def test_ten_thousand_edges_are_counted_exactly(pi, make_daemon):
    daemon = make_daemon('[[gpio.counter]]\nname = "meter"\nline = "GPIO22"\ninterval = "200ms"\nfactor = 0.5\nunit = "L"\n').start()
    daemon.arrivals.wait_for(lambda seen: any(one.topic.endswith("meter/total") for one in seen), "a total", parts.DEADLINE)
    began = time.monotonic()
    for _ in range(100):
        for _ in range(50):
            pi.pulse(22)
        time.sleep(0.005)
    print(f"{10_000 / (time.monotonic() - began):.0f} edges a second")
    daemon.arrivals.wait_for(lambda seen: any(one.topic.endswith("meter/total") and one.payload == "2500" for one in seen),
                             "a total of 2500 L", parts.DEADLINE)
    settle(daemon)
    assert daemon.arrivals.payloads(daemon.topic("meter/total"))[-1] == "2500"


def test_a_burst_beyond_the_kernels_buffer_is_counted_and_told(pi, make_daemon):
    """Counted + reported gaps = generated, at the highest rate that this machine makes."""
    daemon = make_daemon('[[gpio.counter]]\nname = "meter"\nline = "GPIO22"\ninterval = "500ms"\n').start()
    daemon.arrivals.wait_for(lambda seen: any(one.topic.endswith("meter/total") for one in seen), "a total", parts.DEADLINE)
    daemon.suspend()  # so that the kernel's buffer of 1,024 is too small, whatever the machine
    began = time.monotonic()
    for _ in range(5000):
        pi.pulse(22)
    rate = 5000 / (time.monotonic() - began)
    daemon.resume()
    daemon.arrivals.wait_for(lambda seen: any(one.topic.endswith("meter/total") and one.payload == "5000" for one in seen),
                             "a total of 5000", parts.DEADLINE)
    lost = int(daemon.arrivals.payloads(daemon.topic("meter/lost"))[-1])
    print(f"{rate:.0f} pulses a second, {lost} of 5000 beyond the buffer")
    assert lost == 5000 - 1024


def test_lost_edges_of_an_input_are_told_and_its_state_is_right(pi, make_daemon):
    daemon = make_daemon(DOOR).start()
    daemon.wait_state("door", "OFF")
    daemon.suspend()
    for _ in range(200):
        pi.pulse(17)
    pi.pull(17, True)
    daemon.resume()
    daemon.arrivals.wait_for(lambda seen: any(one.topic.endswith("door/lost") for one in seen), "what was lost", parts.DEADLINE)
    assert daemon.arrivals.payloads(daemon.topic("door/lost"))[-1] == str(401 - 256)
    daemon.wait_state("door", "ON")


def test_a_total_goes_on_over_stop_and_kill_and_counts_nothing_twice(pi, make_daemon):
    daemon = make_daemon('[[gpio.counter]]\nname = "meter"\nline = "GPIO22"\ninterval = "200ms"\n').start()

    def total_is(total):
        daemon.arrivals.wait_for(lambda seen: any(one.topic.endswith("meter/total") and one.payload == str(total) for one in seen),
                                 f"a total of {total}", parts.DEADLINE)

    total_is(0)
    for _ in range(30):
        pi.pulse(22)
    total_is(30)
    daemon.stop()
    daemon.start()
    for _ in range(12):
        pi.pulse(22)
    total_is(42)
    daemon.kill()
    daemon.start()
    pi.pulse(22)
    total_is(43)
    totals = [int(one) for one in daemon.arrivals.payloads(daemon.topic("meter/total"))]
    assert totals == sorted(totals), "a total went back"


def test_a_meter_can_be_set(pi, make_daemon):
    daemon = make_daemon('[[gpio.counter]]\nname = "power"\nline = "GPIO22"\ninterval = "200ms"\nfactor = 0.001\nunit = "kWh"\n').start()
    daemon.arrivals.wait_for(lambda seen: any(one.topic.endswith("power/total") for one in seen), "a total", parts.DEADLINE)
    daemon.command("power/total", "1234.5")
    pi.pulse(22)
    daemon.arrivals.wait_for(lambda seen: any(one.topic.endswith("power/total") and one.payload == "1234.501" for one in seen),
                             "1234.501 kWh", parts.DEADLINE)
    daemon.command("power/total", "lots")
    daemon.command("power/total", "-1")
    settle(daemon)
    assert daemon.arrivals.payloads(daemon.topic("power/total"))[-1] == "1234.501"


def test_a_chip_that_goes_away_takes_its_line_alone_and_is_found_again(pi, expander, make_daemon):
    daemon = make_daemon(DOOR + '[[gpio.input]]\nname = "float"\nline = "expander:3"\n').start()
    daemon.wait_state("float", "OFF")
    daemon.wait_state("door", "OFF")
    expander.unplug()
    daemon.wait_problem("gpio float", "expander:3")
    pi.pull(17, True)
    daemon.wait_state("door", "ON")
    expander.plug()
    expander.pull(3, True)
    daemon.wait_state("float", "ON")
    daemon.wait_no_problem("gpio float")


def test_a_line_that_is_held_is_told_with_its_holder_and_taken_when_it_is_free(pi, make_daemon, start):
    holder = start("/usr/bin/gpiomon", "--consumer", "somebody", "--chip", pi.name, "17")
    parts.wait_until(lambda: "somebody" in subprocess.run(["/usr/bin/gpioinfo"], capture_output=True, text=True, check=True).stdout,
                     "gpiomon to hold the line", parts.DEADLINE)
    daemon = make_daemon(DOOR + '[[gpio.input]]\nname = "other"\nline = "GPIO4"\n').start()
    daemon.wait_state("other", "OFF")
    assert "somebody" in daemon.wait_problem("gpio door", "GPIO17")
    holder.interrupt()
    daemon.wait_state("door", "OFF")
    daemon.wait_no_problem("gpio door")


def test_a_line_that_is_missing_is_told_with_its_place_and_near_names(pi, make_daemon):
    daemon = make_daemon('[[gpio.input]]\nname = "door"\nline = "GPIO71"\n').start()
    why = daemon.wait_problem("gpio door", "GPIO71")
    assert "tidegate.toml:" in why and "GPIO7" in why
