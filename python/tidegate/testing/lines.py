# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Simulated lines and sensors: what the gateway's plugins say and obey, on their topics and in their words, without hardware."""
import json
from datetime import datetime, timezone

from ..interval import seconds
from ..message import encode
from . import colour


def _number(value):
    """As the gateway writes one: 40, 21.5."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return encode(value)
    return b"%d" % value if value == int(value) else repr(float(value)).encode()


class _Refused(Exception):
    pass


class SimulatedLine:
    """One line of the test's gateway. Made by Gateway.input and the like."""

    _retained = True

    def __init__(self, gateway, name, topic):
        self.name = name
        self.topic = topic
        self._gateway = gateway

    def _say(self, payload, suffix="", retain=None):
        self._gateway._publish(self.topic + suffix, payload, self._retained if retain is None else retain)

    def _later(self, interval, call):
        """Calls it then, unless what this returns has been called before."""
        wanted = [True]

        def cancel():
            wanted[0] = False

        self._gateway.clock.after(interval, lambda: wanted[0] and call())
        return cancel

    def __repr__(self):
        return f"<{type(self).__name__} {self.name!r}: {self._shown()!r}>"

    def _shown(self):
        return self.value


class SimulatedInput(SimulatedLine):
    """A contact, a button, a motion sensor: the test presses it. Tells what [[gpio.input]] tells, with its usual times: a hold
    after a second, a click when no second press has come for 300 ms, a double at the second release."""

    def __init__(self, gateway, name, topic, *, pressed=False, hold="1s", double_click="300ms"):
        super().__init__(gateway, name, topic)
        self._pressed = pressed
        self._hold = seconds(hold)
        self._double_click = seconds(double_click)
        self._state = "held" if pressed else "idle"
        self._cancel = lambda: None
        self._say(pressed)

    @property
    def value(self):
        """Whether it is pressed."""
        return self._pressed

    def press(self):
        """Presses it, or opens the contact, or moves. Nothing when it is pressed already."""
        if self._edge(True, "press"):
            self._state = "pressed again" if self._state == "released" else "pressed"
            if self._hold:
                self._cancel = self._later(self._hold, self._held)
            self._gateway.settle()

    def release(self):
        """Lets go."""
        if self._edge(False, "release"):
            if self._state == "pressed again":
                self._state = "idle"
                self._tell("double")
            elif self._state == "pressed":
                self._state = "released"
                if self._double_click:
                    self._cancel = self._later(self._double_click, self._clicked)
                else:
                    self._clicked()
            else:
                self._state = "idle"
            self._gateway.settle()

    def click(self):
        """Presses and releases it, and waits until the gateway tells the click: 400 ms of the clock."""
        self.press()
        self._gateway.clock.advance(0.1)
        self.release()
        self._gateway.clock.advance(self._double_click)

    def double_click(self):
        """Presses and releases it twice: 300 ms of the clock."""
        for pause in (0.1, 0):
            self.press()
            self._gateway.clock.advance(0.1)
            self.release()
            self._gateway.clock.advance(pause)

    def hold(self):
        """Presses it until the gateway tells the hold: a second of the clock. It stays pressed."""
        self.press()
        self._gateway.clock.advance(self._hold)

    def _edge(self, pressed, event):
        if pressed == self._pressed:
            return False
        self._cancel()
        self._pressed = pressed
        self._say(pressed)
        self._tell(event)
        return True

    def _held(self):
        if self._state == "pressed again":  # the first of two presses was a click after all
            self._tell("click")
        self._state = "held"
        self._tell("hold")

    def _clicked(self):
        self._state = "idle"
        self._tell("click")

    def _tell(self, event):
        self._say(event, "/event", retain=False)


class _Switched(SimulatedLine):
    """What obeys commands. Those that it refuses are counted, as by the gateway."""

    def __init__(self, gateway, name, topic, max_on):
        super().__init__(gateway, name, topic)
        self._on = False
        self._max_on = seconds(max_on) if max_on is not None else 0.0
        self._cancel_pulse = self._cancel_max_on = lambda: None
        self.refused = 0

    def _verbs(self):
        return {"/set": self._set, "/set_on_ms": lambda text: self._turn_for(True, text)}

    def _obey(self, suffix, text):
        try:
            self._verbs()[suffix](text.strip())
        except _Refused:
            self.refused += 1
            self._say(self.refused, "/refused")

    def _word(self, text):
        """Obeys what switches; whether it does."""
        to = {"ON": True, "OFF": False, "1": True, "0": False, "TRUE": True, "FALSE": False,
              "TOGGLE": not self._on}.get(text.upper())
        if to is not None:
            self._turn(to)
        return to is not None

    def _turn_for(self, on, text):
        milliseconds = _parse(text, 1, 86_400_000)
        self._turn(on, milliseconds / 1000)

    def _turn(self, on, lasting=None):
        self._cancel_pulse()
        if on and not self._on and self._max_on:
            self._cancel_max_on = self._later(self._max_on, lambda: self._turn(False))
        elif not on:
            self._cancel_max_on()
        self._on = on
        if lasting is not None:
            self._cancel_pulse = self._later(lasting, lambda: self._turn(not on))
        self._show()


def _parse(text, least, most):
    try:
        value = float(text)
    except ValueError:
        raise _Refused from None
    if not least <= value <= most:
        raise _Refused
    return value


class SimulatedOutput(_Switched):
    """A lamp, a relay, a valve; one that is told a number (other than 0 and 1) is dimmed or turned from then on, like
    [[gpio.pwm]] and [[gpio.servo]]. It does what it is told and tells what is seen on it, unless it is stuck."""

    def __init__(self, gateway, name, topic, *, initial=False, pulse=None, max_on=None):
        super().__init__(gateway, name, topic, max_on)
        #: Set it to True: the line does not follow any more, as one that something else drives, or whose relay is dead.
        self.stuck = False
        self._pulse = seconds(pulse) if pulse is not None else None
        self._level = None  # of a dimmed one
        self._seen = None
        self._turn(initial)

    @property
    def value(self):
        """What is seen on the line: True or False; a number for a dimmed one."""
        return self._seen

    @property
    def commanded(self):
        """What it is to be, by the last command that was obeyed."""
        if self._level is None:
            return self._on
        return self._level if self._on else 0

    @property
    def is_on(self):
        """Whether it is seen to be on."""
        return bool(self._seen)

    def _verbs(self):
        return {**super()._verbs(), "/set_off_ms": lambda text: self._turn_for(False, text)}

    def _set(self, text):
        is_level = self._level is not None and text[:1] in tuple("0123456789.-+")  # "1" is one per cent then
        if not is_level and self._word(text):
            return
        if text.upper() == "PULSE" and self._pulse is not None:
            self._turn(True, self._pulse)
            return
        level = _parse(text, -3600, 3600)
        if level:
            self._level = level
        self._turn(level != 0)

    def _show(self):
        if not self.stuck and self._seen != self.commanded:
            self._seen = self.commanded
            self._say(self._seen if isinstance(self._seen, bool) else _number(self._seen))


class SimulatedRgbLed(_Switched):
    """An LED of three colours, like [[gpio.rgb]]."""

    def __init__(self, gateway, name, topic, *, max_on=None):
        super().__init__(gateway, name, topic, max_on)
        self._rgb = (255, 255, 255)
        self._brightness = 100
        self._show()

    @property
    def color(self):
        """"#008000", or "OFF"."""
        return "#%02x%02x%02x" % self._rgb if self._on else "OFF"

    value = color

    @property
    def brightness(self):
        """0 to 100."""
        return self._brightness

    def _verbs(self):
        return {**super()._verbs(), "/brightness/set": self._set_brightness}

    def _set_brightness(self, text):
        self._brightness = _parse(text, 0, 100)
        self._show()

    def _set(self, text):
        if self._word(text):
            return
        rgb = colour.parse(text)
        if rgb is None:
            raise _Refused
        if any(rgb):
            self._rgb = rgb
        self._turn(any(rgb))

    def _show(self):
        self._say(self.color)
        self._say(_number(self._brightness), "/brightness")


class SimulatedCounter(SimulatedLine):
    """A meter, like [[gpio.counter]]: the test counts it on."""

    def __init__(self, gateway, name, topic, *, total=0):
        super().__init__(gateway, name, topic)
        self._rate = None
        self.total = total

    @property
    def total(self):
        """In its unit. Set it to what the meter is to show."""
        return self._total

    @total.setter
    def total(self, total):
        self._total = total
        self._say(_number(round(total, 9)), "/total")
        self._gateway.settle()

    def add(self, amount):
        """So much more has been counted."""
        self.total = self._total + amount

    @property
    def rate(self):
        """What it last told. Set it to tell another."""
        return self._rate

    @rate.setter
    def rate(self, rate):
        self._rate = rate
        self._say(_number(rate), "/rate", retain=False)
        self._gateway.settle()

    def _obey(self, suffix, text):
        try:
            self.total = _parse(text, 0, 1e18)
        except _Refused:
            pass

    def _verbs(self):
        return {"/total/set": None}

    def _shown(self):
        return self._total


class SimulatedSensor(SimulatedLine):
    """A reading of a plugin, as App.sensor takes it: "onewire/tank"."""

    _retained = False
    _value = None

    @property
    def value(self):
        """What it last told. Set it to tell another."""
        return self._value

    @value.setter
    def value(self, value):
        self._value = value
        self._say(value if isinstance(value, bool) else _number(value))
        self._gateway.settle()

    def tell(self, value, unit=None, quality="good"):
        """Tells a reading with its unit and quality, as a plugin with `json = true` does."""
        self._value = value
        time = datetime.fromtimestamp(self._gateway.clock.wall(), timezone.utc)
        reading = {"value": value, **({"unit": unit} if unit else {}), "clock": "ntp", "quality": quality, "simulated": True,
                   "time": time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"}
        self._say(json.dumps(reading, ensure_ascii=False).encode())
        self._gateway.settle()
