# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""GPIO chips and lines of this machine, by hand: what an automation does without a gateway. A line that the gateway has in its
configuration is the gateway's: use App.button, App.led and so on for it.

    from tidegate import gpio

    with gpio.request_input("GPIO17", bias="pull-up", edges="both", debounce="10ms") as door:
        for edge in door.wait("5s"):
            print(edge.active, edge.time)

A line is named "GPIO17" (its name), "pinctrl-bcm2711:17" (label or device of its chip, and offset), "J8:11" or "BOARD11" (place
on a Raspberry Pi's header); never by the number of a chip. Importing opens nothing.

Errors: ConfigError for a name or a setting that cannot be meant; UnavailableError for a line that is not there (it says what is),
or was released; SystemCallError with errno EBUSY when somebody else holds the line (it says who), EACCES when this user may not
(it says the mend), ENODEV when the chip has gone.
"""
from . import _core
from .errors import MissingPackageError
from .interval import seconds

try:
    from ._core import GpioChipInfo as ChipInfo, GpioLineInfo as LineInfo
except ImportError:
    raise MissingPackageError("this build of Tidegate has no GPIO lines: build it with libgpiod 2 (libgpiod-dev) and without "
                              "TIDEGATE_PLUGIN_GPIO=OFF") from None

__all__ = ["ChipInfo", "Edge", "Line", "LineInfo", "chips", "find", "refused", "request_input", "request_output"]


class Edge(tuple):
    """One edge, as the kernel saw it: (active, time_ns, sequence)."""

    __slots__ = ()

    @property
    def active(self):
        """The level after it: True for active."""
        return self[0]

    @property
    def time(self):
        """When it happened: seconds, as time.monotonic() counts them."""
        return self[1] / 1e9

    @property
    def time_ns(self):
        """The same in nanoseconds, as time.monotonic_ns() counts them."""
        return self[1]

    @property
    def sequence(self):
        """Of this line, from 1; a gap is what the kernel's buffer had no room for."""
        return self[2]

    def __repr__(self):
        return f"Edge(active={self.active}, time={self.time!r}, sequence={self.sequence})"


class Line:
    """A line that this process holds, until release() or the end of a `with`. Thread-safe: one thread may wait while another
    sets it or lets it go. Made by request_input and request_output."""

    def __init__(self, held):
        self._held = held

    @property
    def info(self):
        """What was known of it when it was requested: LineInfo."""
        return self._held.info

    @property
    def value(self):
        """Whether it is active now; of an output, as it is seen on the line; while it is pulsed, whether the pulses are longer than
        nothing. Set it, of an output, to drive that; pulses end."""
        return self._held.get()

    @value.setter
    def value(self, active):
        self._held.set(bool(active))

    def pulse(self, frequency, share):
        """Drives an output by pulses: frequency in Hz, and for what share of each period it is active, 0 to 1, until value is set
        or it is released. A thread of its own, without Python, sleeps between them: they shake by some 50 µs on an idle Raspberry
        Pi, more under load, so up to some 400 Hz are fit for LEDs and motors, and a servo trembles a little. At most 10 kHz are
        taken. A new share counts from the next period on."""
        self._held.pulse(float(frequency), float(share))

    def wait(self, timeout=None):
        """The edges that have come, oldest first; waits for the first of them, at most timeout ("5s", seconds, None: for ever), with
        other threads running. Empty when the time is over or the line was released."""
        return [Edge(edge) for edge in self._held.wait(None if timeout is None else seconds(timeout))]

    def fileno(self):
        """A descriptor that is readable when there are edges, for select and asyncio; wait(0) then has them."""
        return self._held.fileno()

    @property
    def debounce_refused(self):
        """Whether the kernel does not do the debounce that was asked for, so that the caller has to."""
        return self._held.debounce_refused

    @property
    def released(self):
        """Whether it was let go."""
        return self._held.released

    def release(self):
        """Lets it go. What an output then does is for its driver: most keep the level, a Raspberry Pi makes an input of it."""
        self._held.release()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.release()

    def __repr__(self):
        info = self.info
        return f"<gpio.Line {info.name or f'{info.label}:{info.offset}'}{' (released)' if self.released else ''}>"


def chips():
    """Every chip that this user may open: a list of ChipInfo."""
    return _core.gpio_chips()[0]


def refused():
    """Paths of the chips that this user may not open, each with the commands that mend that: {path: commands}."""
    return {path: _core.gpio_how_to_open(path) for path in _core.gpio_chips()[1]}


def find(line):
    """Looks a line up by any of its names: LineInfo. Raises ConfigError and UnavailableError."""
    return _core.gpio_find(line)


def _info(line):
    return line if isinstance(line, LineInfo) else find(line)


def request_input(line, *, bias="as-is", active_low=False, edges="none", debounce=0, event_buffer=0, consumer="tidegate python"):
    """Holds a line (a name, or LineInfo) as an input: Line.

    bias: "as-is", "pull-up", "pull-down" or "disabled". active_low: a low voltage is active, as with a button to ground. edges: "none",
    "rising", "falling" or "both": what wait() is to tell. debounce: a level counts once it has lasted so long ("10ms", seconds; at most
    10 s), done by the kernel. event_buffer: edges that the kernel keeps until they are taken; 0: its default, 16; most: 1024. consumer:
    what others see as the holder."""
    return Line(_core.GpioLine.input(_info(line), bias, bool(active_low), edges, seconds(debounce) if debounce else 0.0, event_buffer, consumer))


def request_output(line, *, value=None, drive="push-pull", bias="as-is", active_low=False, consumer="tidegate python"):
    """Holds a line (a name, or LineInfo) as an output: Line.

    value: from the moment it is one; None: what the line has, without a glitch. drive: "push-pull", "open-drain" or "open-source". The
    rest as for request_input."""
    return Line(_core.GpioLine.output(_info(line), None if value is None else bool(value), drive, bias, bool(active_low), consumer))
