# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The pin factory "tidegate_mock": lines in memory, which a test drives."""
import math
import os
import threading
import time
from collections import defaultdict, namedtuple

from gpiozero.pins.local import LocalPiFactory

from .pin import TidegatePin

_REVISION = "a02082"

State = namedtuple("State", "timestamp state")


class MemoryPort:
    """See TidegatePin. A line that nothing drives has the level of its pull; one that floats keeps what it had."""

    bounces = True

    def __init__(self, fixed_pull):
        self.fixed_pull = fixed_pull
        self.function = "input"
        self.level = fixed_pull == "up"
        self.frequency = None
        self.states = []  # (seconds since the one before, level or share)
        self.wires = []  # ports that have the level of this one
        self._edges = "none"
        self._tell = None
        self.clear()

    def input(self, pull, edges, bounce, tell):
        self.function, self.frequency = "input", None
        self._edges, self._tell = "none", None
        if pull != "floating":
            self.drive(pull == "up")
        self._edges, self._tell = edges, tell

    def output(self, level):
        self.function, self.frequency = "output", None
        self._edges, self._tell = "none", None
        if level is not None:
            self.set(level)

    def get(self):
        return self.level > 0

    def set(self, level):
        self.frequency = None
        self._become(bool(level))

    def pulse(self, frequency, share):
        self.frequency = frequency
        self._become(float(share))

    def close(self):
        self.function, self.frequency = "input", None
        self._edges, self._tell = "none", None

    def drive(self, level):
        """From outside."""
        was = self.level > 0
        self._become(bool(level))
        if self._tell is not None and was != bool(level) and self._edges in ("both", "rising" if level else "falling"):
            self._tell(self._changed, bool(level))

    def _become(self, level):
        if level == self.level:
            return
        now = time.monotonic()
        self.states.append(State(now - self._changed, level))
        self.level, self._changed = level, now
        for wire in self.wires:
            if wire.function == "input":
                wire.drive(level > 0)

    def clear(self):
        self._changed = time.monotonic()
        self.states = [State(0.0, self.level)]


class TidegateMockPin(TidegatePin):
    """A pin in memory. Besides what gpiozero's own MockPin has (drive_high, drive_low, states, clear_states, assert_states,
    assert_states_and_times) it has PWM always, keeps bounce times, and can be wired to another."""

    @property
    def states(self):
        """What it went through since clear_states(): pairs of timestamp (seconds since the one before) and state (False or True, under
        PWM the share)."""
        return self._port.states

    def drive_high(self):
        """The outside world makes an input high; what a script does then has run when this returns."""
        self._drive(True)

    def drive_low(self):
        """The same for low."""
        self._drive(False)

    def _drive(self, level):
        if self.function != "input":
            raise ValueError(f"{self!r} is an output of the script: nothing else drives it")
        self._port.drive(level)

    def wire_to(self, other):
        """From now on the input `other` has the level of this output."""
        self._port.wires.append(other._port)
        other._port.drive(self._port.get())

    def clear_states(self):
        self._port.clear()

    def assert_states(self, expected):
        """Fails when it did not go through just these states."""
        went = [one.state for one in self.states]
        assert went == list(expected), f"{self!r} went through {went}, not {list(expected)}"

    def assert_states_and_times(self, expected):
        """The same with pairs of time and state; times by 5 % or 50 ms."""
        expected = list(expected)
        went = [tuple(one) for one in self.states]
        assert len(went) == len(expected) and all(
            math.isclose(one[0], other[0], rel_tol=0.05, abs_tol=0.05) and math.isclose(one[1], other[1])
            for one, other in zip(went, expected)), f"{self!r} went through {went}, not {expected}"


class TidegateMockFactory(LocalPiFactory):
    """No hardware at all: a Raspberry Pi 3B's pins in memory, or those of the board with this revision ($GPIOZERO_MOCK_REVISION).

        factory = TidegateMockFactory()
        Device.pin_factory = factory
        button = Button(2)
        factory.pin(2).drive_low()      # pressed
    """

    def __init__(self, revision=None):
        super().__init__()
        # Its own, where gpiozero has one table for all factories of a process.
        self.pins, self._reservations, self._res_lock = {}, defaultdict(list), threading.Lock()
        self._revision = int(revision or os.environ.get("GPIOZERO_MOCK_REVISION") or _REVISION, base=16)
        self.pin_class = TidegateMockPin
        self.calling = threading.RLock()
        self._making = threading.Lock()  # a test and the script may ask for the same pin at once

    def pin(self, name):
        with self._making:
            return super().pin(name)

    def _get_revision(self):
        return self._revision

    def open_port(self, number):
        return MemoryPort("up" if number in (2, 3) else None)

    def reset(self):
        """Forgets all pins and who has them: between two tests."""
        self.close()
        self._reservations.clear()
