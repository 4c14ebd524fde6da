# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A line that the running gateway holds: its state and its commands, over the local broker."""
import json
import os
import queue
import threading
import time
import warnings

from gpiozero import exc

from .. import _core, gpio
from ..errors import TidegateError, UnavailableError
from ..line import read

_MESSAGE, _CONNECTED, _DISCONNECTED = 0, 4, 5
_INFOS = ("+/+/info", "+/+/+/info", "+/+/+/+/info")  # the base of a gateway has one to three levels
_EXPIRY = 10.0  # seconds after which a command is of no use to anybody
_PATIENCE = 10.0  # seconds for the connection, and for what the broker keeps
_OBEYED = 1.0  # seconds for which a command counts as done, though nothing was seen of it yet
_GOODBYE = 2.0  # seconds for what is to be sent at the end
_PULLS = {"up": "pull-up", "down": "pull-down"}


class GatewayWarning(exc.GPIOZeroWarning):
    """The gateway's configuration has something of a line otherwise than a script wants it."""


class GatewaySession:
    """What gateways on the local broker say of their lines. Thread-safe."""

    def __init__(self):
        self._client = _core.Client(client_id=f"tidegate-gpiozero-{os.urandom(5).hex()}")
        self._news = threading.Condition()
        self._connected = False
        self._complaint = None
        self._lines = {}  # topic of an info -> the lines in it
        self._states = {}  # topic -> payload
        self._listeners = {}  # topic -> function of (time, payload)
        self._told = queue.SimpleQueue()  # functions to call; None: the end
        self._stopping = False
        self._threads = [threading.Thread(target=run, name="tidegate gpiozero gateway", daemon=True) for run in (self._read, self._tell)]

    def start(self):
        self._client.subscribe([(topic, 1, 0, False) for topic in _INFOS])
        self._client.start()
        for thread in self._threads:
            thread.start()

    def stop(self):
        """Sends what waits, and ends."""
        self._client.stop(_GOODBYE)
        self._stopping = True
        self._client.wake()
        self._told.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    @property
    def why_silent(self):
        """Why nothing is heard of a gateway; None: it is."""
        if not self._connected:
            return self._complaint
        return None if self._lines else "no gateway says who it is on the local broker; is tidegated running?"

    def line_of(self, is_it):
        """What a gateway says of the line for which is_it(its name in the configuration) is true; None when none does. Waits for the
        broker."""
        with self._news:
            self._news.wait_for(lambda: self._lines or (self._complaint and not self._connected), _PATIENCE)
            lines = [line for some in self._lines.values() for line in some]
        return next((line for line in lines if is_it(line["line"])), None)

    def listen(self, topic, heard):
        """Has heard(time, payload) called, by a thread of its own, for what comes on topic from now on. Returns what the broker keeps
        there; waits for it. None: nothing came."""
        with self._news:
            self._listeners[topic] = heard
            if topic not in self._states:
                self._client.subscribe([(one, 1, 0, False) for one in (*_INFOS, *self._listeners)])
                self._news.wait_for(lambda: topic in self._states, _PATIENCE)
            return self._states.get(topic)

    def unlisten(self, topic):
        with self._news:
            self._listeners.pop(topic, None)

    def command(self, topic, payload):
        self._client.publish(topic, payload.encode(), 1, False, _EXPIRY)

    def _read(self):
        while not self._stopping:
            for event in self._client.wait(256, 60.0):
                with self._news:
                    self._take(event)
                    self._news.notify_all()

    def _take(self, event):
        if event[0] == _CONNECTED:
            self._connected, self._complaint = True, None
        elif event[0] == _DISCONNECTED:
            self._connected, self._complaint = False, event[4]
        elif event[0] == _MESSAGE:
            topic, payload, properties = event[1], event[2], event[6]
            if topic.endswith("/info"):
                self._take_info(topic, payload, properties)
            if topic in self._listeners:
                self._states[topic] = payload
                heard, now = self._listeners[topic], time.monotonic()
                self._told.put(lambda: heard(now, payload))

    def _take_info(self, topic, payload, properties):
        if properties and any(name == "tidegate" and "/" in value for name, value in properties[4]):
            return  # of a gateway further away: it came through a spool
        try:
            said = json.loads(payload)
            if topic.endswith(f"/{said['id']}/info"):
                self._lines[topic] = [line for line in said["lines"] if {"name", "kind", "line", "topic", "active_low", "bias"} <= set(line)]
        except (ValueError, TypeError, KeyError, RecursionError):
            pass  # of an older gateway, or none of a gateway

    def _tell(self):
        while True:
            call = self._told.get()
            if call is None:
                return
            call()


class GatewayPort:
    """See TidegatePin. A level is that of the wire: the gateway's ON and OFF, turned round where its line is active_low."""

    bounces = True

    def __init__(self, session, line, fixed_pull):
        self.fixed_pull = fixed_pull
        self.function = "input" if line["kind"] == "input" else "output"
        self._session = session
        self._line = line
        self._title = f'{line["line"]}, which is [[gpio.{line["kind"]}]] "{line["name"]}" of the gateway,'
        self._listens = False
        self._seen = None  # the share of the wire that is high: 0, 1 or between
        self._wanted = None  # what was commanded, until it is seen, and till when it counts
        self._before = None  # what was seen when the script took it as an output
        self._edges = "none"
        self._tell = None
        self._warned = False

    def input(self, pull, edges, bounce, tell):
        if self._line["kind"] != "input":
            raise exc.PinInvalidFunction(f"{self._title} cannot be read by a script as an input: make it [[gpio.input]] there, or take it out")
        asked, has = _PULLS.get(pull), self._line["bias"] or "as-is"
        if asked and asked != has and self.fixed_pull != pull:
            self._warn(f'{self._title} has bias = "{has}" there, and the script asks for "{asked}": say so in the configuration')
        self._edges, self._tell = edges, tell
        self._listen()

    def output(self, level):
        if self._line["kind"] not in ("output", "pwm"):
            raise exc.PinInvalidFunction(f"{self._title} cannot be driven by a script: make it [[gpio.output]] or [[gpio.pwm]] there, or take it out")
        self._listen()
        if self._before is None:
            self._before = self._seen
        if level is not None:
            self.set(level)

    def get(self):
        self._listen()
        wanted = self._wanted
        if wanted is not None and time.monotonic() < wanted[1]:
            return wanted[0] > 0
        return self._seen > 0

    def set(self, level):
        self._command(1.0 if level else 0.0)

    def pulse(self, frequency, share):
        if self._line["kind"] != "pwm":
            raise exc.PinPWMUnsupported(f"{self._title} is on or off: make it [[gpio.pwm]] there, or take it out")
        has = self._line.get("frequency") or 100
        if abs(frequency - has) > 0.01 * has and not self._warned:
            self._warned = True
            self._warn(f"{self._title} is pulsed {has:g} times a second by the gateway, and the script asks for {frequency:g}: a servo or a "
                       f"buzzer needs frequency = {frequency:g} there")
        self._command(float(share))

    def close(self):
        if self._before is not None:
            self._command(self._before)
        self._tell = self._wanted = self._seen = self._before = None
        if self._listens:
            self._listens = False
            self._session.unlisten(self._line["topic"])

    def _command(self, share):
        active = 1.0 - share if self._line["active_low"] else share
        command = f"{active * 100:.4g}" if self._line["kind"] == "pwm" else "ON" if active else "OFF"
        self._wanted = (share, time.monotonic() + _OBEYED)
        self._session.command(f"{self._line['topic']}/set", command)

    def _listen(self):
        if self._listens:
            return
        self._listens = True
        state = self._session.listen(self._line["topic"], self._heard)
        share = None if state is None else self._share(state)
        if share is None:
            self._listens = False
            raise UnavailableError(f"{self._title} has no state on {self._line['topic']}: `tidegate status` says what is wrong with it (with "
                                   'edges = "rising" or "falling" it never has one)')
        self._seen = share

    def _share(self, payload):
        """None for what is no state."""
        value = read(payload)[0]
        if isinstance(value, str):
            return None
        share = float(value) if isinstance(value, bool) else value / 100 if self._line["kind"] == "pwm" else float(bool(value))
        return 1.0 - share if self._line["active_low"] else share

    def _heard(self, now, payload):
        share = self._share(payload)
        if share is None or not self._listens:
            return
        before, self._seen = self._seen, share
        if self._wanted is not None and abs(self._wanted[0] - share) < 0.01:
            self._wanted = None
        high = share > 0
        tell = self._tell
        if tell is not None and before is not None and (before > 0) != high and self._edges in ("both", "rising" if high else "falling"):
            tell(now, high)

    @staticmethod
    def _warn(text):
        warnings.warn(GatewayWarning(text), stacklevel=2)


def is_line(name, info, to_gpio):
    """A function that says whether a name in a gateway's configuration means GPIO line `name`, of which info is known (or None, when
    its chip cannot be asked). to_gpio: the GPIO number of "J8:11" and the like."""
    def is_it(configured):
        if configured == name:
            return True
        if info is not None:
            try:
                found = gpio.find(configured)
            except TidegateError:
                return False
            return (found.chip, found.offset) == (info.chip, info.offset)
        label, _, offset = configured.rpartition(":")
        if label in ("pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"):
            return f"GPIO{offset}" == name
        try:
            found = to_gpio(configured)
        except exc.PinError:
            return False
        return name == (found if isinstance(found, str) else f"GPIO{found}")
    return is_it
