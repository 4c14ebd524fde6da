# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A disk of our own: an ext4 file system in a file, on a loop device whose counters count nothing but what the measured
program makes its file system write; it can be made slow. Needs root."""
import os
import pathlib
import subprocess
import sys
import tempfile

THROTTLE = pathlib.Path("/sys/fs/cgroup/blkio/blkio.throttle.write_iops_device")


class Image:
    """As a context: mounted at .folder, unmounted and removed at the end."""

    def __init__(self, megabytes=1024):
        if os.geteuid() != 0:
            sys.exit("bench: this one mounts a file system image of its own, and so needs root")
        self.megabytes = megabytes

    def __enter__(self):
        self._scratch = tempfile.TemporaryDirectory(prefix="tidegate-bench-", dir=os.environ.get("TIDEGATE_BENCH_FOLDER", "/var/tmp"))
        self.folder = pathlib.Path(self._scratch.name) / "disk"
        self.folder.mkdir()
        file = self.folder.with_name("image")
        with open(file, "wb") as image:
            image.truncate(self.megabytes << 20)
        self._device = None
        try:
            # All inode tables are written now: a background thread would write them into our figures.
            run("mkfs.ext4", "-q", "-F", "-i", "65536", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(file))
            self._device = run("losetup", "--find", "--show", str(file)).strip()
            run("mount", self._device, str(self.folder))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._device:
            self.limit(0)
            subprocess.run(["umount", str(self.folder)], check=os.path.ismount(self.folder), capture_output=True)
            run("losetup", "--detach", self._device)
        self._scratch.cleanup()

    def settle(self):
        """What the file system still holds back goes to the device."""
        run("sync", "--file-system", str(self.folder))

    def counters(self):
        """(bytes written to the device, flushes of its cache), ever."""
        words = pathlib.Path("/sys/block", pathlib.Path(self._device).name, "stat").read_text().split()
        return int(words[6]) * 512, int(words[15])

    def limit(self, writes_per_second):
        """Makes the device slow: so many writes a second, 0: as many as it can. False when this kernel offers no way."""
        if not THROTTLE.exists():
            return False
        number = pathlib.Path("/sys/block", pathlib.Path(self._device).name, "dev").read_text().strip()
        THROTTLE.write_text(f"{number} {writes_per_second}\n")
        return True


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
