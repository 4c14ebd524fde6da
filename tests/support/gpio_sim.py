# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""GPIO chips that the kernel simulates (gpio-sim), made through configfs, and what the kernel traces of every line. For root,
in a guest or on a machine whose kernel has gpio-sim."""
import collections
import os
import pathlib
import re
import shutil
import subprocess
import time

CONFIG = pathlib.Path("/sys/kernel/config/gpio-sim")
TRACING = pathlib.Path("/sys/kernel/tracing")
PI_LINES = {offset: f"GPIO{offset}" for offset in range(28)}


def _mount(kind, place):
    if os.path.isdir(place) and not os.path.ismount(place):
        subprocess.run(["mount", "-t", kind, "none", place], stderr=subprocess.DEVNULL, check=False)


def why_not():
    """Why no chip can be simulated here; empty when one can."""
    if os.geteuid() != 0:
        return "simulating GPIO chips takes root"
    _mount("configfs", "/sys/kernel/config")
    modprobe = shutil.which("modprobe", path="/usr/sbin:/sbin")
    if not CONFIG.is_dir() and modprobe:
        subprocess.run([modprobe, "-q", "gpio-sim"], stderr=subprocess.DEVNULL, check=False)
    return "" if CONFIG.is_dir() else "this kernel has no gpio-sim (CONFIG_GPIO_SIM)"


def pin():
    """From now on an edge that this process makes is with whoever listens before pull() returns: the kernel's threads that
    take edges run on the same processor, before us. Else edges in quick succession become one, as they may on any machine.
    To be called when the lines are requested."""
    os.sched_setaffinity(0, {0})
    for task in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (task / "comm").read_text().startswith("irq/"):
                os.sched_setaffinity(int(task.name), {0})
        except OSError:
            pass  # it is gone, or does not let itself be moved


class Chip:
    """A simulated chip with lines 0 to count - 1, some with names. hogs: offset → (consumer, "output-high" …), lines that the
    kernel itself holds. Lines count as pulled down until pull() says otherwise."""

    def __init__(self, name, label, count, names=(), hogs=()):
        self.label = label
        self.count = count
        self._config = CONFIG / name
        self._bank = self._config / "bank0"
        self._pulls = {}
        self._bank.mkdir(parents=True)
        (self._bank / "label").write_text(label)
        (self._bank / "num_lines").write_text(str(count))
        for offset in {*dict(names), *dict(hogs)}:
            (self._bank / f"line{offset}").mkdir()
            if offset in dict(names):
                (self._bank / f"line{offset}" / "name").write_text(dict(names)[offset])
        for offset, (consumer, direction) in dict(hogs).items():
            (self._bank / f"line{offset}" / "hog").mkdir()
            (self._bank / f"line{offset}" / "hog" / "name").write_text(consumer)
            (self._bank / f"line{offset}" / "hog" / "direction").write_text(direction)
        self.plug()

    def plug(self):
        (self._config / "live").write_text("1")
        self.name = (self._bank / "chip_name").read_text().strip()  # "gpiochip0"
        device = (self._config / "dev_name").read_text().strip()
        self.sysfs = pathlib.Path("/sys/devices/platform") / device / self.name

    def unplug(self):
        """The chip is gone, whoever holds its lines; its file may come back under another number."""
        self._forget()
        if (self._config / "live").read_text().strip() == "1":
            (self._config / "live").write_text("0")

    def remove(self):
        self.unplug()
        for line in sorted(self._bank.glob("line*")):
            if (line / "hog").is_dir():
                (line / "hog").rmdir()
            line.rmdir()
        self._bank.rmdir()
        self._config.rmdir()

    @property
    def path(self):
        return f"/dev/{self.name}"

    def pull(self, offset, up):
        """Drives an input from outside. The kernel's thread of that interrupt takes the edge right after; one that follows sooner
        makes one of both, as on real lines. See burst()."""
        if offset not in self._pulls:
            self._pulls[offset] = os.open(self.sysfs / f"sim_gpio{offset}" / "pull", os.O_WRONLY)
        os.pwrite(self._pulls[offset], b"pull-up" if up else b"pull-down", 0)

    def pulse(self, offset):
        """Up and down again: two edges."""
        self.pull(offset, True)
        self.pull(offset, False)

    def burst(self, offset, edges, interval=0.0):
        """So many edges, from where the line is, interval seconds from one to the next; every one is taken by whoever watches, since
        the thread that takes them runs on this processor, and before us. Returns the time of each, as time.monotonic()."""
        mine = os.sched_getaffinity(0)
        one = {min(mine)}
        os.sched_setaffinity(0, one)
        try:
            for task in pathlib.Path("/proc").glob("[0-9]*"):
                if (task / "comm").read_text().startswith("irq/"):
                    os.sched_setaffinity(int(task.name), one)
            up, times, due = self.value(offset), [], time.monotonic()
            for _ in range(edges):
                while (left := due - time.monotonic()) > 0:
                    time.sleep(left)
                due += interval
                up = not up
                times.append(time.monotonic())
                self.pull(offset, up)
            return times
        finally:
            os.sched_setaffinity(0, mine)

    def value(self, offset):
        """What is on the line now, True for high."""
        return (self.sysfs / f"sim_gpio{offset}" / "value").read_text().strip() == "1"

    def _forget(self):
        for descriptor in self._pulls.values():
            os.close(descriptor)
        self._pulls.clear()

    def base(self):
        """The kernel's own number of line 0, as the trace has it."""
        _mount("debugfs", "/sys/kernel/debug")
        told = pathlib.Path("/sys/kernel/debug/gpio").read_text()
        return int(re.search(rf"^{self.name}: GPIOs (\d+)-", told, re.MULTILINE)[1])


# what: "in" or "out" for a direction; "set" or "get" for a value, with value True for high.
Traced = collections.namedtuple("Traced", "time offset what value")


class Trace:
    """Every change of direction and value of a chip's lines while it is open, as the kernel saw them happen."""

    def __init__(self, chip):
        self._chip = chip

    def __enter__(self):
        _mount("tracefs", TRACING)
        self._base = self._chip.base()
        (TRACING / "trace").write_text("")
        (TRACING / "events/gpio/enable").write_text("1")
        return self

    def __exit__(self, *_):
        (TRACING / "events/gpio/enable").write_text("0")

    def events(self, offset):
        """Of one line, oldest first."""
        found = []
        for line in (TRACING / "trace").read_text().splitlines():
            match = re.search(r"\s([\d.]+): gpio_(value|direction):\s+(\d+) +(set|get|in|out) *(?:\(?(-?\d+)\)?)?", line)
            if match and int(match[3]) - self._base == offset:
                value = None if match[2] == "direction" else match[5] == "1"
                found.append(Traced(float(match[1]), offset, match[4].strip(), value))
        return found

    def outputs(self, offset):
        """What the line was made to do, in order: "in", "out", True and False."""
        return [one.what if one.value is None else one.value for one in self.events(offset) if one.what != "get"]
