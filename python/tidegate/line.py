# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The gateway's lines and sensors as objects. Each shows what the gateway has said of it, and passes commands on to it."""
import json
import logging
import threading
from collections import deque

from . import _core, clock
from .errors import ConfigError, TopicError
from .interval import seconds
from .message import encode

log = logging.getLogger("tidegate")

_EXPIRY = 10.0  # seconds after which a command is of no use to anybody
_COMMANDS = 100  # that wait for the gateway
_BEHIND = 100  # values that one who waits for another looks at, where they come faster than it
_PATIENCE = 5.0  # seconds without a word about a line after which that is said
_PATIENCE_SENSOR = 60.0  # its readings are not retained
_EVENTS = {"press": "press", "pressed": "press", "release": "release", "released": "release", "click": "click",
           "clicked": "click", "double": "double", "double_click": "double", "hold": "hold", "held": "hold"}


def event_of(kind):
    """The gateway's word for what happened to a button. Raises ConfigError for what is none."""
    try:
        return _EVENTS[kind]
    except (KeyError, TypeError):
        raise ConfigError(f"{kind!r} is nothing that happens to a button: it is pressed, released, click, double or hold") from None


def read(payload):
    """What a reading says: (value, the whole JSON object or {}). A switch is True or False, a number is one, else text."""
    text = payload.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        try:
            reading = json.loads(text)
        except (ValueError, RecursionError):
            return text, {}
        return (reading["value"], reading) if isinstance(reading, dict) and "value" in reading else (text, {})
    if text in ("ON", "OFF"):
        return text == "ON", {}
    for kind in (int, float):
        try:
            return kind(text), {}
        except ValueError:
            pass
    return text, {}


class Line:
    """One line or sensor, by its name in the gateway's configuration. Thread-safe; no property waits."""

    to_the_end = True
    _block = ""  # of the configuration
    _suffixes = ("",)  # topics under its own that say how it is
    _patience = _PATIENCE

    def __init__(self, app, name, topic=None):
        try:
            _core.check_topic(name if topic is None else topic)
        except (TopicError, TypeError) as error:
            raise ConfigError(f"{name!r} cannot be the name of a line, or {topic!r} its topic: {error}") from error
        self.name = name
        self.topic = None  # until the gateway is known
        self._app = app
        self._news = threading.Condition()
        self._waiting = []  # of each thread that waits: what was shown since it looked
        self._commands = deque(maxlen=_COMMANDS)  # (when, suffix, payload) that wait for the gateway
        self._heard = False
        self._since = None  # of the connection on which it was asked for
        self._said = False
        self._ended = False
        if topic is None:
            app._site.need(lambda root: self._found(self._place()), for_line=True)
        else:
            self._found(topic)

    def _place(self):
        return self._app._site.topic("gpio/" + self.name, (*self._suffixes, "/event"))

    def _found(self, topic):
        with self._news:
            self.topic = topic
            while self._commands:
                when, suffix, payload = self._commands.popleft()
                if clock.monotonic() - when < _EXPIRY:
                    self._send(suffix, payload)
        for suffix in self._suffixes:
            self._app._listen(topic + suffix, 1, self)

    def _command(self, suffix, command):
        payload = encode(command)  # what cannot be sent is said here, not where the gateway is found
        with self._news:
            if self.topic is None:
                self._commands.append((clock.monotonic(), suffix, payload))
                return
        self._send(suffix, payload)

    def _send(self, suffix, payload):
        self._app.publish(self.topic + suffix, payload, expiry=_EXPIRY, receipt=False)

    # by the dispatcher

    def submit(self, calls):
        with self._news:
            self._heard = True
            for msg, _, _ in calls:
                self._take(msg.topic[len(self.topic):], msg)
                for shown in self._waiting:
                    shown.append(self._shown())
            self._news.notify_all()

    def look(self, now):
        """Time has passed: seconds of the monotonic clock."""
        if self._heard or self._said or self.topic is None:
            return
        if not self._app.connected:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= self._patience:
            self._said = True
            log.warning('nothing comes from %s "%s" (%s). %s `tidegate status` says what is wrong with lines and sensors, '
                        "`tidegate gpio info` has the names of lines", type(self).__name__.lower(), self.name, self.topic,
                        self._advice())

    def _advice(self):
        return f"Is there a [[gpio.{self._block}]] of that name in the gateway's configuration?"

    def end(self):
        with self._news:
            self._ended = True
            self._news.notify_all()

    # for those who wait

    def _wait(self, reached, timeout):
        """Whether reached(what is shown) was true, now or for a moment before the timeout."""
        self._app._check_fork()
        if threading.current_thread() is self._app._loop_thread:
            raise RuntimeError("waiting here would hold up every coroutine: await asyncio.to_thread(…), or loop over app.messages")
        shown, found = deque(maxlen=_BEHIND), []

        def look():
            while shown and not found:
                if reached(shown.popleft()):
                    found.append(True)
            return bool(found)
        with self._news:
            shown.append(self._shown())
            self._waiting.append(shown)
            try:
                clock.wait(self._news, lambda: self._ended or look(), timeout)
                return look()
            finally:
                self._waiting = [one for one in self._waiting if one is not shown]

    def __repr__(self):
        return f"<{type(self).__name__} {self.name!r}: {self._shown()!r}>"


class _Valued(Line):
    """What has one value."""

    _value = None

    def _take(self, suffix, msg):
        self._value = read(msg.payload)[0]

    @property
    def value(self):
        """As the gateway last saw it: True or False, for a dimmed output or a servo a number; None before it is known."""
        return self._value

    def wait_for(self, value, timeout=None):
        """Waits until the gateway has seen that value, at most timeout. Whether it has."""
        return self._wait(lambda shown: shown is not None and shown == value, timeout)

    def _shown(self):
        return self._value


class Input(_Valued):
    """A line that is read: a contact, a motion sensor. Made by App.input."""

    _block = "input"

    def _advice(self):
        return super()._advice() + ' (With edges = "rising" or "falling" it tells events alone.)'


class _When:
    """What is called when an event happens to a Button: set it to a function, or to None."""

    def __init__(self, event):
        self._event = event
        self.__doc__ = f'Called at each "{event}". Set it to a function, or to None.'

    def __get__(self, button, owner=None):
        return self if button is None else button._when.get(self._event)

    def __set__(self, button, function):
        button._call_when(self._event, function)


class Button(Input):
    """An input that is pressed. Made by App.button."""

    when_pressed = _When("press")
    when_released = _When("release")
    when_clicked = _When("click")
    when_double_clicked = _When("double")
    when_held = _When("hold")

    def __init__(self, app, name, topic=None):
        self._when = {}  # event -> function
        self._edges = {}  # event -> Edge
        super().__init__(app, name, topic)

    def _call_when(self, event, function):
        handler = None if function is None else self._app._handler(function, with_message=True)
        with self._app._lock:
            self._when[event] = function
            edge = self._edges.get(event)
            if edge is not None:
                edge.handler = handler
            elif handler is not None:
                self._edges[event] = Edge(self._app, self, {event}, handler)

    @property
    def is_pressed(self):
        """Whether it is pressed; None before that is known."""
        return self._value

    def wait_for_press(self, timeout=None):
        """Waits until it is pressed, at most timeout. Whether it is."""
        return self.wait_for(True, timeout)

    def wait_for_release(self, timeout=None):
        """Waits until it is not pressed, at most timeout. Whether it is not."""
        return self.wait_for(False, timeout)


class Edge:
    """Hands a handler the events of an input that it asks for. By the App."""

    to_the_end = False

    def __init__(self, app, line, events, handler, publication=None):
        self.handler = handler
        self._events = {event.encode() for event in events}
        self._publication = publication
        if line.topic is None:
            app._site.need(lambda root: app._listen(line._place() + "/event", 1, self), for_line=True)
        else:
            app._listen(line.topic + "/event", 1, self)

    def submit(self, calls):
        handler = self.handler
        if handler is not None:
            handler.submit([(msg, self._publication, None) for msg, _, _ in calls if _event(msg) in self._events])


def _event(msg):
    return msg.payload if not msg.payload.startswith(b"{") else str(read(msg.payload)[0]).encode()


class _Switched:
    """What can be on and off."""

    def on(self):
        """Switches it on."""
        self._command("/set", "ON")

    def off(self):
        """Switches it off."""
        self._command("/set", "OFF")

    def toggle(self):
        """Turns it over, whatever it is."""
        self._command("/set", "TOGGLE")


class Output(_Switched, _Valued):
    """A line that is switched, dimmed or turned: lamp, relay, fan, servo. A command goes to the gateway and returns at once;
    value is what the gateway then sees on the line. One that does not reach it within 10 seconds is dropped: what was meant
    then may not be meant any more. Made by App.output."""

    _block = "output"

    def pulse(self, duration=None):
        """On for the duration ("500ms", "10s"), then off; both done by the gateway. Without one: as its configuration says."""
        if duration is None:
            self._command("/set", "PULSE")
        else:
            milliseconds = round(seconds(duration) * 1000)
            if not 1 <= milliseconds <= 86_400_000:
                raise ConfigError(f'a pulse lasts "1ms" to "24h", not {duration!r}')
            self._command("/set_on_ms", milliseconds)

    @property
    def value(self):
        """As the gateway last saw it: True or False, for a dimmed output or a servo a number; None before it is known. Set
        it to command that."""
        return self._value

    @value.setter
    def value(self, value):
        self._command("/set", value)

    @property
    def is_on(self):
        """Whether it is on; None before that is known."""
        return None if self._value is None else bool(self._value)


class Led(Output):
    """An output that shines. Made by App.led."""

    is_lit = Output.is_on


class RgbLed(_Switched, Line):
    """An LED of three colours; on() is in the colour that it last had. Made by App.rgbled."""

    _block = "rgb"
    _suffixes = ("", "/brightness")
    _color = None
    _brightness = None

    def _take(self, suffix, msg):
        value = read(msg.payload)[0]
        if suffix == "/brightness":
            self._brightness = value
        else:
            self._color = "OFF" if value is False else value

    @property
    def color(self):
        """As the gateway last saw it: "#008000" or "OFF"; None before it is known. Set it to a name ("green"), "#00ff00",
        (0, 255, 0) or "OFF" to command that."""
        return self._color

    @color.setter
    def color(self, color):
        if not isinstance(color, str):
            color = ",".join(str(int(part)) for part in color)
        self._command("/set", color)

    @property
    def brightness(self):
        """0 to 100; None before it is known. Set it to command that."""
        return self._brightness

    @brightness.setter
    def brightness(self, percent):
        self._command("/brightness/set", percent)

    @property
    def is_lit(self):
        """Whether it shines; None before that is known."""
        return None if self._color is None else self._color != "OFF"

    def wait_for(self, color, timeout=None):
        """Waits until the gateway has seen that colour ("#008000" or "OFF"), at most timeout. Whether it has."""
        return self._wait(lambda shown: shown == color, timeout)

    def _shown(self):
        return self._color


class Counter(Line):
    """Pulses of a meter. Made by App.counter."""

    _block = "counter"
    _suffixes = ("/total", "/rate")
    _total = None
    _rate = None

    def _take(self, suffix, msg):
        if suffix == "/total":
            self._total = read(msg.payload)[0]
        else:
            self._rate = read(msg.payload)[0]

    @property
    def total(self):
        """In the unit of the gateway's configuration; None before it is known."""
        return self._total

    @property
    def rate(self):
        """The total per second, or per what the gateway's configuration says; None before it is known."""
        return self._rate

    def wait_for(self, total, timeout=None):
        """Waits until the total is at least that, at most timeout. Whether it is."""
        return self._wait(lambda shown: shown is not None and shown >= total, timeout)

    def _shown(self):
        return self._total


class Sensor(Line):
    """A reading of a plugin: app.sensor("onewire/tank"). Made by App.sensor."""

    _patience = _PATIENCE_SENSOR
    _value = None
    _reading = {}
    _at = None

    def _place(self):
        return self._app._site.topic(self.name, self._suffixes)

    def _take(self, suffix, msg):
        self._value, self._reading = read(msg.payload)
        self._at = clock.monotonic() - msg.age

    @property
    def value(self):
        """The newest: a number, True or False, or text; None before one came."""
        return self._value

    @property
    def unit(self):
        """"°C"; None where there is none, where it is not known yet, and without `json = true` in the plugin's
        configuration: a bare value has no unit."""
        return self._reading.get("unit")

    @property
    def quality(self):
        """"good", "uncertain" or "bad": whether the value may be believed. None before one came. A bare value is good, for
        others are not published."""
        return None if self._value is None else self._reading.get("quality", "good")

    @property
    def age(self):
        """Seconds since the newest came; None before one came."""
        return None if self._at is None else clock.monotonic() - self._at

    def wait_for(self, reached, timeout=None):
        """Waits until reached(value) is true, at most timeout. Whether it is."""
        return self._wait(lambda shown: shown is not None and bool(reached(shown)), timeout)

    def _advice(self):
        return "Does that plugin run on the gateway, and has it such a reading?"

    def _shown(self):
        return self._value
