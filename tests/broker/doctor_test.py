# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""`tidegate doctor`: on this machine with the real programs, and on trees that are made up to look like machines that this one is not."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest

import parts
from parts import tool_environment

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
TIDEGATE = parts.BINARY_DIR.resolve() / "bin" / "tidegate"


class Finding:
    def __init__(self, verdict, what, detail, mend):
        self.verdict, self.what, self.detail, self.mend = verdict, what, detail, mend

    def __repr__(self):
        return f"{self.verdict} {self.what}: {self.detail} ({self.mend})"


def run(*words, environment=None, **more):
    return subprocess.run([str(TIDEGATE), "doctor", *map(str, words)], env=environment or tool_environment(), capture_output=True, text=True, timeout=60,
                          check=False, **more)


def examine(*words, environment=None):
    """Its findings; its exit status is held to them."""
    ran = run("--json", *words, environment=environment)
    assert ran.stderr == ""
    answer = json.loads(ran.stdout)
    found = [Finding(**one) for one in answer["checks"]]
    fails = any(one.verdict == "fail" for one in found)
    assert (answer["ok"], ran.returncode) == (not fails, 1 if fails else 0)
    return found


def of(found, what):
    return [one for one in found if one.what == what]


def only(found, what):
    one, = of(found, what)
    return one


@pytest.fixture
def nowhere(tmp_path):
    """An environment in which there is neither gateway nor configuration."""
    folders = {name: str(tmp_path / name.lower()) for name in ("CONFIGURATION_DIRECTORY", "STATE_DIRECTORY", "RUNTIME_DIRECTORY")}
    for folder in folders.values():
        os.mkdir(folder)
    return tool_environment(**folders)


def snapshot(folder):
    return {path: (path.lstat().st_mode, path.lstat().st_mtime_ns, path.lstat().st_size) for path in folder.rglob("*")
            if path.name != "log" and "broker" not in path.parts[-2:]}


# ---- this machine ----

def test_a_gateway_that_runs_is_asked_and_nothing_is_changed(make_gateway):
    gateway = make_gateway("").start()
    before = snapshot(gateway.folder)
    found = examine("--runtime", gateway.runtime, environment=gateway.environment())
    assert snapshot(gateway.folder) == before
    assert only(found, "gateway").detail.startswith("tidegate ") and only(found, "gateway").verdict == "ok"
    for what in ("folders", "secrets"):
        assert only(found, what).verdict == "ok", found
    assert str(gateway.state) in only(found, "disk space").detail
    assert only(found, "broker exposure").verdict == "ok"
    assert [one for one in found if one.verdict in ("warn", "fail") and not one.mend and one.what not in ("configuration", "gateway")] == []


def test_what_the_gateway_itself_says_is_passed_on(make_gateway):
    gateway = make_gateway('[broker]\nport = 0\n[broker.listener]\nport = 1\naddress = "127.0.0.1"\nplain = true\nusers = "nobody-made-it"\n').start()
    found = examine("--runtime", gateway.runtime, environment=gateway.environment())
    assert any(one.verdict == "warn" and "does not listen to the network" in one.detail for one in of(found, "gateway")), found
    assert "nobody-made-it" in only(found, "secrets").detail and only(found, "secrets").verdict == "fail"


def test_without_gateway_and_configuration_it_says_so_and_finds_nothing_wrong_there(nowhere):
    found = examine(environment=nowhere)
    assert only(found, "configuration").verdict == "ok"
    gateway = only(found, "gateway")
    assert (gateway.verdict, "tidegated is not running" in gateway.detail) == ("skip", True)


def test_people_get_a_line_each_with_what_mends_it_below(nowhere):
    ran = run(environment=nowhere)
    *lines, counts = ran.stdout.splitlines()
    assert all(re.match(r"(ok  |warn|fail|skip)  \S.{14}  \S|\s+mend it: \S", line) for line in lines), ran.stdout
    heads = [line for line in lines if not line.startswith(" ")]
    assert counts == ", ".join(f"{sum(line.startswith(verdict) for line in heads)} {verdict}" for verdict in ("ok", "warn", "fail", "skip"))


def test_a_wrong_configuration_fails_with_every_place(tmp_path, nowhere):
    file = tmp_path / "tidegate.toml"
    file.write_text("[gateway]\nno_such_key = 1\n[broker]\nport = 70000\n")
    found = of(examine("-c", file, environment=nowhere), "configuration")
    assert [one.verdict for one in found] == ["fail", "fail"]
    assert f"{file}:2:1" in found[0].detail and f"{file}:4" in found[1].detail


def test_a_secret_that_others_can_read_fails_and_what_it_says_mends_it(tmp_path, nowhere):
    file, secret, key = tmp_path / "tidegate.toml", tmp_path / "cloud.secret", tmp_path / "gw.key"
    file.write_text('[[upstream]]\nname = "cloud"\nservers = ["mqtts://127.0.0.1:1"]\nusername = "me"\npassword = { file = "cloud.secret" }\n'
                    '[upstream.tls]\ncert_file = "gw.pem"\nkey_file = "gw.key"\n[[upstream.forward]]\ntopics = ["a"]\n')
    for one in (secret, key):
        one.write_text("open sesame\n")
        one.chmod(0o644)
    found = of(examine("-c", file, environment=nowhere), "secrets")
    assert [(one.verdict, one.mend) for one in found] == [("fail", f"sudo chmod 600 {secret}"), ("fail", f"sudo chmod o= {key}")]
    assert "sesame" not in repr(found)
    for one in found:
        subprocess.run(one.mend.removeprefix("sudo ").split(), check=True)
    assert only(examine("-c", file, environment=nowhere), "secrets").verdict == "ok"
    file.write_text(file.read_text().replace('{ file = "cloud.secret" }', '"open sesame"'))
    file.chmod(0o640)
    assert only(examine("-c", file, environment=nowhere), "secrets").mend == f"sudo chmod 600 {file}"


def test_an_open_door_is_a_warning_that_says_what_is_open(tmp_path, nowhere):
    file = tmp_path / "tidegate.toml"
    file.write_text('[broker.listener]\nplain = true\nanonymous = true\nport = 1884\n')
    found = of(examine("-c", file, environment=nowhere), "broker exposure")
    assert [one.verdict for one in found] == ["warn", "warn", "warn"] and "nothing listens there" in found[2].detail
    assert "anonymous = true" in found[0].detail and "plain = true" in found[1].detail and "port 1884 of all addresses" in found[0].detail


def test_a_folder_with_messages_that_everybody_can_change_fails(make_gateway):
    gateway = make_gateway('[[upstream]]\nname = "cloud"\nservers = ["mqtt://127.0.0.1:9"]\n[[upstream.forward]]\ntopics = ["a"]\n').start()
    gateway.stop()
    spool = gateway.state / "spool"
    assert only(examine("-c", gateway.file, environment=gateway.environment()), "folders").verdict == "ok"
    spool.chmod(0o777)
    found = only(examine("-c", gateway.file, environment=gateway.environment()), "folders")
    assert found.verdict == "fail" and found.mend == f"sudo chmod o= {spool}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_spool_that_belongs_to_another_user_than_the_state_fails(make_gateway):
    gateway = make_gateway('[[upstream]]\nname = "cloud"\nservers = ["mqtt://127.0.0.1:9"]\n[[upstream.forward]]\ntopics = ["a"]\n').start()
    gateway.stop()
    os.chown(gateway.state / "spool", 65534, 65534)
    found = only(examine("-c", gateway.file, environment=gateway.environment()), "folders")
    assert found.verdict == "fail" and found.mend == f"sudo chown -R --reference={gateway.state} {gateway.state}"


def test_a_file_of_users_that_is_missing_or_open_is_told_with_its_own_mend(tmp_path, nowhere):
    file, users = tmp_path / "tidegate.toml", tmp_path / "broker-users"
    file.write_text('[broker.listener]\nplain = true\nusers = "broker-users"\n')

    def found():
        one = only(examine("-c", file, environment=nowhere), "secrets")
        return one.verdict, one.mend
    assert found() == ("fail", "sudo tidegate broker adduser NAME")
    users.write_text("phone:$7$101$x$y\n")
    users.chmod(0o644)
    assert found() == ("fail", f"sudo chmod o= {users}")
    users.chmod(0o640)
    assert found()[0] == "ok"


def test_the_mosquitto_that_would_run_is_asked_for_its_version(tmp_path, nowhere):
    said = subprocess.run([parts.MOSQUITTO, "-h"], capture_output=True, text=True, check=False).stdout.split()[2]
    assert all(said in one.detail for one in of(examine(environment=nowhere), "broker version"))
    file = tmp_path / "tidegate.toml"
    file.write_text('[broker]\nprogram = "no-such-mosquitto"\n')
    found = only(examine("-c", file, environment=nowhere), "broker version")
    assert found.verdict == "fail" and "apt-get install mosquitto" in found.mend


def test_the_python_of_automations_is_asked_for_the_module(tmp_path, nowhere):
    file = tmp_path / "tidegate.toml"
    file.write_text(f'[automations]\npython = "{tmp_path / "venv"}"\n')
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", tmp_path / "venv"], check=True, env=tool_environment())
    assert only(examine(environment=nowhere), "python").verdict in ("ok", "skip"), "no automation wants it"
    found = only(examine("-c", file, environment=nowhere), "python")
    assert found.verdict == "warn" and "a virtual environment" in found.detail and "no module tidegate" in found.detail
    package, = (tmp_path / "venv/lib").glob("python3*/site-packages")
    (package / "tidegate.py").write_text("")
    assert only(examine("-c", file, environment=nowhere), "python").verdict == "ok"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; for an ordinary user all other tests show it")
def test_an_ordinary_user_is_told_what_he_may_not_see(tmp_path):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        program = shutil.copy(TIDEGATE, folder)
        file = pathlib.Path(folder) / "tidegate.toml"
        file.write_text("")
        file.chmod(0o600)
        ran = subprocess.run([program, "doctor", "-c", str(file), "--json"], env=tool_environment(HOME="/nonexistent"), user="nobody", group="nogroup",
                             extra_groups=[], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        assert ran.stderr == ""
        found = [Finding(**one) for one in json.loads(ran.stdout)["checks"]]
        assert (only(found, "configuration").verdict, only(found, "configuration").mend) == ("skip", "sudo tidegate doctor")


# ---- fake trees: they stand for machines, and hold what the kernel and systemd would show there ----

class Fake:
    """A Raspberry Pi with an eMMC, all well."""

    def __init__(self, root):
        self.root = root
        self.write("etc/group", f"root:x:0:\ngpio:x:{os.getgid() or 997}:tidegate\n")
        self.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        self.write("run/systemd/timesync/synchronized", "")
        self.mount("rw,noatime")
        self.write("sys/devices/emmc/mmcblk0/mmcblk0p2/partition", "2")
        self.write("sys/devices/emmc/mmcblk0/device/type", "MMC")
        self.wear("0x02 0x03")
        (root / "sys/dev/block").mkdir(parents=True)
        (root / "sys/dev/block/179:2").symlink_to("../../devices/emmc/mmcblk0/mmcblk0p2")
        self.listen("0100007F:075B")

    def write(self, name, text):
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def mount(self, options, kind="ext4"):
        self.write("proc/self/mountinfo", f"24 1 179:2 / / {options} shared:1 - {kind} /dev/mmcblk0p2 rw\n25 24 0:22 / /run rw,nosuid - tmpfs tmpfs rw\n")

    def wear(self, life_time):
        self.write("sys/devices/emmc/mmcblk0/device/life_time", life_time + "\n")

    def listen(self, *sockets):
        head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
        self.write("proc/net/tcp", head + "".join(f"   {at}: {one} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n" for at, one in enumerate(sockets)))

    def examine(self):
        return examine("--root", self.root)

    def only(self, what):
        return only(self.examine(), what)


@pytest.fixture
def pi(tmp_path):
    return Fake(tmp_path / "fake-pi")


def test_a_fake_machine_that_is_well_fails_nowhere(pi):
    found = pi.examine()
    for what in ("clock", "disk mount", "disk wear", "broker exposure"):
        assert only(found, what).verdict == "ok", found
    assert not [one for one in found if one.verdict == "fail"]


@pytest.mark.parametrize("life_time, verdict, says", [("0x01 0x01", "ok", "10 %"), ("0x02 0x09", "warn", "80 to 90 %"), ("0x0b 0x02", "fail", "outlived")])
def test_the_wear_of_an_emmc_is_told(pi, life_time, verdict, says):
    pi.wear(life_time)
    found = pi.only("disk wear")
    assert found.verdict == verdict and says in found.detail


def test_an_sd_card_tells_no_wear(pi):
    (pi.root / "sys/devices/emmc/mmcblk0/device/life_time").unlink()
    pi.write("sys/devices/emmc/mmcblk0/device/type", "SD\n")
    assert (pi.only("disk wear").verdict, "SD card" in pi.only("disk wear").detail) == ("skip", True)


def test_a_disk_that_became_read_only_fails(pi):
    pi.mount("ro,noatime")
    assert pi.only("disk mount").verdict == "fail" and "remount,rw" in pi.only("disk mount").mend


def test_a_card_without_noatime_and_a_spool_in_memory_are_warnings(pi):
    pi.mount("rw,relatime")
    assert "noatime" in pi.only("disk mount").mend
    pi.mount("rw,noatime", "tmpfs")
    assert pi.only("disk mount").verdict == "warn" and "lost with the power" in pi.only("disk mount").detail


def test_errors_of_a_file_system_fail(pi):
    pi.write("sys/fs/ext4/mmcblk0p2/errors_count", "3\n")
    found = pi.only("disk mount")
    assert found.verdict == "fail" and "3 errors" in found.detail


def test_a_clock_that_nobody_set_is_a_warning_and_one_that_is_behind_fails(pi):
    (pi.root / "run/systemd/timesync/synchronized").unlink()
    assert pi.only("clock").verdict == "warn" and "timedatectl" in pi.only("clock").mend
    file = pi.write("var/lib/systemd/timesync/clock", "")
    os.utime(file, (time.time() + 86400, time.time() + 86400))
    found = pi.only("clock")
    assert found.verdict == "fail" and "before the clock was last synchronized" in found.detail


def test_a_broker_that_is_not_ours_and_open_to_the_network_is_told(pi):
    pi.listen("0100007F:075B", "00000000:075B", "00000000:0016")
    found = pi.only("broker exposure")
    assert found.verdict == "warn" and "0.0.0.0 port 1883" in found.detail and "ss -ltnp" in found.mend
    pi.write("etc/mosquitto/conf.d/lan.conf", "listener 1883\nallow_anonymous true\n")
    assert "lets everybody in" in pi.only("broker exposure").detail
    pi.listen()
    pi.write("proc/net/tcp6", "  sl\n   0: 00000000000000000000000001000000:075B 0:0 0A\n   1: 0000000000000000FFFF00000100007F:075B 0:0 0A\n")
    assert pi.only("broker exposure").verdict == "ok"
    pi.write("proc/net/tcp6", "  sl\n   0: 00000000000000000000000000000000:22B3 0:0 0A\n")
    assert ":: port 8883" in pi.only("broker exposure").detail


def test_a_python_that_is_externally_managed_is_told_with_the_routes(pi):
    pi.write("usr/lib/python3.11/EXTERNALLY-MANAGED", "[externally-managed]\n")
    found = pi.only("python")
    assert "PEP 668" in found.detail and all(route in found.mend for route in ("venv", "pipx", "apt-get"))


def test_a_device_that_the_service_may_not_open_is_told(pi):
    device = pi.write("dev/gpiochip0", "")
    pi.write("usr/lib/systemd/system/tidegated.service", "[Service]\nUser=tidegate\nSupplementaryGroups=gpio i2c\n")
    device.chmod(0o600)
    found = pi.only("group gpio")
    assert found.verdict == "fail" and "udev" in found.mend
    if os.geteuid() == 0:
        os.chown(device, 0, 997)
    device.chmod(0o660)
    assert pi.only("group gpio").verdict == "ok"
    pi.write("usr/lib/systemd/system/tidegated.service", "[Service]\nUser=other\n")
    found = pi.only("group gpio")
    assert found.verdict == "warn" and found.mend.startswith("sudo adduser other gpio")
    assert pi.only("group i2c").verdict == "skip"
    pi.write("dev/ttyAMA0", "").chmod(0o600)
    found = pi.only("group dialout")
    assert found.verdict == "warn" and "serial-getty@ttyAMA0" in found.mend


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this machine has no systemd-analyze (package systemd); the next test is for that case")
def test_the_sandbox_of_the_installed_units_is_scored(pi):
    for name in ("tidegated", "tidegate-broker"):
        text = (SOURCE_DIR / f"systemd/{name}.service.in").read_text().replace("@SBINDIR@", "/usr/sbin").replace("@BINDIR@", "/usr/bin")
        pi.write(f"usr/lib/systemd/system/{name}.service", text.replace("@DOCDIR@", "/usr/share/doc/tidegate"))
    assert [one.verdict for one in of(pi.examine(), "sandbox")] == ["ok", "ok"]
    pi.write("etc/systemd/system/tidegated.service", "[Service]\nExecStart=/usr/sbin/tidegated\n")
    opened = of(pi.examine(), "sandbox")[0]
    assert opened.verdict == "fail" and "exposed 9." in opened.detail and "revert" in opened.mend


def test_without_units_or_systemd_the_sandbox_is_passed_over(pi):
    assert pi.only("sandbox").verdict == "skip"
    pi.write("usr/lib/systemd/system/tidegated.service", "[Service]\nUser=tidegate\n")
    empty = pi.root / "empty"
    empty.mkdir()
    found = only(examine("--root", pi.root, environment=tool_environment(PATH=str(empty))), "sandbox")
    assert (found.verdict, found.detail) == ("skip", "there is no systemd-analyze, or it does not answer")
