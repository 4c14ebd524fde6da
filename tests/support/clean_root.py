# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A clean Debian root of this machine's release, from this machine's own package sources: made, used once by a script, and gone."""
import os
import pathlib
import re
import shutil
import subprocess


def why_not():
    """Why none can be made here; empty when one can."""
    return "" if shutil.which("mmdebstrap") else "mmdebstrap is not installed; tools/setup does it"


def release():
    return re.search(r"^VERSION_CODENAME=(\S+)", pathlib.Path("/etc/os-release").read_text(encoding="utf-8"), re.M).group(1)


def sources():
    """The files that this machine has its Debian from."""
    found = set()
    for origin in ("Debian", "Debian Backports"):
        told = subprocess.run(["apt-get", "indextargets", "--format", "$(SOURCESENTRY)", "Created-By: Packages", f"Origin: {origin}"],
                              text=True, capture_output=True, check=True).stdout
        found.update(line.rpartition(":")[0] for line in told.split())
    return sorted(found)


def make(*options, include=(), deadline=1500):
    """mmdebstrap for this release, without a result of its own: hooks take what they want. Returns what it said."""
    made = subprocess.run(["mmdebstrap", "--variant=minbase", "--format=null", *([f"--include={','.join(include)}"] if include else []),
                           *options, release(), "/dev/null", *sources()],
                          text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=deadline,
                          env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"})
    assert made.returncode == 0, made.stdout[-6000:]
    return made.stdout


def run(script, folder, deadline=1500):
    """Runs the shell script as root in a clean root, in which the folder's files are in /given, and what the script leaves in /result is
    copied to folder/result."""
    folder = pathlib.Path(folder)
    (folder / "script.sh").write_text(script, encoding="utf-8")
    (folder / "result").mkdir()
    hooks = [f'copy-in {folder} /', f'mv "$1/{folder.name}" "$1/given" && mkdir "$1/result" && chroot "$1" sh -e /given/script.sh', f"sync-out /result {folder / 'result'}"]
    return make(*[f"--customize-hook={hook}" for hook in hooks], deadline=deadline)
