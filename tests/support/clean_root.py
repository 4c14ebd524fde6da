# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A clean Debian root, from the mirror that this machine has its own packages from: made, used once by a script, and gone. Of this
machine's release, or of that which TIDEGATE_RELEASE names (tools/soak packages)."""
import os
import pathlib
import pwd
import re
import shutil
import subprocess


def why_not():
    """Why none can be made here; empty when one can."""
    if not shutil.which("mmdebstrap"):
        return "mmdebstrap is not installed; tools/setup does it"
    if os.geteuid() == 0:
        return ""
    if not shutil.which("newuidmap"):
        return "uidmap is not installed; tools/setup does it"
    name = pwd.getpwuid(os.geteuid()).pw_name
    if not re.search(rf"^({re.escape(name)}|{os.geteuid()}):", pathlib.Path("/etc/subuid").read_text(encoding="utf-8"), re.M):
        return f"{name} has no users of its own; sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name} gives it some"
    return ""


def release():
    return os.environ.get("TIDEGATE_RELEASE") or own_release()


def own_release():
    return re.search(r"^VERSION_CODENAME=(\S+)", pathlib.Path("/etc/os-release").read_text(encoding="utf-8"), re.M).group(1)


def _targets(what, origin, *more):
    return subprocess.run(["apt-get", "indextargets", "--format", what, "Created-By: Packages", f"Origin: {origin}", *more],
                          text=True, capture_output=True, check=True).stdout.split()


def sources():
    """What mmdebstrap takes: the files that this machine has its Debian from, or lines for another release from the same mirror."""
    if release() == own_release():
        return sorted({entry.rpartition(":")[0] for origin in ("Debian", "Debian Backports") for entry in _targets("$(SOURCESENTRY)", origin)})
    mirror = _targets("$(REPO_URI)", "Debian", f"Codename: {own_release()}")[0]
    return [f"deb {mirror} {suite} main" for suite in [release(), *(["bookworm-backports"] if release() == "bookworm" else [])]]


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
    copied to folder/result, also of one that failed."""
    folder = pathlib.Path(folder)
    (folder / "script.sh").write_text(script, encoding="utf-8")
    (folder / "result").mkdir()
    hooks = [f'copy-in {folder} /', f'mv "$1/{folder.name}" "$1/given" && mkdir "$1/result" && {{ chroot "$1" sh -e /given/script.sh || touch "$1/failed"; }}',
             f"sync-out /result {folder / 'result'}", '[ ! -e "$1/failed" ]']
    return make(*[f"--customize-hook={hook}" for hook in hooks], deadline=deadline)
