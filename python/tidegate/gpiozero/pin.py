# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""gpiozero's idea of a pin, over a port: one line, wherever it is."""
import logging

from gpiozero import exc
from gpiozero.pins.local import LocalPiPin

log = logging.getLogger("tidegate")


class TidegatePin(LocalPiPin):
    """A pin of a TidegateFactory or a TidegateMockFactory. Nothing is requested before a device says what it is to be.

    A port is one of DirectPort, GatewayPort and MemoryPort:
    function: "input" or "output", as the line is now · fixed_pull: "up", "down" or None ·
    input(pull, edges, bounce, tell): it is read; tell(ticks, level) is called at each of these edges, "none" for none ·
    output(level): it is driven; None: to what it has · get() · set(level) · pulse(frequency, share) · close()"""

    def __init__(self, factory, spec):  # spec: a number in gpiozero 1, a PinInfo in 2
        super().__init__(factory, spec)
        self._port = factory.open_port(self._number)
        self._function = None  # until somebody says
        self._pull = self._port.fixed_pull or "floating"
        self._bounce = None
        self._edges = "both"
        self._frequency = None
        self._share = 0.0
        self._last = None  # ticks of the last edge that was told

    def close(self):
        self.when_changed = None
        self._frequency = None
        self._function = None
        self._port.close()

    def _get_function(self):
        return self._function or self._port.function

    def _set_function(self, value):
        if value not in ("input", "output"):
            raise exc.PinInvalidFunction(f'invalid function "{value}" for pin {self!r}: it is "input" or "output"')
        self._frequency = None
        self._function = value
        if value == "input":
            self._read()
        else:
            self._port.output(None)

    def output_with_state(self, state):
        self._frequency = None
        self._port.output(bool(state))
        self._function = "output"

    def input_with_pull(self, pull):
        self._check_pull(pull)
        self._pull = pull
        self.function = "input"

    def _get_state(self):
        return self._share if self._frequency else self._port.get()

    def _set_state(self, value):
        if self._frequency:
            if not 0 <= value <= 1:
                raise exc.PinInvalidState(f'invalid state "{value}" for pin {self!r}: it is 0 to 1')
            self._port.pulse(self._frequency, value)
            self._share = value
        elif self.function == "input":
            raise exc.PinSetInput(f"cannot set state of pin {self!r}")
        else:
            self._port.set(bool(value))

    def _get_pull(self):
        return self._pull

    def _set_pull(self, value):
        if self.function != "input":
            raise exc.PinFixedPull(f"cannot set pull on non-input pin {self!r}")
        self._check_pull(value)
        if value != self._pull or self._function is None:
            self._pull = value
            self._function = "input"
            self._read()

    def _check_pull(self, value):
        if value not in ("up", "down", "floating"):
            raise exc.PinInvalidPull(f'invalid pull "{value}" for pin {self!r}: it is "up", "down" or "floating"')
        if self._port.fixed_pull not in (None, value):
            raise exc.PinFixedPull(f"{self!r} has a physical pull-{self._port.fixed_pull} resistor")

    def _get_frequency(self):
        return self._frequency

    def _set_frequency(self, value):
        if value is not None and value < 0:
            raise exc.PinInvalidState(f"{self!r} cannot be pulsed {value} times a second")
        if value:
            if self.function != "output":
                raise exc.PinPWMFixedValue(f"cannot start PWM on pin {self!r}, which is an input")
            share = self._share if self._frequency else 0.0
            self._port.pulse(value, share)
            self._frequency, self._share = value, share
        elif self._frequency:
            self._frequency = None
            self._port.set(False)

    def _get_bounce(self):
        return self._bounce

    def _set_bounce(self, value):
        try:
            value = float(value) if value else None
        except (TypeError, ValueError):
            raise exc.PinInvalidBounce(f"bounce is seconds or None, not {value!r}") from None
        if value is not None and value < 0:
            raise exc.PinInvalidBounce("bounce must be 0 or greater")
        if value != self._bounce:
            self._bounce = value
            self._read_anew()

    def _get_edges(self):
        return self._edges

    def _set_edges(self, value):
        if value not in ("none", "rising", "falling", "both"):
            raise exc.PinInvalidEdges(f'edges are "none", "rising", "falling" or "both", not {value!r}')
        if value != self._edges:
            self._edges = value
            self._read_anew()

    def _enable_event_detect(self):
        self._read_anew()

    def _disable_event_detect(self):
        # The line itself need not change: who is told nothing is in _tell.
        pass

    def _read_anew(self):
        if self._function == "input" and self._when_changed is not None:
            self._read()

    def _read(self):
        self._last = None
        self._port.input(self._pull, self._edges if self._when_changed is not None else "none", self._bounce, self._tell)

    def _tell(self, ticks, level):
        """An edge, by the port; level: True for high."""
        if self._bounce and self._port.bounces:
            if self._last is not None and ticks - self._last < self._bounce:
                return
            self._last = ticks
        with self.factory.calling:
            if self._when_changed is None or self._function != "input":
                return
            try:
                self._call_when_changed(ticks, level)
            except Exception:
                log.exception("what a script does when %r changes failed", self)
