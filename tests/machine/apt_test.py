# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The Debian packages and the real apt, in a clean root of this machine's release: installed, upgraded with a full spool, removed, purged.
The services under systemd are tried in whole_test.py; here the gateway is started by hand, as its unit would."""
import json
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support"), str(pathlib.Path(__file__).resolve().parents[2] / "tools")]

import clean_root  # noqa: E402
import debian  # noqa: E402
import parts  # noqa: E402
from oracle import Ledger  # noqa: E402

pytestmark = pytest.mark.skipif(bool(clean_root.why_not()), reason=clean_root.why_not() or "-")

COUNT = 3000
SCRIPT = """
export DEBIAN_FRONTEND=noninteractive
gateway= upstream=
trap 'ended=$?; set +x; [ $ended = 0 ] || { kill $gateway $upstream; tail -n 8 /result/apt.log /result/gateway.log /result/steps; }' EXIT
exec 2>/result/steps
set -x
apt_get() { apt-get -q -y "$@" >/result/apt.log 2>&1 || { tail -n 40 /result/apt.log; exit 1; }; }
packages="/given/tidegate_*.deb /given/python3-tidegate_*.deb"
# What lies about, but for what every installation of whatever package changes.
snapshot() { find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /given -o -path /result -o -path /tmp -o -path /run -o -path /var/lib/dpkg \\
  -o -path /var/lib/apt -o -path /var/cache -o -path /var/log \\) -prune -o -print | sort >"$1"; }
gateway() { # as the unit starts it
  install -d -o tidegate -g tidegate -m 750 /var/lib/tidegate && install -d -o tidegate -g tidegate /run/tidegate
  setpriv --reuid tidegate --regid tidegate --init-groups env HOME=/var/lib/tidegate STATE_DIRECTORY=/var/lib/tidegate RUNTIME_DIRECTORY=/run/tidegate tidegated 2>>/result/gateway.log &
  gateway=$!
  until [ -e /run/tidegate/broker.url ]; do kill -0 $gateway; sleep 0.2; done
}
lane() { tidegate status --json | python3 -c "import json, sys; print(json.load(sys.stdin)['upstreams'][0]['lanes'][0]['$1'])"; }

apt_get install $packages mosquitto-clients
snapshot /result/installed
dpkg -L tidegate python3-tidegate >/result/contents
dpkg-query -W -f '${Package} ${Version}\\n' tidegate python3-tidegate >/result/versions
for user in tidegate tidegate-broker tidegate-apps; do getent passwd $user; done >/result/users
for unit in tidegated tidegate-broker tidegate-apps; do systemctl is-enabled $unit; done >/result/enabled
for program in tidegated tidegate-broker tidegate-apps tidegate; do $program --version; done >/result/programs
tidegate check >/result/check 2>&1
cd /
python3 -W error -c "
import importlib.metadata as metadata, json, tidegate, tidegate.paho.client
one = metadata.distribution('tidegate')
print(json.dumps([tidegate.__version__, one.version, sorted(f'{point.group}: {point.name}' for point in one.entry_points), tidegate.__file__]))" >/result/python

apt_get purge tidegate python3-tidegate
snapshot /result/without
apt_get install $packages

mkdir -p /etc/tidegate/conf.d
cat >/etc/tidegate/conf.d/cloud.toml <<END
[broker]
port = LOCAL
[[upstream]]
name = "cloud"
servers = ["mqtt://127.0.0.1:UPSTREAM"]
[[upstream.forward]]
topics = ["device/#"]
END
gateway
seq COUNT | sed 's/^/device /' | mosquitto_pub -h 127.0.0.1 -p LOCAL -q 1 -t device/a -l
until [ "$(lane accepted)" = COUNT ]; do sleep 0.2; done
lane waiting >/result/waiting
kill $gateway; wait $gateway
apt_get install /given/newer/*.deb
dpkg-query -W -f '${Package} ${Version}\\n' tidegate python3-tidegate >/result/newer_versions
# Nothing is dropped for the witness, who may be slower than the gateway (Mosquitto's own limit is 1000 messages), and it is there first.
printf 'listener UPSTREAM 127.0.0.1\\nallow_anonymous true\\nmax_queued_messages 1000000\\nmax_queued_bytes 0\\n' >/tmp/upstream.conf
mosquitto -c /tmp/upstream.conf >/dev/null 2>&1 & upstream=$!
until mosquitto_pub -h 127.0.0.1 -p UPSTREAM -t up -n 2>/dev/null; do kill -0 $upstream; sleep 0.2; done
witness() { timeout 300 mosquitto_sub -h 127.0.0.1 -p UPSTREAM -i witness -c -q 1 -t 'device/#' "$@"; }
witness -E
witness -C COUNT >/result/arrived & witness=$!
gateway
wait $witness
until [ "$(lane waiting)" = 0 ]; do sleep 0.2; done
kill $gateway; wait $gateway
kill $upstream

apt_get remove tidegate python3-tidegate
ls -d /var/lib/tidegate/* /etc/tidegate/tidegate.toml >/result/after_remove
ls /usr/sbin/tidegate* /usr/bin/tidegate* /usr/lib/python3/dist-packages/tidegate* >/result/programs_after_remove 2>/dev/null || true
rm -r /etc/tidegate/conf.d
apt_get purge tidegate python3-tidegate
rm -f /tmp/upstream.conf
snapshot /result/purged
""".replace("COUNT", str(COUNT))


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("apt")
    debian.give(folder)
    debian.give_newer(folder / "newer")
    said = clean_root.run(SCRIPT.replace("UPSTREAM", str(parts.free_port())).replace("LOCAL", str(parts.free_port())), folder)
    assert (folder / "result/purged").exists(), said[-3000:]
    return folder / "result"


def read(result, name):
    return (result / name).read_text(encoding="utf-8").strip()


def test_both_are_installed_with_all_that_belongs_to_them(result):
    contents = read(result, "contents").splitlines()
    for path in ("/usr/bin/tidegate", "/usr/sbin/tidegated", "/usr/lib/tidegate/doorkeeper.so", "/usr/share/man/man1/tidegate.1.gz",
                 "/usr/share/bash-completion/completions/tidegate", "/usr/share/doc/tidegate/tidegate.toml", "/usr/share/doc/tidegate/service.md", "/usr/lib/sysusers.d/tidegate.conf",
                 "/usr/share/dbus-1/system.d/org.tidegate.Gateway1.conf", "/usr/share/polkit-1/actions/org.tidegate.gateway.policy",
                 "/usr/share/doc/tidegate/copyright", "/usr/share/doc/tidegate/third-party/libpaho-mqtt-dev.copyright", "/etc/tidegate/tidegate.toml",
                 "/usr/lib/python3/dist-packages/tidegate/py.typed"):
        assert path in contents, path
    assert any(path.endswith("/systemd/catalog/tidegate.catalog") for path in contents) and any(path.endswith("/udev/rules.d/60-tidegate.rules") for path in contents)
    assert read(result, "enabled").split() == ["enabled"] * 3
    assert [line.split(":")[0] for line in read(result, "users").splitlines()] == ["tidegate", "tidegate-broker", "tidegate-apps"]
    project = debian.project_version()
    assert all(project in line for line in read(result, "programs").splitlines()) and len(read(result, "programs").splitlines()) == 4
    assert read(result, "check").endswith(": valid")


def test_the_module_is_that_of_the_distributions_python(result):
    version, distribution, points, file = json.loads(read(result, "python"))
    assert version == distribution == debian.project_version() and file.startswith("/usr/lib/python3/dist-packages/")
    assert points == ["gpiozero_pin_factories: tidegate", "gpiozero_pin_factories: tidegate_mock", "pytest11: tidegate.pytest_plugin"]


def test_an_upgrade_with_a_full_spool_loses_nothing(result):
    assert read(result, "waiting") == str(COUNT)
    assert read(result, "versions") != read(result, "newer_versions") and "+newer" in read(result, "newer_versions")
    ledger = Ledger()
    for n in range(1, COUNT + 1):
        ledger.accept("device", n)
    for line in read(result, "arrived").splitlines():
        ledger.arrived("device", int(line.split()[1]))
    verdict = ledger.verdict()
    assert verdict.holds and verdict.lost == 0 and verdict.delivered == COUNT, verdict


def test_removed_it_leaves_what_is_peoples(result):
    left = read(result, "after_remove").splitlines()
    assert "/etc/tidegate/tidegate.toml" in left and len(left) > 1
    assert read(result, "programs_after_remove") == ""


def test_purged_nothing_is_left(result):
    before, after = set(read(result, "without").splitlines()), set(read(result, "purged").splitlines())
    assert after - before == set() and before - after == set()
    assert [path for path in after if "tidegate" in path and not path.startswith("/etc/apt/")] == []


@pytest.mark.parametrize("name", ["tidegate", "python3-tidegate"])
def test_a_package_has_its_bill_of_materials(name):
    bill = json.loads(debian.path(name).with_suffix(".spdx.json").read_text(encoding="utf-8"))
    assert bill["spdxVersion"] == "SPDX-2.3" and bill["dataLicense"] == "CC0-1.0"
    packages = {one["SPDXID"]: one for one in bill["packages"]}
    assert len(packages) == len(bill["packages"])
    own = f"SPDXRef-{name}"
    assert packages[own]["licenseDeclared"] == "Apache-2.0" and packages[own]["versionInfo"] == debian.version(name)
    linked = {packages[one["relatedSpdxElement"]]["name"] for one in bill["relationships"] if one["relationshipType"] == "STATIC_LINK"}
    assert "libpaho-mqtt-dev" in linked and ("libcli11-dev" in linked) == (name == "tidegate") and ("pybind11-dev" in linked) == (name != "tidegate")
    needed = {packages[one["relatedSpdxElement"]]["name"] for one in bill["relationships"] if one["relationshipType"] == "DEPENDS_ON"}
    asked = {words.split()[0].split(":")[0]: words for words in debian.field(name, "Depends").split(", ")}
    assert needed == set(asked), needed ^ set(asked)
    # A version is known of all that it was built with, and not of what it needs only where it runs.
    without = {one["name"]: one["comment"] for one in packages.values() if "versionInfo" not in one}
    assert set(without) <= {"mosquitto", "init-system-helpers", "default-systemd-sysusers", "systemd", "systemd-sysusers"}, without
    assert ("mosquitto" in without) == (name == "tidegate")
    assert all(comment.endswith(f": {asked[one]}") for one, comment in without.items()), without
    assert all(one["versionInfo"] for one in packages.values() if one["name"] not in without)
