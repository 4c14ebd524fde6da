# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The real tidegated takes another configuration while it runs: what did not change is not touched, and nothing is lost."""
import os
import pathlib
import signal
import subprocess
import threading

import oracle
from parts import BINARY_DIR, DEADLINE, ask, publish, publish_lines, tool_environment, wait_until


def block(broker, name="cloud", more="", forward='topics = ["device/#"]', receive=""):
    return f"""
[[upstream]]
name = "{name}"
servers = ["{broker.url}"]
backoff_first = "100ms"
backoff_most = "500ms"
{more}
[[upstream.forward]]
{forward}
{receive}
"""


def logged(broker):
    """With a log beside its configuration."""
    log = broker.folder / "log"
    broker.configuration.write_text(broker.configuration.read_text() + f"log_dest file {log}\nlog_type all\n")
    broker.log = log
    return broker.start()


def connections(broker, client="tidegate-gw-"):
    """How often a client with such an id connected, and how often one left."""
    lines = broker.log.read_text().splitlines()
    return (sum("New client connected" in line and f" as {client}" in line for line in lines),
            sum(f"Client {client}" in line and ("disconnected" in line or "closed" in line) for line in lines))


def reload(gateway):
    answer = gateway.call("reload")
    assert answer["ok"], answer
    return answer["result"]


def command(gateway, *words):
    done = subprocess.run([BINARY_DIR / "bin" / "tidegate", "reload", "--runtime", str(gateway.runtime), *words], timeout=DEADLINE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=tool_environment())
    return done.returncode, done.stdout, done.stderr


def test_what_did_not_change_is_kept_with_its_session_while_another_upstream_comes_and_goes(make_gateway, make_broker, make_witness):
    cloud, other = logged(make_broker(name="cloud")), logged(make_broker(name="other"))
    gateway = make_gateway(block(cloud)).start()
    gateway.wait_state("connected")
    publish(gateway.port, "device/kept", "x", 1, True)
    gateway.wait_drained()
    witness = make_witness(other, "device/#", "wide/#")

    gateway.configure("[sysstat]\ninterval = '1h'\n" + block(cloud) + block(other, "second", 'client_id = "tidegate-gw-second"',
                                                           'topics = ["+/#"]'))
    told = reload(gateway)
    assert told["applied"] and told["connections"] == ["second"]
    assert "upstream second" in told["added"] and "[sysstat]" in told["added"]
    assert told["changed"] == told["removed"] == []
    assert {"upstream cloud", "upstream cloud, lane default"} <= set(told["kept"])
    gateway.wait_state("connected", "second")
    witness.wait_payload("device/kept", "x")  # its filter is new, so what was retained goes there
    publish(gateway.port, "device/a", "to both")
    witness.wait_payload("device/a", "to both")
    gateway.wait_drained()
    gateway.wait_drained(upstream="second")

    gateway.configure(block(cloud))
    told = reload(gateway)
    assert set(told["removed"]) == {"upstream second", "upstream second, lane default", "[sysstat]"}
    wait_until(lambda: connections(other)[1] == 1, "the end of its session")
    publish(gateway.port, "device/a", "to one")
    wait_until(lambda: gateway.lane()["delivered"] == 3)
    assert [one.payload for one in witness.seen("device/a")] == ["to both"]
    assert connections(cloud) == (1, 0)
    assert gateway.stop() == 0


def test_a_configuration_that_is_wrong_changes_nothing_and_every_complaint_is_told(make_gateway, make_broker):
    cloud = logged(make_broker(name="cloud"))
    gateway = make_gateway(block(cloud)).start()
    gateway.wait_state("connected")
    gateway.configure(block(cloud, more="keep_alive = 30\nwindow = 0") + "[sysstat]\ninterfall = '1s'\n")
    before = gateway.status()["upstreams"]
    status, out, complaints = command(gateway)
    assert status == 78 and out == ""
    assert complaints.count(f"{gateway.file}:") == 3 and "did you mean" in complaints and "nothing was changed" in complaints
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: gateway.said().count("the configuration cannot be used") == 2, "what the log says")
    assert [one["servers"] for one in gateway.status()["upstreams"]] == [one["servers"] for one in before]
    publish(gateway.port, "device/a", "x")
    gateway.wait_drained()
    assert connections(cloud) == (1, 0)


def test_a_change_that_needs_a_restart_is_told_and_nothing_else_is_done(make_gateway, make_broker):
    cloud = logged(make_broker(name="cloud"))
    gateway = make_gateway(block(cloud)).start()
    gateway.wait_state("connected")
    gateway.configure('[gateway]\nid = "other"\n[broker]\nport = 0\n[spool]\ncapacity = "1GiB"\n'
                      + block(cloud, forward='topics = ["device/#"]\nwhen_full = "keep-latest"') + block(cloud, "second"))
    status, _, told = command(gateway)
    assert status == 1
    for what in ("[gateway] id", "[spool] capacity", 'upstream cloud, lane default: when_full to "keep-latest"'):
        assert f"needs a restart: {what}\n" in told
    assert [one["name"] for one in gateway.status()["upstreams"]] == ["cloud"]
    gateway.configure(block(cloud))
    assert command(gateway)[0] == 0


def test_routes_and_limits_change_without_a_new_connection(make_gateway, make_broker, make_witness):
    cloud = logged(make_broker(name="cloud"))
    witness = make_witness(cloud, "device/#", "site/#", "extra/#")
    gateway = make_gateway(block(cloud)).start()
    gateway.wait_state("connected")
    gateway.configure(block(cloud, more='rate = "1000/s"', forward="""topics = ["device/#"]
prefix = "site/"
capacity = "64MiB"
priority = "high"
[[upstream.forward]]
name = "extra"
topics = ["extra/#"]
"""))
    told = reload(gateway)
    assert told["connections"] == [] and told["added"] == ["upstream cloud, lane extra"]
    assert gateway.lane()["capacity_bytes"] == 64 << 20 and gateway.lane()["priority"] == "high"
    publish(gateway.port, "device/a", "x")
    publish(gateway.port, "extra/a", "y")
    witness.wait_payload("site/device/a", "x")
    witness.wait_payload("extra/a", "y")
    assert connections(cloud) == (1, 0)


def test_what_an_upstream_sends_here_follows_rules_that_come_and_go(make_gateway, make_broker, make_witness):
    cloud = logged(make_broker(name="cloud"))
    gateway = make_gateway(block(cloud)).start()
    gateway.wait_state("connected")
    local = make_witness(gateway, "home/#")
    rule = '[[upstream.receive]]\ntopics = ["orders/#"]\nstrip = "orders/"\nprefix = "home/"\n'
    gateway.configure(block(cloud, receive=rule))
    assert reload(gateway)["connections"] == ["cloud"]  # its session has to be kept by the server from now on
    gateway.wait_state("connected")

    def comes():
        cloud.publish("orders/lamp", "on")
        return local.seen("home/lamp")
    wait_until(comes, "an order")
    gateway.configure(block(cloud, receive=rule.replace("orders/#", "orders/+/now")))
    assert reload(gateway)["connections"] == []
    wait_until(lambda: "orders/+/now" in cloud.log.read_text(), "the new subscription")
    cloud.publish("orders/lamp/now", "off")
    local.wait_payload("home/lamp/now", "off")


def test_another_server_takes_over_what_waited_for_the_one_before(make_gateway, make_broker, make_witness):
    dead, cloud = make_broker(name="dead"), logged(make_broker(name="cloud"))
    witness = make_witness(cloud, "device/#")
    gateway = make_gateway(block(dead)).start()
    publish_lines(gateway.port, "device/a", [str(n) for n in range(500)])
    wait_until(lambda: gateway.lane()["waiting"] == 500)
    gateway.configure(block(cloud))
    assert reload(gateway)["connections"] == ["cloud"]
    gateway.wait_drained()
    seen = witness.wait_for(lambda seen: len(seen) >= 500)
    assert [one.payload for one in seen] == [str(n) for n in range(500)]


def test_the_lane_of_a_block_that_left_drains_and_that_of_an_upstream_that_left_stays(make_gateway, make_broker, make_witness):
    cloud = make_broker(name="cloud")
    gateway = make_gateway(block(cloud, forward='topics = ["device/#"]\n[[upstream.forward]]\nname = "old"\ntopics = ["old/#"]')).start()
    publish_lines(gateway.port, "old/a", [str(n) for n in range(20)])
    publish_lines(gateway.port, "device/a", [str(n) for n in range(20)])
    wait_until(lambda: gateway.lane("old")["waiting"] == 20 and gateway.lane()["waiting"] == 20)
    gateway.configure("")
    assert reload(gateway)["applied"]
    wait_until(lambda: any(one["what"] == "upstream cloud" and "40 messages wait" in one["why"] for one in gateway.status()["health"]["problems"]),
               "what health says")
    publish(gateway.port, "old/a", "nobody wants it")
    gateway.configure(block(cloud))
    assert reload(gateway)["applied"]
    witness = make_witness(cloud.start(), "#")
    gateway.wait_drained()
    seen = witness.wait_for(lambda seen: len(seen) >= 40)
    for topic in ("old/a", "device/a"):
        assert [one.payload for one in seen if one.topic == topic] == [str(n) for n in range(20)]


def test_a_retained_reading_is_cleared_when_it_left_and_told_to_an_upstream_that_comes(make_gateway, make_broker, make_witness):
    cloud = logged(make_broker(name="cloud"))
    witness = make_witness(cloud, "tidegate/#")
    gateway = make_gateway("[null]\ninterval = '1h'\nretain = true\n").start()
    local = make_witness(gateway, "tidegate/gw/null/#", "tidegate/gw/info")
    gateway.configure("[null]\ninterval = '50ms'\nretain = true\n")
    assert reload(gateway)["changed"] == ["[null]"]
    local.wait_for(lambda seen: any(one.topic == "tidegate/gw/null/count" for one in seen))
    gateway.configure("[null]\ninterval = '50ms'\nretain = true\n" + block(cloud, forward='topics = ["tidegate/#"]'))
    assert reload(gateway)["applied"]
    witness.wait_for(lambda seen: {"tidegate/gw/info", "tidegate/gw/health", "tidegate/gw/null/count"} <= {one.topic for one in seen})
    gateway.configure(block(cloud, forward='topics = ["tidegate/#"]'))
    assert reload(gateway)["removed"] == ["[null]"]
    for one in (witness, local):
        one.wait_for(lambda seen: any(one.topic == "tidegate/gw/null/count" and one.payload == "" for one in seen))


def test_automations_begin_change_and_end_with_the_configuration(make_gateway):
    gateway = make_gateway("[automations]\nrun = false\n").start()
    (gateway.folder / "automations").mkdir()
    (gateway.folder / "automations" / "clock.py").write_text("import time\nprint('ticks')\ntime.sleep(3600)\n")

    def app():
        answer = ask(gateway.runtime / "apps.sock", "app.list")
        return next((one for one in answer["result"]["apps"] if one["state"] == "running"), None) if answer else None

    usual = '[automations]\npython = "/usr/bin/python3"\n'
    gateway.configure(usual)
    assert reload(gateway)["changed"] == ["[automations]"]
    first = wait_until(app, "the script")
    gateway.configure(usual + "[sysstat]\ninterval = '1h'\n")
    assert reload(gateway)["applied"] and app()["pid"] == first["pid"]
    gateway.configure(usual + '[[automation]]\nname = "clock"\nfiles = 99\n')
    assert "automation clock" in reload(gateway)["added"]
    second = wait_until(lambda: (lambda one: one and one["pid"] != first["pid"] and one)(app()), "the script with its limit")
    assert "files 99" in second["limits"]
    gateway.configure("[automations]\nrun = false\n")
    assert reload(gateway)["applied"]
    wait_until(lambda: not pathlib.Path(f"/proc/{second['pid']}").exists(), "the end of the script")


def memory(process):
    """Of its own, kB."""
    lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


def test_two_hundred_reloads_under_traffic_lose_nothing_and_memory_stays_bounded(make_gateway, make_broker, make_witness, monkeypatch):
    # What the sanitizer keeps of memory that was given back would count, and gcc 14's stacks of threads that have ended.
    monkeypatch.setenv("ASAN_OPTIONS", f"{os.environ.get('ASAN_OPTIONS', '')}:quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
                       ":detect_stack_use_after_return=0")
    cloud, other = logged(make_broker(name="cloud")), logged(make_broker(name="other"))
    witness, second = make_witness(cloud, "device/#", "b/#"), make_witness(other, "device/#")
    rest = ['topics = ["device/#"]', 'topics = ["device/a", "device/+"]\nprefix = "b/"', 'topics = ["+/b", "device/#"]\nexpiry = "1h"',
            'topics = ["device/+"]\n[[upstream.forward]]\nname = "more"\ntopics = ["device/#"]']
    gateway = make_gateway(block(cloud)).start()
    gateway.wait_state("connected")
    ledger, over, sizes = oracle.Ledger(), threading.Event(), []

    def feed(producer):
        n = 0
        while not over.is_set():
            batch = range(n, n + 50)
            publish_lines(gateway.port, f"device/{producer}", [oracle.stamp(producer, one) for one in batch])
            for one in batch:
                ledger.accept(producer, one)
            n += 50

    feeders = [threading.Thread(target=feed, args=(name,)) for name in ("a", "b")]
    for one in feeders:
        one.start()
    try:
        for turn in range(200):
            more = block(other, "second", f'window = {10 + turn % 7}') if turn % 3 else ""
            gateway.configure(block(cloud, forward=rest[turn % 4]) + more)
            assert reload(gateway)["applied"]
            if turn % 50 == 49:
                sizes.append(memory(gateway.process))
    finally:
        over.set()
        for one in feeders:
            one.join()
    gateway.wait_drained(120)
    sent = ledger.verdict().accepted
    seen = witness.wait_for(lambda seen: len({one.payload for one in seen}) >= sent, "all that was accepted", 120)
    for one in seen:
        ledger.arrived(*oracle.read_stamp(one.payload))
    verdict = ledger.verdict()
    print(verdict, "memory in kB", sizes, "at the second:", len(second.seen()))
    assert verdict.holds and verdict.lost == 0, verdict
    assert verdict.duplicated <= 20, verdict
    assert connections(cloud) == (1, 0)  # its session was not touched once
    assert sizes[-1] - sizes[1] < 10_000, sizes
