# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The tests that want a broker, with the Mosquitto of the Debian releases that this machine is not: out of a clean root of that release,
run on its own libraries. What one version does the other need not: 2.0.12 to 2.0.22 lost messages that 2.0.11 kept (mosquitto#2618)."""
import os
import re
import subprocess
import sys

import trial

import clean_root  # noqa: E402

RELEASES = ("bookworm", "trixie")
# Mosquitto loads our plugin, and that its C++ library.
PACKAGES = ("mosquitto", "libstdc++6")
PROGRAM = """#!/bin/sh
unset LD_PRELOAD
lib=$(echo {root}/lib/*-linux-gnu*)
exec "$(echo $lib/ld-linux*.so.*)" --library-path "$lib" --argv0 mosquitto {root}/sbin/mosquitto "$@"
"""


def program(release, folder):
    """A folder that has that release's mosquitto, for the front of PATH; and what it says of its version."""
    os.environ["TIDEGATE_RELEASE"] = release
    root = folder / release
    (root / "lib").mkdir(parents=True)
    (root / "sbin").mkdir()
    clean_root.make(f"--customize-hook=sync-out /usr/lib {root}/lib", f"--customize-hook=copy-out /usr/sbin/mosquitto {root}/sbin", include=PACKAGES)
    (folder / f"bin-{release}").mkdir()
    file = folder / f"bin-{release}" / "mosquitto"
    file.write_text(PROGRAM.format(root=root), encoding="utf-8")
    file.chmod(0o755)
    said = subprocess.run([file, "-h"], text=True, stdout=subprocess.PIPE, check=False).stdout
    return file.parent, re.search(r"mosquitto version (\S+)", said).group(1)


def run(options, folder, say):
    if clean_root.why_not():
        raise trial.Unable(clean_root.why_not())
    verdicts = {}
    for release in RELEASES:
        if release == clean_root.own_release():
            continue
        first, version = program(release, folder)
        say(f"Mosquitto {version} of {release}")
        ran = subprocess.run([sys.executable, trial.ROOT / "tools" / "run_tests.py", trial.BUILD, "-j", str(options.jobs), "-L", "broker"], check=False, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "PATH": f"{first}:{os.environ['PATH']}"})
        if ran.returncode != 0:
            print(ran.stdout[-8000:], file=sys.stderr)
        verdicts[version] = ran.stdout.strip().splitlines()[-1]
        if ran.returncode != 0:
            return {"holds": False, "tests": verdicts, "verdict": f"with {version}: {verdicts[version]}"}
    return {"holds": True, "tests": verdicts, "verdict": "; ".join(f"with {version}: {count}" for version, count in verdicts.items())}


if __name__ == "__main__":
    trial.main("mosquitto", run, jobs=2)
