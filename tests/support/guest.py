# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A guest for tests that need a kernel of their own: QEMU by emulation, the host's files as a read-only root, disks that are
image files. tests/vm/init.sh is its first process."""
import os
import pathlib
import platform
import shutil
import signal
import socket
import subprocess
import threading
import time

KERNEL = os.environ.get("TIDEGATE_VM_KERNEL", "")
QEMU = shutil.which("qemu-system-x86_64")
MKFS = shutil.which("mke2fs", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
INIT = pathlib.Path(__file__).resolve().parents[1] / "vm" / "init.sh"
FILE_SYSTEM = 96 << 20   # bytes of ext4 on a disk; behind it is room for marks
MARKS = FILE_SYSTEM      # where the first block behind the file system is


def why_not():
    """Why no guest can be started here; empty when one can."""
    if not KERNEL:
        return "TIDEGATE_VM_KERNEL is not set: it names a Linux kernel image, which tools/kernel builds"
    if platform.machine() != "x86_64":
        return f"the guest runs this machine's own programs, and this is {platform.machine()}, not x86_64"
    if not pathlib.Path(KERNEL).is_file():
        return f"TIDEGATE_VM_KERNEL is {KERNEL}, and there is no such file"
    return ""


def make_disk(path):
    """An image with an empty ext4, and room for marks behind it."""
    with open(path, "wb") as image:
        image.truncate(FILE_SYSTEM + (1 << 20))
    subprocess.run([MKFS, "-q", "-F", "-t", "ext4", "-m", "0", str(path), f"{FILE_SYSTEM >> 10}k"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return path


def copy_disk(source, target):
    subprocess.run(["cp", "--sparse=always", str(source), str(target)], check=True)
    return target


def drive(path):
    """A disk that keeps every write that it has completed. (The host's own flushes are spared: the host stays up.)"""
    return ["-drive", f"file={path},format=raw,if=virtio,cache=unsafe"]


def logged_drive(path, log):
    """A disk whose writes and flushes are also put into a log, which guest_log.py reads."""
    pathlib.Path(log).write_bytes(b"")
    nodes = [f"driver=file,node-name=data,filename={path},cache.no-flush=on", f"driver=file,node-name=log,filename={log},cache.no-flush=on",
             "driver=blklogwrites,node-name=logged,file=data,log=log,log-sector-size=512"]
    return [word for node in nodes for word in ("-blockdev", node)] + ["-device", "virtio-blk-pci,drive=logged"]


class Guest:
    """One boot. job: shell code that runs as root in the guest; it says things to the test on descriptor 3, and finds the
    files of folder in /run/work and its first disk as /dev/vda. exact: its clock counts instructions, one a nanosecond, on one
    processor, so that what it measures is the same on a busy host. image: a root of its own in place of the host's files; then
    the job finds folder in /mnt, and goes on to an init; what is written to it is gone with the guest, unless it is to keep it. Ends with the job, with cut(), or with stop()."""

    def __init__(self, folder, job, *drives, arguments="", memory="1G", exact=False, image=None, keep=False):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        (self.folder / "job.sh").write_text(job)
        self.console = self.folder / "console"
        self._news = threading.Condition()
        self._lines = []      # (seconds since the start, line)
        self._over = False
        assert QEMU, "qemu-system-x86_64 is not installed; tools/setup does it"
        self._line, theirs = socket.socketpair()
        share = "security_model=none,readonly=on,multidevs=remap"
        if image:
            kernel = (f"root=/dev/vda rw console=ttyS0 quiet panic=-1 {arguments} init=/bin/sh -- -c "
                      '"mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,ro work /mnt && . /mnt/job.sh"')
            root = ["-drive", f"file={image},format=raw,if=virtio" + (",cache=unsafe" if keep else ",snapshot=on")]
        else:
            kernel = ("root=rootfs rootfstype=9p rootflags=trans=virtio,version=9p2000.L,cache=loose,msize=524288 ro console=ttyS0 quiet "
                      f"panic=-1 init={INIT} {arguments}")
            root = ["-fsdev", f"local,id=root,path=/,{share}", "-device", "virtio-9p-pci,fsdev=root,mount_tag=rootfs"]
        processors = (["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-smp", "1"] if exact else
                      ["-accel", "tcg,thread=multi", "-smp", "2"])
        self._began = time.monotonic()
        with theirs:
            self.process = subprocess.Popen(
                [QEMU, *processors, "-cpu", "max", "-m", memory, "-nodefaults", "-nic", "none", "-display", "none",
                 "-no-reboot", "-serial", f"file:{self.console}", "-kernel", KERNEL, "-append", kernel.strip(),
                 *root, "-fsdev", f"local,id=work,path={self.folder.resolve()},{share}", "-device", "virtio-9p-pci,fsdev=work,mount_tag=work",
                 "-device", "virtio-serial-pci", "-chardev", f"socket,id=line,fd={theirs.fileno()}",
                 "-device", "virtserialport,chardev=line,name=tidegate", "-device", "virtio-rng-pci",
                 *[word for one in drives for word in one]],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(self.folder / "qemu", "wb"),
                env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"})
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        with self._line.makefile("rb") as stream:
            try:
                for line in stream:
                    if line.endswith(b"\n"):
                        with self._news:
                            self._lines.append((time.monotonic() - self._began, line.decode(errors="replace").rstrip()))
                            self._news.notify_all()
            except ConnectionError:
                pass
        with self._news:
            self._over = True
            self._news.notify_all()

    def said(self, word=""):
        """The lines so far that begin with the word."""
        with self._news:
            return [line for _, line in self._lines if line.startswith(word)]

    def wait_said(self, word, count=1, deadline=240):
        """Until the guest has said count lines that begin with the word, or is over."""
        def enough():
            return self._over or sum(line.startswith(word) for _, line in self._lines) >= count
        with self._news:
            told = self._news.wait_for(enough, deadline)
        lines = self.said(word)
        assert told and len(lines) >= count, f"{len(lines)} of {count} lines '{word}' within {deadline} s\n{self.story()}"
        return lines

    def tell(self, line):
        """To the job, which reads it from descriptor 3."""
        self._line.sendall(f"{line}\n".encode())

    def wait_over(self, deadline=240):
        """Until the machine is off."""
        try:
            self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the guest did not end within {deadline} s\n{self.story()}") from None
        self._thread.join(deadline)
        return self

    def stop(self):
        """However it stands."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._thread.join()
        self._line.close()

    def story(self):
        """What is known of it, for people."""
        with self._news:
            tail = [f"{at:6.2f} {line[:300]}" for at, line in self._lines[-15:]]
        console = self.console.read_text(errors="replace")[-3000:] if self.console.exists() else ""
        return "\n".join(["the last it said:", *tail, "its console:", console, "qemu:", (self.folder / "qemu").read_text(errors="replace")[-1000:]])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
