# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A line that the script holds itself, through tidegate.gpio."""
from .. import gpio
from ..errors import TidegateError

_BIAS = {"up": "pull-up", "down": "pull-down", "floating": "disabled"}
_EVENTS = 256  # edges that the kernel keeps while the script is busy
_CONSUMER = "gpiozero (tidegate)"


class DirectPort:
    """See TidegatePin. Levels are those of the wire."""

    def __init__(self, factory, info, fixed_pull):
        self.fixed_pull = fixed_pull
        self.bounces = False  # the kernel debounces
        self._factory = factory
        self._info = info
        self._line = None
        self._watched = False
        self.function = "output" if info.output else "input"

    def input(self, pull, edges, bounce, tell):
        self._let_go()
        line = gpio.request_input(self._info, bias=_BIAS[pull], edges=edges, debounce=bounce or 0, event_buffer=_EVENTS, consumer=_CONSUMER)
        self.bounces = line.debounce_refused
        self._line, self.function = line, "input"
        if edges != "none":
            self._watched = True
            self._factory.watcher.add(line, lambda edge: tell(edge.time, edge.active))

    def output(self, level):
        if self._line is not None and self.function == "output":
            if level is not None:
                self._line.value = level
            return
        self._let_go()
        self._line = gpio.request_output(self._info, value=level, consumer=_CONSUMER)
        self.function = "output"

    def get(self):
        if self._line is None:
            self.input("floating", "none", None, None)
        return self._line.value

    def set(self, level):
        self._line.value = level

    def pulse(self, frequency, share):
        self._line.pulse(frequency, share)

    def close(self):
        """Nobody drives it after this: most chips would leave an output as it is."""
        driven = self._line is not None and self.function == "output"
        self._let_go()
        if driven:
            try:
                gpio.request_input(self._info, consumer=_CONSUMER).release()
            except TidegateError:
                pass  # the chip is gone, or somebody was quicker
        self.function = "input"

    def _let_go(self):
        line, self._line = self._line, None
        if line is None:
            return
        if self._watched:
            self._watched = False
            self._factory.watcher.remove(line)
        line.release()
