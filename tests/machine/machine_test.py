# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The services under the real systemd, in a whole machine that is booted once: its tests follow each other in it."""
import json
import pathlib
import re
import shutil
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support")]

import installed  # noqa: E402
import machine  # noqa: E402

pytestmark = pytest.mark.skipif(bool(machine.why_not()), reason=machine.why_not() or "-")

PROGRAMS = [installed.BINARY_DIR / "bin" / name for name in ("tidegated", "tidegate-broker", "tidegate-apps", "tidegate")]
SERVICES = ("tidegate-broker", "tidegated", "tidegate-apps")
CONFIGURATION = """
[gateway]
id = "gw"
stop_timeout = "5m"

[[upstream]]
name = "cloud"
servers = ["mqtt://127.0.0.1:2883"]
username = "gateway"
password = { credential = "cloud" }
backoff_most = "2s"
rate = "10/s"
[[upstream.forward]]
topics = ["device/#"]

[[gpio.input]]
name = "door"
line = "GPIO17"
[[gpio.output]]
name = "lamp"
line = "GPIO27"

[sysstat]
interval = "2s"
collect = ["memory", "disk", "uptime", "top"]
[sysstat.top]
count = 100
"""
AUTOMATION = """
# tidegate: memory=256MiB
from tidegate import App

app = App()

@app.on("ask")
def ask(msg):
    print("asked for", msg.text)
    app.publish("answer", "to " + msg.text)

app.run()
"""
# Before systemd runs, without it.
PREPARE = """systemd-sysusers
systemctl --quiet enable tidegated tidegate-broker tidegate-apps upstream
journalctl --update-catalog
"""
UPSTREAM = """[Service]
ExecStart=/usr/sbin/mosquitto -c /etc/upstream.conf
[Install]
WantedBy=multi-user.target
"""


def drop_in(stage, unit, text):
    folder = stage / f"etc/systemd/system/{unit}.service.d"
    folder.mkdir(parents=True)
    (folder / "test.conf").write_text("[Service]\n" + text)


def fill(stage):
    """What is put on the machine: the installed programs, the Python package, a configuration, and an upstream that asks for a
    password. The distribution's own Mosquitto is there, and has the usual port."""
    installed.install(stage)
    shutil.copytree(installed.BINARY_DIR / "python/tidegate", stage / "usr/lib/python3/dist-packages/tidegate", symlinks=False)
    (stage / "etc/tidegate").mkdir(parents=True)
    (stage / "etc/tidegate/tidegate.toml").write_text(CONFIGURATION)
    (stage / "etc/tidegate/cloud.secret").write_text("open sesame\n")
    (stage / "etc/tidegate/cloud.secret").chmod(0o600)
    (stage / "etc/upstream.conf").write_text("listener 2883 127.0.0.1\npassword_file /etc/upstream.users\nuser root\n")
    (stage / "etc/systemd/system").mkdir(parents=True)
    (stage / "etc/systemd/system/upstream.service").write_text(UPSTREAM)
    # A sanitizer's leak check wants to trace the process, which the sandbox forbids.
    sanitizer = "Environment=ASAN_OPTIONS=detect_leaks=0\n"
    drop_in(stage, "tidegated", sanitizer + "LoadCredential=cloud:/etc/tidegate/cloud.secret\nWatchdogSec=20s\nTimeoutAbortSec=1s\nTimeoutStopSec=8s\n")
    drop_in(stage, "tidegate-broker", sanitizer)
    preload = machine.preload(installed.BINARY_DIR)
    drop_in(stage, "tidegate-apps", sanitizer + (f"Environment=LD_PRELOAD={preload}\n" if preload else ""))


@pytest.fixture(scope="module")
def vm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("machine")
    path = machine.image(installed.BINARY_DIR / "machine", PROGRAMS)
    fill(folder / "stage")
    one = machine.Machine(folder, path, "mosquitto_passwd -b -c /etc/upstream.users gateway 'open sesame'\n" + PREPARE)
    try:
        yield one.wait_up()
        one.power_off()
    finally:
        one.stop()


def pid(vm, unit):
    return int(vm.show(unit, "MainPID"))


def mosquitto_pid(vm):
    return json.loads(vm.root("cat /run/tidegate-broker/broker.json"))["pid"]


def lane(vm):
    return json.loads(vm.root("tidegate status --json"))["upstreams"][0]["lanes"][0]


def broker_port(vm):
    return int(vm.root("cat /run/tidegate/broker.url").rpartition(":")[2])


def wait_connected(vm):
    vm.wait_until("tidegate status --json | grep -q '\"state\": *\"connected\"' && test -e /run/tidegate/broker.url")


def subscribe(vm, name, topic, port=None, more=""):
    """A client of the local broker, that notices nothing of the gateway, and has subscribed; what it sees is in /run/NAME.seen."""
    where = f"-h 127.0.0.1 -p {port or broker_port(vm)} {more}"
    vm.root(f"mosquitto_pub {where} -q 1 -r -t ready/{name} -m subscribed")
    vm.root(f"systemd-run --quiet --unit {name} sh -c 'exec mosquitto_sub {where} -i {name} -q 1 -F \"%t %p\" -t ready/{name} -t \"{topic}\" >/run/{name}.seen'")
    vm.wait_until(f"grep -F 'ready/{name} subscribed' /run/{name}.seen")


def journal(vm, words):
    """With all that was said before."""
    return vm.root(f"journalctl --sync; journalctl --no-pager {words}")


def test_all_three_are_ready_after_the_boot(vm):
    for unit in SERVICES:
        vm.wait_until(f"systemctl is-active {unit}", 120)
        assert vm.show(unit, "NRestarts") == "0"
    wait_connected(vm)
    vm.wait_until("systemctl show -P StatusText tidegated | grep 'cloud connected'")
    assert "connected to unix:/run/tidegate-broker/broker.sock" in journal(vm, "-u tidegated")
    text = vm.show("tidegated", "StatusText")
    assert re.fullmatch(r"local broker mqtt://127\.0\.0\.1:\d+; cloud connected.*", text), text


def test_each_has_a_user_of_its_own_and_private_folders(vm):
    for unit, user in (("tidegated", "tidegate"), ("tidegate-broker", "tidegate-broker"), ("tidegate-apps", "tidegate-apps")):
        assert vm.root(f"stat -c %U /proc/{pid(vm, unit)}") == user
    assert vm.root("stat -c '%a %U' /var/lib/tidegate /var/lib/tidegate-broker /run/tidegate").splitlines() == ["750 tidegate", "700 tidegate-broker", "755 tidegate"]
    assert vm.root("find /var/lib/tidegate /var/lib/tidegate-broker -type f -perm /077") == ""


def test_the_distributions_broker_keeps_its_port_and_ours_has_another(vm):
    assert vm.root("systemctl is-active mosquitto") == "active"
    assert broker_port(vm) != 1883
    assert "1883" not in vm.root("cat /run/tidegate-broker/broker/mosquitto.conf")


def test_a_user_finds_the_broker_and_what_it_publishes_goes_upstream(vm):
    subscribe(vm, "witness", "#", 2883, "-u gateway -P \"open sesame\"")
    # The service's file is believed, though it belongs to neither root nor this user.
    vm.root("setpriv --reuid nobody --clear-groups env HOME=/nonexistent ASAN_OPTIONS=detect_leaks=0 tidegate pub -t device/a -m hello -q 1")
    vm.wait_until("mosquitto_pub -h 127.0.0.1 -p $(sed 's/.*://' /run/tidegate/broker.url) -q 1 -t device/b -m again && grep -F 'device/b again' /run/witness.seen")
    vm.wait_until("grep -F 'device/a hello' /run/witness.seen")


def test_an_automation_that_is_dropped_in_runs_within_a_control_group(vm):
    vm.write("/etc/tidegate/automations/asked.py", AUTOMATION)
    vm.wait_until("tidegate app list --json | grep -q '\"state\": *\"running\"'", 90)
    listed = json.loads(vm.root("tidegate app list --json"))["apps"][0]
    assert listed["name"] == "asked" and "control group" in listed["limits"], listed
    assert "app-asked" in vm.root(f"cat /proc/{listed['pid']}/cgroup")
    subscribe(vm, "answers", "answer")
    port = broker_port(vm)
    vm.wait_until(f"mosquitto_pub -h 127.0.0.1 -p {port} -t ask -q 1 -m 42; grep -F 'answer to 42' /run/answers.seen", 90)


def test_the_journal_has_fields(vm):
    vm.wait_until("journalctl -u tidegate-apps TIDEGATE_APP=asked | grep -F 'asked for 42'")
    started = journal(vm, "-x -u tidegated | grep -A3 'tidegated .* runs'")
    assert "The Tidegate gateway runs" in started, started
    ids = [json.loads(line).get("MESSAGE_ID") for line in journal(vm, "-o json -u tidegated").splitlines()]
    assert re.search(r'started = "(\w+)"', (installed.SOURCE_DIR / "core/base/events.hpp").read_text()).group(1) in ids


CHIP = """set -e
base=/sys/kernel/config/gpio-sim/pi; mkdir -p $base/bank0; cd $base/bank0
echo pinctrl-bcm2711 > label; echo 54 > num_lines
for line in 17 27; do mkdir line$line; echo GPIO$line > line$line/name; done
echo 1 > $base/live
echo /sys/devices/platform/$(cat $base/dev_name)/$(cat chip_name)"""


def test_lines_work_in_the_sandbox_with_the_rights_that_udev_gives(vm):
    chip = vm.root(CHIP)
    vm.wait_until("test \"$(stat -c '%a %G' /dev/gpiochip0)\" = '660 gpio'")
    subscribe(vm, "lines", "tidegate/gw/gpio/#")
    vm.wait_until("grep -F 'gpio/door' /run/lines.seen", 90)
    vm.root(f"echo pull-up > {chip}/sim_gpio17/pull")
    vm.wait_until("tail -n 3 /run/lines.seen | grep -F 'gpio/door ON'")
    vm.root(f"mosquitto_pub -h 127.0.0.1 -p {broker_port(vm)} -q 1 -t tidegate/gw/gpio/lamp/set -m ON")
    vm.wait_until(f"grep 1 {chip}/sim_gpio27/value")
    assert "|tidegate " in vm.root("cat /sys/kernel/debug/gpio 2>/dev/null || (mount -t debugfs none /sys/kernel/debug; cat /sys/kernel/debug/gpio)")


def test_sysfs_can_be_set_where_its_files_rights_allow_it(vm):
    """As PWM and IIO are; the rest of the kernel's tunables cannot."""
    vm.root("mkdir /sys/kernel/config/iio/devices/dummy/d0")
    device = vm.wait_until("grep -l . /sys/bus/iio/devices/iio:device*/name | head -n 1").rpartition("/")[0]
    vm.wait_until(f"test \"$(stat -L -c '%G' {device}/in_voltage0_raw)\" = gpio")
    inside = f"nsenter -t {pid(vm, 'tidegated')} -m setpriv --reuid tidegate --regid tidegate --groups $(getent group gpio | cut -d: -f3) sh -c"
    vm.root(f"{inside} 'echo 8 > {device}/buffer/length'")
    assert vm.root(f"cat {device}/buffer/length") == "8"
    as_root = f"nsenter -t {pid(vm, 'tidegated')} -m sh -c"
    for file in ("/proc/sys/kernel/panic", "/sys/kernel/mm/ksm/run", "/sys/module/printk/parameters/time"):
        code, text = vm.run(f"test -e {file} || exit 0; {as_root} 'echo 1 > {file}'")
        assert code != 0 and "Read-only" in text or not text, (file, text)


def test_figures_of_the_machine_are_right_in_the_sandbox(vm):
    subscribe(vm, "figures", "tidegate/gw/sysstat/#")
    vm.wait_until("grep -q 'memory/total' /run/figures.seen && grep -q 'disk/root/total' /run/figures.seen && grep -q 'sysstat/top' /run/figures.seen", 90)
    seen = dict(line.removeprefix("tidegate/gw/sysstat/").split(" ", 1) for line in vm.root("cat /run/figures.seen").splitlines())
    memory = int(re.search(r"MemTotal: +(\d+)", vm.root("cat /proc/meminfo")).group(1)) * 1024
    assert float(seen["memory/total"]) == memory
    disk = int(vm.root("stat -f -c '%b %S' / | { read b s; echo $((b * s)); }"))
    assert abs(float(seen["disk/root/total"]) - disk) < 0.01 * disk
    assert 0 <= float(vm.root("cut -d' ' -f1 /proc/uptime")) - float(seen["uptime"]) < 30
    assert {"systemd", "mosquitto", "tidegated"} <= {one["name"] for one in json.loads(seen["top"])}  # also those of others


def test_a_gateway_that_is_killed_comes_again_and_nobody_else_notices(vm):
    subscribe(vm, "device", "kept/#")
    before, mosquitto, client, apps = pid(vm, "tidegated"), mosquitto_pid(vm), pid(vm, "device"), pid(vm, "tidegate-apps")
    port = broker_port(vm)
    vm.root(f"kill -9 {before}")
    vm.root(f"mosquitto_pub -h 127.0.0.1 -p {port} -q 1 -t device/meanwhile -m taken")
    vm.wait_until(f"systemctl is-active tidegated && test $(systemctl show -P MainPID tidegated) != {before}", 90)
    vm.wait_until("grep -F 'device/meanwhile taken' /run/witness.seen", 90)
    assert mosquitto_pid(vm) == mosquitto
    assert pid(vm, "tidegate-apps") == apps
    vm.wait_until(f"mosquitto_pub -h 127.0.0.1 -p {port} -t kept/one -m still; grep -F 'kept/one still' /run/device.seen")
    assert pid(vm, "device") == client
    wait_connected(vm)


def test_a_keeper_of_the_broker_that_is_killed_leaves_it_to_the_next(vm):
    before, mosquitto = pid(vm, "tidegate-broker"), mosquitto_pid(vm)
    vm.root(f"kill -9 {before}")
    vm.wait_until(f"systemctl is-active tidegate-broker && test $(systemctl show -P MainPID tidegate-broker) != {before}", 90)
    assert mosquitto_pid(vm) == mosquitto
    vm.wait_until("journalctl -u tidegate-broker | grep 'adopted the local broker'")


def test_a_broker_that_is_killed_is_started_again_and_found(vm):
    mosquitto = mosquitto_pid(vm)
    vm.root(f"kill -9 {mosquitto}")
    vm.wait_until(f"! grep -q '\"pid\":{mosquitto},' /run/tidegate-broker/broker.json && test -e /run/tidegate-broker/broker.url", 90)
    wait_connected(vm)
    vm.wait_until("mosquitto_pub -h 127.0.0.1 -p $(sed 's/.*://' /run/tidegate/broker.url) -q 1 -t device/c -m after && grep -F 'device/c after' /run/witness.seen", 90)


def test_a_gateway_that_stands_still_is_replaced_by_the_watchdog(vm):
    before = pid(vm, "tidegated")
    vm.root(f"kill -STOP {before}")
    vm.wait_until(f"systemctl is-active tidegated && test $(systemctl show -P MainPID tidegated) != {before}", 120)
    assert "watchdog" in journal(vm, "-u tidegated -n 50").lower()
    wait_connected(vm)


def test_a_stop_drains_first(vm):
    vm.wait_until("systemctl show -P StatusText tidegated | grep 'cloud connected'")
    port = broker_port(vm)
    before = lane(vm)["accepted"]
    vm.root(f"seq 1 400 | sed 's/^/n/' | mosquitto_pub -h 127.0.0.1 -p {port} -q 1 -t device/burst -l", 120)
    while lane(vm)["accepted"] < before + 400:
        pass  # each look takes its time
    assert lane(vm)["waiting"] > 100  # at 10 a second: longer than the unit's timeout, were it not for what is asked for
    vm.root("systemctl stop tidegated", 120)
    assert vm.show("tidegated", "Result") == "success"
    vm.wait_until("test $(grep -c 'device/burst n' /run/witness.seen) -ge 400")
    assert vm.root("grep -c 'device/burst n' /run/witness.seen") == "400"
    assert vm.run("test -e /run/tidegate/broker.url")[0] == 1
    assert vm.root("systemctl is-active tidegate-broker") == "active"


def test_a_wrong_configuration_is_told_and_not_tried_over_and_over(vm):
    vm.root("cp /etc/tidegate/tidegate.toml /run/good.toml; sed -i 's/interval/intervall/' /etc/tidegate/tidegate.toml")
    assert vm.run("systemctl restart tidegated")[0] != 0
    assert vm.show("tidegated", "ExecMainStatus") == "78"
    assert vm.show("tidegated", "ActiveState") == "failed" and vm.show("tidegated", "NRestarts") == "0"
    assert "did you mean" in journal(vm, "-u tidegated -n 20")
    vm.root("cp /run/good.toml /etc/tidegate/tidegate.toml; systemctl start tidegated")
    wait_connected(vm)


def test_a_reload_is_checked_first(vm):
    before = pid(vm, "tidegated")
    status, text = vm.run("systemctl reload tidegated")
    assert status == 0, text + vm.run("journalctl -u tidegated --no-pager -n 30")[1]
    vm.root("sed -i 's/interval/intervall/' /etc/tidegate/tidegate.toml")
    assert vm.run("systemctl reload tidegated")[0] != 0
    vm.root("cp /run/good.toml /etc/tidegate/tidegate.toml")
    assert pid(vm, "tidegated") == before and vm.show("tidegated", "ActiveState") == "active"


def test_the_doctor_finds_nothing_that_fails_and_asks_the_real_machine(vm):
    answer = json.loads(vm.root("tidegate doctor --json", 120))
    found = {}
    for one in answer["checks"]:
        found.setdefault(one["what"], []).append(one)
    assert answer["ok"], found
    for what in ("configuration", "secrets", "folders", "group gpio", "gpio chips", "python", "broker exposure", "sandbox"):
        assert [one["verdict"] for one in found[what]] == ["ok"] * len(found[what]), found[what]
    assert found["gpio chips"][0]["detail"] == "gpiochip0 is pinctrl-bcm2711, 54 lines, which has the 40-pin header of a Raspberry Pi"
    assert len(found["sandbox"]) == 2
    vm.root("chmod o+w /etc/tidegate/tidegate.toml; chmod 600 /dev/gpiochip0")
    try:
        status, text = vm.run("tidegate doctor", 120)
        assert status == 1 and "sudo chmod o-w /etc/tidegate/tidegate.toml" in text and "/dev/gpiochip0 is root's alone" in text, text
    finally:
        vm.root("chmod o-w /etc/tidegate/tidegate.toml; chmod 660 /dev/gpiochip0")


def test_a_bundle_has_the_real_journal_without_secrets_and_what_automations_print(vm):
    vm.root("tidegate diag -o /run/bundle.tar.gz && mkdir /run/bundle && tar -xzf /run/bundle.tar.gz -C /run/bundle --strip-components=1", 120)
    assert vm.root("stat -c %a /run/bundle.tar.gz") == "600"
    assert "tidegated: tidegated " in vm.root("cat /run/bundle/journal.txt")
    assert "Id=tidegated.service" in vm.root("cat /run/bundle/units.txt")
    assert vm.run("grep -rF -e 'open sesame' -e 'asked for 42' /run/bundle")[0] == 1


def test_secrets_are_in_no_log_and_no_process_list(vm):
    vm.root("journalctl --sync")
    assert vm.run("journalctl --no-pager -u tidegated -u tidegate-broker -u tidegate-apps | grep -F 'open sesame'")[0] == 1
    assert vm.run("tidegate status --json | grep -F 'open sesame'")[0] == 1
    assert vm.run(f"tr '\\0' '\\n' < /proc/{pid(vm, 'tidegated')}/environ | grep -F 'open sesame'")[0] == 1


def test_nothing_failed_and_no_sanitizer_spoke(vm):
    assert vm.root("systemctl --failed --plain --no-legend") == ""
    told = vm.run("journalctl --sync; journalctl --no-pager | grep -E 'Sanitizer|runtime error'")[1]
    assert told == "", told
