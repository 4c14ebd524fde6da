# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The gateway of a test: a real broker, and what automations would see of a Tidegate gateway at it."""
import contextlib
import os
import pathlib
import shutil
import struct
import tempfile
import threading
import time
from itertools import count

from .. import _core
from ..line import Counter, Input, Output, RgbLed, Sensor
from ..message import Message, Properties, encode
from .automation import Automation
from .broker import Broker
from .clock import PATIENCE, Clock
from .lines import SimulatedCounter, SimulatedInput, SimulatedOutput, SimulatedRgbLed, SimulatedSensor
from .wire import BACKOFF, LAST, SUBSCRIBED, TOPICS, Wire

_MESSAGE, _CONNECTED, _DISCONNECTED = 0, 4, 5
_MANY = 500  # messages that may be under way before they are waited for
_KINDS = ((Output, SimulatedOutput), (Input, SimulatedInput), (RgbLed, SimulatedRgbLed), (Counter, SimulatedCounter),
          (Sensor, SimulatedSensor))


class Gateway:
    """Runs automations, unmodified, at a real Mosquitto of the test's own, with a clock that the test moves and with
    simulated lines. All Apps that are made in this process meanwhile are at this broker, whatever address they name.

    Every method returns when all that follows from it has happened: handlers have run, what they published has arrived.
    folder: where the broker keeps its files; default: a temporary one. id, base: as in the gateway's configuration.
    Use one at a time, as a context manager; in pytest it is the fixture gateway. Raises UnavailableError without Mosquitto."""

    def __init__(self, folder=None, *, id="gateway", base="tidegate"):
        self._own_folder = tempfile.mkdtemp(prefix="tidegate-") if folder is None else None
        self._folder = pathlib.Path(folder or self._own_folder)
        self.root = f"{base}/{id}"
        #: The Clock that everything goes by.
        self.clock = Clock(self._settled)
        #: Exceptions that handlers have raised. Take out those that the test expects: what is left at its end fails it.
        self.errors = []
        self._roots = set()  # of gateways that have said that they are there
        self._topics = {}  # of lines that have one of their own, as the gateway's info says it
        self._automations = []
        self._wires = []
        self._lines = {}  # (class, name) -> SimulatedLine
        self._by_topic = {}  # of commands -> (line, suffix)
        self._known = {}  # topic -> whether somebody may react to it
        self._seen = []
        self._forwards = ()
        self._undelivered = []
        self._upstream_up = True
        self._mark = count(1)
        self._marks = {}  # client id -> the newest mark that has come from it
        self._published = False  # since the Apps were last known to have it all
        self._settling = False
        self._up = False
        self._entered = False

    def __enter__(self):
        self._broker = Broker(self._folder)
        self._environment = os.environ.get("TIDEGATE_BROKER")
        os.environ["TIDEGATE_BROKER"] = self._broker.url
        self._client = _core.Client(url=self._broker.url, client_id=f"tidegate-testing-{os.getpid()}", clean_start=False,
                                    session_expiry=3600.0, backoff=BACKOFF)
        self._client.subscribe([("#", 1, 1, False)], True)
        self._client.start()
        self._connected = False
        self.clock.on_passing(self._pass)
        self.clock.install(self._made)
        self._entered = True
        try:
            self._until_up()
            self._publish(SUBSCRIBED, b"yes", True)
            self._announce(self.root)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Ends all."""
        if not self._entered:
            return
        try:
            for wire in self._wires:
                self._stop(wire)
        finally:
            self._entered = False
            for wire in self._wires:  # what could not be stopped in order
                wire._app._hurry = wire._app._stopping = True
                wire.wake()
            self.clock.close()
            for automation in reversed(self._automations):
                automation._forget()
            self._client.stop(0.0)
            self._broker.close()
            if self._environment is None:
                os.environ.pop("TIDEGATE_BROKER", None)
            else:
                os.environ["TIDEGATE_BROKER"] = self._environment
            if self._own_folder is not None:
                shutil.rmtree(self._own_folder, ignore_errors=True)

    # ---- automations ----

    def load(self, path, *arguments):
        """Runs a script, unmodified: its Automation, once it is under way. arguments: its sys.argv[1:]. Raises what the script
        raises before its App runs."""
        automation = Automation(self, path, arguments)
        self._automations.append(automation)
        automation._start()
        self.settle()
        return automation

    # ---- what devices and people do ----

    def publish(self, topic, payload=None, *, qos=1, retain=False, expiry=None, user=()):
        """Publishes, as a device would. payload: as App.publish takes it."""
        pairs = list(user.items()) if hasattr(user, "items") else list(user)
        self.settle()  # an App that has just subscribed is to have it
        self._client.publish(topic, encode(payload), qos, retain, expiry, "", "", b"", pairs)
        if qos == 2 and self._up:
            self._client.flush(PATIENCE)
        self._published = True
        self.settle()

    def input(self, name, topic=None, **options):
        """The input of that name: press() it. options, at its first use: pressed, hold, double_click. topic: where its block has
        one of its own; for all kinds of lines to be said before load()."""
        return self._line(SimulatedInput, name, topic, options)

    def output(self, name, topic=None, **options):
        """The output of that name: look at it. options, at its first use: initial, pulse, max_on."""
        return self._line(SimulatedOutput, name, topic, options)

    button = input
    led = output

    def rgbled(self, name, topic=None, **options):
        """The RGB LED of that name."""
        return self._line(SimulatedRgbLed, name, topic, options)

    def counter(self, name, topic=None, **options):
        """The counter of that name: add() to it. options, at its first use: total."""
        return self._line(SimulatedCounter, name, topic, options)

    def sensor(self, name, topic=None):
        """The sensor of that plugin and name, "onewire/tank": set its value."""
        return self._line(SimulatedSensor, name, topic, {})

    # ---- what came of it ----

    def messages(self, filter="#"):
        """What automations have published on these topics so far, as Messages in order of arrival at the broker."""
        _core.check_filter(filter)
        self.settle()
        return [msg for msg in self._seen if _core.matches(filter, msg.topic)]

    def texts(self, filter):
        """The same as a list of texts."""
        return [msg.text for msg in self.messages(filter)]

    def forget(self):
        """messages() begin anew."""
        self.settle()
        del self._seen[:]

    # ---- outages ----

    @contextlib.contextmanager
    def outage(self):
        """with gateway.outage(): the broker is gone, and comes back at the end with what it had."""
        if not self._up:
            raise RuntimeError("the broker is gone already")
        self.settle()
        self._up = False
        self._broker.stop()
        self._wait(lambda: not self._connected and not any(wire.is_up and wire.connected_seen for wire in self._wires),
                   "Apps to miss the broker")
        self.settle()
        try:
            yield
        finally:
            self.settle()
            self._broker.start()
            self._until_up()
            self._published = True
            self.settle()

    def forward(self, *filters):
        """Messages on these topics go upstream, as a [[upstream.forward]] of the upstream "cloud" would have it, and their
        receipts tell so."""
        for filter in filters:
            _core.check_filter(filter)
        self._forwards += filters
        self._forget_known()

    @contextlib.contextmanager
    def upstream_outage(self):
        """with gateway.upstream_outage(): what is forwarded is accepted and durable, and delivered at the end."""
        self._upstream_up = False
        try:
            yield
        finally:
            self.settle()
            self._upstream_up = True
            waiting, self._undelivered = self._undelivered, []
            for msg in waiting:
                self._tell(msg, receipt="delivered", upstream="cloud")
            self.settle()

    # ---- how all comes to rest ----

    def settle(self):
        """Returns when all that is due has run and all that was published has arrived. Every other method does that."""
        self._settled()

    def until(self, reached):
        """Returns when reached() is true: for what comes by other ways than the clock and this broker, such as threads of the
        script's own, sockets, and durable handlers, whose messages come by way of the disk. Raises AssertionError when it is not
        true within 20 seconds of the machine's time."""
        limit = time.monotonic() + PATIENCE
        self.settle()
        while not reached():
            if time.monotonic() > limit:
                raise AssertionError(f"what the test waits for did not come within {PATIENCE:g} seconds of the machine's time")
            time.sleep(0.002)
            self.settle()

    def _settled(self, lazily=False):
        """lazily: messages that nobody would react to may be under way."""
        if self._settling or not self._entered:
            return
        self._settling = True
        try:
            while True:
                moves = self.clock.rest(self._running)
                self._look_at_lines()
                if not (lazily and not self._is_urgent()) and (self._take(0.0) or self._up and self._exchange()):
                    continue
                if not self._running() and self.clock.moves == moves:  # what was under way may have arrived since
                    return
        finally:
            self._settling = False

    def _running(self):
        names = [name for automation in self._automations for name in automation._running()]
        for wire in self._wires:
            names += wire.running()
        if self._up:
            names += [f"the connection of the durable handler {one.name}" for one in self._durables() if not one._client.connected]
        return names

    def _is_urgent(self):
        return self._published or any(wire.urgent or wire.published - wire.marked > _MANY or not wire.is_subscribed
                                      for wire in self._up_wires())

    def _up_wires(self):
        return [wire for wire in self._wires if wire.is_up]

    def _exchange(self):
        """Has all that was published arrive. False when nothing was under way."""
        wires = self._up_wires()
        marked = [wire for wire in wires if wire.needs_mark]
        if not marked and not self._published:
            return False
        self._wait(lambda: all(not wire.is_up or wire.connected_seen for wire in wires), "Apps to connect")
        for _ in range(2 if any(wire.most_qos == 2 for wire in wires) else 1):  # a handshake takes two turns
            number = next(self._mark)
            for wire in marked:
                wire.mark(number)
            self._wait(lambda: all(self._marks.get(wire.client_id, 0) >= number or not wire.is_up for wire in marked),
                       "messages to arrive")
            self._published = False
            for wire in wires:
                self._client.publish(f"{TOPICS}/to/{wire.client_id}", struct.pack(">Q", number), 1, False)
            self.clock.rest(lambda: [f"the way of messages to the App {wire._app.name}" for wire in wires if wire.is_up
                                     and not (wire.mark_seen >= number and wire.is_subscribed and wire.asleep())])
        return True

    def _wait(self, reached, what):
        """Takes what comes until reached(). Raises AssertionError when that takes very long."""
        limit = time.monotonic() + PATIENCE
        while not reached():
            self._take(0.001)
            if time.monotonic() > limit:
                raise AssertionError(f"waited {PATIENCE:g} seconds of the machine's time for {what}; the broker's log is in "
                                     f"{self._folder}/mosquitto.log")

    def _until_up(self):
        self._wait(lambda: self._connected and all(not wire.is_up or wire.connected_seen for wire in self._wires), "connections")
        self._up = True

    def _stop(self, wire):
        app = wire._app
        if not app.started or app._finished.is_set():
            app._stop_at_once()
            return
        app._stopping = True
        wire.wake()
        condition = threading.Condition()
        limit = time.monotonic() + PATIENCE
        with condition:
            while not app._finished.is_set():
                self.clock.wait(condition, app._finished.is_set, 0.1)
                if time.monotonic() > limit:
                    app._hurry = True
        app._thread.join(PATIENCE)
        if self._up and wire.has_last_mark:
            self._wait(lambda: self._marks.get(wire.client_id) == LAST, "the last messages to arrive")

    # ---- Apps ----

    def _made(self, app):
        """Each App that is made in this process is one of this test."""
        app._options.update(url=self._broker.url, backoff=BACKOFF)  # for durable handlers, whose sessions are their own
        app._state = str(self._folder / "state")
        app._options.pop("runtime", None)
        app._inside = None  # this gateway stands in for one inside the script: that would go to the real upstreams
        wire = Wire(self.clock, app, self._matters, self._forget_known)
        app._made = wire
        app._stop_at_once, app.stop = app.stop, lambda: self._stop_app(wire)
        app._handler_idle = self._idle(app, app._handler_idle)
        app._handler_failed = self._failed(app._handler_failed)
        self._wires.append(wire)
        thread = threading.current_thread()
        for automation in self._automations:
            if automation._thread is thread:
                automation._wires.append(wire)

    def _stop_app(self, wire):
        if threading.get_ident() == self.clock._driver:
            self._stop(wire)
        else:
            wire._app._stop_at_once()

    def _idle(self, app, before):
        def idle():
            before()
            self.clock.moved()
        return idle

    def _failed(self, before):
        def failed(handler, msg, error):
            if not isinstance(error, SystemExit):
                self.errors.append(error)
            before(handler, msg, error)
        return failed

    def _matters(self, topic, response_topic):
        all_known, key = self._known, (topic, bool(response_topic))
        known = all_known.get(key)
        if known is None:
            known = (topic in self._by_topic or topic.startswith(self.root) or "/set" in topic
                     or any(_core.matches(filter, topic) for wire in self._wires for filter in wire.filters)
                     or bool(response_topic) and any(_core.matches(filter, topic) for filter in self._forwards))
            all_known[key] = known
        return known

    def _forget_known(self):
        self._known = {}  # another one: a thread may be about to put an old answer into the last

    # ---- the gateway's own session ----

    def _publish(self, topic, payload, retain):
        self.settle()  # an App that has just subscribed is to have it
        self._client.publish(topic, encode(payload), 1, retain)
        self._published = True

    def _announce(self, root):
        """Says what a gateway says of itself. One beside the test's own says it as through a spool, for that is how it comes here."""
        self.settle()
        self._roots.add(root)
        info = {"id": root.rpartition("/")[2], "version": _core.version, "uuid": "simulated", "topics": self._topics}
        spool = [] if root == self.root else [("tidegate", "simulated/default/1/1")]
        self._client.publish(f"{root}/state", b"online", 1, True, None, "", "", b"", spool)
        self._client.publish(f"{root}/info", encode(info), 1, True, None, "", "", b"", spool)
        self._published = True

    def _pass(self, seconds):
        if seconds and not self._up:
            self._client.age(seconds)
        for durable in self._durables():
            durable._client.wake()  # an attempt may be due

    def _durables(self):
        """Those durable handlers of all Apps that have begun and not ended."""
        return [one for wire in self._wires if wire._app._durables is not None for one in list(wire._app._durables._by_name.values())
                if one._client is not None and not one._ended]

    def _take(self, timeout):
        """Takes what has come. False when nothing has."""
        events = self._client.wait(256, timeout)
        for event in events:
            if event[0] == _CONNECTED:
                self._connected = True
            elif event[0] == _DISCONNECTED:
                self._connected = False
            elif event[0] == _MESSAGE:
                self._arrived(event)
        return bool(events)

    def _arrived(self, event):
        _, topic, payload, qos, retain, _, properties = event
        if topic.startswith(TOPICS + "/"):
            if topic.startswith(TOPICS + "/from/"):
                self._marks[topic[len(TOPICS + "/from/"):]] = struct.unpack(">Q", payload)[0]
            return
        if topic.startswith("tidegate/receipt/"):
            return
        msg = Message(topic, payload, qos, retain, properties and Properties(*properties), self.clock.monotonic())
        self._seen.append(msg)
        line, suffix = self._by_topic.get(topic) or self._command_to(topic)
        if line is not None:
            line._obey(suffix, msg.text)
        if msg.properties.response_topic and any(_core.matches(filter, topic) for filter in self._forwards):
            self._tell(msg, receipt="accepted", upstreams=["cloud"])
            self._tell(msg, receipt="durable", upstream="cloud")
            if self._upstream_up:
                self._tell(msg, receipt="delivered", upstream="cloud")
            else:
                self._undelivered.append(msg)

    def _tell(self, msg, **answer):
        self._client.publish(msg.properties.response_topic, encode(answer), 1, False, None, "", "",
                             msg.properties.correlation_data)
        self._published = True

    # ---- lines ----

    def _line(self, kind, name, topic, options):
        self.settle()
        line = self._lines.get((kind, name))
        if line is None:
            place = name if kind is SimulatedSensor else f"gpio/{name}"
            if topic is not None:
                _core.check_topic(topic)
                suffix = "/total" if kind is SimulatedCounter else ""
                self._topics[place + suffix] = topic + suffix
                self._announce(self.root)
            topic = topic or f"{self.root}/{place}"
            _core.check_topic(topic)
            line = self._lines[kind, name] = kind(self, name, topic, **options)
            self._know(line)
            self.settle()
        elif options:
            raise ValueError(f"{line!r} is there already, by the automation or an earlier use: give its options before load()")
        return line

    def _know(self, line):
        for suffix in getattr(line, "_verbs", dict)():
            self._by_topic[line.topic + suffix] = (line, suffix)
        self._forget_known()

    def _look_at_lines(self):
        """Has the gateways and lines that automations name."""
        for wire in self._wires:
            if wire._app._site.root not in (None, *self._roots):
                self._announce(wire._app._site.root)
            for (kind, name, _), line in list(wire._app._lines.items()):
                simulated = next(mine for theirs, mine in _KINDS if issubclass(kind, theirs))
                if (simulated, name) not in self._lines and line.topic is not None:
                    self._lines[simulated, name] = made = simulated(self, name, line.topic)
                    self._know(made)

    def _command_to(self, topic):
        """A command to an output that nobody has named before."""
        place, _, suffix = topic[len(self.root) + 6:].partition("/")
        if topic.startswith(self.root + "/gpio/") and suffix in ("set", "set_on_ms", "set_off_ms"):
            line = self._lines[SimulatedOutput, place] = SimulatedOutput(self, place, f"{self.root}/gpio/{place}")
            self._know(line)
            return line, "/" + suffix
        return None, ""
