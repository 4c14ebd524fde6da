# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The tidegate program against a real Mosquitto, with Mosquitto's own clients as witnesses; status against a fake gateway."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time
import uuid

import pytest
from parts import DEADLINE, Broker, free_port, wait_until

TIDEGATE = pathlib.Path(os.environ["TIDEGATE_BINARY_DIR"]) / "bin" / "tidegate"
TIDEGATED = TIDEGATE.with_name("tidegated")
PAYLOAD_CAP = 1 << 20


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    one = Broker(tmp_path_factory.mktemp("broker")).start()
    yield one
    one.stop()


@pytest.fixture
def topic(request):
    """One of this test's own, on the broker that all share."""
    return "test/" + request.node.name.replace("#", "").replace("+", "")


@pytest.fixture
def tidegate(broker):
    """Runs tidegate to its end, with the shared broker as the local one."""
    def run(*arguments, local=broker.url, environment=(), **more):
        started = time.monotonic()
        result = subprocess.run([TIDEGATE, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                timeout=DEADLINE, env={**os.environ, "TIDEGATE_BROKER": local, **dict(environment)},
                                **{"stdin": subprocess.DEVNULL, **more} if "input" not in more else more)
        result.seconds = time.monotonic() - started
        result.said = result.stderr.decode()
        return result
    return run


class Subscriber:
    """A running `tidegate sub`; made once it has its subscriptions, as a retained message shows."""

    def __init__(self, broker, *arguments):
        ready = f"ready/{uuid.uuid4()}"
        broker.mosquitto("mosquitto_pub", "-t", ready, "-m", "ready", "-r")
        self.process = subprocess.Popen([TIDEGATE, "sub", "-t", ready, *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env={**os.environ, "TIDEGATE_BROKER": broker.url})
        assert self.line() == (f"{ready} ready\n".encode() if "-v" in arguments else b"ready\n")

    def line(self):
        return self.process.stdout.readline()

    def lines(self, count):
        return b"".join(self.line() for _ in range(count))

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.finish()

    def finish(self):
        out, said = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, out, said.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


# ---- pub ----

@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_pub_reaches_a_witness_at_every_qos(tidegate, broker, topic, qos):
    result = tidegate("pub", "-t", topic, "-m", "hello", "-q", qos, "-r")
    assert (result.returncode, result.stdout, result.said) == (0, b"", "")
    assert broker.mosquitto("mosquitto_sub", "-t", topic, "-C", "1", "-q", "2", "-F", "%q %r %p") == f"{qos} 1 hello\n".encode()


@pytest.mark.parametrize("text", ["-5", "--", "[1,2,3]", '{"a": [1]}', '"quoted"', "ü", " a  b ", "%%", "a=b", "-t"])
def test_pub_m_takes_any_text_as_it_is(tidegate, broker, topic, text):
    assert tidegate("pub", "-t", "test/text", "-m", text, "-r").returncode == 0
    assert broker.mosquitto("mosquitto_sub", "-t", "test/text", "-C", "1") == text.encode() + b"\n"


def test_pub_n_with_r_removes_the_retained_message(tidegate, broker, topic):
    assert tidegate("pub", "-t", topic, "-m", "old", "-r").returncode == 0
    assert broker.mosquitto("mosquitto_sub", "-t", topic, "-C", "1") == b"old\n"
    assert tidegate("pub", "-t", topic, "-n", "-r").returncode == 0
    assert tidegate("pub", "-t", topic + "/end", "-m", "end", "-r").returncode == 0
    assert broker.mosquitto("mosquitto_sub", "-t", topic + "/#", "-C", "1", "-v") == f"{topic}/end end\n".encode()


def test_pub_without_r_is_not_kept(tidegate, broker, topic):
    assert tidegate("pub", "-t", topic, "-m", "passing").returncode == 0
    assert tidegate("pub", "-t", topic + "/end", "-m", "end", "-r").returncode == 0
    assert broker.mosquitto("mosquitto_sub", "-t", topic + "/#", "-C", "1") == b"end\n"


def test_pub_f_carries_every_byte_of_a_file_up_to_the_cap(tidegate, broker, topic, tmp_path):
    file = tmp_path / "binary"
    file.write_bytes(bytes(range(256)) * (PAYLOAD_CAP // 256))
    assert tidegate("pub", "-t", topic, "-f", file, "-r").returncode == 0
    assert broker.mosquitto("mosquitto_sub", "-t", topic, "-C", "1", "-N") == file.read_bytes()


def test_pub_s_sends_the_whole_input_as_one_message(tidegate, broker, topic):
    assert tidegate("pub", "-t", topic, "-s", "-r", input=b"one\ntwo\n").returncode == 0
    assert broker.mosquitto("mosquitto_sub", "-t", topic, "-C", "1", "-N") == b"one\ntwo\n"


@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_pub_l_sends_a_message_for_each_of_1000_lines_in_order(tidegate, broker, topic, qos):
    lines = b"".join(b"line %d\n" % n for n in range(1000))
    with Subscriber(broker, "-t", topic, "-q", "2") as subscriber:
        assert tidegate("pub", "-t", topic, "-l", "-q", qos, input=lines).returncode == 0
        assert subscriber.lines(1000) == lines


def test_pub_l_keeps_carriage_returns_and_a_last_line_without_an_end(tidegate, broker, topic):
    with Subscriber(broker, "-v", "-t", topic) as subscriber:
        assert tidegate("pub", "-t", topic, "-l", input=b"a\r\n\nlast").returncode == 0
        assert subscriber.lines(3).replace(topic.encode(), b"T") == b"T a\r\nT (null)\nT last\n"


def test_pub_l_with_no_lines_is_no_error(tidegate, topic):
    assert tidegate("pub", "-t", topic, "-l", input=b"").returncode == 0


def test_pub_l_goes_on_when_the_broker_was_away(tmp_path):
    broker = Broker(tmp_path).start()
    with subprocess.Popen([TIDEGATE, "pub", "--url", broker.url, "-t", "a", "-l", "-r"], stdin=subprocess.PIPE) as pub:
        pub.stdin.write(b"before\n")
        pub.stdin.flush()
        assert broker.mosquitto("mosquitto_sub", "-t", "a", "-C", "1") == b"before\n"
        broker.stop(signal.SIGKILL)
        pub.stdin.write(b"meanwhile\n")
        pub.stdin.flush()
        broker.start()
        pub.stdin.close()
        assert pub.wait(DEADLINE) == 0
    assert broker.mosquitto("mosquitto_sub", "-t", "a", "-C", "1") == b"meanwhile\n"
    broker.stop()


@pytest.mark.parametrize("arguments, says", [
    (["-t", "a"], "exactly one of"),
    (["-t", "a", "-m", "x", "-n"], "exactly one of"),
    (["-m", "x"], "--topic is required"),
    (["-t", "a/#", "-m", "x"], "a/#"),
    (["-t", "", "-m", "x"], "opic"),
    (["-t", "x" * 65536, "-m", "x"], "65535"),
    (["-t", b"\xff\xfe", "-m", "x"], "UTF-8"),
    (["-t", "a", "-m", "x", "-q", "3"], "3"),
    (["-t", "a", "-m", "x", "-W", "0"], "-W"),
    (["-t", "a", "-m", "x", "-p", "70000"], "70000"),
    (["-t", "a", "-m", "x", "--no-such-option"], "--no-such-option"),
])
def test_pub_refuses_a_command_line_that_cannot_be_meant(tidegate, broker, arguments, says):
    result = subprocess.run([TIDEGATE, "pub", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=DEADLINE, env={**os.environ, "TIDEGATE_BROKER": broker.url})
    assert result.returncode == 64
    assert says in result.stderr.decode(errors="replace")


def test_pub_refuses_what_is_over_the_payload_cap(tidegate, topic, tmp_path):
    file = tmp_path / "big"
    file.write_bytes(b"x" * (PAYLOAD_CAP + 1))
    assert tidegate("pub", "-t", topic, "-f", file).returncode == 64
    result = tidegate("pub", "-t", topic, "-l", input=b"short\n" + b"x" * (PAYLOAD_CAP + 1))
    assert result.returncode == 64
    assert "line 2" in result.said
    assert tidegate("pub", "-t", topic, "-f", "/dev/zero").returncode == 64


def test_pub_f_names_a_file_that_cannot_be_read(tidegate, topic, tmp_path):
    for file in (tmp_path / "missing", tmp_path):
        result = tidegate("pub", "-t", topic, "-f", file)
        assert result.returncode == 66
        assert str(file) in result.said


def test_pub_says_soon_that_no_broker_is_there(tidegate, topic):
    port = free_port()
    result = tidegate("pub", "-t", topic, "-m", "x", "-h", "127.0.0.1", "-p", port)
    assert result.returncode == 69
    assert str(port) in result.said
    assert result.seconds < 5


def test_pub_says_that_no_local_broker_is_known(tidegate, topic, tmp_path):
    result = tidegate("pub", "-t", topic, "-m", "x", local="", environment={"RUNTIME_DIRECTORY": str(tmp_path)})
    assert result.returncode == 69
    assert str(tmp_path / "broker.url") in result.said


def test_pub_finds_the_local_broker_in_the_runtime_folder(tidegate, broker, topic, tmp_path):
    (tmp_path / "broker.url").write_text(broker.url + "\n")
    result = tidegate("pub", "-t", topic, "-m", "x", local="", environment={"RUNTIME_DIRECTORY": str(tmp_path)})
    assert (result.returncode, result.said) == (0, "")


def test_pub_gives_up_with_27_on_a_broker_that_says_nothing(tidegate, topic):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        result = tidegate("pub", "-t", topic, "-m", "x", "-W", "0.5", "--url", f"mqtt://127.0.0.1:{mute.getsockname()[1]}")
    assert result.returncode == 27
    assert "timed out" in result.said


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A broker with one user, "anna", and her password, "secret"."""
    folder = tmp_path_factory.mktemp("guarded")
    subprocess.run(["mosquitto_passwd", "-b", "-c", folder / "passwords", "anna", "secret"], check=True)
    one = Broker(folder, "allow_anonymous false", f"password_file {folder / 'passwords'}").start()
    yield one
    one.stop()


def test_pub_and_sub_take_a_user_and_a_password(tidegate, guarded):
    who = ["--url", guarded.url, "-u", "anna", "-P", "secret"]
    assert tidegate("pub", *who, "-t", "a", "-m", "x", "-r").returncode == 0
    assert tidegate("sub", *who, "-t", "a", "-C", "1").stdout == b"x\n"


@pytest.mark.parametrize("command", [["pub", "-m", "x"], ["sub"]])
def test_a_wrong_password_ends_with_77(tidegate, guarded, command):
    result = tidegate(*command, "-t", "a", "--url", guarded.url, "-u", "anna", "-P", "wrong")
    assert result.returncode == 77
    assert result.said.startswith("tidegate: ")
    assert result.seconds < 5


# ---- sub ----

@pytest.mark.parametrize("letters", [[], ["-v"]])
def test_sub_prints_what_mosquitto_sub_prints(tidegate, broker, topic, letters):
    for name, payload in (("a", b"text"), ("b", b"two\nlines"), ("c", b"a\0b\xff"), ("d", b"end")):
        broker.mosquitto("mosquitto_pub", "-t", f"{topic}/{name}", "-s", "-r", input=payload)
    ours = tidegate("sub", "-t", topic + "/#", "-C", "4", *letters).stdout
    theirs = broker.mosquitto("mosquitto_sub", "-t", topic + "/#", "-C", "4", *letters)
    assert sorted(ours.split(b"\n")) == sorted(theirs.split(b"\n"))
    assert b"a\0b\xff" in ours


def test_sub_shows_an_empty_payload_only_beside_its_topic(broker, topic):
    with Subscriber(broker, "-v", "-t", topic) as verbose, Subscriber(broker, "-t", topic) as plain:
        broker.mosquitto("mosquitto_pub", "-t", topic, "-n", "-r")
        broker.mosquitto("mosquitto_pub", "-t", topic, "-m", "end")
        assert verbose.lines(2) == f"{topic} (null)\n{topic} end\n".encode()
        assert plain.line() == b"end\n"


def test_sub_takes_several_topics_and_tells_each_message_once(broker, topic):
    with Subscriber(broker, "-v", "-t", f"{topic}/1", "-t", f"{topic}/+/deep") as subscriber:
        for name in ("1", "2", "3/deep", "end/deep"):
            broker.mosquitto("mosquitto_pub", "-t", f"{topic}/{name}", "-m", name, "-q", "1")
        assert subscriber.lines(3) == "".join(f"{topic}/{name} {name}\n" for name in ("1", "3/deep", "end/deep")).encode()


def test_sub_ends_after_as_many_messages_as_C_says(broker, topic):
    with Subscriber(broker, "-t", topic, "-C", "4") as subscriber:
        broker.mosquitto("mosquitto_pub", "-t", topic, "-l", input=b"1\n2\n3\n4\n5\n")
        assert subscriber.finish() == (0, b"1\n2\n3\n", "")


def test_sub_ends_with_27_when_W_runs_out(tidegate, topic):
    result = tidegate("sub", "-t", topic, "-W", "0.3")
    assert (result.returncode, result.stdout, result.said) == (27, b"", "tidegate: timed out\n")
    assert 0.3 <= result.seconds < 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_sub_ends_cleanly_on_a_signal(broker, topic, number):
    with Subscriber(broker, "-t", topic) as subscriber:
        assert subscriber.end(number) == (0, b"", "")


def test_sub_ends_quietly_when_its_reader_is_gone(broker, topic):
    with Subscriber(broker, "-t", topic) as subscriber:
        subscriber.process.stdout.close()
        broker.mosquitto("mosquitto_pub", "-t", topic, "-m", "nobody reads this")
        assert subscriber.process.wait(DEADLINE) == 0
        assert subscriber.process.stderr.read() == b""


def test_sub_comes_back_after_the_broker_was_away(tmp_path):
    broker = Broker(tmp_path).start()
    with Subscriber(broker, "-v", "-t", "a") as subscriber:
        broker.stop(signal.SIGKILL)
        assert b"the connection is lost" in subscriber.process.stderr.readline()
        broker.start()
        assert b"connected again" in subscriber.process.stderr.readline()
        broker.mosquitto("mosquitto_pub", "-t", "a", "-m", "back")
        assert subscriber.line() == b"a back\n"
    broker.stop()


def test_sub_says_soon_that_no_broker_is_there(tidegate, topic):
    result = tidegate("sub", "-t", topic, "-p", free_port())
    assert result.returncode == 69
    assert result.seconds < 5


@pytest.mark.parametrize("wrong", ["a/#/b", "a+", ""])
def test_sub_refuses_a_filter_that_is_none(tidegate, wrong):
    assert tidegate("sub", "-t", wrong).returncode == 64


# ---- status and spool, from a fake gateway ----

STATUS = {
    "gateway": {"id": "greenhouse", "version": "0.1.0", "uptime_s": 11520.5, "state": "/var/lib/tidegate", "uuid": "u"},
    "health": {"ok": False, "problems": [{"what": "upstream cloud", "why": "connection refused"}]},
    "broker": {"url": "mqtt://127.0.0.1:1884", "state": "up", "pid": 4711, "adopted": True},
    "local": {"state": "connected", "failure": ""},
    "upstreams": [{
        "name": "cloud", "servers": ["mqtts://broker.example.com:8883"], "state": "waiting",
        "failure": "connection refused", "in_flight": 3, "window": 100, "delivered": 120,
        "lanes": [{"name": "default", "waiting": 12, "waiting_bytes": 3482, "disk_bytes": 8388608, "accepted": 132,
                   "delivered": 120, "durable": 130, "oldest_age_s": 75.25, "loss_window_ms": 50,
                   "in_per_s": 2.5, "out_per_s": 12.0, "drained_in_s": 1.3, "sync": "50ms", "written_bytes_per_day": 8388608,
                   "discarded": {"expired": 2, "evicted": 0}, "epoch": 1, "trouble": "fdatasync failed"},
                  {"name": "alarms", "waiting": 0, "waiting_bytes": 0, "disk_bytes": 0, "accepted": 0, "delivered": 0,
                   "durable": 0, "oldest_age_s": None, "loss_window_ms": None, "sync": "off", "stand_in": True, "discarded": {}, "epoch": 1,
                   "trouble": ""}],
    }],
    "plugins": [{"name": "sysstat", "state": "running", "readings": 99}],
    "counters": {"local": 5, "own": 99},
}


class FakeGateway:
    """A control socket that gives every client one answer, and keeps what was asked. None: it hangs up."""

    def __init__(self, folder, answer):
        self.path = folder / "control.sock"
        self.asked = []
        self._answer = answer
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self.path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client = self._socket.accept()[0]
                with client, client.makefile("rwb") as stream:
                    self.asked.append(json.loads(stream.readline()))
                    if self._answer is not None:
                        text = self._answer if isinstance(self._answer, bytes) else json.dumps(self._answer).encode()
                        for start in range(0, len(text), 100):  # in pieces, as a socket may
                            stream.write(text[start:start + 100])
                            stream.flush()
                        stream.write(b"\n")

    def stop(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(DEADLINE)


@pytest.fixture
def fake_gateway(tmp_path):
    made = []

    def make(answer):
        made.append(FakeGateway(tmp_path, answer))
        return made[-1]
    yield make
    for one in made:
        one.stop()


def test_status_shows_what_a_person_wants_to_know(tidegate, fake_gateway):
    gateway = fake_gateway({"ok": True, "result": STATUS})
    result = tidegate("status", "--socket", gateway.path)
    assert (result.returncode, result.said) == (0, "")
    assert gateway.asked == [{"verb": "status"}]
    shown = [" ".join(line.split()) for line in result.stdout.decode().splitlines()]
    assert shown == [
        "greenhouse, tidegate 0.1.0, up 3 h 12 min",
        "health: not ok",
        "upstream cloud: connection refused",
        "broker: up at mqtt://127.0.0.1:1884, process 4711 (adopted)",
        "session: connected",
        "",
        "UPSTREAM STATE UNDER WAY DELIVERED SERVERS",
        "cloud waiting 3 of 100 120 mqtts://broker.example.com:8883",
        "cloud: connection refused",
        "",
        "LANE WAITING BYTES OLDEST IN OUT EMPTY IN NOT DURABLE WRITTEN A DAY DISCARDED",
        "cloud/default 12 3.4 KiB 1 min 15 s 2.5/s 12/s 1.3 s 2 in 50 ms 8.0 MiB expired 2",
        "cloud/alarms (in memory) 0 0 B - - - - all, sync is off 0 B none",
        "cloud/default: fdatasync failed",
        "",
        "SOURCE STATE READINGS",
        "sysstat running 99",
        "",
        "Messages taken in: local 5, own 99",
    ]


def test_status_json_is_the_answer_unchanged(tidegate, fake_gateway):
    gateway = fake_gateway({"ok": True, "result": STATUS})
    result = tidegate("status", "--json", "--socket", gateway.path)
    assert result.returncode == 0
    assert result.stdout.count(b"\n") == 1
    assert list(json.loads(result.stdout).items()) == list(STATUS.items())


def test_status_of_a_gateway_that_says_little_is_still_shown(tidegate, fake_gateway):
    gateway = fake_gateway({"ok": True, "result": {"gateway": {"id": "new"}, "upstreams": []}})
    result = tidegate("status", "--socket", gateway.path)
    assert result.returncode == 0
    assert b"nothing is forwarded" in result.stdout


def test_spool_ls_shows_the_lanes(tidegate, fake_gateway):
    lanes = [{"upstream": "cloud", **STATUS["upstreams"][0]["lanes"][0]}]
    gateway = fake_gateway({"ok": True, "result": {"lanes": lanes}})
    result = tidegate("spool", "ls", "--runtime", gateway.path.parent)
    assert result.returncode == 0
    assert gateway.asked == [{"verb": "spool.ls"}]
    assert result.stdout.decode().splitlines()[1].split()[:3] == ["cloud/default", "12", "3.4"]
    assert json.loads(tidegate("spool", "ls", "--json", "--socket", gateway.path).stdout) == {"lanes": lanes}


@pytest.mark.parametrize("answer, code, says", [
    ({"ok": False, "error": "no such verb: status"}, 1, "no such verb: status"),
    (b"220 mail.example.com ESMTP", 1, "is not tidegated"),
    (None, 69, "ended the conversation"),
])
def test_status_says_what_a_strange_answer_was(tidegate, fake_gateway, answer, code, says):
    result = tidegate("status", "--socket", fake_gateway(answer).path)
    assert result.returncode == code
    assert says in result.said
    assert result.stdout == b""


def test_status_without_a_gateway_says_how_to_start_one(tidegate, tmp_path):
    result = tidegate("status", environment={"RUNTIME_DIRECTORY": str(tmp_path)})
    assert result.returncode == 69
    assert f"tidegated is not running (no {tmp_path}/control.sock); start it with" in result.said


def test_status_knows_the_socket_that_a_killed_gateway_left(tidegate, tmp_path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "control.sock"))
    result = tidegate("status", "--runtime", tmp_path)
    assert result.returncode == 69
    assert "tidegated is not running (nobody answers" in result.said


def test_status_says_who_may_ask(tidegate):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = pathlib.Path(folder) / "control.sock"
        with socket.socket(socket.AF_UNIX) as private:
            private.bind(str(path))
            private.listen()
            os.chmod(path, 0)
            as_stranger = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
            try:
                result = tidegate("status", "--socket", path, **as_stranger)
            except PermissionError:
                pytest.skip("root's build folder keeps others from running the program")
    assert result.returncode == 77
    assert str(path) in result.said


def test_a_socket_path_that_is_too_long_is_refused(tidegate):
    assert tidegate("status", "--socket", "/" + "x" * 200).returncode == 64


# ---- all of it ----

@pytest.mark.parametrize("command", [[], ["check"], ["pub"], ["sub"], ["status"], ["spool"], ["spool", "ls"]])
def test_every_command_says_its_version_and_helps(tidegate, command):
    result = tidegate(*command, "--version")
    assert (result.returncode, result.stdout) == (0, b"tidegate 0.1.0\n")
    result = tidegate(*command, "--help")
    assert result.returncode == 0
    assert b"--help" in result.stdout


@pytest.mark.parametrize("command", [[], ["fly"], ["spool"], ["spool", "fly"], ["status", "extra"]])
def test_a_command_that_there_is_not_ends_with_64(tidegate, command):
    result = tidegate(*command)
    assert (result.returncode, result.stdout) == (64, b"")
    assert result.said != ""


def test_check_tells_a_good_configuration_from_a_bad_one_and_a_missing_one(tidegate, tmp_path):
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('[gateway]\nid = "greenhouse"\n')
    bad.write_text('[gateway]\nidd = "greenhouse"\n')
    assert tidegate("check", good).returncode == 0
    result = tidegate("check", bad)
    assert result.returncode == 78
    assert f"{bad}:2:1" in result.said and "id" in result.said
    assert tidegate("check", tmp_path / "missing.toml").returncode == 66


def test_check_leaves_out_secrets_that_are_the_gateways_alone_when_told_to(tidegate, tmp_path):
    file = tmp_path / "tidegate.toml"
    cloud = '[[upstream]]\nname = "cloud"\nservers = ["mqtt://127.0.0.1"]\nusername = "a"\npassword = { file = "gone" }\n[[upstream.forward]]\n'
    file.write_text(cloud + 'topics = ["a/#"]\n')
    assert tidegate("check", file).returncode == 78
    assert tidegate("check", "--no-secrets", file).returncode == 0
    file.write_text(cloud + 'topicss = ["a/#"]\n')
    assert tidegate("check", "--no-secrets", file).returncode == 78


@pytest.fixture
def gateway(tmp_path):
    """A real tidegated in folders of its own, and what tidegate needs to find it."""
    run = tmp_path / "run"
    config = tmp_path / "tidegate.toml"
    config.write_text('[gateway]\nid = "greenhouse"\n[broker]\nport = 0\n'
                      '[[upstream]]\nname = "cloud"\nservers = ["mqtt://127.0.0.1:1"]\n'
                      '[[upstream.forward]]\ntopics = ["test/#"]\n')
    folders = {"RUNTIME_DIRECTORY": str(run), "STATE_DIRECTORY": str(tmp_path / "state")}
    with subprocess.Popen([TIDEGATED, "--config", config], env={**os.environ, **folders}) as process:
        wait_until((run / "broker.url").exists, "the local broker of tidegated")
        yield folders
        process.terminate()
        code = process.wait(DEADLINE)
    # A gateway that crashed leaves its broker running, as it should.
    left = json.loads((run / "broker.json").read_text())["pid"]
    if left:
        os.kill(left, signal.SIGKILL)
    assert (code, left) == (0, 0)


def test_a_real_gateway_is_published_to_and_asked_without_naming_anything(tidegate, gateway):
    here = {"local": "", "environment": gateway}

    def waiting():
        lanes = json.loads(tidegate("spool", "ls", "--json", **here).stdout)["lanes"]
        return [(lane["upstream"], lane["name"], lane["waiting"]) for lane in lanes]

    assert waiting() == [("cloud", "default", 0)]
    wait_until(lambda: json.loads(tidegate("status", "--json", **here).stdout)["local"]["state"] == "connected",
               "the gateway's session")
    assert tidegate("pub", "-t", "test/a", "-m", "kept", **here).returncode == 0
    wait_until(lambda: waiting() == [("cloud", "default", 1)], "the message in the lane")
    shown = tidegate("status", **here).stdout.decode()
    assert shown.startswith("greenhouse, tidegate 0.1.0, up ")
    assert "cloud/default" in shown
