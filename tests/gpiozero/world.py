# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What is around a script while it runs: its pins, seen and driven from outside, and what it says."""
import os
import sys
import threading
import time

from gpiozero import Device

DEADLINE = 60.0
LOOK = 0.14  # seconds for which a share is measured, also where samples take long
SAMPLES = 30  # at least
BUTTONS = (2, 3, 4)  # to ground, pulled up


class Output:
    """Standard output, kept."""

    def __init__(self):
        self.news = threading.Condition()
        self.text = ""

    def write(self, text):
        with self.news:
            self.text += text
            self.news.notify_all()
        return len(text)

    def flush(self):
        pass


class World:
    """Of one script. Waiting is by polling where the other side gives no event; all fails after a deadline."""

    def __init__(self):
        self.waiting = threading.Event()  # it is in pause()
        self.told = {}  # number of a pin -> the last level that the factory told its device
        self._output = Output()
        self._read_to = 0
        self._driven = {}
        sys.stdout = self._output

    def output(self):
        return self._output.text

    def says(self, text):
        """Waits for this in what it says after what was waited for before."""
        news = self._output.news
        with news:
            assert news.wait_for(lambda: self._output.text.find(text, self._read_to) >= 0, DEADLINE), \
                f"{text!r} was not said; this was: {self._output.text[self._read_to:]!r}"
            self._read_to = self._output.text.find(text, self._read_to) + len(text)

    def waits(self):
        """Until it has nothing more to do of itself."""
        assert self.waiting.wait(DEADLINE), "it never came to pause()"

    def press(self, number):
        self.drive(number, False)

    def let_go(self, number):
        self.drive(number, True)

    def drive(self, number, level):
        self.told.pop(number, None)  # of the edge before; if it is still being told, that has the other level
        self._driven[number] = level
        self._drive(number, level)

    def settles(self, number):
        """Until the script has been told what was driven last."""
        self._until(lambda: self.told.get(number) == self._driven[number], f"an edge of GPIO{number}")

    def sees(self, number, *levels):
        """The pin has these levels, one after the other."""
        for level in levels:
            self._until(lambda: self.level(number) == level, f"GPIO{number} {'high' if level else 'low'}")  # noqa: B023

    def shines(self, number, least, most):
        """The pin is high for such a share of the time."""
        seen = []

        def right():
            seen.append(self._share(number))
            return least <= seen[-1] <= most
        self._until(right, f"GPIO{number} high for {least} to {most} of the time", seen)

    def charges(self, number, seconds, until):
        """A capacitor at the pin: some time after the script lets go of it, it is high."""
        self._repeat(until, lambda: (self._drive(number, False), time.sleep(seconds), self._drive(number, True), time.sleep(seconds)))

    def echoes(self, number, seconds, until):
        """Pulses come in, so long each."""
        self._repeat(until, lambda: (self._drive(number, True), time.sleep(seconds), self._drive(number, False), time.sleep(0.02)))

    def _repeat(self, until, act):
        end = time.monotonic() + DEADLINE
        while until not in self._output.text:
            assert time.monotonic() < end, f"{until!r} was not said; this was: {self._output.text!r}"
            act()

    @staticmethod
    def _until(reached, what, seen=()):
        end = time.monotonic() + DEADLINE
        while not reached():
            assert time.monotonic() < end, f"{what} did not come{f'; it was {seen[-5:]}' if seen else ''}"
            time.sleep(0.001)


class MemoryWorld(World):
    """Around tidegate_mock."""

    @staticmethod
    def _pin(number):
        World._until(lambda: Device.pin_factory is not None, "the pin factory")
        return Device.pin_factory.pin(number)

    def _drive(self, number, level):
        pin = self._pin(number)
        try:
            (pin.drive_high if level else pin.drive_low)()
        except ValueError:
            pass  # the script drives it just now, as it does a capacitor

    def level(self, number):
        return bool(self._pin(number).state)

    def _share(self, number):
        return float(self._pin(number).state)

    @staticmethod
    def held():
        return []

    def rest(self):
        pass


class WireWorld(World):
    """Around lines of a chip that the kernel simulates. chip: its folder in /sys."""

    def __init__(self, chip):
        super().__init__()
        self._chip = chip
        self._files = {}

    def _file(self, number, what, flags):
        if (number, what) not in self._files:
            self._files[number, what] = os.open(f"{self._chip}/sim_gpio{number}/{what}", flags)
        return self._files[number, what]

    def _drive(self, number, level):
        os.pwrite(self._file(number, "pull", os.O_WRONLY), b"pull-up" if level else b"pull-down", 0)

    def level(self, number):
        return os.pread(self._file(number, "value", os.O_RDONLY), 8, 0).strip() == b"1"

    def _share(self, number):
        levels, end = [], time.monotonic() + LOOK
        while len(levels) < SAMPLES or time.monotonic() < end:
            levels.append(self.level(number))
            time.sleep(0.0007)
        return sum(levels) / len(levels)

    def rest(self):
        """Leaves what was driven as the next script is to find it: buttons let go of."""
        for number in self._driven:
            self._drive(number, number in BUTTONS)

    @staticmethod
    def held():
        """Lines that a script's factory still holds."""
        from tidegate import gpio
        return [line.name for chip in gpio.chips() for line in chip.lines if line.consumer.startswith("gpiozero")]
