# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The real tidegated between real Mosquittos: routes, retained, restarts, refusals. Promises are cited by number."""
import json
import os
import pathlib
import random
import signal
import subprocess
import threading

import oracle
import pytest
from parts import DEADLINE, publish, publish_lines, wait_until
from sink import Sink


def upstream_block(broker, more="", forward='topics = ["device/#"]', name="cloud"):
    return f"""
[[upstream]]
name = "{name}"
servers = ["{broker.url}"]
backoff_first = "100ms"
backoff_most = "500ms"
{more}
[[upstream.forward]]
{forward}
"""


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_message_of_each_qos_arrives_upstream_once(make_gateway, upstream, make_witness, qos):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway(upstream_block(upstream)).start()
    gateway.wait_state("connected")
    publish_lines(gateway.port, "device/a", [f"line {n}" for n in range(50)], qos)
    seen = witness.wait_for(lambda seen: len(seen) >= 50)
    assert [one.payload for one in seen] == [f"line {n}" for n in range(50)]  # P4
    gateway.wait_drained()
    assert len(witness.seen()) == 50


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_an_upstream_is_sent_the_qos_that_its_block_says(make_gateway, upstream, make_witness, qos):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway(upstream_block(upstream, f"qos = {qos}")).start()
    gateway.wait_state("connected")
    publish(gateway.port, "device/a", "x", 1)
    assert witness.wait_payload("device/a", "x")[0].qos == qos


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_both_directions_are_rewritten(make_gateway, upstream, make_witness, version):
    witness = make_witness(upstream, "site/#")
    gateway = make_gateway(upstream_block(upstream, f'version = "{version}"', 'topics = ["device/#"]\nprefix = "site/"') + """
[[upstream.receive]]
topics = ["orders/+/set"]
strip = "orders/"
prefix = "home/"
""").start()
    gateway.wait_state("connected")
    local = make_witness(gateway, "home/#")
    publish(gateway.port, "device/lamp", "on")
    witness.wait_payload("site/device/lamp", "on")
    upstream.publish("orders/lamp/set", "OFF", 1)
    upstream.publish("orders/lamp/other", "no rule", 1)
    local.wait_payload("home/lamp/set", "OFF")
    assert [one.topic for one in local.seen()] == ["home/lamp/set"]


def test_a_retained_message_is_retained_upstream_and_an_empty_one_removes_it(make_gateway, upstream, make_witness):
    gateway = make_gateway(upstream_block(upstream)).start()
    gateway.wait_state("connected")
    publish(gateway.port, "device/state", "kept", 1, True)
    gateway.wait_drained()
    wait_until(lambda: gateway.lane()["delivered"] == 1)
    assert make_witness(upstream, "device/#").wait_payload("device/state", "kept")[0].retain
    publish(gateway.port, "device/state", "", 1, True)
    wait_until(lambda: gateway.lane()["delivered"] == 2)
    late = make_witness(upstream, "device/#")
    upstream.publish("device/mark", "end", 1)
    late.wait_payload("device/mark", "end")
    assert [one.topic for one in late.seen()] == ["device/mark"]


def test_a_retained_message_that_was_there_first_goes_up_when_its_filter_is_new(make_gateway, upstream, make_witness):
    gateway = make_gateway("").start()
    publish(gateway.port, "device/old", "kept", 1, True)
    gateway.kill()
    gateway.configure(upstream_block(upstream))
    witness = make_witness(upstream, "device/#")
    gateway.start()
    witness.wait_payload("device/old", "kept")


def test_overlapping_filters_send_each_message_once(make_gateway, upstream, make_witness):
    other = upstream_block(upstream, 'client_id = "second"', 'topics = ["#"]\nprefix = "all/"', "second")
    witness = make_witness(upstream, "device/#", "all/device/#")
    gateway = make_gateway(upstream_block(upstream, forward='topics = ["device/+", "device/#", "device/a"]') + other).start()
    gateway.wait_state("connected")
    gateway.wait_state("connected", "second")
    publish_lines(gateway.port, "device/a", [str(n) for n in range(20)])
    publish(gateway.port, "device/a/deep", "end")
    witness.wait_payload("device/a/deep", "end")
    witness.wait_payload("all/device/a/deep", "end")
    gateway.wait_drained()
    gateway.wait_drained(upstream="second")
    for topic in ("device/a", "all/device/a"):
        assert [one.payload for one in witness.seen(topic)] == [str(n) for n in range(20)]


def test_the_first_matching_block_of_an_upstream_takes_a_message(make_gateway, upstream, make_witness):
    witness = make_witness(upstream, "#")
    gateway = make_gateway(upstream_block(upstream, forward='name = "alarms"\ntopics = ["device/alarm"]\nprefix = "1/"') + """
[[upstream.forward]]
topics = ["device/#"]
prefix = "2/"
""").start()
    gateway.wait_state("connected")
    publish(gateway.port, "device/alarm", "fire")
    publish(gateway.port, "device/x", "end")
    witness.wait_payload("2/device/x", "end")
    witness.wait_payload("1/device/alarm", "fire")
    assert not witness.seen("2/device/alarm")


def test_what_comes_from_one_upstream_goes_to_another_and_never_back(make_gateway, make_broker, make_witness):
    one, two = make_broker().start(), make_broker().start()
    gateway = make_gateway(
        upstream_block(one, forward='topics = ["shared/#"]\nprefix = "up/"', name="one")
        + '[[upstream.receive]]\ntopics = ["news/#"]\nprefix = "shared/"\n'
        + upstream_block(two, forward='topics = ["shared/#"]', name="two")).start()
    gateway.wait_state("connected", "one")
    gateway.wait_state("connected", "two")
    back, onward = make_witness(one, "up/#"), make_witness(two, "shared/#")
    one.publish("news/today", "hello")
    onward.wait_payload("shared/news/today", "hello")
    publish(gateway.port, "shared/end", "end")
    back.wait_payload("up/shared/end", "end")
    assert [seen.topic for seen in back.seen()] == ["up/shared/end"]


def test_the_dedupe_key_travels_and_response_topic_and_correlation_stay(make_gateway, upstream, make_witness):
    gateway = make_gateway(upstream_block(upstream)).start()
    gateway.wait_state("connected")
    lines = []
    reader = subprocess.Popen(["mosquitto_sub", "-p", str(upstream.port), "-V", "5", "-q", "1", "-t", "device/#", "-F", "%P|%R|%D|%p",
                               "-C", "1", "-W", "20"], stdout=subprocess.PIPE, text=True)
    thread = threading.Thread(target=lambda: lines.extend(reader.stdout))
    thread.start()
    # Retained, so the reader gets it whenever its subscription comes.
    publish(gateway.port, "device/a", "x", 1, True, "-V", "5", "-D", "publish", "response-topic", "answers/1", "-D", "publish",
            "correlation-data", "42", "-D", "publish", "user-property", "mine", "stays")
    thread.join(DEADLINE)
    reader.wait(DEADLINE)
    reader.stdout.close()
    assert "tidegate:" + gateway.status()["gateway"]["uuid"] + "/default/1/1/" in lines[0]
    assert "mine:stays" in lines[0] and "answers/1" not in lines[0] and "42" not in lines[0].split("|")[2]


def test_a_publish_with_a_response_topic_is_told_accepted_durable_and_delivered(make_gateway, upstream, make_witness):
    gateway = make_gateway(upstream_block(upstream)).start()
    gateway.wait_state("connected")
    local = make_witness(gateway, "answers/#")
    upstream.stop()
    publish(gateway.port, "device/a", "x", 1, False, "-V", "5", "-D", "publish", "response-topic", "answers/1")
    accepted = json.dumps({"receipt": "accepted", "upstreams": ["cloud"]}, separators=(",", ":"))
    durable = json.dumps({"receipt": "durable", "upstream": "cloud"}, separators=(",", ":"))
    delivered = json.dumps({"receipt": "delivered", "upstream": "cloud"}, separators=(",", ":"))
    local.wait_payload("answers/1", accepted)
    local.wait_payload("answers/1", durable)
    assert delivered not in [one.payload for one in local.seen()]
    upstream.start()
    local.wait_payload("answers/1", delivered)


def test_a_gateway_with_another_id_takes_back_what_it_said_under_the_former(make_gateway, upstream, make_witness):
    rest = upstream_block(upstream, forward='topics = ["tidegate/#"]')
    gateway = make_gateway(f'[gateway]\nid = "old"\n{rest}').start()
    there = make_witness(upstream, "tidegate/#")
    there.wait_payload("tidegate/old/state", "online")
    assert gateway.stop() == 0
    gateway.configure(f'[gateway]\nid = "new"\n{rest}')
    gateway.start()
    for broker in (gateway, upstream):
        witness = make_witness(broker, "tidegate/+/info", "tidegate/+/health")
        witness.wait_for(lambda seen: "tidegate/new/health" in {one.topic for one in seen})
        late = make_witness(broker, "tidegate/+/info", "tidegate/+/health")
        seen = late.wait_for(lambda seen: {"tidegate/new/info", "tidegate/new/health"} <= {one.topic for one in seen})
        assert not any(one.topic.startswith("tidegate/old/") for one in seen), seen


def test_the_gateway_announces_itself_here_and_upstream(make_gateway, upstream, make_witness):
    witness = make_witness(upstream, "tidegate/gw/state", "tidegate/gw/info")
    gateway = make_gateway(upstream_block(upstream, forward='topics = ["tidegate/gw/#"]')).start()
    witness.wait_payload("tidegate/gw/state", "online")
    seen = witness.wait_for(lambda seen: any(one.topic.endswith("info") for one in seen))
    info = json.loads(next(one.payload for one in seen if one.topic.endswith("info")))
    assert info["id"] == "gw" and info["version"]
    local = make_witness(gateway, "tidegate/gw/state")
    local.wait_payload("tidegate/gw/state", "online")
    gateway.kill()
    witness.wait_payload("tidegate/gw/state", "offline")
    local.wait_payload("tidegate/gw/state", "offline")
    gateway.start()
    witness.wait_for(lambda seen: [one.payload for one in seen if one.topic.endswith("state")][-1] == "online")
    assert gateway.stop() == 0
    witness.wait_for(lambda seen: [one.payload for one in seen if one.topic.endswith("state")][-1] == "offline")


def test_an_upstream_that_is_down_at_start_gets_everything_later(make_gateway, make_broker, make_witness):
    upstream = make_broker().start()
    witness = make_witness(upstream, "device/#")
    upstream.stop()  # it keeps the witness's session
    gateway = make_gateway(upstream_block(upstream)).start()
    publish_lines(gateway.port, "device/a", [f"n {n}" for n in range(300)])
    wait_until(lambda: gateway.lane()["waiting"] == 300)
    assert "refused" in gateway.upstream()["failure"]
    wait_until(lambda: not gateway.status()["health"]["ok"], "a health that says so")
    upstream.start()
    seen = witness.wait_for(lambda seen: len(seen) >= 300)
    assert [one.payload for one in seen] == [f"n {n}" for n in range(300)]
    wait_until(lambda: gateway.status()["health"]["ok"])


def test_an_upstream_that_restarts_mid_stream_loses_nothing(make_gateway, upstream, make_witness):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway(upstream_block(upstream)).start()
    gateway.wait_state("connected")
    feeder = threading.Thread(target=publish_lines, args=(gateway.port, "device/a", [oracle.stamp("p", n) for n in range(3000)]))
    feeder.start()
    for _ in range(3):
        before = len(witness.seen())
        witness.wait_for(lambda seen: len(seen) > before + 50 or len(seen) >= 3000)
        upstream.stop()
        upstream.start()
    feeder.join(DEADLINE)
    witness.wait_for(lambda seen: len({one.payload for one in seen}) == 3000)
    gateway.wait_drained()
    assert gateway.lane()["accepted"] == 3000


def test_an_upstream_that_is_killed_again_and_again_gets_everything_in_order(make_gateway):
    """A scripted upstream that dies abruptly 30 times, before or after it acknowledged. (A Mosquitto that is killed loses what
    it had acknowledged itself; this one keeps it, so every gap would be the gateway's.)"""
    rng = random.Random(7)
    deaths = sorted(rng.sample(range(20, 3000), 30))
    sink = Sink(lambda n: rng.choice(["cut", "cut-after"]) if n in deaths else None)
    try:
        gateway = make_gateway(upstream_block(sink)).start()
        publish_lines(gateway.port, "device/a", [str(n) for n in range(3000)])
        published = sink.wait_for(lambda seen: len({payload for _, payload in seen}) == 3000)
        firsts = list(dict.fromkeys(int(payload) for _, payload in published))
        assert firsts == list(range(3000))  # P4
        assert sink.connections == 31
        assert len(published) - 3000 <= 30 * 100  # P5
        gateway.wait_drained()
        gateway.stop()
    finally:
        sink.stop()


def test_the_local_broker_killed_is_started_again_and_clients_go_on(make_gateway, upstream, make_witness):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway(upstream_block(upstream)).start()
    port, pid = gateway.port, gateway.status()["broker"]["pid"]
    publish(gateway.port, "device/a", "before")
    witness.wait_payload("device/a", "before")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: gateway.status()["broker"]["pid"] not in (0, pid) and gateway.is_ready())
    assert gateway.port == port
    publish(gateway.port, "device/a", "after")
    witness.wait_payload("device/a", "after")


def test_a_killed_gateway_adopts_its_broker_and_gets_what_came_meanwhile(make_gateway, upstream, make_witness):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway(upstream_block(upstream)).start()
    gateway.wait_state("connected")
    port, pid = gateway.port, gateway.status()["broker"]["pid"]
    gateway.kill()
    publish_lines(port, "device/a", [str(n) for n in range(2000)])  # more than Mosquitto queues by default
    gateway.start()
    assert gateway.status()["broker"] == {**gateway.status()["broker"], "pid": pid, "adopted": True}
    witness.wait_for(lambda seen: len({one.payload for one in seen}) == 2000)


def test_nothing_accepted_is_lost_when_the_gateway_is_killed_again_and_again(make_gateway, upstream, make_witness):
    """P1, P3, P5: SIGKILL at 50 random moments under load, QoS 1 and 2 publishers, the conservation oracle over all."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway(upstream_block(upstream)).start()
    port = gateway.port
    ledger = oracle.Ledger()
    done = threading.Event()
    lock = threading.Lock()
    failures = []

    def produce(producer, qos):
        n = 0
        try:
            while not done.is_set():
                batch = range(n, n + 100)
                with lock:
                    for one in batch:
                        ledger.sent(producer, one)
                publish_lines(port, f"device/{producer}", [oracle.stamp(producer, one) for one in batch], qos)
                with lock:
                    for one in batch:
                        ledger.accept(producer, one)
                n += 100
        except Exception as error:
            failures.append(error)

    producers = [threading.Thread(target=produce, args=pair) for pair in (("one", 1), ("two", 2))]
    for thread in producers:
        thread.start()
    kills = 50
    for _ in range(kills):
        before = len(witness.seen())
        # A random amount of work, not of time: so the kill falls anywhere between start-up and full flow.
        witness.wait_for(lambda seen: len(seen) >= before + rng.randrange(0, 300), deadline=60)
        gateway.kill()
        gateway.launch()
    gateway.wait_state("connected")
    done.set()
    for thread in producers:
        thread.join(120)
    assert not failures
    gateway.wait_drained(120)
    with lock:
        expected = ledger.count_sent("one") + ledger.count_sent("two")
    witness.wait_for(lambda seen: len({one.payload for one in seen}) >= expected, deadline=60)
    for one in witness.seen():
        ledger.arrived(*oracle.read_stamp(one.payload))
    verdict = ledger.verdict(spooled=0, given_up=sum(gateway.lane()["discarded"].values()))
    print(verdict)
    assert verdict.holds and not verdict.missing
    # P5: at most both windows for each kill: 100 upstream, and what the local broker has under way towards us.
    assert verdict.duplicated <= kills * (100 + 100)


def test_a_wrong_password_is_said_the_data_kept_and_the_right_one_delivers_it(make_gateway, make_broker, make_witness, tmp_path):
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "greenhouse", "right"], check=True)
    passwords.chmod(0o644)
    upstream = make_broker("allow_anonymous false", f"password_file {passwords}").start()
    gateway = make_gateway(upstream_block(upstream, 'username = "greenhouse"\npassword = "wrong"')).start()
    publish_lines(gateway.port, "device/a", [str(n) for n in range(10)])
    wait_until(lambda: "password" in gateway.upstream()["failure"] or "authori" in gateway.upstream()["failure"].lower(),
               "a failure that says so")
    wait_until(lambda: gateway.lane()["waiting"] == 10, "all that the local broker has taken")
    assert gateway.upstream()["state"] in ("connecting", "waiting")
    gateway.stop()
    gateway.configure(upstream_block(upstream, 'username = "greenhouse"\npassword = "right"'))
    witness = make_witness(upstream, "device/#", options=("-u", "greenhouse", "-P", "right"))
    gateway.start()
    seen = witness.wait_for(lambda seen: len(seen) == 10)
    assert [one.payload for one in seen] == [str(n) for n in range(10)]


def test_a_stopped_gateway_drains_and_leaves_nothing_behind(make_gateway, upstream, make_witness):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway(upstream_block(upstream)).start()
    gateway.wait_state("connected")
    publish_lines(gateway.port, "device/a", [str(n) for n in range(500)])
    pid = gateway.status()["broker"]["pid"]
    assert gateway.stop() == 0
    assert not pathlib.Path(f"/proc/{pid}").exists()
    assert not (gateway.runtime / "control.sock").exists() and not (gateway.runtime / "broker.url").exists()
    gateway.start()
    gateway.wait_drained()
    witness.wait_for(lambda seen: len({one.payload for one in seen}) == 500)


def test_no_configuration_at_all_is_a_valid_start(make_gateway, make_witness):
    gateway = make_gateway("")
    gateway.process = subprocess.Popen(
        [str(pathlib.Path(os.environ["TIDEGATE_BINARY_DIR"]) / "bin" / "tidegated")], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env={**gateway.environment(), "CONFIGURATION_DIRECTORY": str(gateway.folder / "none")})
    wait_until(lambda: (gateway.status() or {}).get("local", {}).get("state") == "connected", "the gateway")
    assert [one["name"] for one in gateway.status()["plugins"]] == ["sysstat"]
    assert gateway.status()["upstreams"] == []


def test_a_second_gateway_in_the_same_folders_is_refused_with_the_reason(make_gateway):
    gateway = make_gateway("").start()
    second = subprocess.run([str(pathlib.Path(os.environ["TIDEGATE_BINARY_DIR"]) / "bin" / "tidegated"), "--config", str(gateway.file)],
                            capture_output=True, text=True, env=gateway.environment(), timeout=DEADLINE)
    assert second.returncode == 69 and "another gateway answers" in second.stderr
    assert gateway.status()["local"]["state"] == "connected"


def test_bad_input_has_its_exit_status_and_says_what_where_and_how_to_mend_it(make_gateway, tmp_path):
    program = str(pathlib.Path(os.environ["TIDEGATE_BINARY_DIR"]) / "bin" / "tidegated")

    def run(*arguments, **environment):
        gateway = make_gateway("", name=f"bad{len(list(tmp_path.iterdir()))}")
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=DEADLINE,
                              env={**gateway.environment(), **environment})
        return done.returncode, done.stderr

    code, said = run("--config", str(tmp_path / "none.toml"))
    assert code == 66 and "none.toml" in said
    bad = tmp_path / "bad.toml"
    bad.write_text("[gateway]\nidd = 'x'\n[sysstat]\ninterval = 5\n[null]\nintervall = '1s'\n")
    code, said = run("--config", str(bad))
    assert code == 78
    assert "bad.toml:2:1" in said and 'did you mean "id"' in said and "bad.toml:4:1" in said and "bad.toml:6:1" in said
    bad.write_text("[gateway\n")
    code, said = run("--config", str(bad))
    assert code == 78 and "bad.toml:1:" in said
    assert run("--nonsense")[0] == 64
    plain = tmp_path / "plain"
    plain.write_text("")
    good = tmp_path / "good.toml"
    good.write_text('[broker]\nport = 0\n')
    code, said = run("--config", str(good), RUNTIME_DIRECTORY=str(plain / "below"))
    assert code in (71, 77) and str(plain) in said and "[gateway] runtime" in said


def test_a_missing_mosquitto_is_said_and_the_rest_runs(make_gateway, upstream, make_witness):
    witness = make_witness(upstream, "tidegate/#")
    gateway = make_gateway('[broker]\nport = 0\nprogram = "/nonexistent/mosquitto"\n[sysstat]\ninterval = "200ms"\ncollect = ["load"]\n'
                           + upstream_block(upstream, forward='topics = ["tidegate/#"]'))
    gateway.launch()
    witness.wait_for(lambda seen: any("/sysstat/load/" in one.topic for one in seen))
    problems = wait_until(lambda: gateway.status()["health"]["problems"])
    assert any("mosquitto" in one["why"] for one in problems), problems


def test_a_taken_port_is_said_with_the_mend(make_gateway, upstream):
    gateway = make_gateway(f"[broker]\nport = {upstream.port}\n")
    gateway.launch()
    problems = wait_until(lambda: ((gateway.status() or {}).get("health") or {}).get("problems"))
    assert any(str(upstream.port) in one["why"] and "port" in one["why"] for one in problems), problems


def test_a_payload_over_the_cap_is_refused_and_counted(make_gateway, upstream, make_witness):
    witness = make_witness(upstream, "device/#")
    gateway = make_gateway('[gateway]\nid = "gw"\npayload_cap = "1KiB"\n' + upstream_block(upstream)).start()
    gateway.wait_state("connected")
    publish(gateway.port, "device/a", "x" * 2000)
    publish(gateway.port, "device/a", "y" * 1024)
    witness.wait_payload("device/a", "y" * 1024)
    assert len(witness.seen()) == 1
