# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Readings and commands of plugins between the real tidegated and a real Mosquitto: simulated sensors, filters, calculated
readings, and what a plugin is told."""
import json
import subprocess

from parts import BINARY_DIR, DEADLINE, publish, tool_environment, wait_until

ROOM = """
[[sim.sensor]]
name = "room"
kind = "square"
min = 0
max = 26
period = "366d"
interval = "100ms"
unit = "°C"
"""


def calculated(name, function, topics, more=""):
    return f"""
[[calculate.reading]]
name = "{name}"
function = "{function}"
topics = {json.dumps(topics)}
interval = "50ms"
{more}
"""


def test_the_mean_over_three_groups_and_a_sensor_of_this_gateway_arrives(make_gateway, make_witness):
    topic = "tidegate/gw/calculate/lab/temperature"
    gateway = make_gateway(ROOM + calculated("lab/temperature", "mean", ["lab/+/temperature", "tidegate/gw/sim/room"])).start()
    witness = make_witness(gateway, topic)
    witness.wait_payload(topic, "26")  # it hears this gateway's own readings, and so it will hear the groups
    publish(gateway.port, "lab/a/temperature", "20")
    publish(gateway.port, "lab/b/temperature", '{"value":21,"unit":"°C"}')
    publish(gateway.port, "lab/c/temperature", " 23\n", 0)
    publish(gateway.port, "lab/c/humidity", "60")
    witness.wait_payload(topic, "22.5")


def test_a_simulated_reading_says_so_by_its_topic_and_in_json(make_gateway, make_witness):
    gateway = make_gateway(ROOM + "json = true\n").start()
    seen = make_witness(gateway, "tidegate/gw/sim/#").wait_for(lambda seen: seen, "a reading")
    assert seen[0].topic == "tidegate/gw/sim/room"
    reading = json.loads(seen[0].payload)
    assert reading["simulated"] is True
    assert (reading["value"], reading["unit"], reading["quality"]) == (26, "°C", "good")


def test_filters_work_on_the_way_to_a_topic_of_ones_own(make_gateway, make_witness, tmp_path):
    (tmp_path / "spikes.csv").write_text("time,value\n" + "".join(f"{n / 10},{850 if n == 7 else 20 + n // 20}\n" for n in range(60)))
    gateway = make_gateway(f"""
[[sim.sensor]]
name = "well"
kind = "replay"
file = "{tmp_path}/spikes.csv"
loop = false
topic = "well/level"
retain = true
filters = [{{ median = 3 }}, {{ delta = 0.5 }}]
""").start()
    # Retained, so that it does not matter how soon the witness is there; the spike must come at no time.
    witness = make_witness(gateway, "well/level")
    witness.wait_payload("well/level", "22")
    assert {one.payload for one in witness.seen()} <= {"20", "21", "22"}


def test_a_reading_of_a_silent_laboratory_turns_bad_once(make_gateway, make_witness):
    topic = "tidegate/gw/calculate/sum"
    gateway = make_gateway(calculated("sum", "sum", ["lab/#"], 'json = true\nwindow = "1s"') + calculated("n", "count", ["lab/#"]) + """
[null]
interval = "100ms"
""").start()
    witness = make_witness(gateway, topic, "tidegate/gw/calculate/n", "tidegate/gw/null/count")
    witness.wait_payload("tidegate/gw/calculate/n", "0")

    def heard():
        publish(gateway.port, "lab/a", "7")
        return witness.seen(topic)
    wait_until(heard, "the sum")
    bad = witness.wait_for(lambda seen: [one for one in seen if '"bad"' in one.payload], "a bad reading")
    counted = len([one for one in bad if one.topic == "tidegate/gw/null/count"])
    seen = witness.wait_for(lambda seen: len([one for one in seen if one.topic == "tidegate/gw/null/count"]) > counted + 5)
    qualities = [json.loads(one.payload)["quality"] for one in seen if one.topic == topic]
    assert qualities[0] == "good" and qualities[-1] == "bad"
    assert ("bad", "bad") not in zip(qualities, qualities[1:])  # twice where more than the window was between two values
    assert json.loads(witness.seen(topic)[-1].payload)["value"] == 7


def test_payloads_that_are_no_numbers_are_said_in_health(make_gateway, make_witness):
    gateway = make_gateway(calculated("sum", "sum", ["door"]) + calculated("n", "count", ["mark"])).start()
    witness = make_witness(gateway, "tidegate/gw/health", "tidegate/gw/calculate/n")
    publish(gateway.port, "mark", "1", 1, True)
    witness.wait_payload("tidegate/gw/calculate/n", "1")
    publish(gateway.port, "door", "open")
    witness.wait_for(lambda seen: any("none was a number" in one.payload and "door" in one.payload for one in seen), "the complaint")
    publish(gateway.port, "door", "1")
    witness.wait_for(lambda seen: '"ok":true' in [one for one in seen if one.topic.endswith("health")][-1].payload, "health")


def test_a_block_that_speaks_of_no_reading_is_said_in_health_with_the_names_there_are(make_gateway, make_witness):
    gateway = make_gateway("""
[sysstat]
interval = "1s"
[[sysstat.reading]]
of = "cpu/prozent"
[[sysstat.reading]]
of = "cpu/#"
""").start()
    witness = make_witness(gateway, "tidegate/gw/health")
    witness.wait_for(lambda seen: any('sysstat reading of \\"cpu/prozent\\"' in one.payload and "cpu/percent" in one.payload for one in seen), "the complaint")
    assert 'of \\"cpu/#' not in witness.seen()[-1].payload


def test_what_the_broker_kept_is_known_from_what_comes_now(make_gateway, make_witness):
    """Seen by a reading of all values, which leaves out messages that are marked as kept."""
    configuration = calculated("latest", "sum", ["lab/a"]) + calculated("all", "sum", ["lab/a"], 'of = "all"') + "[null]\n"
    gateway = make_gateway(configuration).start()
    publish(gateway.port, "lab/a", "5", 1, True)
    gateway.kill()
    gateway.start()
    witness = make_witness(gateway, "tidegate/gw/calculate/#")
    witness.wait_payload("tidegate/gw/calculate/latest", "5")
    assert not witness.seen("tidegate/gw/calculate/all")
    publish(gateway.port, "lab/a", "6", 1, True)  # to be kept, but it comes now
    witness.wait_payload("tidegate/gw/calculate/all", "6")
    witness.wait_payload("tidegate/gw/calculate/latest", "6")


def test_a_plugin_hears_what_it_is_told_and_nothing_from_while_it_was_away(make_gateway, make_witness):
    tell, told = "tidegate/gw/null/tell", "tidegate/gw/null/told"
    gateway = make_gateway('[null]\ninterval = "100ms"\n').start()
    witness = make_witness(gateway, told)

    def repeats(word):
        def heard():  # until the plugin's session is there
            publish(gateway.port, tell, word)
            return any(one.payload == word for one in witness.seen())
        wait_until(heard, f"{word!r} on {told}")
    repeats("first")
    gateway.kill()
    publish(gateway.port, tell, "while it was away")
    gateway.start()
    repeats("second")
    assert {one.payload for one in witness.seen()} == {"first", "second"}

    publish(gateway.port, tell, "kept", 1, True)
    witness.wait_payload(told, "kept")
    before = len(witness.seen())
    gateway.kill()
    gateway.start()
    witness.wait_for(lambda seen: any(one.payload == "kept" for one in seen[before:]), "what the broker kept")


def test_check_says_what_is_wrong_with_sensors_where_and_how_to_mend_it(make_gateway, tmp_path):
    (tmp_path / "garbled.csv").write_text("time,value\n0,21.5\n1,21,7\n")
    gateway = make_gateway(f"""
[[sim.sensor]]
name = "a"
kind = "replay"
file = "{tmp_path}/garbled.csv"
[[sim.sensor]]
name = "b"
filters = [{{ medain = 5 }}, {{ median = 0 }}, {{ delta = 1, round = 1 }}]
""" + calculated("sum", "sum", ["tidegate/gw/#"]))
    check = subprocess.run([BINARY_DIR / "bin" / "tidegate", "check", gateway.file], capture_output=True, text=True, timeout=DEADLINE,
                           env=tool_environment())
    assert check.returncode == 78, check.stderr
    said = check.stderr.replace(str(gateway.file), "F").splitlines()
    assert len(said) == 5, check.stderr
    assert said[0].startswith(f'F:9:1: [[sim.sensor]] file: {tmp_path}/garbled.csv:3: "1,21,7" has more than two columns')
    assert said[1] == 'F:12:14: [[sim.sensor.filters]] "medain": unknown key; did you mean "median"?'
    assert said[2] == "F:12:30: [[sim.sensor.filters]] median: 0 is out of range; it goes from 1 to 10000"
    assert said[3].startswith("F:12:44: [[sim.sensor.filters]]: has 2 keys (delta, round); each filter has a table of its own")
    assert said[4].startswith('F:17:1: [[calculate.reading]] topics: "tidegate/gw/#" matches tidegate/gw/calculate/sum, the topic of this')
