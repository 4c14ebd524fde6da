# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Lines of a real kernel over a reload: those that did not change are not touched, and those that did see no glitch."""
import threading

import pytest

import gpio_sim
import parts

LAMP = '[[gpio.output]]\nname = "lamp"\nline = "GPIO27"\n'
OTHER = '[[gpio.output]]\nname = "other"\nline = "GPIO24"\n'
METER = '[[gpio.counter]]\nname = "meter"\nline = "GPIO22"\ninterval = "{}"\n'
DIMMED = '[[gpio.pwm]]\nname = "fan"\nline = "GPIO12"\nfrequency = 50\n'


def reload(daemon, configuration):
    daemon.configure(configuration)
    answer = daemon.call("reload")
    assert answer["ok"] and answer["result"]["applied"], answer
    return answer["result"]


def switched_on(daemon, name="lamp"):
    daemon.command(name, "ON")
    daemon.wait_state(name, "ON")


def total_is(daemon, total, name="meter"):
    daemon.arrivals.wait_for(lambda seen: any(one.topic.endswith(f"{name}/total") and one.payload == str(total) for one in seen),
                             f"a total of {total}", parts.DEADLINE)


def test_an_output_that_is_on_sees_nothing_of_a_reload_that_changes_others(pi, make_daemon):
    daemon = make_daemon(OTHER + LAMP).start()
    switched_on(daemon)
    with gpio_sim.Trace(pi) as trace:
        told = reload(daemon, LAMP + OTHER.replace("GPIO24", "GPIO25") + DIMMED)
        daemon.wait_state("fan", "0")
        did = trace.outputs(27)
    assert "[gpio] output lamp" in told["kept"] and told["changed"] == ["[gpio] output other"] and told["added"] == ["[gpio] pwm fan"]
    assert did == [] and pi.value(27)
    daemon.command("lamp", "OFF")  # it still obeys
    daemon.wait_state("lamp", "OFF")
    switched_on(daemon, "other")
    assert pi.value(25)


@pytest.mark.parametrize("change", ['max_on = "1h"', 'pulse = "5s"\ncommand_topic = "order"', 'safe = "on"', 'initial = "on"', 'topic = "loft/lamp"'])
def test_an_output_whose_limits_or_topics_change_keeps_its_line_and_its_level(pi, make_daemon, change):
    daemon = make_daemon(LAMP).start()
    switched_on(daemon)
    with gpio_sim.Trace(pi) as trace:
        told = reload(daemon, LAMP + change + "\n")
        topic = "loft/lamp" if "loft" in change else daemon.topic("lamp")
        daemon.arrivals.wait_for(lambda seen: sum(one.payload == "ON" and one.topic in (topic, daemon.topic("lamp")) for one in seen) >= 2,
                                 "its state", parts.DEADLINE)
        did = trace.outputs(27)
    assert told["changed"] == ["[gpio] output lamp"] and did == [] and pi.value(27)


def test_another_name_for_a_line_takes_it_over_and_the_old_topic_is_cleared(pi, make_daemon):
    daemon = make_daemon(LAMP).start()
    switched_on(daemon)
    with gpio_sim.Trace(pi) as trace:
        reload(daemon, LAMP.replace('"lamp"', '"light"'))
        daemon.wait_state("light", "ON")
        did = trace.outputs(27)
    assert did == []
    daemon.wait_state("lamp", "")
    daemon.command("light", "OFF")
    daemon.wait_state("light", "OFF")
    assert not pi.value(27)


@pytest.mark.parametrize("change", ['drive = "open-source"', 'active_low = true'])
def test_an_output_with_another_drive_is_never_driven_the_other_way(pi, make_daemon, change):
    daemon = make_daemon(LAMP).start()
    switched_on(daemon)
    with gpio_sim.Trace(pi) as trace:
        reload(daemon, LAMP + change + "\n")
        daemon.wait_state("lamp", "OFF" if "low" in change else "ON")
        did = trace.outputs(27)
    assert "in" not in did and {one for one in did if isinstance(one, bool)} <= {True} and pi.value(27)


def test_max_on_that_comes_with_a_reload_counts_from_when_it_was_switched_on(pi, make_daemon):
    daemon = make_daemon(LAMP).start()
    switched_on(daemon)
    reload(daemon, LAMP + 'max_on = "1ms"\n')
    daemon.wait_state("lamp", "OFF")


def test_an_output_that_leaves_is_put_into_its_safe_state(pi, make_daemon):
    daemon = make_daemon(LAMP + OTHER).start()
    switched_on(daemon)
    with gpio_sim.Trace(pi) as trace:
        assert "[gpio] output lamp" in reload(daemon, OTHER)["removed"]
        daemon.wait_state("lamp", "")
        did = [one for one in trace.outputs(27) if isinstance(one, bool)]
    assert did[:1] == [False]


def test_an_interlock_holds_between_outputs_that_were_kept_and_that_came(pi, make_daemon):
    up = '[[gpio.output]]\nname = "up"\nline = "GPIO23"\ninterlock = "blind"\n'
    down = up.replace("up", "down").replace("GPIO23", "GPIO24")
    third = up.replace("up", "third").replace("GPIO23", "GPIO25")
    daemon = make_daemon(up + down).start()
    switched_on(daemon, "up")
    reload(daemon, up + down + third)
    assert pi.value(23)
    switched_on(daemon, "third")
    daemon.wait_state("up", "OFF")
    assert not pi.value(23) and pi.value(25)
    switched_on(daemon, "down")
    daemon.wait_state("third", "OFF")


def test_a_counter_counts_every_pulse_over_reloads_of_it_and_of_others(pi, make_daemon):
    daemon = make_daemon(METER.format("200ms")).start()
    total_is(daemon, 0)
    over = threading.Event()
    pulses = []

    def turn():
        while not over.is_set():
            pi.pulse(22)
            pulses.append(1)
            over.wait(0.002)

    turning = threading.Thread(target=turn)
    turning.start()
    try:
        for n in range(6):
            reload(daemon, METER.format(f"{200 + n // 2}ms") + (LAMP if n % 2 else ""))
    finally:
        over.set()
        turning.join()
    assert len(pulses) > 20
    total_is(daemon, len(pulses))


def test_a_dimmed_output_keeps_its_level(pi, make_daemon):
    daemon = make_daemon(DIMMED).start()
    daemon.command("fan", "100")
    daemon.wait_state("fan", "100")
    with gpio_sim.Trace(pi) as trace:
        reload(daemon, DIMMED + 'max_on = "1h"\n' + LAMP)
        daemon.wait_state("lamp", "OFF")
        did = trace.outputs(12)
    assert False not in did and "in" not in did and pi.value(12)
