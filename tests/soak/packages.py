# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The Debian packages for Debian 12 and Debian 13: each built by tools/package in a clean root of that release, and taken through apt's
whole life of them in another one; then cross-built for arm64, and run under qemu-user: version, check, and a message through a broker."""
import json
import os
import pathlib
import subprocess
import sys

import trial

import clean_root  # noqa: E402

PARTS = ("bookworm-native", "bookworm-arm64", "trixie-native", "trixie-arm64")
NATIVE = """
export DEBIAN_FRONTEND=noninteractive
cd /given/tree
tools/package --output /result >/result/said 2>&1 || { tail -n 60 /result/said; exit 1; }
"""
CROSS = """
export DEBIAN_FRONTEND=noninteractive
quiet() { "$@" >/result/said 2>&1 || { grep -vE '^\\[[0-9]+/[0-9]+\\]' /result/said | tail -n 60 | cut -c1-300; exit 1; }; }
dpkg --add-architecture arm64
quiet apt-get update
quiet apt-get install -q -y --no-install-recommends build-essential crossbuild-essential-arm64 qemu-user-static mosquitto mosquitto-clients
cd /given/tree
BACKPORTS
quiet apt-get build-dep -q -y -aarm64 -Pcross ./
quiet dpkg-buildpackage -aarm64 -Pcross -b --no-sign
cp /given/*.deb /result/
mkdir /arm && for package in /given/*.deb; do dpkg-deb -x $package /arm; done
file=$(ls /arm/usr/lib/python3/dist-packages/tidegate/_core.*.so)
case $file in *aarch64-linux-gnu.so) ;; *) echo "the module is $file"; exit 1 ;; esac
readelf -h /arm/usr/lib/tidegate/doorkeeper.so | grep -q AArch64 || { echo "the plugin of the broker is for another machine"; exit 1; }
run() { qemu-aarch64-static "$@"; }
run /arm/usr/bin/tidegate --version >/result/version
printf '[gateway]\\nstate = "/tmp/state"\\nruntime = "/tmp/runtime"\\n[broker]\\nport = 0\\n' >/tmp/tidegate.toml
mkdir /tmp/state /tmp/runtime
run /arm/usr/bin/tidegate check /tmp/tidegate.toml >/result/check
qemu-aarch64-static /arm/usr/sbin/tidegated -c /tmp/tidegate.toml 2>/result/gateway.log & gateway=$!  # not run(): the shell would be what is ended
trap 'kill $gateway; tail -n 5 /result/gateway.log' EXIT
until [ -e /tmp/runtime/broker.url ]; do kill -0 $gateway; sleep 0.5; done
port=$(sed 's/.*://' /tmp/runtime/broker.url)
timeout 60 mosquitto_sub -h 127.0.0.1 -p $port -t there -C 1 >/result/message & sub=$!
until run /arm/usr/bin/tidegate pub -h 127.0.0.1 -p $port -t there -m tide && ! kill -0 $sub 2>/dev/null; do sleep 0.5; done
trap - EXIT
kill $gateway
wait $gateway
"""


def lay_out(folder):
    """A copy of the tree, for a root."""
    folder.mkdir()
    files = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=trial.ROOT, check=True, stdout=subprocess.PIPE).stdout
    there = b"\0".join(name for name in files.split(b"\0") if name and os.path.lexists(trial.ROOT / os.fsdecode(name)))
    (folder / "tree").mkdir()
    packed = subprocess.run(["tar", "--null", "-T", "-", "-c"], cwd=trial.ROOT, input=there, check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-x", "-C", folder / "tree"], input=packed, check=True)
    return folder


def in_root(release, script, folder):
    os.environ["TIDEGATE_RELEASE"] = release
    clean_root.run(script, folder, deadline=5400)
    return folder / "result"


def native(release, folder, say):
    result = in_root(release, NATIVE, lay_out(folder / f"native-{release}"))
    say((result / "said").read_text(encoding="utf-8").strip().splitlines()[-1] + f" on {release}")
    ran = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", trial.ROOT / "tests/machine/apt_test.py"], check=False, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "TIDEGATE_RELEASE": release, "TIDEGATE_PACKAGES": str(result)})
    if ran.returncode != 0:
        raise AssertionError(ran.stdout[-4000:])
    return {path.name: path.stat().st_size for path in result.glob("*.deb")}


def cross(release, folder, say):
    backports = "quiet apt-get install -q -y --no-install-recommends -t bookworm-backports libgpiod-dev:arm64" if release == "bookworm" else ""
    result = in_root(release, CROSS.replace("BACKPORTS", backports), lay_out(folder / f"cross-{release}"))
    version, message = (result / "version").read_text().strip(), (result / "message").read_text().strip()
    say(f"arm64 for {release}: {version}; the broker got {message!r}")
    if message != "tide" or not (result / "check").read_text().strip().endswith("valid"):
        raise AssertionError(f"under qemu-user: {message!r}, {(result / 'check').read_text()!r}")
    return {path.name: path.stat().st_size for path in result.glob("*.deb")}


def run(options, folder, say):
    if clean_root.why_not():
        raise trial.Unable(clean_root.why_not())
    sizes, failed = {}, []
    parts = PARTS if options.part == "all" else (options.part,)
    for part in parts:
        release, kind = part.split("-")
        try:
            sizes[part] = (native if kind == "native" else cross)(release, pathlib.Path(folder), say)
        except (AssertionError, subprocess.SubprocessError) as why:
            failed.append(f"{part}: {why}")
    return {"holds": not failed, "sizes": sizes, "verdict": "; ".join([f"{len(sizes)} of {len(parts)} built and run: {json.dumps(sizes)}", *failed])}


if __name__ == "__main__":
    trial.main("packages", run, {"part": ("all", *PARTS)})
