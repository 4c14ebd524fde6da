# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A whole machine as people have it: the Debian packages installed under the real systemd, lines on gpio-sim, an automation dropped in;
then a kill, an upgrade and a power cut, with an upstream that is away. Nothing that was accepted may be lost: the oracle decides."""
import json
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support"), str(pathlib.Path(__file__).resolve().parents[2] / "tools")]

import debian  # noqa: E402
import installed  # noqa: E402
import machine  # noqa: E402
from oracle import Ledger, read_stamp  # noqa: E402

pytestmark = pytest.mark.skipif(bool(machine.why_not()), reason=machine.why_not() or "-")

PROGRAMS = [installed.BINARY_DIR / "bin" / name for name in ("tidegated", "tidegate-broker", "tidegate-apps", "tidegate")]
SERVICES = ("tidegate-broker", "tidegated", "tidegate-apps")
CONFIGURATION = """
[broker]
port = 1884

[[upstream]]
name = "cloud"
servers = ["mqtt://127.0.0.1:2883"]
backoff_most = "2s"
[[upstream.forward]]
topics = ["device/#"]

[[gpio.input]]
name = "door"
line = "GPIO17"
[[gpio.output]]
name = "lamp"
line = "GPIO27"
"""
AUTOMATION = """
from tidegate import App

app = App()

@app.edge("door", "pressed")
def pressed():
    app.publish("device/door", "the door is pressed")
    app.output("lamp").on()

app.run()
"""
UPSTREAM = """[Service]
ExecStart=/usr/sbin/mosquitto -c /etc/upstream.conf
"""
CHIP = """set -e
modprobe gpio-sim 2>/dev/null || true
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
base=/sys/kernel/config/gpio-sim/pi; mkdir -p $base/bank0; cd $base/bank0
echo pinctrl-bcm2711 > label; echo 54 > num_lines
for line in 17 27; do mkdir line$line; echo GPIO$line > line$line/name; done
echo 1 > ../live"""


class Story:
    """What the tests of this file, which follow each other, hand on: the machine, and the ledger."""

    def __init__(self, folder):
        self.folder, self.ledger, self.sent = folder, Ledger(), 0
        self.image = folder / "disk.img"
        base = machine.image(installed.BINARY_DIR / "machine", PROGRAMS)
        subprocess.run(["cp", "--sparse=always", base, self.image], check=True)
        stage = folder / "first/stage"
        (stage / "etc/systemd/system").mkdir(parents=True)
        (stage / "etc/systemd/system/upstream.service").write_text(UPSTREAM)
        (stage / "etc/upstream.conf").write_text("listener 2883 127.0.0.1\nallow_anonymous true\nuser root\n")
        debian.give(stage / "packages")
        debian.give_newer(stage / "newer")
        self.vm = None
        self.boot("first")

    def boot(self, name):
        self.vm = machine.Machine(self.folder / name, self.image, "", keep=True)
        self.vm.wait_up()

    def publish(self, count):
        """As a device does; the broker has all of them, and the gateway, when this returns."""
        before = self.lane()["accepted"]
        first, self.sent = self.sent + 1, self.sent + count
        self.vm.root(f"seq {first} {self.sent} | sed 's/^/device /' | mosquitto_pub -h 127.0.0.1 -p 1884 -q 1 -t device/a -l", 120)
        self.vm.wait_until(f"[ $(tidegate status --json | python3 -c \"import json, sys; print(json.load(sys.stdin)['upstreams'][0]['lanes'][0]['accepted'])\") "
                           f"-ge {before + count} ]")
        for n in range(first, self.sent + 1):
            self.ledger.accept("device", n)

    def lane(self):
        return json.loads(self.vm.root("tidegate status --json"))["upstreams"][0]["lanes"][0]

    def witness(self, name):
        """Starts the upstream, and somebody there who notes what arrives, from the first message on."""
        self.vm.root("tidegate upstream pause cloud && systemctl start upstream")
        self.vm.wait_until("mosquitto_pub -h 127.0.0.1 -p 2883 -t up -n")
        self.vm.root(f"systemd-run --quiet --unit {name} sh -c 'exec mosquitto_sub -h 127.0.0.1 -p 2883 -q 1 -t \"device/#\" >/run/{name}.seen'")
        self.vm.wait_until(f"mosquitto_pub -h 127.0.0.1 -p 2883 -t device/hello -m hello; grep -q hello /run/{name}.seen")
        self.vm.root("tidegate upstream resume cloud")

    def seen(self, name):
        """Everything has been delivered: what arrived goes into the ledger."""
        self.vm.wait_until("tidegate status --json | python3 -c \"import json, sys; sys.exit(json.load(sys.stdin)['upstreams'][0]['lanes'][0]['waiting'])\"", 120)
        # The witness has it a little later than the gateway is told that it was delivered.
        self.vm.wait_until(f"mosquitto_pub -h 127.0.0.1 -p 2883 -q 1 -t device/end -m 'end at {self.sent}'; grep -q 'end at {self.sent}' /run/{name}.seen")
        for line in self.vm.root(f"cat /run/{name}.seen").splitlines():
            if stamp := read_stamp(line):
                self.ledger.arrived(*stamp)


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    one = Story(folder)
    try:
        yield one
    finally:
        one.vm.stop()
        shutil.rmtree(folder, ignore_errors=True)


def active(vm):
    for unit in SERVICES:
        vm.wait_until(f"systemctl is-active {unit}", 120)


def test_dpkg_starts_the_services(story):
    story.vm.root(CHIP)
    story.vm.root("DEBIAN_FRONTEND=noninteractive dpkg -i /packages/*.deb 2>&1", 300)
    active(story.vm)
    story.vm.wait_until("test $(stat -c %G /dev/gpiochip0) = gpio")
    assert debian.project_version() in story.vm.wait_until("busctl get-property org.tidegate.Gateway1 /org/tidegate/Gateway1 org.tidegate.Gateway1 Version")
    assert story.vm.root("systemctl is-active mosquitto") == "active"


def test_lines_and_an_upstream_come_with_a_reload(story):
    story.vm.root("mkdir -p /etc/tidegate/conf.d")
    before = story.vm.show("tidegated", "MainPID")
    story.vm.write("/etc/tidegate/conf.d/mine.toml", CONFIGURATION.replace("[broker]\nport = 1884\n", ""))
    story.vm.root("systemctl reload tidegated")
    assert story.vm.show("tidegated", "MainPID") == before
    status = json.loads(story.vm.root("tidegate status --json"))
    assert [one["name"] for one in status["upstreams"]] == ["cloud"]
    story.vm.wait_until("tidegate gpio info | grep -E 'GPIO27.*tidegate'")
    # What a reload does not change wants a restart, and says so.
    story.vm.write("/etc/tidegate/conf.d/mine.toml", CONFIGURATION)
    story.vm.root("systemctl restart tidegate-broker tidegated tidegate-apps", 120)
    active(story.vm)
    story.vm.wait_until("mosquitto_pub -h 127.0.0.1 -p 1884 -t up -n")


def test_an_automation_is_dropped_in(story):
    story.witness("first")
    story.vm.write("/etc/tidegate/automations/door.py", AUTOMATION)
    story.vm.wait_until("tidegate app list --json | grep -q '\"state\": *\"running\"'", 90)
    bank = story.vm.root("ls -d /sys/devices/platform/gpio-sim.*/gpiochip*")
    story.vm.wait_until(f"echo pull-up >{bank}/sim_gpio17/pull; sleep 0.2; echo pull-down >{bank}/sim_gpio17/pull; grep -q 'the door is pressed' /run/first.seen", 60)
    story.vm.wait_until(f"grep -qx 1 {bank}/sim_gpio27/value")
    story.vm.root("rm /etc/tidegate/automations/door.py")
    story.vm.wait_until("! tidegate app list --json | grep -q '\"door\"'")


def test_a_gateway_that_is_killed_loses_nothing(story):
    story.publish(200)
    story.vm.root("systemctl kill -s KILL tidegated")
    story.vm.wait_until("tidegate status")
    story.publish(200)
    story.seen("first")
    assert story.ledger.verdict().delivered == 400


def test_an_upgrade_with_messages_in_the_spool_loses_nothing(story):
    story.vm.root("systemctl stop upstream")
    story.publish(300)
    story.vm.root("DEBIAN_FRONTEND=noninteractive dpkg -i /newer/*.deb 2>&1", 300)
    assert "+newer" in story.vm.root("dpkg-query -W -f '${Version}' tidegate")
    active(story.vm)
    story.vm.wait_until("mosquitto_pub -h 127.0.0.1 -p 1884 -t up -n && tidegate status")
    assert story.lane()["waiting"] == 300
    story.publish(300)
    assert story.lane()["waiting"] == 600


def test_what_was_durable_survives_a_power_cut(story):
    story.vm.wait_until("tidegate status --json | python3 -c \"import json, sys; lane = json.load(sys.stdin)['upstreams'][0]['lanes'][0]; "
                        "sys.exit(lane['durable'] < lane['accepted'])\"")
    story.vm.stop()  # without a word to the machine
    story.boot("second")
    active(story.vm)  # by itself
    assert story.lane()["waiting"] == 600
    story.witness("second")
    story.seen("second")
    verdict = story.ledger.verdict()
    assert verdict.holds and verdict.lost == 0 and verdict.delivered == 1000, verdict
    assert story.vm.root("systemctl --failed --no-legend --plain | grep -c tidegate || true") == "0"
