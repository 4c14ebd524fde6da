# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A whole machine for tests: a Debian of this machine's release with systemd, booted in QEMU, and a shell in it. The image is
made once, from this machine's own package sources; what a boot changes in it is gone afterwards."""
import fcntl
import hashlib
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import clean_root
import guest

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = ("systemd-sysv", "dbus", "udev", "procps", "mosquitto", "mosquitto-clients", "python3")
SIZE = "1500M"
JOB = """export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc none /proc
# What kept services from starting while the image was made.
rm -f /usr/sbin/policy-rc.d
[ ! -e /usr/sbin/start-stop-daemon.REAL ] || mv /usr/sbin/start-stop-daemon.REAL /usr/sbin/start-stop-daemon
cp -r --preserve=mode,links /mnt/stage/. /
cp /mnt/agent.py /usr/local/bin/
. /mnt/prepare.sh
systemctl --quiet enable machine-agent.service
exec /lib/systemd/systemd
"""
AGENT_UNIT = """[Unit]
After=multi-user.target
[Service]
Type=idle
ExecStart=/usr/bin/python3 /usr/local/bin/agent.py
StandardError=journal+console
[Install]
WantedBy=multi-user.target
"""


def why_not():
    """Why none can be booted here; empty when one can."""
    return guest.why_not() or clean_root.why_not()


def _libraries(programs):
    """The packages of the libraries that programs need."""
    told = subprocess.run(["ldd", *programs], text=True, capture_output=True, check=True).stdout
    files = {os.path.realpath(path) for path in re.findall(r"=> (/\S+)", told)}
    names = [name for file in files for name in (file, file.removeprefix("/usr"))]
    owners = subprocess.run(["dpkg", "-S", *names], text=True, capture_output=True, check=False).stdout
    return sorted({line.split(":")[0] for line in owners.splitlines()})


def image(folder, programs):
    """The path of an image that has what the programs need. A minute or two when there is none yet."""
    packages = [*PACKAGES, *_libraries(programs)]
    release = clean_root.release()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{release}-{hashlib.sha256(' '.join([SIZE, *packages]).encode()).hexdigest()[:12]}.img"
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return path
        for old in folder.glob("*.img"):
            old.unlink()
        new = path.with_suffix(".new")
        with tempfile.TemporaryDirectory() as there:
            os.chmod(there, 0o777)  # who is root in the root is another user here, when this one is not
            said = clean_root.make(
                # Without /proc and the like, which are mounted in there.
                f"--customize-hook=mount -m --bind \"$1\" {there}/root && {guest.MKFS} -q -F -t ext4 -d {there}/root {there}/image {SIZE} && "
                f"umount {there}/root && rmdir {there}/root", include=packages)
            assert os.path.exists(f"{there}/image"), said[-3000:]
            subprocess.run(["cp", "--sparse=always", f"{there}/image", new], check=True)
        new.rename(path)
    return path


class Machine:
    """One boot. What is in folder/stage is put over the root; prepare: shell code that runs before systemd does, without it.
    root() runs commands in the machine once it is up. keep: the image has what was written when the machine ends, however."""

    def __init__(self, folder, path, prepare, memory="1G", keep=False):
        folder.mkdir(exist_ok=True)
        shutil.copy(HERE / "machine_agent.py", folder / "agent.py")
        unit = folder / "stage/etc/systemd/system/machine-agent.service"
        unit.parent.mkdir(parents=True, exist_ok=True)
        unit.write_text(AGENT_UNIT)
        (folder / "prepare.sh").write_text(prepare)
        self._numbers = itertools.count(1)
        self.guest = guest.Guest(folder, JOB, image=path, memory=memory, keep=keep)

    def wait_up(self, deadline=600):
        self.guest.wait_said("up", deadline=deadline)
        return self

    def run(self, command, deadline=60):
        """A shell command as root: (exit status, what it wrote, errors included)."""
        number = next(self._numbers)
        self.guest.tell(json.dumps({"number": number, "command": command, "deadline": deadline}))
        line = self.guest.wait_said(f"did {number} ", deadline=deadline + 60)[0]
        answer = json.loads(line.split(" ", 2)[2])
        return answer["status"], answer["text"]

    def root(self, command, deadline=60):
        """The same of one that must succeed: what it wrote, stripped."""
        status, text = self.run(command, deadline)
        assert status == 0, f"{command}: {status}\n{text}"
        return text.strip()

    def wait_until(self, command, deadline=60):
        """Until the shell command succeeds; what it wrote then."""
        loop = f"end=$(($(date +%s) + {deadline})); until out=$({command}); do [ $(date +%s) -lt $end ] || exit 99; sleep 0.2; done; echo \"$out\""
        status, text = self.run(loop, deadline + 30)
        assert status == 0, f"{command} did not succeed within {deadline} s\n{text}\n{self.run('journalctl --no-pager -n 80')[1]}"
        return text.strip()

    def show(self, unit, name):
        return self.root(f"systemctl show -P {name} {unit}")

    def write(self, path, text, mode="644"):
        self.root(f"cat > {path} <<'END_OF_FILE'\n{text}\nEND_OF_FILE\nchmod {mode} {path}")

    def power_off(self):
        """As people do; the guest ends."""
        self.guest.tell(json.dumps({"number": 0, "command": "systemctl --no-block poweroff", "deadline": 60}))
        self.guest.wait_over(120)

    def stop(self):
        self.guest.stop()


def preload(binary_dir):
    """What Python has to begin with in the machine for the module of this build: its sanitizer."""
    told = subprocess.run(["ldd", *binary_dir.glob("python/tidegate/_core*.so")], text=True, capture_output=True, check=False).stdout
    libraries = dict(re.findall(r"(lib(?:asan|stdc\+\+))\.so\S* => (\S+)", told))
    return ":".join(libraries[name] for name in ("libasan", "libstdc++")) if "libasan" in libraries else ""
