# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""`tidegate gpio` on lines of a real kernel."""
import calendar
import json
import signal
import subprocess
import time

import pytest

import gpio_sim
import parts


def info(tidegate, *words):
    ran = tidegate("gpio", "info", "--json", *words)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def is_held(chip, running, lines=1):
    """Whether so many lines of the chip are held by the command line, of which this must still run."""
    assert running.process.poll() is None, running.end()
    told = subprocess.run(["gpioinfo", "-c", chip.name], capture_output=True, text=True, check=True).stdout
    return told.count("tidegate gpio") == lines


def test_info_shows_every_chip_and_line(tidegate, pi, expander):
    told = info(tidegate)
    assert told["refused"] == []
    first, second = told["chips"]
    assert (first["path"], first["label"], len(first["lines"])) == (pi.path, "pinctrl-bcm2711", 54)
    assert (second["path"], second["label"], len(second["lines"])) == (expander.path, "expander", 8)
    line = first["lines"][17]
    assert line == {"offset": 17, "name": "GPIO17", "header": "J8:11", "direction": "input", "active_low": False, "bias": "", "used": False,
                    "consumer": "", "our_name": ""}
    assert first["lines"][28]["name"] == "" and first["lines"][28]["header"] == ""
    assert all(line["name"] == line["header"] == "" for line in second["lines"])
    text = tidegate("gpio", "info").stdout.splitlines()
    assert len(text) == 1 + 54 + 8 and text[18].split()[:6] == [pi.name, "pinctrl-bcm2711", "17", "GPIO17", "J8:11", "input"]


@pytest.mark.parametrize("spelling", ["GPIO17", "pinctrl-bcm2711:17", "J8:11", "BOARD11", "gpio-sim.{number}:17"])
def test_a_line_is_found_by_each_of_its_names(tidegate, pi, spelling):
    device = pi.sysfs.parent.name
    chips = info(tidegate, spelling.format(number=device.rsplit(".", 1)[1]))["chips"]
    assert [(chip["path"], [line["offset"] for line in chip["lines"]]) for chip in chips] == [(pi.path, [17])]


def test_every_place_of_the_header_leads_to_its_line(tidegate, pi):
    lines = info(tidegate)["chips"][0]["lines"]
    places = {line["header"]: line["name"] for line in lines if line["header"]}
    assert len(places) == 28
    # As the Raspberry Pi's documentation has it.
    assert [places.get(f"J8:{place}") for place in range(1, 41)] == [
        None, None, "GPIO2", None, "GPIO3", None, "GPIO4", "GPIO14", None, "GPIO15", "GPIO17", "GPIO18", "GPIO27", None, "GPIO22", "GPIO23", None,
        "GPIO24", "GPIO10", None, "GPIO9", "GPIO25", "GPIO11", "GPIO8", None, "GPIO7", "GPIO0", "GPIO1", "GPIO5", None, "GPIO6", "GPIO12",
        "GPIO13", None, "GPIO19", "GPIO16", "GPIO26", "GPIO20", None, "GPIO21"]


def test_a_line_of_the_header_is_found_whatever_its_kernel_calls_it(tidegate, make_chip):
    make_chip(names={4: "GPIO_GCLK", 14: "TXD1"})
    assert info(tidegate, "GPIO4")["chips"][0]["lines"][0]["offset"] == 4
    assert info(tidegate, "TXD1")["chips"][0]["lines"][0]["offset"] == 14


@pytest.mark.parametrize("word, meant", [
    ("17", '"GPIO17"'), ("11", '"J8:11" (which is GPIO17)'), ("gpiochip0:17", "another boot"), ("/dev/gpiochip0", "another boot"),
    ("J8:6", "ground"), ("BOARD2", "5 V"), ("J8:41", "J8:1 to J8:40"), ("BCM17", '"GPIO17"'), ("board11", '"BOARD11"')])
def test_a_name_that_could_mean_two_lines_is_refused_with_what_is_meant(tidegate, pi, word, meant):
    ran = tidegate("gpio", "get", word)
    assert ran.returncode == 64 and meant in ran.stderr, ran.stderr


def test_a_line_that_is_not_there_is_told_with_names_near_it(tidegate, pi, expander):
    ran = tidegate("gpio", "get", "GPI017")
    assert ran.returncode == 69 and "near it: GPIO17" in ran.stderr, ran.stderr
    ran = tidegate("gpio", "get", "expander:8")
    assert ran.returncode == 69 and "expander has the lines 0 to 7" in ran.stderr, ran.stderr
    ran = tidegate("gpio", "get", "pinctrl-rp1:4")
    assert ran.returncode == 69 and "the chips here are pinctrl-bcm2711, expander" in ran.stderr, ran.stderr


def test_a_machine_without_chips_says_so(tidegate):
    for words in (["info"], ["get", "GPIO17"]):
        ran = tidegate("gpio", *words)
        assert ran.returncode == 69 and "no GPIO chip" in ran.stderr, ran.stderr


def test_a_name_that_two_lines_have_is_not_guessed_at(tidegate, pi, make_chip):
    make_chip("copy", 4, {3: "GPIO17"})
    ran = tidegate("gpio", "get", "GPIO17")
    assert ran.returncode == 69 and '"pinctrl-bcm2711:17" or "copy:3"' in ran.stderr, ran.stderr
    assert tidegate("gpio", "get", "copy:3").stdout == "copy:3=OFF\n"


def test_get_reads_the_level(tidegate, pi):
    pi.pull(17, True)
    assert tidegate("gpio", "get", "GPIO17", "J8:12").stdout == "GPIO17=ON\nJ8:12=OFF\n"
    assert tidegate("gpio", "get", "--active-low", "GPIO17").stdout == "GPIO17=OFF\n"
    assert json.loads(tidegate("gpio", "get", "--json", "GPIO17").stdout) == {"GPIO17": "ON"}
    assert tidegate("gpio", "get", "--bias", "pull-down", "GPIO17").stdout == "GPIO17=OFF\n"


def test_get_leaves_an_output_an_output(tidegate, pi):
    assert tidegate("gpio", "set", "GPIO17=ON", "--hold", "10ms").returncode == 0
    assert info(tidegate, "GPIO17")["chips"][0]["lines"][0]["direction"] == "output"
    with gpio_sim.Trace(pi) as trace:
        assert tidegate("gpio", "get", "GPIO17", "--bias", "pull-up").returncode == 0
        assert trace.outputs(17) == []
        assert [one.what for one in trace.events(17)] == ["get"]


def test_set_holds_until_it_is_interrupted(start, pi):
    holds = start("tidegate", "gpio", "set", "GPIO27=ON", "GPIO22=0", "J8:7=true")
    assert [holds.line() for _ in range(3)] == ["GPIO27=ON", "GPIO22=OFF", "J8:7=ON"]
    assert pi.value(27) and not pi.value(22) and pi.value(4)
    time.sleep(0.3)
    assert holds.process.poll() is None and pi.value(27)
    assert holds.interrupt() == (0, [], "")


def test_set_is_on_from_the_moment_that_the_line_is_an_output(tidegate, pi):
    with gpio_sim.Trace(pi) as trace:
        assert tidegate("gpio", "set", "--hold", "10ms", "GPIO27=ON").returncode == 0
        assert trace.outputs(27) in ([True, "out"], ["out"], ["out", True]), trace.events(27)
    with gpio_sim.Trace(pi) as trace:
        assert tidegate("gpio", "set", "--hold", "10ms", "--active-low", "GPIO27=ON").returncode == 0
        assert True not in trace.outputs(27)


def test_set_says_what_is_wrong_with_a_value(tidegate, pi):
    for value, says in (("GPIO27", "is not LINE=VALUE"), ("GPIO27=maybe", "ON or OFF"), ("=ON", "is not LINE=VALUE")):
        ran = tidegate("gpio", "set", value)
        assert ran.returncode == 64 and says in ran.stderr, ran.stderr
    ran = tidegate("gpio", "set", "GPIO27=ON", "--hold", "3")
    assert ran.returncode == 64 and "--hold" in ran.stderr and "3s" in ran.stderr, ran.stderr


def test_mon_prints_each_edge(start, pi, expander):
    mon = start("tidegate", "gpio", "mon", "--json", "-n", "5", "GPIO17", "expander:3")
    parts.wait_until(lambda: is_held(pi, mon) and is_held(expander, mon), "both lines to be held")
    began = time.time()
    pi.burst(17, 4)
    expander.pull(3, True)
    status, out, errors = mon.end()
    edges = [json.loads(line) for line in out]
    assert status == 0 and errors == ""
    assert sorted((one["line"], one["sequence"], one["edge"], one["lost"]) for one in edges) == [
        ("GPIO17", 1, "rising", 0), ("GPIO17", 2, "falling", 0), ("GPIO17", 3, "rising", 0), ("GPIO17", 4, "falling", 0),
        ("expander:3", 1, "rising", 0)]
    for edge in edges:
        whole, fraction = edge["time"][:-1].split(".")
        at = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + fraction)
        assert began - 0.1 <= at <= time.time() + 0.1, (began, edge)


@pytest.mark.parametrize("edges, ways", [("rising", ["rising", "rising"]), ("falling", ["falling", "falling"])])
def test_mon_shows_only_the_edges_asked_for(start, pi, edges, ways):
    mon = start("tidegate", "gpio", "mon", "GPIO17", "--edges", edges, "--count", "2")
    parts.wait_until(lambda: is_held(pi, mon), "the line to be held")
    pi.burst(17, 4)
    status, out, _ = mon.end()
    assert status == 0 and [line.split()[1:] for line in out] == [["GPIO17", way] for way in ways]


def test_mon_debounces(start, pi):
    mon = start("tidegate", "gpio", "mon", "GPIO17", "--debounce", "100ms", "--count", "2")
    parts.wait_until(lambda: is_held(pi, mon), "the line to be held")
    for _ in range(20):
        pi.pulse(17)
    pi.pull(17, True)
    time.sleep(0.6)
    pi.pull(17, False)
    status, out, _ = mon.end()
    assert status == 0 and [line.split()[2] for line in out] == ["rising", "falling"]


def test_mon_tells_of_edges_that_the_kernel_had_no_room_for(start, pi):
    mon = start("tidegate", "gpio", "mon", "--json", "GPIO17")
    parts.wait_until(lambda: is_held(pi, mon), "the line to be held")
    mon.process.send_signal(signal.SIGSTOP)
    pi.burst(17, 2000)
    mon.process.send_signal(signal.SIGCONT)
    edges = []

    def read_to(sequence):
        while not edges or edges[-1]["sequence"] < sequence:
            edges.append(json.loads(mon.line()))

    read_to(2000)
    pi.burst(17, 2, 0.01)
    read_to(2002)
    assert mon.interrupt()[0] == 0
    lost = sum(one["lost"] for one in edges)
    assert len(edges) + lost == 2002
    assert 2002 - 1024 - 2 <= lost <= 2002 - 1024


def test_a_line_that_is_held_is_told_with_its_holder(tidegate, start, make_chip):
    pi = make_chip(hogs={23: ("fan", "output-high")})
    start("gpioset", "--consumer", "somebody", "-c", pi.name, "24=1")
    parts.wait_until(lambda: pi.value(24), "gpioset")
    for words in (["get", "GPIO24"], ["set", "J8:18=ON"]):
        ran = tidegate("gpio", *words)
        assert ran.returncode != 0
        assert 'GPIO24 (pinctrl-bcm2711:24) is held by "somebody"' in ran.stderr, ran.stderr
    ran = tidegate("gpio", "mon", "GPIO24")
    assert ran.returncode == 64 and "is an output" in ran.stderr, ran.stderr
    ran = tidegate("gpio", "set", "GPIO23=OFF")
    assert ran.returncode == 71 and 'GPIO23 (pinctrl-bcm2711:23) is held by "fan"' in ran.stderr, ran.stderr
    line = info(tidegate, "GPIO23")["chips"][0]["lines"][0]
    assert line["used"] and line["consumer"] == "fan"


def test_who_may_not_open_a_chip_is_told_how_to_mend_it(tidegate, pi, nobody):
    ran = tidegate("gpio", "get", "GPIO17", **nobody)
    assert ran.returncode == 77 and pi.path in ran.stderr and "usermod -aG gpio" in ran.stderr and "udev" in ran.stderr, ran.stderr
    ran = tidegate("gpio", "info", **nobody)
    assert ran.returncode == 77 and pi.path in ran.stderr, ran.stderr
    assert json.loads(tidegate("gpio", "info", "--json", **nobody).stdout)["refused"][0]["path"] == pi.path


def test_a_chip_that_goes_ends_what_watches_and_holds_it(start, pi, expander):
    mon = start("tidegate", "gpio", "mon", "expander:3")
    holds = start("tidegate", "gpio", "set", "expander:4=ON")
    assert holds.line() == "expander:4=ON"
    parts.wait_until(lambda: is_held(expander, mon, lines=2), "both lines to be held")
    expander.unplug()
    for one in (mon, holds):
        status, _, errors = one.end()
        assert status == 69 and "gone" in errors, errors
    expander.plug()


def test_info_shows_the_names_that_the_configuration_gives(tidegate, pi, tmp_path):
    file = tmp_path / "tidegate.toml"
    file.write_text("""
[[gpio.input]]
name = "motion"
line = "J8:11"
active_low = true
[[gpio.rgb]]
name = "mood"
red = "GPIO5"
green = "GPIO6"
blue = "GPIO13"
""")
    lines = info(tidegate, "--config", str(file))["chips"][0]["lines"]
    assert {line["name"]: line["our_name"] for line in lines if line["our_name"]} == {
        "GPIO17": "motion", "GPIO5": "mood", "GPIO6": "mood", "GPIO13": "mood"}
    assert tidegate("gpio", "get", "--config", file, "motion").stdout == "motion=ON\n"
    file.write_text("[[gpio.input]\n")
    ran = tidegate("gpio", "info", "--config", file)
    assert ran.returncode == 0 and "our names are not known" in ran.stderr and "GPIO17" in ran.stdout


@pytest.mark.parametrize("json_payloads", [False, True])
def test_what_the_gateway_holds_is_asked_of_it_and_told_to_it(pi, make_daemon, json_payloads):
    daemon = make_daemon(f"""
[gpio]
json = {str(json_payloads).lower()}
[[gpio.input]]
name = "door"
line = "GPIO17"
[[gpio.output]]
name = "lamp"
line = "J8:13"
topic = "house/lamp"
[[gpio.counter]]
name = "meter"
line = "GPIO22"
interval = "1s"
[[gpio.pwm]]
name = "fan"
line = "GPIO18"
""")
    pi.pull(17, True)
    daemon.start()
    daemon.arrivals.wait_for(lambda seen: {"house/lamp", daemon.topic("door")} <= {one.topic for one in seen}, "the first states", parts.DEADLINE)
    ran = daemon.tidegate("gpio", "get", "door", "GPIO27", "lamp")
    assert (ran.returncode, ran.stdout) == (0, "door=ON\nGPIO27=OFF\nlamp=OFF\n"), ran.stderr
    ran = daemon.tidegate("gpio", "set", "lamp=ON")
    assert (ran.returncode, ran.stdout, pi.value(27)) == (0, "lamp=ON\n", True), ran.stderr
    ran = daemon.tidegate("gpio", "set", "GPIO27=TOGGLE")
    assert (ran.returncode, ran.stdout, pi.value(27)) == (0, "GPIO27=OFF\n", False), ran.stderr
    ran = daemon.tidegate("gpio", "set", "fan=40")
    assert (ran.returncode, ran.stdout) == (0, "fan=40\n"), ran.stderr
    pi.burst(22, 6)
    parts.wait_until(lambda: daemon.tidegate("gpio", "get", "meter").stdout == "meter=3\n", "three pulses")
    ran = daemon.tidegate("gpio", "set", "door=ON")
    assert ran.returncode == 64 and "door is an input" in ran.stderr, ran.stderr
    ran = daemon.tidegate("gpio", "set", "lamp=PURPLE")
    assert ran.returncode == 27 and "did not do it" in ran.stderr, ran.stderr
    ran = daemon.tidegate("gpio", "mon", "GPIO17")
    assert ran.returncode == 69 and "-t 'tidegate/gw/gpio/door/#'" in ran.stderr, ran.stderr
    assert daemon.stop() == 0
    ran = daemon.tidegate("gpio", "get", "--config", daemon.file, "door", "lamp")  # now from the lines themselves
    assert (ran.returncode, ran.stdout) == (0, "door=ON\nlamp=OFF\n"), ran.stderr
