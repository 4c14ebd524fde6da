# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Outputs of the real daemon, on lines of a real kernel: what it was made to do, by the kernel's own trace."""
import pathlib
import subprocess
import time

import pytest

import gpio_sim
import parts

LAMP = '[[gpio.output]]\nname = "lamp"\nline = "GPIO27"\n'
UP, DOWN = '[[gpio.output]]\nname = "up"\nline = "GPIO23"\n', '[[gpio.output]]\nname = "down"\nline = "GPIO24"\n'


def refused(daemon, count, name="lamp"):
    daemon.arrivals.wait_for(lambda seen: any(one.topic.endswith(f"{name}/refused") and one.payload == str(count) for one in seen),
                             f"{count} refused commands", parts.DEADLINE)


def test_a_line_goes_on_and_off_as_it_is_told_and_its_state_is_what_the_line_has(pi, make_daemon):
    daemon = make_daemon(LAMP).start()
    daemon.wait_state("lamp", "OFF")
    for command, high in [("ON", True), ("off", False), ("1", True), ("0", False), ("true", True), ("FALSE", False), ("TOGGLE", True), ("toggle", False)]:
        daemon.command("lamp", command)
        daemon.wait_state("lamp", "ON" if high else "OFF")
        assert pi.value(27) == high, command


@pytest.mark.parametrize("initial, high", [("off", False), ("on", True)])
def test_it_becomes_an_output_in_one_step_without_a_glitch(pi, make_daemon, initial, high):
    with gpio_sim.Trace(pi) as trace:
        daemon = make_daemon(LAMP + f'initial = "{initial}"\n').start()
        daemon.wait_state("lamp", "ON" if high else "OFF")
        did = trace.outputs(27)
    # The value is there before the direction or with it, and no other ever was.
    assert did.count("out") == 1 and "in" not in did
    assert {one for one in did if isinstance(one, bool)} <= {high} and pi.value(27) == high


@pytest.mark.parametrize("high", [False, True])
def test_as_is_takes_over_what_the_line_has(pi, make_daemon, high):
    pi.pull(27, high)  # what holds it while nobody does: a simulated chip forgets what it was driven to
    with gpio_sim.Trace(pi) as trace:
        daemon = make_daemon(LAMP + 'initial = "as-is"\nsafe = "as-is"\n').start()
        daemon.wait_state("lamp", "ON" if high else "OFF")
        daemon.stop()
        did = trace.outputs(27)
    assert {one for one in did if isinstance(one, bool)} <= {high} and "in" not in did
    assert pi.value(27) == high


@pytest.mark.parametrize("safe, high", [("off", False), ("on", True), ("as-is", True)])
def test_a_stop_puts_it_into_its_safe_state(pi, make_daemon, safe, high):
    daemon = make_daemon(LAMP + f'safe = "{safe}"\n').start()
    daemon.command("lamp", "ON")
    daemon.wait_state("lamp", "ON")
    with gpio_sim.Trace(pi) as trace:
        daemon.stop()
        did = [one for one in trace.outputs(27) if isinstance(one, bool)]
    # The last that it was driven to; a simulated chip forgets it when it is let go.
    assert (did or [True])[-1] == high
    assert daemon.arrivals.payloads(daemon.topic("lamp"))[-1] == ("ON" if high else "OFF"), "what is published is what it was left at"


def test_after_a_kill_a_restart_makes_it_what_it_is_at_the_start(pi, make_daemon):
    daemon = make_daemon(LAMP).start()
    daemon.command("lamp", "ON")
    daemon.wait_state("lamp", "ON")
    daemon.kill()
    with gpio_sim.Trace(pi) as trace:
        daemon.start()
        daemon.wait_state("lamp", "OFF")
        assert True not in trace.outputs(27)
    assert not pi.value(27)


def test_pulses_end_by_themselves(pi, make_daemon):
    daemon = make_daemon(LAMP + 'pulse = "300ms"\n').start()
    daemon.wait_state("lamp", "OFF")

    def pulses(verb, command, *states):
        daemon.arrivals.clear()
        daemon.command("lamp", command, verb=verb)
        # Both may be there before this thread looks.
        daemon.arrivals.wait_for(lambda seen: [one.payload for one in seen if one.topic == daemon.topic("lamp")] == list(states), f"{states} of lamp",
                                 parts.DEADLINE)
    pulses("set", "PULSE", "ON", "OFF")
    pulses("set_on_ms", "300", "ON", "OFF")
    daemon.command("lamp", "ON")
    daemon.wait_state("lamp", "ON")
    pulses("set_off_ms", "300", "OFF", "ON")


def test_max_on_holds_however_often_on_is_commanded(pi, make_daemon):
    """P9: the sender here is an automation that hangs in a loop of ON."""
    daemon = make_daemon(LAMP + 'max_on = "2s"\n').start()
    with gpio_sim.Trace(pi) as trace:
        daemon.command("lamp", "ON")
        daemon.wait_state("lamp", "ON")
        hung = subprocess.Popen(["mosquitto_pub", "-p", str(daemon.port), "-t", daemon.topic("lamp/set"), "-q", "1", "-m", "ON", "--repeat", "1000",
                                 "--repeat-delay", "0.3"], env=parts.tool_environment())
        try:
            daemon.wait_state("lamp", "OFF")
        finally:
            hung.kill()
            hung.wait()
        times = [one for one in trace.events(27) if one.what == "set"]
    on = next(one.time for one in times if one.value)
    off = next(one.time for one in times if one.time > on and not one.value)
    assert 2.0 <= off - on


def test_two_of_an_interlock_group_are_never_on_together(pi, make_daemon):
    """P9, shown by the trace, while commands come as fast as they can."""
    daemon = make_daemon(UP + 'interlock = "blind"\ninterlock_wait = "100ms"\n' + DOWN + 'interlock = "blind"\ninterlock_wait = "100ms"\n').start()
    with gpio_sim.Trace(pi) as trace:
        for _ in range(5):
            daemon.command("up", "ON")
            daemon.wait_state("up", "ON")
            daemon.command("down", "ON")
            daemon.wait_state("down", "ON")
            daemon.wait_state("up", "OFF")
        parts.publish_lines(daemon.port, daemon.topic("up/set"), ["TOGGLE"] * 21)
        parts.publish_lines(daemon.port, daemon.topic("down/set"), ["TOGGLE"] * 21)
        daemon.command("up", "OFF")
        daemon.command("down", "OFF")
        daemon.wait_state("up", "OFF")
        daemon.wait_state("down", "OFF")
        changes = sorted(one for line in (23, 24) for one in trace.events(line) if one.what == "set")
    on, last_off, waits = set(), 0.0, []
    for one in changes:
        if one.value:
            if one.offset not in on and last_off:
                waits.append(one.time - last_off)
            on.add(one.offset)
        elif one.offset in on:
            on.discard(one.offset)
            last_off = one.time
        assert len(on) <= 1, changes
    assert len(waits) >= 9 and min(waits) >= 0.1


def test_an_output_does_not_go_on_while_one_of_its_group_is_out_of_reach(pi, expander, make_daemon):
    daemon = make_daemon(UP + 'interlock = "blind"\n' + '[[gpio.output]]\nname = "down"\nline = "expander:1"\ninterlock = "blind"\n').start()
    daemon.wait_state("down", "OFF")
    expander.unplug()
    daemon.wait_problem("gpio down", "expander:1")
    daemon.command("up", "ON")
    refused(daemon, 1, "up")
    assert not pi.value(23)


def test_retained_commands_and_nonsense_are_refused_and_counted(pi, make_daemon):
    """P9."""
    daemon = make_daemon(LAMP).start()
    daemon.wait_state("lamp", "OFF")
    daemon.command("lamp", "nonsense")
    refused(daemon, 1)
    assert '"nonsense" is refused: it has to be ON, OFF or TOGGLE' in daemon.said()
    daemon.command("lamp", "ON", retain=True)   # live: it is obeyed, and kept for the next start
    daemon.wait_state("lamp", "ON")
    daemon.arrivals.clear()
    daemon.stop()
    daemon.start()
    refused(daemon, 1)
    assert not pi.value(27)


def test_a_retained_command_is_obeyed_where_that_is_asked_for(pi, make_daemon):
    daemon = make_daemon(LAMP + "retained = true\n").start()
    daemon.command("lamp", "ON", retain=True)
    daemon.wait_state("lamp", "ON")
    daemon.stop()
    assert not pi.value(27)
    daemon.start()
    daemon.wait_state("lamp", "ON")


def test_what_was_commanded_while_the_gateway_was_down_is_not_done_later(pi, make_daemon):
    """P9: its broker lives on, and takes the command at QoS 1."""
    daemon = make_daemon(LAMP).start()
    daemon.wait_state("lamp", "OFF")
    daemon.kill()
    daemon.command("lamp", "ON")
    with gpio_sim.Trace(pi) as trace:
        daemon.start()
        daemon.wait_state("lamp", "OFF")
        daemon.command("lamp", "nonsense")  # comes after anything that the broker would have kept
        refused(daemon, 1)
        assert True not in trace.outputs(27)


def test_the_loss_of_the_broker_makes_it_safe_where_that_is_asked_for(pi, make_daemon, tmp_path):
    broker = parts.Broker(tmp_path, name="elsewhere").start()
    daemon = make_daemon(f'[broker]\nurl = "mqtt://127.0.0.1:{broker.port}"\n' + LAMP + 'safe_after = "2s"\n' + UP).start()
    daemon.command("lamp", "ON")
    daemon.command("up", "ON")
    daemon.wait_state("lamp", "ON")
    daemon.wait_state("up", "ON")
    assert pi.value(27)
    broker.stop()
    parts.wait_until(lambda: not pi.value(27), "the safe state", parts.DEADLINE)
    assert pi.value(23), "nobody asked for that"


def test_another_topic_commands_it_too(pi, make_daemon):
    daemon = make_daemon(LAMP + 'command_topic = "IoT101/Message"\ntopic = "loft/lamp"\n').start()
    parts.publish(daemon.port, "IoT101/Message", "ON")
    daemon.arrivals.wait_for(lambda seen: any(one.topic == "loft/lamp" and one.payload == "ON" for one in seen), "the state", parts.DEADLINE)
    parts.publish(daemon.port, "loft/lamp/set", "OFF")
    parts.wait_until(lambda: not pi.value(27), "OFF")


def test_open_drain_and_active_low_drive_the_line_as_they_should(pi, make_daemon):
    daemon = make_daemon(LAMP + "active_low = true\n").start()
    daemon.wait_state("lamp", "OFF")
    assert pi.value(27)
    daemon.command("lamp", "ON")
    daemon.wait_state("lamp", "ON")
    assert not pi.value(27)


def test_a_chip_that_returns_has_its_outputs_at_the_start(pi, expander, make_daemon):
    daemon = make_daemon('[[gpio.output]]\nname = "relay"\nline = "expander:2"\n').start()
    daemon.command("relay", "ON")
    daemon.wait_state("relay", "ON")
    expander.unplug()
    daemon.wait_problem("gpio relay", "expander:2")
    expander.plug()
    daemon.wait_no_problem("gpio relay")
    daemon.wait_state("relay", "OFF")
    assert not expander.value(2), "an old command is not repeated"
    daemon.command("relay", "ON")
    parts.wait_until(lambda: expander.value(2), "ON")


def pulse_lengths(trace, offset):
    """How long each was, in seconds, and from the begin of each to that of the next: in order of length, for some are long where the machine
    stood still."""
    changes = [one for one in trace.events(offset) if one.what == "set"]
    begins = [one.time for one in changes if one.value]
    return (sorted(after.time - one.time for one, after in zip(changes, changes[1:]) if one.value),
            sorted(after - one for one, after in zip(begins, begins[1:])))


def middle(lengths):
    return lengths[len(lengths) // 2]


def test_software_pwm_has_the_share_that_was_asked_for(pi, make_daemon):
    daemon = make_daemon('[[gpio.pwm]]\nname = "fan"\nline = "GPIO18"\nfrequency = 20\n').start()
    daemon.wait_state("fan", "0")
    assert not pi.value(18)
    for percent in ("25", "75"):
        daemon.command("fan", percent)
        daemon.wait_state("fan", percent)
        with gpio_sim.Trace(pi) as trace:
            time.sleep(3)
            widths, periods = pulse_lengths(trace, 18)
        share = middle(widths) / middle(periods) * 100
        print(f"{percent} %: {share:.1f} %, {len(widths)} pulses, one each {middle(periods) * 1000:.1f} ms")
        assert abs(share - float(percent)) < 8 and 0.049 <= middle(periods) <= 0.067
    daemon.command("fan", "ON")
    daemon.wait_state("fan", "75")
    daemon.command("fan", "100")
    daemon.wait_state("fan", "100")
    parts.wait_until(lambda: pi.value(18), "steady")
    daemon.stop()
    assert not pi.value(18)


def test_an_rgb_led_takes_colours_and_a_brightness(pi, make_daemon):
    daemon = make_daemon('[[gpio.rgb]]\nname = "mood"\nred = "GPIO5"\ngreen = "GPIO6"\nblue = "GPIO13"\n').start()
    daemon.wait_state("mood", "OFF")

    def shows(red, green, blue):
        parts.wait_until(lambda: (pi.value(5), pi.value(6), pi.value(13)) == (red, green, blue), "the colour", parts.DEADLINE)

    for command, state, lines in [("RED", "#ff0000", (True, False, False)), ("lime", "#00ff00", (False, True, False)), ("OFF", "OFF", (False, False, False)),
                                  ("ON", "#00ff00", (False, True, False)), ("255,255,0", "#ffff00", (True, True, False)), ("#00f", "#0000ff", (False, False, True))]:
        daemon.command("mood", command)
        daemon.wait_state("mood", state)
        shows(*lines)
    daemon.command("mood/brightness", "0")
    shows(False, False, False)
    daemon.command("mood/brightness", "100")
    shows(False, False, True)
    daemon.command("mood", "no colour")
    refused(daemon, 1, "mood")
    daemon.stop()
    shows(False, False, False)


def test_a_servo_is_held_by_pulses_of_the_right_length(pi, make_daemon):
    # Longer than a real one's, for the time of an emulated machine is coarse.
    daemon = make_daemon('[[gpio.servo]]\nname = "gate"\nline = "GPIO12"\nfrequency = 20\nmin_pulse = "4ms"\nmax_pulse = "10ms"\n').start()
    daemon.wait_state("gate", "OFF")
    daemon.command("gate", "45")
    daemon.wait_state("gate", "45")
    with gpio_sim.Trace(pi) as trace:
        time.sleep(3)
        widths, _ = pulse_lengths(trace, 12)
    print(f"{len(widths)} pulses, median {middle(widths) * 1000:.2f} ms")
    assert 0.0084 <= middle(widths) <= 0.0105
    daemon.command("gate", "91")
    refused(daemon, 1, "gate")
    daemon.command("gate", "OFF")
    daemon.wait_state("gate", "OFF")
    assert not pi.value(12)


def test_hardware_pwm_that_is_not_there_is_told_with_the_mend(pi, make_daemon):
    daemon = make_daemon('[[gpio.pwm]]\nname = "fan"\nline = "pwm:fe20c000.pwm:0"\n').start()
    assert "dtoverlay=pwm" in daemon.wait_problem("gpio fan", "fe20c000.pwm")


def test_the_readme_is_true_word_for_word(pi, make_daemon):
    """Its section "Wire a button and a lamp": the configuration, and each command."""
    readme = (pathlib.Path(parts.__file__).parents[2] / "README.md").read_text()
    section = readme[readme.index("## Wire a button and a lamp"):].split("\n## ")[0]
    toml = section.split("```toml\n")[1].split("```")[0]
    commands = [line.split("#")[0].split() for line in section.split("```sh\n")[1].split("```")[0].splitlines()]
    pi.pull(17, True)  # the button is not pressed
    daemon = make_daemon(toml).start()
    daemon.wait_state("button", "OFF")

    def run(words):
        assert words[0] == "v/bin/tidegate"
        done = daemon.tidegate(*words[1:])
        assert done.returncode == 0, done.stderr
        return done.stdout

    set_lamp, get_both, subscribe = commands
    assert run(set_lamp) == "lamp=ON\n" and pi.value(27)
    assert run(get_both) == "lamp=ON\nbutton=OFF\n"
    assert subscribe[:3] == ["v/bin/tidegate", "sub", "-t"]
    daemon.arrivals.clear()
    pi.burst(17, 2, 0.1)  # longer than its debounce, shorter than a hold, however late anybody is told
    daemon.arrivals.wait_for(lambda seen: any(one.payload == "click" for one in seen), "a click", parts.DEADLINE)
    assert [one.payload for one in daemon.arrivals.seen() if "/gpio/button" in one.topic] == ["ON", "press", "OFF", "release", "click"]
    told = daemon.tidegate("gpio", "info", "J8:13").stdout
    assert "GPIO27" in told and "lamp" in told and "tidegate" in told
    with gpio_sim.Trace(pi) as trace:
        daemon.stop()
        assert [one for one in trace.outputs(27) if isinstance(one, bool)][-1] is False
