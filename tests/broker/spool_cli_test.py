# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""tidegate spool, every command, on the spool of a running gateway and on one that no gateway has."""
import base64
import json
import re
import subprocess

import pytest
from parts import BINARY_DIR, DEADLINE, free_port, publish, publish_lines, wait_until

BINARY = bytes([0, 159, 146, 150, 255])


def block(server, forward='topics = ["device/#"]\nprefix = "site/"'):
    return f"""
[[upstream]]
name = "cloud"
servers = ["{server}"]
backoff_first = "100ms"
backoff_most = "500ms"
[[upstream.forward]]
{forward}
"""


class Spool:
    """tidegate spool beside a gateway, told nothing but what a person's shell would know."""

    def __init__(self, gateway):
        self.gateway = gateway

    def run(self, *arguments, code=0, state=False, **environment):
        result = subprocess.run(
            [BINARY_DIR / "bin" / "tidegate", "spool", *map(str, arguments), *(["--state", self.gateway.state] if state else [])],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=DEADLINE, text=True,
            env={**self.gateway.environment(), **environment})
        assert result.returncode == code, (result.returncode, result.stdout, result.stderr)
        return result.stdout if code == 0 or not result.stderr else result.stderr

    def objects(self, *arguments, **more):
        return [json.loads(line) for line in self.run(*arguments, "--json", **more).splitlines()]

    def waiting(self, lane="cloud/default"):
        return [one["sequence"] for one in self.objects("peek", lane, "-n", "100000")]


@pytest.fixture
def offline(make_gateway):
    """A running gateway whose upstream cannot be reached, with five messages that wait."""
    gateway = make_gateway(block(f"mqtt://127.0.0.1:{free_port()}")).start()
    publish_lines(gateway.port, "device/a", ["one", "two", "three"])
    publish(gateway.port, "device/b", "four", 2, True)
    subprocess.run(["mosquitto_pub", "-p", str(gateway.port), "-t", "device/binary", "-q", "1", "-s", "-V", "5",
                    "-D", "publish", "user-property", "room", "cellar", "-D", "publish", "content-type", "x/y",
                    "-D", "publish", "message-expiry-interval", "86400"], input=BINARY, check=True, timeout=DEADLINE)
    wait_until(lambda: gateway.lane()["waiting"] == 5, "five messages in the lane")
    return gateway


@pytest.fixture(params=["live", "dead"])
def spool(request, offline):
    """The same five, with the gateway running or not."""
    if request.param == "dead":
        assert offline.stop() == 0
    one = Spool(offline)
    one.live = request.param == "live"
    return one


# ---- looking ----

def test_ls_shows_what_waits(spool):
    lanes = {f'{one["upstream"]}/{one["name"]}': one for one in spool.objects("ls")[0]["lanes"]}
    assert lanes["cloud/default"]["waiting"] == 5
    assert lanes["cloud/default"]["accepted"] == 5
    assert 0 < lanes["cloud/default"]["oldest_age_s"] < DEADLINE
    shown = spool.run("ls")
    assert re.search(r"cloud/default +5 ", shown)
    assert ("The gateway is not running." in shown) is not spool.live
    if not spool.live:
        assert lanes["cloud/dead-letter"]["waiting"] == 0


def test_ls_of_a_named_folder_shows_lanes_that_no_configuration_names(offline):
    assert offline.stop() == 0
    (offline.state / "spool" / "cloud" / "default").rename(offline.state / "spool" / "cloud" / "former")
    (offline.state / "spool" / "cloud").rename(offline.state / "spool" / "archive")
    lanes = Spool(offline).objects("ls", state=True)[0]["lanes"]
    assert [(one["upstream"], one["name"], one["waiting"]) for one in lanes] == [("archive", "dead-letter", 0), ("archive", "former", 5)]


def test_peek_shows_the_next_messages(spool):
    shown = spool.run("peek", "cloud/default", "-n", 4).splitlines()
    assert shown[0].split() == ["MESSAGE", "ACCEPTED", "TOPIC", "QOS", "SIZE", "PAYLOAD"]
    assert [line.split()[0] for line in shown[1:]] == ["1", "2", "3", "4"]
    assert shown[1].split()[-5:] == ["site/device/a", "1", "3", "B", "one"]
    assert "2 retained" in shown[4] or "1 retained" in shown[4]
    assert "0x009f9296ff" in spool.run("peek", "cloud/default")


def test_peek_cannot_play_with_the_terminal(make_gateway):
    gateway = make_gateway(block(f"mqtt://127.0.0.1:{free_port()}")).start()
    publish(gateway.port, "device/a", "\x1b[31mred\x1b]0;title\x07 \u202e" + "long " * 100)
    wait_until(lambda: gateway.lane()["waiting"] == 1)
    shown = Spool(gateway).run("peek", "cloud/default")
    assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown
    assert r"\u001b[31mred" in shown
    assert all(len(line) < 200 for line in shown.splitlines())


def test_export_writes_every_field(spool, tmp_path):
    spool.run("export", "cloud/default", "-o", tmp_path / "out")
    records = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    for one in (again := spool.objects("export", "cloud/default")) + records:
        assert 0 <= one.pop("age_s") < 2 * DEADLINE
    assert records == again
    assert [(one["sequence"], one["topic"], one.get("payload")) for one in records] == [
        (1, "site/device/a", "one"), (2, "site/device/a", "two"), (3, "site/device/a", "three"),
        (4, "site/device/b", "four"), (5, "site/device/binary", None)]
    last = records[-1]
    assert base64.b64decode(last["payload_base64"]) == BINARY
    assert last["size"] == len(BINARY)
    assert last["user_properties"] == [["room", "cellar"]]
    assert last["content_type"] == "x/y"
    assert 86300 < last["expiry_s"] <= 86400
    assert records[3]["retain"] is True and records[0]["retain"] is False
    assert all(one["lane"] == "cloud/default" and one["waiting"] and one["epoch"] == 1 for one in records)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["accepted"]) for one in records)


def test_export_says_that_it_cannot_write(spool, tmp_path):
    assert str(tmp_path / "no" / "out") in spool.run("export", "cloud/default", "-o", tmp_path / "no" / "out", code=66)
    assert "/dev/full" in spool.run("export", "cloud/default", "-o", "/dev/full", code=71)


def test_verify_finds_nothing_in_a_sound_spool(spool):
    assert "is sound" in spool.run("verify")
    assert spool.run("verify", "cloud/default") == "cloud/default is sound.\n"
    assert spool.objects("verify") == []


def test_verify_names_the_damage(spool):
    segment = spool.gateway.state / "spool" / "cloud" / "default" / "0000000000000001.seg"
    record = spool.objects("peek", "cloud/default", "-n", 3)[-1]
    with segment.open("r+b") as file:
        place = segment.read_bytes().index(record["payload"].encode())
        file.seek(place)
        file.write(b"T")
    shown = spool.run("verify", code=1)
    assert re.search(r"cloud/default/0000000000000001\.seg at \d+, \d+ B: 1 record that had not left the lane is damaged \(message 3\)", shown)
    found = spool.objects("verify", "cloud/default", code=1)
    assert [(one["first"], one["last"], one["lost"], one["damage"]) for one in found] == [(3, 3, 1, True)]
    assert spool.waiting() == [1, 2, 4, 5]


def test_verify_mentions_a_foreign_file_and_is_content(spool):
    (spool.gateway.state / "spool" / "cloud" / "default" / "notes.txt").write_text("somebody's")
    assert spool.run("verify").startswith("note: cloud/default/notes.txt: is no file of the spool")


def test_looking_changes_nothing(offline):
    assert offline.stop() == 0
    spool = Spool(offline)

    def everything():
        return {path: (path.read_bytes(), path.stat().st_mtime_ns)
                for path in sorted((offline.state / "spool").rglob("*")) if path.is_file()}

    before = everything()
    for arguments in (["ls"], ["peek", "cloud/default"], ["why", "site/device/a"], ["verify"], ["export", "cloud/default", "--settled"]):
        spool.run(*arguments)
    assert everything() == before


# ---- why ----

def test_why_says_what_a_waiting_message_waits_for(spool):
    # A dead gateway's configuration has to be at hand for a topic to be known as it was published.
    lines = spool.run("why", "device/a", CONFIGURATION_DIRECTORY=str(spool.gateway.folder)).splitlines()
    assert [line.split(" ")[1] for line in lines] == ["1", "2", "3"]
    assert "as site/device/a" in lines[0]
    found = spool.objects("why", "site/device/a", "-n", 2)
    assert [(one["sequence"], one["what"], one["before"]) for one in found] == [(2, "waiting", 1), (3, "waiting", 2)]
    if spool.live:
        assert re.search(r"upstream cloud is (waiting|connecting).*efused", lines[2]) and "2 before it" in lines[2]
        assert "the next in its lane" in lines[0]


def test_why_of_a_dead_spool_says_that_the_gateway_is_not_running(offline):
    assert offline.stop() == 0
    assert "waiting, the gateway is not running" in Spool(offline).run("why", "site/device/b")
    assert "ask for it as the upstream names it" in Spool(offline).run("why", "device/b", code=1)


def test_why_says_when_a_message_was_delivered(make_gateway, upstream, make_witness):
    witness = make_witness(upstream, "site/#")
    gateway = make_gateway(block(upstream.url)).start()
    publish_lines(gateway.port, "device/a", ["one", "two"])
    witness.wait_payload("site/device/a", "two")
    wait_until(lambda: gateway.lane()["delivered"] == 2)
    spool = Spool(gateway)
    for live in (True, False):
        found = spool.objects("why", "site/device/a")
        assert [(one["sequence"], one["what"]) for one in found] == [(1, "delivered"), (2, "delivered")], live
        assert all(one["when"] >= one["accepted"] for one in found)
        assert re.fullmatch(r"cloud/default 2, accepted \S+Z( \(clock not set\))?: delivered \S+Z",
                            spool.run("why", "site/device/a").splitlines()[-1])
        assert live is False or gateway.stop() == 0


def test_why_knows_topics_that_nothing_is_there_of(offline):
    spool = Spool(offline)
    assert "No [[upstream.forward]] block matches" in spool.run("why", "other/a", code=1)
    said = spool.run("why", "device/never", code=1)
    assert "It would go to cloud/default as site/device/never." in said
    assert "used again" in said
    assert spool.objects("why", "device/never", code=1)[0]["destinations"] == [{"lane": "cloud/default", "topic": "site/device/never"}]
    assert "No message of device/never is on disk." in spool.run("why", "device/never", code=1)
    assert "opic" in spool.run("why", "device/#", code=64)


# ---- dead letters ----

@pytest.fixture
def letters(make_gateway, make_broker):
    """A gateway that has three dead letters, because its upstream takes packets of 2000 bytes at most."""
    narrow = make_broker("allow_anonymous true", "max_packet_size 2000").start()
    gateway = make_gateway(block(narrow.url)).start()
    gateway.wait_state("connected")
    for n in range(3):
        publish(gateway.port, "device/big", f"{n}" + "x" * 3000)
    publish(gateway.port, "device/small", "fits")
    wait_until(lambda: gateway.upstream()["dead_lettered"] == 3, "three dead letters")
    wait_until(lambda: gateway.lane()["delivered"] == 1 and gateway.lane()["waiting"] == 0, "the small one delivered")
    gateway.broker = narrow
    return gateway


def widen(gateway):
    """The upstream is mended."""
    broker = gateway.broker
    broker.stop()
    broker.configuration.write_text(broker.configuration.read_text().replace("max_packet_size 2000", ""))
    broker.start()


def test_dead_letters_are_listed_and_say_why(letters):
    spool = Spool(letters)
    assert spool.waiting("cloud/dead-letter") == [1, 2, 3]
    found = spool.objects("why", "site/device/big")
    assert sorted((one["lane"], one["what"]) for one in found) == [("cloud/dead-letter", "waiting")] * 3 + [("cloud/default", "dead-lettered")] * 3
    assert all("2000" in one["why"] or "large" in one["why"] or "packet" in one["why"] for one in found if one["lane"] == "cloud/default")
    assert spool.objects("export", "cloud/dead-letter")[0]["user_properties"][0][0] == "tidegate-dead-letter"


@pytest.mark.parametrize("live", [True, False])
def test_replayed_dead_letters_arrive(letters, make_witness, live):
    spool = Spool(letters)
    widen(letters)
    witness = make_witness(letters.broker, "site/#", options=("-V", "5"))
    if not live:
        assert letters.stop() == 0
    assert spool.run("replay", "cloud/dead-letter", "--sequence", 2) == "1 message went back to its lane\n"
    assert spool.waiting("cloud/dead-letter") == [1, 3]
    assert spool.objects("replay", "cloud/dead-letter", "--all") == [{"replayed": 2, "failed": []}]
    assert spool.waiting("cloud/dead-letter") == []
    if not live:
        assert spool.waiting() == [5, 6, 7]
        letters.start()
    seen = witness.wait_for(lambda seen: len(seen) >= 3)
    assert [one.payload[0] for one in seen] == ["1", "0", "2"]
    assert spool.run("replay", "cloud/dead-letter", "--all") == "0 messages went back to their lanes\n"


def test_what_is_replayed_in_vain_comes_back_once(letters):
    spool = Spool(letters)
    assert spool.objects("replay", "cloud/dead-letter", "--all") == [{"replayed": 3, "failed": []}]
    wait_until(lambda: spool.waiting("cloud/dead-letter") == [4, 5, 6], "the same three dead letters")
    properties = spool.objects("export", "cloud/dead-letter")[0]["user_properties"]
    assert sorted(name for name, _ in properties) == ["tidegate", "tidegate-dead-letter"]


def test_replay_says_what_it_cannot_do(letters):
    spool = Spool(letters)
    assert "cloud/default holds no dead letters" in spool.run("replay", "cloud/default", "--all", code=64)
    assert "say which" in spool.run("replay", "cloud/dead-letter", code=64)
    assert "not in cloud/dead-letter" in spool.run("replay", "cloud/dead-letter", "--sequence", 99, code=1)
    assert spool.waiting("cloud/dead-letter") == [1, 2, 3]


@pytest.mark.parametrize("live", [True, False])
def test_dead_letters_are_dropped(letters, live):
    spool = Spool(letters)
    assert live or letters.stop() == 0
    assert spool.run("drop", "cloud/dead-letter", "--sequence", 2, "--yes") == "1 message dropped\n"
    assert spool.waiting("cloud/dead-letter") == [1, 3]
    assert spool.objects("drop", "cloud/dead-letter", "--all", "--yes") == [{"dropped": 2}]
    assert spool.waiting("cloud/dead-letter") == []


# ---- drop ----

def test_drop_asks_to_be_meant(spool):
    said = spool.run("drop", "cloud/default", "--all", code=64)
    assert "5 messages of cloud/default would be gone for good; say --yes" in said
    assert spool.waiting() == [1, 2, 3, 4, 5]


def test_dropped_messages_are_gone_and_why_says_so(spool):
    assert spool.run("drop", "cloud/default", "--sequence", 2, 3, "--yes") == "2 messages dropped\n"
    assert spool.waiting() == [1, 4, 5]
    found = spool.objects("why", "site/device/a")
    assert [(one["sequence"], one["what"]) for one in found] == [(1, "waiting"), (2, "dropped"), (3, "dropped")]
    assert spool.run("drop", "cloud/default", "--all", "--yes") == "3 messages dropped\n"
    assert spool.waiting() == []
    assert "Nothing waits in cloud/default." in spool.run("peek", "cloud/default")
    assert len(spool.objects("peek", "cloud/default", "--settled")) == 5


def test_what_is_dropped_is_never_sent(offline, make_broker, make_witness):
    spool = Spool(offline)
    spool.run("drop", "cloud/default", "--sequence", 1, 3, "--yes")
    assert offline.stop() == 0
    there = make_broker().start()
    witness = make_witness(there, "site/#")
    offline.configure(block(there.url))
    offline.start()
    offline.wait_drained()
    assert [one.payload for one in witness.wait_for(lambda seen: len(seen) >= 3)][:2] == ["two", "four"]


def test_dropping_what_has_left_says_so(spool):
    spool.run("drop", "cloud/default", "--sequence", 1, "--yes")
    assert spool.run("drop", "cloud/default", "--sequence", 1, 2, "--yes", code=1) == "1 message dropped; 1 message had left cloud/default before\n"


# ---- what stands in for the disk ----

@pytest.fixture
def standing_in(make_gateway):
    """A running gateway whose disk refuses a second segment: of 20 messages of 800 kB ten are in the spool, ten in memory."""
    gateway = make_gateway(block(f"mqtt://127.0.0.1:{free_port()}")).start()
    gateway.way = gateway.state / "spool" / "cloud" / "default" / "0000000000000002.seg"
    gateway.way.mkdir(parents=True)
    publish_lines(gateway.port, "device/a", (f"{n} " + "x" * 800_000 for n in range(20)))
    wait_until(lambda: sum(lane["waiting"] for lane in gateway.upstream()["lanes"]) == 20, "20 messages in both lanes")
    assert [(one["stand_in"], one["waiting"]) for one in gateway.upstream()["lanes"]] == [(False, 10), (True, 10)]
    return gateway


def test_what_stands_in_is_shown_beside_the_spool_and_marked(standing_in, tmp_path):
    spool = Spool(standing_in)
    lanes = spool.objects("ls")[0]["lanes"]
    assert [(one["upstream"], one["name"], one["stand_in"], one["waiting"]) for one in lanes] == [
        ("cloud", "default", False, 10), ("cloud", "default", True, 10)]
    assert re.search(r"^cloud/default +10 .*\ncloud/default \(in memory\) +10 ", spool.run("ls"), re.MULTILINE)

    both = [(False, n) for n in range(1, 11)] + [(True, n) for n in range(1, 11)]
    spool.run("export", "cloud/default", "-o", tmp_path / "out")
    exported = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    for records in (exported, spool.objects("peek", "cloud/default", "-n", 100)):
        assert [(one["stand_in"], one["sequence"]) for one in records] == both
        assert [one["payload"].split()[0] for one in records] == [str(n) for n in range(20)]
        assert all(one["lane"] == "cloud/default" for one in records)
    shown = spool.run("peek", "cloud/default", "-n", 11).splitlines()
    assert len(shown) == 12 and shown[10].split()[0] == "10" and shown[11].split()[:3] == ["1", "(in", "memory)"]

    found = spool.objects("why", "device/a", "-n", 12)
    assert [(one["stand_in"], one["sequence"], one["what"]) for one in found] == [(*one, "waiting") for one in both[8:]]
    assert "cloud/default 10 (in memory) as site/device/a, accepted" in spool.run("why", "device/a").splitlines()[-1]


def test_what_stands_in_is_changed_only_when_that_is_said(standing_in):
    spool = Spool(standing_in)

    def waiting():
        return [(one["stand_in"], one["sequence"]) for one in spool.objects("peek", "cloud/default", "-n", 100)]

    spool.run("drop", "cloud/default", "--sequence", 1, 2, "--yes")
    assert waiting() == [(False, n) for n in range(3, 11)] + [(True, n) for n in range(1, 11)]
    spool.run("drop", "cloud/default", "--stand-in", "--sequence", 10, "--yes")
    assert waiting() == [(False, n) for n in range(3, 11)] + [(True, n) for n in range(1, 10)]
    spool.run("drop", "cloud/default", "--all", "--yes")
    assert waiting() == [(True, n) for n in range(1, 10)]
    # A gateway that was killed leaves them, and they can be looked at and changed all the same.
    standing_in.kill()
    here = {"CONFIGURATION_DIRECTORY": str(standing_in.folder)}
    assert [(one["stand_in"], one["waiting"]) for one in spool.objects("ls", **here)[0]["lanes"]] == [
        (False, 0), (False, 0), (True, 9)]
    spool.run("drop", "cloud/default", "--stand-in", "--sequence", 1, "--yes", **here)
    assert waiting() == [(True, n) for n in range(2, 10)]


def test_nothing_stands_in_where_the_disk_takes_everything(spool):
    assert "nothing stands in for cloud/default" in spool.run("drop", "cloud/default", "--stand-in", "--all", "--yes", code=64)
    assert [one["stand_in"] for one in spool.objects("peek", "cloud/default")] == [False] * 5
    assert not any(one["stand_in"] for one in spool.objects("ls")[0]["lanes"])


# ---- an upstream that left the configuration ----

@pytest.fixture
def former(offline):
    """The same gateway, after the upstream for which five messages wait was renamed."""
    assert offline.stop() == 0
    offline.configure(block(f"mqtt://127.0.0.1:{free_port()}").replace('"cloud"', '"office"'))
    return offline.start()


def test_messages_for_an_upstream_that_left_the_configuration_are_shown_and_warned_of(former):
    spool = Spool(former)
    link = former.upstream()
    assert link["configured"] is False and link["state"] == "not configured"
    assert [(one["name"], one["waiting"]) for one in link["lanes"]] == [("default", 5)]
    assert former.upstream("office")["configured"] is True

    def problem():
        return {one["what"]: one["why"] for one in former.status()["health"]["problems"]}.get("upstream cloud", "")
    wait_until(lambda: problem().startswith("5 messages wait for it, but it is not configured: configure it again"), "the warning")

    lanes = spool.objects("ls")[0]["lanes"]
    assert [(one["upstream"], one["name"], one["configured"], one["waiting"]) for one in lanes] == [
        ("office", "default", True, 0), ("cloud", "default", False, 5)]
    assert re.search(r"cloud/default \(not configured\) +5 ", spool.run("ls"))
    assert spool.waiting() == [1, 2, 3, 4, 5]
    assert len(spool.objects("export", "cloud/default")) == 5
    assert "upstream cloud is not configured" in spool.run("why", "site/device/b")

    assert spool.run("drop", "cloud/default", "--sequence", 1, "--yes") == "1 message dropped\n"
    wait_until(lambda: problem().startswith("4 messages wait"), "the new number")
    spool.run("drop", "cloud/default", "--all", "--yes")
    wait_until(lambda: problem() == "", "no warning")
    assert former.upstream("office") and "cloud" not in [one["name"] for one in former.status()["upstreams"]]


def test_messages_for_an_upstream_that_comes_back_into_the_configuration_are_delivered(former, make_broker, make_witness):
    assert former.stop() == 0
    there = make_broker().start()
    witness = make_witness(there, "site/#")
    former.configure(block(there.url))
    former.start()
    former.wait_drained()
    assert len(witness.wait_for(lambda seen: len(seen) >= 5)) == 5


def test_dead_letters_of_an_upstream_that_left_the_configuration_can_be_replayed_and_dropped(letters):
    assert letters.stop() == 0
    letters.configure(block(f"mqtt://127.0.0.1:{free_port()}").replace('"cloud"', '"office"'))
    letters.start()
    spool = Spool(letters)
    assert [(one["name"], one["configured"]) for one in spool.objects("ls")[0]["lanes"] if one["upstream"] == "cloud"] == [("dead-letter", False)]
    assert spool.run("replay", "cloud/dead-letter", "--sequence", 2) == "1 message went back to its lane\n"
    assert spool.waiting("cloud/dead-letter") == [1, 3] and spool.waiting() == [5]
    assert spool.objects("drop", "cloud/dead-letter", "--all", "--yes") == [{"dropped": 2}]


def test_what_came_from_an_upstream_that_left_the_configuration_still_reaches_the_local_broker(make_gateway, make_broker, make_witness):
    local, cloud = make_broker(name="local").start(), make_broker(name="cloud").start()
    ours = f'[broker]\nurl = "{local.url}"\n'
    receive = '[[upstream.receive]]\ntopics = ["down/#"]\n'
    gateway = make_gateway(ours + block(cloud.url) + receive).start()
    gateway.wait_state("connected")
    witness = make_witness(local, "down/#")
    local.stop()
    cloud.publish("down/lamp", "on")
    wait_until(lambda: gateway.upstream()["received"][0]["waiting"] == 1, "the message in its lane")
    assert gateway.stop() == 0
    gateway.configure(ours + block(cloud.url).replace('"cloud"', '"office"'))
    local.start()
    gateway.start()
    witness.wait_payload("down/lamp", "on")


# ---- places ----

def test_an_unknown_lane_is_answered_with_the_lanes_there_are(spool):
    for arguments in (["peek", "cloud/none"], ["export", "cloud"], ["verify", "default"], ["drop", "x/y", "--all", "--yes"],
                      ["replay", "", "--all"]):
        assert re.search(r"there is no lane '.*the lanes are cloud/dead-letter, cloud/default", spool.run(*arguments, code=64))


def test_no_spool_is_said_to_be_none(offline, tmp_path):
    offline.stop()
    said = Spool(offline).run("peek", "cloud/default", "--state", tmp_path / "none", code=66)
    assert f"there is no spool in {tmp_path / 'none'}" in said
    said = Spool(offline).run("peek", "cloud/default", code=69, STATE_DIRECTORY=str(tmp_path / "other"))
    assert "tidegated is not running; name its state folder with --state" in said


def test_a_spool_that_another_gateway_has_is_not_changed(offline, tmp_path):
    away = {"RUNTIME_DIRECTORY": str(tmp_path / "elsewhere")}
    spool = Spool(offline)
    said = spool.run("drop", "cloud/default", "--all", "--yes", state=True, code=69, **away)
    assert f"in use by process {offline.process.pid}" in said
    assert spool.waiting() == [1, 2, 3, 4, 5]
    assert len(spool.objects("peek", "cloud/default", state=True, **away)) == 5, "but it may be looked at"


def test_a_named_runtime_folder_without_a_gateway_is_no_reason_to_look_elsewhere(offline, tmp_path):
    assert "not running" in Spool(offline).run("peek", "cloud/default", "--runtime", tmp_path / "none", code=69)
