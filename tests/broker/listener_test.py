# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The local broker's door to the network, [broker.listener], with real Mosquitto and its real clients. Here the network is 127.0.0.1, on a
port of its own."""
import os
import pathlib
import shutil
import socket
import stat
import subprocess
import tempfile
import threading

import pytest

import parts
from parts import tool_environment, wait_until

DEADLINE = 20


def tidegate(gateway, *words, said=""):
    return subprocess.run([parts.BINARY_DIR / "bin" / "tidegate", *words], env=gateway.environment(), input=said, capture_output=True,
                          text=True, timeout=DEADLINE, check=False)


def broker(gateway, verb, *words, said=""):
    ran = tidegate(gateway, "broker", verb, *words, "-c", str(gateway.file), said=said)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def client(port, *options):
    """mosquitto_pub as the network has it; what it says when it is refused."""
    return subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", *options], env=tool_environment(),
                          capture_output=True, text=True, timeout=DEADLINE, check=False)


def listeners(pid):
    """The addresses that a process listens on, as "address:port"."""
    said = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True, env=tool_environment()).stdout
    return {line.split()[3] for line in said.splitlines() if f"pid={pid}," in line}


class Subscriber:
    """mosquitto_sub as the network has it."""

    def __init__(self, port, topic, *options):
        self.lines = []
        self._process = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", "-p", str(port), "-t", topic, "-q", "1", "-d", *options], text=True,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=tool_environment())
        self._reader = threading.Thread(target=lambda: self.lines.extend(iter(self._process.stdout.readline, "")))
        self._reader.start()

    def wait(self, text):
        wait_until(lambda: any(text in line for line in self.lines), f"{text!r} in {self.lines}")
        return self

    def end(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()


@pytest.fixture
def subscribe():
    made = []

    def make(*words):
        made.append(Subscriber(*words))
        return made[-1]
    yield make
    for one in made:
        one.end()


@pytest.fixture
def door():
    return parts.free_port()


def with_users(door, more="", broker=""):
    return f"""
[broker]
port = 0
{broker}
[broker.listener]
address = "127.0.0.1"
port = {door}
plain = true
users = "broker-users"
{more}
"""


def opens(gateway, door):
    wait_until(lambda: parts.listens(door), "the door")
    wait_until(gateway.is_ready, "the gateway")


def test_without_a_block_nothing_listens_beyond_this_machine(make_gateway):
    gateway = make_gateway("").start()
    assert listeners(gateway.status()["broker"]["pid"]) == {f"127.0.0.1:{gateway.port}"}


def test_two_users_with_passwords_are_taken_and_everybody_else_is_refused(make_gateway, make_witness, door):
    """The recipe of docs/security.md."""
    gateway = make_gateway(with_users(door))
    assert "esp32 added" in broker(gateway, "adduser", "esp32", said="se:cret one\n")
    broker(gateway, "adduser", "phone", said="two\n")
    assert broker(gateway, "users").split() == ["esp32", "phone"]
    gateway.start()
    opens(gateway, door)
    witness = make_witness(gateway, "lab/#")
    assert client(door, "-u", "esp32", "-P", "se:cret one", "-t", "lab/a", "-m", "1").returncode == 0
    assert client(door, "-u", "phone", "-P", "two", "-t", "lab/b", "-m", "2").returncode == 0
    for wrong in (["-u", "esp32", "-P", "se"], ["-u", "nobody", "-P", "two"], []):
        refused = client(door, *wrong, "-t", "lab/a", "-m", "stolen")
        assert refused.returncode != 0 and "not authorised" in refused.stderr.lower()
    witness.wait_for(lambda seen: {(one.topic, one.payload) for one in seen} >= {("lab/a", "1"), ("lab/b", "2")}, "both")
    assert "stolen" not in {one.payload for one in witness.seen()}
    assert client(gateway.port, "-t", "lab/c", "-m", "here").returncode == 0, "this machine needs no password"


def test_who_may_use_it_changes_while_it_runs_and_others_stay_connected(make_gateway, subscribe, door):
    gateway = make_gateway(with_users(door))
    broker(gateway, "adduser", "phone", said="two\n")
    gateway.start()
    opens(gateway, door)
    phone = subscribe(door, "lamp", "-u", "phone", "-P", "two").wait("SUBACK")
    assert "knows it" in broker(gateway, "adduser", "late", said="three\n")
    wait_until(lambda: client(door, "-u", "late", "-P", "three", "-t", "lamp", "-m", "on").returncode == 0, "the new user")
    phone.wait("on")
    broker(gateway, "passwd", "late", said="four\n")
    wait_until(lambda: client(door, "-u", "late", "-P", "four", "-t", "lamp", "-m", "off").returncode == 0, "the new password")
    assert client(door, "-u", "late", "-P", "three", "-t", "lamp", "-m", "x").returncode != 0
    broker(gateway, "rmuser", "late")
    wait_until(lambda: client(door, "-u", "late", "-P", "four", "-t", "lamp", "-m", "x").returncode != 0, "the end of the user")
    phone.wait("off")
    assert len([line for line in phone.lines if "sending CONNECT" in line]) == 1


def test_rights_hold_for_those_named_and_nobody_else_has_any(make_gateway, make_witness, subscribe, door):
    gateway = make_gateway(with_users(door, """
[[broker.listener.user]]
name = "esp32"
publish = ["lab/#"]
[[broker.listener.user]]
name = "phone"
subscribe = ["lab/+"]
"""))
    for name in ("esp32", "phone", "stranger"):
        broker(gateway, "adduser", name, said=f"{name}\n")
    gateway.start()
    opens(gateway, door)
    witness = make_witness(gateway, "#")
    phone = subscribe(door, "lab/a", "-u", "phone", "-P", "phone").wait("SUBACK")
    stranger = subscribe(door, "lab/a", "-u", "stranger", "-P", "stranger").wait("SUBACK")
    client(door, "-u", "stranger", "-P", "stranger", "-t", "lab/a", "-m", "by a stranger")
    client(door, "-u", "phone", "-P", "phone", "-t", "lab/a", "-m", "by the phone")
    client(door, "-u", "esp32", "-P", "esp32", "-t", "door/set", "-m", "elsewhere")
    client(door, "-u", "esp32", "-P", "esp32", "-t", "lab/a", "-m", "by the sensor")
    phone.wait("by the sensor")
    witness.wait_payload("lab/a", "by the sensor")
    assert {one.payload for one in witness.seen() if not one.topic.startswith("tidegate/")} == {"by the sensor"}
    assert not any("by the sensor" in line for line in stranger.lines)


@pytest.mark.parametrize("content, words", [
    (None, "cannot be read"), ("", "names nobody"), ("phone\n", "line 1"), ("a:$7$101$x$y\na+b:$7$101$x$y\n", "line 2"),
    ("phone:plain\n", "line 1")])
def test_it_stays_closed_with_a_file_of_users_that_is_wrong_and_the_rest_works(make_gateway, door, content, words):
    gateway = make_gateway(with_users(door))
    users = gateway.folder / "broker-users"
    if content is not None:
        users.write_text(content)
        users.chmod(0o600)
    gateway.start()
    assert not parts.listens(door) and client(gateway.port, "-t", "a", "-m", "1").returncode == 0
    problem = next(one for one in gateway.status()["health"]["problems"] if "listener" in one["what"])
    assert words in problem["why"] and "broker-users" in problem["why"], problem
    # It is mended while it runs.
    users.unlink(missing_ok=True)
    broker(gateway, "adduser", "phone", said="two\n")
    opens(gateway, door)
    assert client(door, "-u", "phone", "-P", "two", "-t", "a", "-m", "1").returncode == 0
    assert not [one for one in gateway.status()["health"]["problems"] if "listener" in one["what"]]


def test_a_file_that_everybody_can_read_is_refused_and_one_made_here_is_private(make_gateway, door):
    gateway = make_gateway(with_users(door))
    broker(gateway, "adduser", "phone", said="two\n")
    users = gateway.folder / "broker-users"
    assert stat.S_IMODE(users.stat().st_mode) & 0o007 == 0 and "two" not in users.read_text()
    users.chmod(0o644)
    gateway.start()
    assert not parts.listens(door)
    ran = tidegate(gateway, "broker", "reload")
    assert ran.returncode != 0 and "chmod o=" in ran.stderr
    users.chmod(0o640)
    assert tidegate(gateway, "broker", "reload").returncode == 0
    opens(gateway, door)


def test_a_port_that_is_taken_closes_the_door_alone(make_gateway, make_broker, door):
    other = make_broker().start()
    gateway = make_gateway(with_users(other.port))
    broker(gateway, "adduser", "phone", said="two\n")
    gateway.start()
    problem = next(one for one in gateway.status()["health"]["problems"] if "listener" in one["what"])
    assert str(other.port) in problem["why"] and "Address already in use" in problem["why"]
    assert client(gateway.port, "-t", "a", "-m", "1").returncode == 0
    pid = gateway.status()["broker"]["pid"]
    ran = tidegate(gateway, "broker", "reload")
    assert ran.returncode == 1 and "Address already in use" in ran.stderr and gateway.status()["broker"]["pid"] == pid
    other.stop()
    assert tidegate(gateway, "broker", "reload").returncode == 0
    opens(gateway, other.port)


def test_the_last_user_who_is_removed_does_not_come_in(make_gateway, door):
    gateway = make_gateway(with_users(door))
    broker(gateway, "adduser", "phone", said="two\n")
    gateway.start()
    opens(gateway, door)
    broker(gateway, "rmuser", "phone")
    wait_until(lambda: not parts.listens(door), "the door that is closed")
    wait_until(lambda: "names nobody" in str(gateway.status()["health"]), "a word about it")
    wait_until(gateway.is_ready, "the gateway")
    assert client(gateway.port, "-t", "a", "-m", "1").returncode == 0
    broker(gateway, "adduser", "phone", said="three\n")
    opens(gateway, door)
    assert client(door, "-u", "phone", "-P", "three", "-t", "a", "-m", "1").returncode == 0


def test_a_file_that_goes_wrong_while_the_door_is_open_lets_in_whom_it_knew_and_health_says_so(make_gateway, door):
    gateway = make_gateway(with_users(door))
    broker(gateway, "adduser", "phone", said="two\n")
    gateway.start()
    opens(gateway, door)
    users = gateway.folder / "broker-users"
    good = users.read_text()
    users.write_text(good + "late\n")
    ran = tidegate(gateway, "broker", "reload")
    assert ran.returncode == 1 and "knows whom it knew before: line 2 of the file of users" in ran.stderr and "sed -i 2d" in ran.stderr
    assert "line 2 of the file of users" in str(gateway.status()["health"])
    assert client(door, "-u", "phone", "-P", "two", "-t", "a", "-m", "1").returncode == 0
    users.write_text(good)
    assert tidegate(gateway, "broker", "reload").returncode == 0
    assert gateway.status()["health"]["ok"]


def test_anonymous_clients_are_taken_where_the_configuration_says_so(make_gateway, make_witness, door):
    gateway = make_gateway(f'[broker]\nport = 0\n[broker.listener]\naddress = "127.0.0.1"\nport = {door}\nplain = true\nanonymous = true\n').start()
    opens(gateway, door)
    witness = make_witness(gateway, "lab/a")
    assert client(door, "-t", "lab/a", "-m", "1", "-r").returncode == 0
    witness.wait_payload("lab/a", "1")


class Away:
    """A client with a session that outlives its connections: mosquitto_sub, which is here for a moment only."""

    def __init__(self, port, *who):
        self._words = ["mosquitto_sub", "-p", str(port), "-i", "away", "-c", "-q", "1", "-t", "lab/#", "-F", "%p", *who]

    def come(self, count):
        """Takes so many messages; 0: subscribes and leaves."""
        return subprocess.run([*self._words, *(["-C", str(count), "-W", str(DEADLINE)] if count else ["-E"])], env=tool_environment(),
                              capture_output=True, text=True, timeout=2 * DEADLINE, check=True).stdout.split()


@pytest.mark.parametrize("rights", ["", '[[broker.listener.user]]\nname = "esp32"\npublish = ["lab/#"]\nsubscribe = ["lab/#"]\n'])
def test_what_comes_for_those_who_are_away_waits_for_them_and_wills_are_published(make_gateway, subscribe, door, rights):
    """Mosquitto 2.0.12 to 2.0.22 throws it away where rules are told by listener (mosquitto#2618)."""
    gateway = make_gateway(with_users(door, rights) + f"""
[[upstream]]
name = "cloud"
servers = ["mqtt://127.0.0.1:{parts.free_port()}"]
[[upstream.forward]]
topics = ["lab/#"]
""")
    broker(gateway, "adduser", "esp32", said="one\n")
    esp32 = ("-u", "esp32", "-P", "one")
    gateway.start()
    opens(gateway, door)
    device, script = Away(door, *esp32), Away(gateway.port, "-i", "script")
    device.come(0), script.come(0)
    port, accepted = gateway.port, gateway.status()["upstreams"][0]["lanes"][0]["accepted"]
    witness = subscribe(port, "lab/will").wait("SUBACK")
    dies = subscribe(door, "lab/none", *esp32, "--will-topic", "lab/will", "--will-payload", "gone", "--will-qos", "1").wait("SUBACK")
    gateway.kill()
    dies.end()
    witness.wait("gone")
    for n in range(20):
        assert client(door, *esp32, "-t", "lab/a", "-m", str(n)).returncode == 0
    wanted = ["gone", *map(str, range(20))]
    assert device.come(21) == wanted and script.come(21) == wanted
    gateway.start()
    wait_until(lambda: gateway.status()["upstreams"][0]["lanes"][0]["accepted"] >= accepted + 21, "what came while it was away")


@pytest.mark.parametrize("plugin, why", [(None, "no lib/tidegate/doorkeeper.so beside this program"), ("no library", "doorkeeper.so")])
def test_without_its_doorkeeper_it_stays_closed_and_the_rest_works(make_gateway, door, tmp_path, plugin, why):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "bin").mkdir(parents=True)
    (elsewhere / "lib" / "tidegate").mkdir(parents=True)
    shutil.copy2(parts.BINARY_DIR / "bin" / "tidegated", elsewhere / "bin")
    if plugin is not None:
        (elsewhere / "lib" / "tidegate" / "doorkeeper.so").write_text(plugin)
    gateway = make_gateway(with_users(door))
    gateway.wrapper = ["sh", "-c", f'shift; exec "{elsewhere}/bin/tidegated" "$@"', "sh"]
    broker(gateway, "adduser", "phone", said="two\n")
    gateway.start()
    problem = next(one for one in gateway.status()["health"]["problems"] if "listener" in one["what"])
    assert why in problem["why"] and "then: tidegate broker reload" in problem["why"]
    assert not parts.listens(door) and client(gateway.port, "-t", "a", "-m", "1").returncode == 0
    if plugin is not None:
        shutil.copy2(parts.BINARY_DIR / "lib" / "tidegate" / "doorkeeper.so", elsewhere / "lib" / "tidegate")
        assert tidegate(gateway, "broker", "reload").returncode == 0
        opens(gateway, door)
        assert client(door, "-u", "phone", "-P", "two", "-t", "a", "-m", "1").returncode == 0


def test_an_address_of_ipv6_asks_as_well_and_this_machines_port_asks_nobody(make_gateway, door):
    gateway = make_gateway(with_users(door).replace('address = "127.0.0.1"', 'address = "::1"'))
    broker(gateway, "adduser", "phone", said="two\n")
    gateway.start()
    wait_until(lambda: client(door, "-h", "::1", "-u", "phone", "-P", "two", "-t", "a", "-m", "1").returncode == 0, "the door")
    assert "not authorised" in client(door, "-h", "::1", "-t", "a", "-m", "1").stderr.lower()
    assert client(gateway.port, "-t", "a", "-m", "1").returncode == 0


def certificates(folder, days="30"):
    """A private authority, and a certificate of 127.0.0.1 by it."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder, env=tool_environment())
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=test authority",
            "-keyout", "ca.key", "-out", "ca.pem")
    for name in ("server", "client"):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out",
                f"{name}.csr")
        pathlib.Path(folder, "names").write_text("subjectAltName=IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days, "-extfile", "names",
                "-out", f"{name}.pem")
    return folder


def asks_for_certificates(door, made):
    return f"""
[broker]
port = 0
[broker.listener]
address = "127.0.0.1"
port = {door}
[broker.listener.tls]
cert_file = "{made}/server.pem"
key_file = "{made}/server.key"
client_ca_file = "{made}/ca.pem"
"""


def test_status_shows_whether_it_is_open(make_gateway, door):
    gateway = make_gateway(with_users(door)).start()
    assert gateway.status()["broker"]["listener"] == {"address": "127.0.0.1", "port": door, "open": False}
    assert f"listener: port {door} of 127.0.0.1: closed\n" in tidegate(gateway, "status").stdout
    broker(gateway, "adduser", "phone", said="two\n")
    opens(gateway, door)
    assert gateway.status()["broker"]["listener"]["open"] is True
    assert f"listener: port {door} of 127.0.0.1: open\n" in tidegate(gateway, "status").stdout


def test_rights_of_somebody_whom_nobody_knows_are_told_where_they_are_looked_for(make_gateway, door):
    gateway = make_gateway(with_users(door, '[[broker.listener.user]]\nname = "esp23"\npublish = ["lab/#"]\n'))
    broker(gateway, "adduser", "esp32", said="one\n")
    words = 'gives rights to "esp23", whom'
    ran = tidegate(gateway, "check", str(gateway.file))
    assert ran.returncode == 0 and words in ran.stderr and "[broker.listener]: warning" in ran.stderr
    gateway.start()
    opens(gateway, door)
    assert words in str(gateway.status()["health"]) and words in str(gateway.status()["broker"]["warnings"]) and words in gateway.said()
    broker(gateway, "adduser", "esp23", said="two\n")
    wait_until(lambda: gateway.status()["health"]["ok"], "health")
    assert "listener" not in tidegate(gateway, "check", str(gateway.file)).stderr


def test_a_certificate_that_ends_soon_is_told_where_it_is_looked_for(make_gateway, door, tmp_path):
    made = certificates(tmp_path, days="2")
    gateway = make_gateway(asks_for_certificates(door, made)).start()
    opens(gateway, door)
    words = "server.pem of the local broker's door is good until"
    assert words in str(gateway.status()["health"]) and words in tidegate(gateway, "check", str(gateway.file)).stderr
    certificates(tmp_path)
    assert tidegate(gateway, "broker", "reload").returncode == 0
    wait_until(lambda: gateway.status()["health"]["ok"], "health")


@pytest.mark.parametrize("content, words", [(None, "cannot be read"), ("", "names nobody"), ("phone\n", "line 1")])
def test_check_says_what_would_keep_it_closed(make_gateway, door, content, words):
    gateway = make_gateway(with_users(door))
    if content is not None:
        (gateway.folder / "broker-users").write_text(content)
        (gateway.folder / "broker-users").chmod(0o600)
    ran = tidegate(gateway, "check", str(gateway.file))
    assert ran.returncode == 0 and "the door stays closed: " in ran.stderr and words in ran.stderr


def test_with_a_certificate_it_speaks_tls_alone_and_asks_for_the_clients(make_gateway, make_witness, door, tmp_path):
    made = certificates(tmp_path)
    gateway = make_gateway(asks_for_certificates(door, made)).start()
    opens(gateway, door)
    witness = make_witness(gateway, "lab/a")
    own = ["--cert", f"{made}/client.pem", "--key", f"{made}/client.key"]
    message = ["-t", "lab/a", "-r", "-m"]
    assert client(door, "--cafile", f"{made}/ca.pem", *own, *message, "sealed").returncode == 0
    witness.wait_payload("lab/a", "sealed")
    assert client(door, *message, "plain").returncode != 0
    assert client(door, "--cafile", f"{made}/ca.pem", "-V", "mqttv5", *message, "nobody's").returncode != 0
    assert {one.payload for one in witness.seen()} == {"sealed"}


@pytest.mark.parametrize("break_it, why", [
    (lambda made: (made / "server.pem").write_text("junk"), "server.pem is no certificate in PEM"),
    (lambda made: shutil.copy(made / "client.key", made / "server.key"), "server.key is no key in PEM, without a passphrase, of the certificate"),
    (lambda made: subprocess.run(["openssl", "ec", "-in", "client.key", "-aes256", "-passout", "pass:x", "-out", "server.key"], check=True,
                                 capture_output=True, cwd=made), "server.key is no key in PEM, without a passphrase"),
    (lambda made: (made / "ca.pem").write_text("junk"), "ca.pem has no certificate of an authority"),
    (lambda made: (made / "ca.pem").unlink(), "No such file or directory")])
def test_a_certificate_that_is_none_keeps_the_door_closed_and_the_rest_works(make_gateway, door, tmp_path, break_it, why):
    """Mosquitto ends with it, again and again."""
    made = certificates(tmp_path)
    whole = {path: path.read_bytes() for path in made.iterdir() if path.is_file()}
    break_it(made)
    gateway = make_gateway(asks_for_certificates(door, made)).start()
    assert not parts.listens(door) and client(gateway.port, "-t", "a", "-m", "1", "-r").returncode == 0
    assert why in str(gateway.status()["health"])
    for path, content in whole.items():
        path.write_bytes(content)
    assert tidegate(gateway, "broker", "reload").returncode == 0
    opens(gateway, door)
    # A renewal that went wrong leaves the door as it is.
    break_it(made)
    ran = tidegate(gateway, "broker", "reload")
    assert ran.returncode == 1 and why in ran.stderr and parts.listens(door)


def test_with_certificates_alone_a_user_has_the_rights_that_are_named(make_gateway, make_witness, door, tmp_path):
    made = certificates(tmp_path)
    gateway = make_gateway(asks_for_certificates(door, made) + """[[broker.listener.user]]
name = "client"
publish = ["lab/#"]
""").start()
    opens(gateway, door)
    witness = make_witness(gateway, "#")
    own = ["--cafile", f"{made}/ca.pem", "--cert", f"{made}/client.pem", "--key", f"{made}/client.key"]
    assert client(door, *own, "-t", "lab/a", "-m", "named").returncode == 0
    client(door, *own, "-t", "other", "-m", "not named")
    assert client(door, *own, "-t", "lab/b", "-m", "after").returncode == 0
    witness.wait_payload("lab/b", "after")
    assert {one.payload for one in witness.seen()} >= {"named"} and "not named" not in {one.payload for one in witness.seen()}


KEY, OTHER = "00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"


def with_keys(gateway, text, mode=0o600):
    file = gateway.folder / "broker-keys"
    file.write_text(text)
    file.chmod(mode)


def psk_door(door, more=""):
    return f"""
[broker]
port = 0
[broker.listener]
address = "127.0.0.1"
port = {door}
psk_file = "broker-keys"
{more}
"""


def test_with_keys_it_speaks_tls_and_the_identity_is_the_user(make_gateway, make_witness, door):
    gateway = make_gateway(psk_door(door, '[[broker.listener.user]]\nname = "esp32"\npublish = ["lab/#"]\n'))
    with_keys(gateway, f"esp32:{KEY}\nphone:{OTHER}\n")
    gateway.start()
    opens(gateway, door)
    witness = make_witness(gateway, "#")

    def key(identity, secret):
        return ["--psk-identity", identity, "--psk", secret]

    assert client(door, *key("esp32", KEY), "-t", "lab/a", "-m", "sealed").returncode == 0
    witness.wait_payload("lab/a", "sealed")
    for wrong in (key("esp32", OTHER), key("nobody", KEY), []):
        assert client(door, *wrong, "-t", "lab/a", "-m", "stolen").returncode != 0
    client(door, *key("esp32", KEY), "-t", "other", "-m", "not named")
    client(door, *key("phone", OTHER), "-t", "lab/a", "-m", "no rights")
    assert client(door, *key("esp32", KEY), "-u", "phone", "-t", "lab/b", "-m", "after").returncode == 0
    witness.wait_payload("lab/b", "after")
    assert not {"stolen", "not named", "no rights"} & {one.payload for one in witness.seen()}
    assert KEY not in gateway.said() and KEY not in str(gateway.status())
    # Another key, without a restart.
    with_keys(gateway, f"esp32:{OTHER}\n")
    assert tidegate(gateway, "broker", "reload").returncode == 0
    wait_until(lambda: client(door, *key("esp32", OTHER), "-t", "lab/c", "-m", "anew").returncode == 0, "the other key")
    assert client(door, *key("esp32", KEY), "-t", "lab/a", "-m", "stolen").returncode != 0


@pytest.mark.parametrize("text, mode, why", [
    (None, 0, "cannot be read: No such file or directory; a line is made with: echo"),
    ("", 0o600, "names nobody; add one: echo"),
    (f"esp32:{KEY}\n", 0o604, "can be read by everybody on this machine; mend it: chmod o="),
    ("esp32:0011\n", 0o600, 'line 1 of the file of keys'),
    (f"esp32:{KEY}x\n", 0o600, 'line 1 of the file of keys'),
    (f"esp32:{KEY}\n+:{KEY}\n", 0o600, 'line 2 of the file of keys'),
    (f"esp32:{KEY}\nesp32:{OTHER}\n", 0o600, 'line 2 of the file of keys'),
    (f"{KEY}\n", 0o600, 'line 1 of the file of keys'),
])
def test_keys_that_are_missing_open_or_damaged_keep_the_door_closed(make_gateway, door, text, mode, why):
    gateway = make_gateway(psk_door(door))
    if text is not None:
        with_keys(gateway, text, mode)
    gateway.start()
    assert why in str(gateway.status()["health"]) and KEY not in str(gateway.status()) + gateway.said()
    assert not parts.listens(door)


@pytest.mark.parametrize("more", ['plain = true', 'users = "broker-users"', 'anonymous = true', 'psk_hint = "two words"'])
def test_keys_stand_alone(make_gateway, door, more):
    gateway = make_gateway(psk_door(door, more))
    ran = tidegate(gateway, "check", str(gateway.file))
    assert ran.returncode == 78 and more.split()[0] in ran.stdout + ran.stderr


def test_the_brokers_log_is_on_topics_where_that_is_wanted(make_gateway, subscribe, door):
    gateway = make_gateway(with_users(door, broker="log_topics = true"))
    broker(gateway, "adduser", "phone", said="two\n")
    gateway.start()
    opens(gateway, door)
    log = subscribe(gateway.port, "$SYS/broker/log/#").wait("SUBACK")
    connect = b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03bad"
    with socket.create_connection(("127.0.0.1", gateway.port)) as bad:
        bad.sendall(2 * connect)
        log.wait("Bad client bad sending multiple CONNECT messages")


def test_a_password_is_on_no_command_line_and_in_nothing_that_is_said(make_gateway, door, tmp_path):
    """The hashing program is a script that writes down its words and becomes the real one."""
    words = tmp_path / "words"
    program = tmp_path / "bin" / "mosquitto_passwd"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {words}\nexec /usr/bin/mosquitto_passwd "$@"\n')
    program.chmod(0o755)
    gateway = make_gateway(with_users(door))
    ran = subprocess.run([parts.BINARY_DIR / "bin" / "tidegate", "broker", "adduser", "phone", "-c", str(gateway.file)], input="hunter2\n",
                         env={**gateway.environment(), "PATH": f"{program.parent}:{os.environ['PATH']}"}, capture_output=True, text=True,
                         timeout=DEADLINE, check=True)
    assert "phone" in words.read_text() and "hunter2" not in words.read_text()
    assert "hunter2" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("block, words", [
    ("", ["asks nobody who they are", "in the clear"]),
    ("plain = true", ["asks nobody who they are"]),
    ("anonymous = true", ["in the clear"]),
    ('plain = true\nanonymous = true\naddress = "eth0"', ['"eth0" is no address']),
    ('plain = true\nusers = "u"\n[[broker.listener.user]]\nname = "+"', ["wildcard"]),
    ('plain = true\nusers = "u"\n[[broker.listener.user]]\nname = "a:b"', ["letters, digits"]),
    ('plain = true\nanonymous = true\n[[broker.listener.user]]\nname = "a"', ["leave one out"]),
    ('users = "u"\n[broker.listener.tls]\ncert_file = "no.pem"', ["both cert_file and key_file"]),
    ('plain = true\nanonymous = true\nport = 1', ["taken by [broker] port"]),
])
def test_a_block_that_is_not_said_in_full_is_refused_with_its_place(make_gateway, block, words):
    gateway = make_gateway(f"[broker]\nport = 1\n[broker.listener]\nport = 2\n{block}\n" if "port = 1" not in block
                           else f"[broker]\nport = 1\n[broker.listener]\n{block}\n")
    ran = tidegate(gateway, "check", str(gateway.file))
    assert ran.returncode == 78
    assert all(word in ran.stderr for word in words), ran.stderr
    assert f"{gateway.file}:" in ran.stderr


def test_it_is_not_for_a_broker_that_is_not_ours(make_gateway):
    gateway = make_gateway('[broker]\nurl = "mqtt://127.0.0.1:1883"\n[broker.listener]\nplain = true\nanonymous = true\n')
    ran = tidegate(gateway, "check", str(gateway.file))
    assert ran.returncode == 78 and "listener" in ran.stderr and "url names one that runs already" in ran.stderr


def test_who_may_not_change_the_file_is_told_to_use_sudo(door):
    with tempfile.TemporaryDirectory() as folder:
        program = shutil.copy(parts.BINARY_DIR / "bin" / "tidegate", folder)
        file = pathlib.Path(folder, "tidegate.toml")
        file.write_text(with_users(door))
        other = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        os.chmod(folder, 0o555)
        ran = subprocess.run([program, "broker", "adduser", "phone", "-c", file], input="two\n", env=tool_environment(HOME="/nonexistent"), cwd=folder,
                             capture_output=True, text=True, timeout=DEADLINE, check=False, **other)
        os.chmod(folder, 0o755)
    assert ran.returncode == 77 and "sudo tidegate broker adduser phone" in ran.stderr, ran.stderr


def test_users_are_changed_with_care(make_gateway, door):
    gateway = make_gateway(with_users(door))
    broker(gateway, "adduser", "phone", said="two\n")
    for words, said, told in ((["adduser", "phone"], "x\n", "has a user"), (["passwd", "nobody"], "x\n", "has no user"),
                              (["rmuser", "nobody"], "", "has no user"), (["adduser", "a#"], "x\n", "wildcard"),
                              (["adduser", "b"], "\n", "empty password")):
        ran = tidegate(gateway, "broker", *words, "-c", str(gateway.file), said=said)
        assert ran.returncode != 0 and told in ran.stderr, ran.stderr
    ran = tidegate(gateway, "broker", "adduser", "-c", str(gateway.file), "--", "-x", said="x\n")
    assert ran.returncode == 78 and "no '-' in front" in ran.stderr
    assert broker(gateway, "users").split() == ["phone"]
