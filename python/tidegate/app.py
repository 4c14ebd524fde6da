# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The App: an automation's timers, handlers and its connection to the local broker."""
import contextlib
import logging
import math
import os
import re
import signal
import struct
import sys
import threading
import time
import weakref
from collections import deque
from itertools import count

from . import _core, clock, system
from .errors import ConfigError, RightsError, StateError, UnavailableError
from .gateway import Gateway
from .handler import Handler
from .interval import seconds
from .message import Message, Properties, encode
from .messages import Inbox, Messages
from .line import Button, Counter, Edge, Input, Led, Output, RgbLed, Sensor, event_of
from .receipt import Receipt
from .reports import ErrorReports
from .rights import Rights
from .site import Site
from .turn import GridTurn, WallTurn

log = logging.getLogger("tidegate")

_MESSAGE, _DELIVERED, _REFUSED, _DROPPED, _CONNECTED, _DISCONNECTED = range(6)
_RECEIPTS = 1  # the subscription identifier of the receipt topic
_BATCH = 256
_LOOK = 1.0  # seconds between looks at the main thread and the counters
_SETTLED = 5.0  # seconds in which a subscription is surely answered
_FRESH = 60.0  # seconds in which what the broker had kept may come again
_SESSION_EXPIRY = 60.0  # seconds that the broker keeps what comes while the connection is away


def _degrees(what, value, most):
    """A coordinate, from the environment where it is not given; None where it is nowhere."""
    name = "TIDEGATE_" + what.upper()
    given = os.environ.get(name) if value is None else value
    if given is None or given == "":
        return None
    try:
        degrees = float(given)
        if -most <= degrees <= most:
            return degrees
    except (TypeError, ValueError):
        pass
    raise ConfigError(f"{what if value is not None else name} is in degrees, -{most} to {most}, not {given!r}")


class _Listener:
    """Who is told of what comes on a filter. earlier: its filters before this one; came: when it did; kept: the topics of what
    it was given that the broker had kept, as long as that may come again; by the dispatcher."""

    __slots__ = ("told", "publication", "earlier", "came", "kept")

    def __init__(self, told, publication, earlier):
        self.told = told
        self.publication = publication
        self.earlier = earlier
        self.came = time.monotonic()
        self.kept = set()


class _Subscription:
    """What is wanted of one filter. listeners: a tuple of _Listener; replaced, never changed, so that the dispatcher reads
    without the lock."""

    __slots__ = ("filter", "qos", "identifier", "listeners", "again", "asked")

    def __init__(self, filter, qos):
        self.filter = filter
        self.qos = qos
        self.identifier = 0
        self.listeners = ()
        self.again = False  # the broker is to send what it keeps, though it may have the filter
        self.asked = 0.0  # when that was asked of it; before a connection never


class App:
    """An automation: functions that run on time, on messages, at the start and at the end.

    name: for topics and log lines; default: the script's. broker: "mqtt://127.0.0.1:1883"; default: $TIDEGATE_BROKER,
    else the running gateway's. on_error: "log" keeps running when a handler raises, "exit" stops the App and has run()
    raise SystemExit(1). stop_timeout: seconds that stopping may take for handlers that run and messages that wait.
    inbox: messages that may wait before each handler. slow_after: an interval; a handler whose call lasts longer is named in
    a warning. gateway: a Gateway, which then runs inside this program, unless it runs already; the App starts and stops it.
    Or, with base, whose lines and sensors, "<base>/<gateway>/…"; default: the gateway at that broker. latitude, longitude:
    where the sun rises and sets, in degrees, north and east positive; default: $TIDEGATE_LATITUDE, $TIDEGATE_LONGITUDE.
    state: the folder in which durable handlers keep messages, under apps/<name>; default: as the gateway's.

    Handlers are functions or coroutine functions. They get arguments by name: msg, topic, payload, text, retain, app.
    Each runs its calls one after another; different ones run beside each other. Thread-safe."""

    system = system

    def __init__(self, name=None, broker=None, *, username=None, password=None, on_error="log", stop_timeout=5.0,
                 inbox=10_000, slow_after=10.0, gateway=None, base="tidegate", latitude=None, longitude=None, state=None):
        if on_error not in ("log", "exit"):
            raise ConfigError(f'on_error is "log" or "exit", not {on_error!r}')
        self._named = bool(name)
        self.name = name or os.path.splitext(os.path.basename(sys.argv[0] if sys.argv else ""))[0] or "python"
        self.stop_timeout = seconds(stop_timeout)
        self._pid = os.getpid()
        self._on_error = on_error
        self._inbox = inbox
        self._slow_after = seconds(slow_after)
        self._place = (_degrees("latitude", latitude, 90), _degrees("longitude", longitude, 180))
        self._handlers = {}  # by function
        self._filters = {}  # filter -> _Subscription
        self._by_identifier = {}  # identifier -> (_Subscription, since when listeners came that are to have what was kept)
        self._identifiers = count(_RECEIPTS + 1)
        self._fresh = deque()  # each _Listener that still has its kept
        self._streams = []  # the Inbox of each Messages
        self._turns = []
        self._startup = []
        self._shutdown = []
        self._lock = threading.RLock()
        self._receipts = weakref.WeakValueDictionary()  # by correlation data
        self._numbers = count(1)
        self._wanted_id = f"tidegate-app-{re.sub('[^0-9A-Za-z_-]+', '-', self.name)[:32]}-{os.urandom(5).hex()}"
        self._receipt_topic = "tidegate/receipt/" + self._wanted_id
        self._options = dict(url=broker or "", client_id=self._wanted_id, username=username, password=password,
                             clean_start=False, session_expiry=_SESSION_EXPIRY)
        self._rights = Rights() if broker is None and username is None and not isinstance(gateway, Gateway) else None
        self._inside = gateway if isinstance(gateway, Gateway) else None
        self._started_inside = False
        if self._inside is not None:
            base, gateway = self._inside.base, self._inside.id
            if broker is None:
                self._options["runtime"] = self._inside.runtime
        self._made = None  # the client, once needed
        self._gathering = 0  # how many gather what they listen to
        self._thread = None
        self._runner = None  # the thread that is in run(): it may hold a lock that stopping needs
        self._loop = None
        self._loop_thread = None
        self._loop_lock = threading.Lock()
        self._stopping = False
        self._hurry = False
        self._finished = threading.Event()
        self._exit = None
        self._opened = False  # the startup functions have returned
        self._complaint = None  # why there is no connection, as it was logged
        self._refused = {}  # topic -> reason, as it was logged
        self._lost = {}  # counter -> its value, as it was logged
        self._site = Site(self, base, gateway)
        self._lines = {}  # (class, name, topic) -> Line
        self._reports = ErrorReports(self)
        self._state = state
        self._durables = None  # once needed
        clock.made(self)

    # ---- what a script says ----

    def every(self, interval, publish=None, *, qos=1, retain=False):
        """Runs the function at the start and then every interval ("1s", "500ms", "5m", a number of seconds), on a fixed
        grid: it does not drift, and a turn that comes while the last one still runs is skipped. What it returns, unless
        that is None, is published on the topic publish."""
        step = seconds(interval)
        if step < 0.001:
            raise ConfigError("an interval is at least 1 ms")
        return self._timer(publish, qos, retain, [lambda *call: GridTurn(*call, f"every {interval}", step)])

    def cron(self, expression, publish=None, *, qos=1, retain=False):
        """Runs the function at the times of a cron expression, in local time: "*/5 * * * *", "30 7 * * mon-fri"; a sixth
        field is seconds. publish: as for every().

        When the clocks change, a time that does not exist comes where the gap ends, and one that exists twice comes once;
        hours that are a * go on with the time that passes. When the clock is set by less than three hours, what it jumps over
        runs at once, and nothing runs twice. Needs croniter (MissingPackageError)."""
        from .schedule import Cron  # here: few scripts need it
        what = Cron(expression)
        return self._timer(publish, qos, retain, [lambda *call: WallTurn(*call, f'cron "{expression}"', what)])

    def at(self, *times, publish=None, qos=1, retain=False):
        """Runs the function every day at these local times, or by the sun: "07:30", "07:30:15", "sunset", "sunset-10m",
        "sunrise+1h", "dawn", "dusk". publish: as for every(); changes of the clock: as for cron(). The sun needs a place (see
        App) and astral (MissingPackageError)."""
        if not times or not all(isinstance(one, str) for one in times):
            raise TypeError('name a time: @app.at("07:30")')

        from .schedule import at

        def make(one):
            what = at(one, *self._place)
            return lambda *call: WallTurn(*call, f'at "{one}"', what)

        return self._timer(publish, qos, retain, [make(one) for one in times])

    def on(self, *filters, publish=None, qos=1, retain=False, durable=False, attempts=5, retry="1s", keep="31d"):
        """Runs the function for each message on these topics; once, even where filters overlap. qos is asked of the
        broker for the messages. What the function returns, unless that is None, is published on the topic publish.

        durable: True, or a name in place of the function's. The broker keeps what comes while this program is away, for at
        most keep (an interval); what has come is on this machine's disk before the broker is told so, and leaves it when the
        function has returned. When that raises, or the program ends meanwhile, it is called with the message again:
        msg.attempt counts. After so many attempts, the first repetition after retry (an interval), each next one after twice
        as long, the message is moved to the dead letters. Until then the messages behind it wait. Needs App(name)."""
        if not filters or not all(isinstance(one, str) for one in filters):
            raise TypeError('name what to listen to: @app.on("IoT101/Message")')
        self._check_wish(filters, qos)
        publication = self._publication(publish, qos, retain)

        def decorate(function):
            handler = self._handler(function, with_message=True)
            if durable:
                self._add_durable(handler, durable, filters, publication, attempts, retry, keep)
                return function
            for one in filters:
                if one not in handler.filters:
                    self._listen(one, qos, handler, publication, tuple(handler.filters))
                    handler.filters.append(one)
            return function

        return decorate

    def messages(self, *filters, qos=1):
        """An async iterator over the messages on these topics, from now on: async for msg in app.messages("loft/#"). It ends
        when the App stops. What the broker has kept comes first; what comes while nobody loops waits, up to the App's inbox."""
        if not filters or not all(isinstance(one, str) for one in filters):
            raise TypeError('name what to listen to: app.messages("IoT101/Message")')
        self._check_wish(filters, qos)
        self._check_fork()
        inbox = Inbox(", ".join(map(repr, filters)), self._inbox)
        with self._lock:
            if self._stopping:
                inbox.end()
            else:
                self._streams.append(inbox)
                for number, one in enumerate(filters):
                    self._listen(one, qos, inbox, None, filters[:number])
        return Messages(self, inbox)

    def edge(self, name, *kinds, topic=None, publish=None, qos=1, retain=False):
        """Runs the function when something happens to the gateway's input of that name: "pressed", "released", "click",
        "double", "hold"; its text is the gateway's word (press, release, click, double, hold). topic: the input's, where its
        configuration names one. publish: as for on()."""
        if not kinds or not isinstance(name, str):
            raise TypeError('name the input and what happens: @app.edge("door", "pressed")')
        events = {event_of(kind) for kind in kinds}
        publication = self._publication(publish, qos, retain)

        def decorate(function):
            Edge(self, self.input(name, topic), events, self._handler(function, with_message=True), publication)
            return function

        return decorate

    def led(self, name, topic=None):
        """The gateway's output of that name, as something that shines. topic: where its configuration names one."""
        return self._line(Led, name, topic)

    def output(self, name, topic=None):
        """The gateway's output (or PWM, or servo) of that name."""
        return self._line(Output, name, topic)

    def button(self, name, topic=None):
        """The gateway's input of that name, as something that is pressed."""
        return self._line(Button, name, topic)

    def input(self, name, topic=None):
        """The gateway's input of that name."""
        return self._line(Input, name, topic)

    def rgbled(self, name, topic=None):
        """The gateway's RGB LED of that name."""
        return self._line(RgbLed, name, topic)

    def counter(self, name, topic=None):
        """The gateway's counter of that name."""
        return self._line(Counter, name, topic)

    def sensor(self, name, topic=None):
        """A reading of one of the gateway's plugins: "sysstat/cpu/percent", "onewire/tank"."""
        return self._line(Sensor, name, topic)

    def startup(self, function):
        """Runs the function once at the start; timers and messages come when it has returned."""
        self._startup.append(self._handler(function, with_message=False))
        return function

    def shutdown(self, function):
        """Runs the function once at the end, while it can still publish."""
        self._shutdown.append(self._handler(function, with_message=False))
        return function

    def publish(self, topic, payload=None, qos=1, retain=False, expiry=None, *, content_type="", response_topic="",
                correlation_data=b"", user=None, receipt=None):
        """Publishes and returns a Receipt, at once; offline the message waits (the newest 1000 of them).

        payload: str, bytes, a number, True or False (ON and OFF), None, or a dict, list or dataclass as JSON. expiry: an
        interval after which it is of no use to anybody. user: user properties, a dict. receipt: whether the gateway is
        asked to tell what becomes of it; default: for QoS 1 and 2 without a response topic; False for bulk.
        Raises TopicError and PayloadError; UnavailableError when the App has stopped; nothing for being offline."""
        client = self._made or self._client()
        data = encode(payload)
        if expiry is not None:
            expiry = seconds(expiry)
        if receipt is None:
            receipt = qos > 0 and not response_topic
        elif receipt and response_topic:
            raise ValueError("a receipt takes the response topic: give one of them")
        result = Receipt(topic, None if receipt else "no receipt was asked for")
        if receipt:
            correlation_data = struct.pack(">Q", next(self._numbers))
            response_topic = self._receipt_topic
            self._receipts[correlation_data] = result
        pairs = () if user is None else list(user.items() if hasattr(user, "items") else user)
        client.publish(topic, data, qos, retain, expiry, content_type, response_topic, correlation_data, pairs)
        return result

    def run(self):
        """Starts, and returns when the App was stopped: by stop(), Ctrl-C or SIGTERM. It then lets handlers finish and
        sends what waits, for at most stop_timeout. Raises SystemExit when a handler did, or with on_error="exit"."""
        self._check_fork()
        self._runner = threading.current_thread()
        restore = self._catch_signals()
        try:
            self.start()
            while not self._finished.wait(0.5):  # a signal just before a wait does not interrupt it
                pass
        except BaseException:  # a second Ctrl-C
            self._hurry = self._stopping = True
            self._wake()
            raise
        finally:
            restore()
            self._runner = None
        self._thread.join()
        if self._exit is not None:
            raise self._exit

    def start(self):
        """Starts and returns at once; for programs that have a main loop of their own. An App starts once."""
        self._check_fork()
        with self._lock:
            if self._thread is not None or self._finished.is_set():
                raise StateError("this App was started before; make a new one")
            self._start_inside()
            try:
                if self._durables is not None:
                    self._durables.start(self._options)
                client = self._client()
            except BaseException:
                self._end_parts()
                raise
            self._subscribe()
            client.start()
            # Not a daemon: it sees the main thread end, and then stops the App in order.
            self._thread = threading.Thread(target=self._dispatch, name="tidegate dispatch")
        self._thread.start()

    def stop(self):
        """Stops, as run() says. Waits until that is done, except in a handler and in a signal handler that interrupts
        run()."""
        self._check_fork()
        self._stopping = True
        self._wake()
        thread = self._thread
        if thread is None and self._runner is None:
            self._finished.set()
            self._end_streams()
            if self._made is not None:
                self._made.stop(0)
        elif threading.current_thread() is not self._runner and not self._is_own(threading.current_thread()):
            self._finished.wait()
            self._thread.join()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.stop()

    @property
    def started(self):
        """Whether it was ever started."""
        return self._thread is not None

    @property
    def connected(self):
        """Whether there is a connection to the local broker now."""
        return self._made is not None and self._made.connected

    def counters(self):
        """What happened so far: published, delivered, refused, dropped_outgoing, received, dropped_inbox, connects, and
        for all handlers together runs, errors, dropped, skipped,
        dead_lettered."""
        counters = self._made.counters() if self._made is not None else {}
        handlers = list(self._handlers.values())
        for what in ("runs", "errors", "dropped"):
            counters[what] = sum(getattr(handler, what) for handler in handlers)
        counters["dead_lettered"] = self._durables.dead_lettered() if self._durables is not None else 0
        counters["skipped"] = sum(turn.skipped for turn in self._turns)
        return counters

    # ---- handlers ----

    def _add_durable(self, *wish):
        with self._lock:
            if self._durables is None:
                from .durable import Durables  # here: few scripts need it
                self._durables = Durables(self, self._state, self._named)
                self._state = self._durables.folder
            made = self._durables.add(*wish)
            if self._thread is not None:
                self._durables.start(self._options, made)

    def _handler(self, function, with_message):
        self._check_fork()
        with self._lock:
            handler = self._handlers.get(function)
            if handler is None:
                handler = Handler(self, function, self._inbox)
            handler.accept(with_message)
            if function not in self._handlers:
                self._handlers[function] = handler
                if self._opened:
                    handler.release()
            return handler

    def _line(self, kind, name, topic):
        self._check_fork()
        with self._lock:
            line = self._lines.get((kind, name, topic))
            if line is None:
                line = self._lines[kind, name, topic] = kind(self, name, topic)
            return line

    def _timer(self, publish, qos, retain, make):
        """A decorator that gives a function its turns; make: for each a function of (handler, publication)."""
        publication = self._publication(publish, qos, retain)

        def decorate(function):
            handler = self._handler(function, with_message=False)
            turns = [one(handler, publication) for one in make]
            with self._lock:
                for turn in turns:
                    turn.begin(clock.now())
                self._turns.extend(turns)
            self._wake()
            return function

        return decorate

    def _check_wish(self, filters, qos):
        if qos not in (0, 1, 2):
            raise ValueError("qos is 0, 1 or 2")
        for one in filters:
            _core.check_filter(one)
            if self._rights is not None:
                self._rights.check_subscription(one)

    @staticmethod
    def _publication(topic, qos, retain):
        if topic is None:
            return None
        _core.check_topic(topic)
        return topic, qos, retain

    def _handler_idle(self):
        if self._stopping or not self._opened:
            self._wake()

    def _handler_failed(self, handler, msg, error):
        """Called in a handler's thread with the exception being handled."""
        if isinstance(error, SystemExit):
            self._exit = self._exit or error
        else:
            about = f" on {msg.topic}" if msg is not None else ""
            log.error("%s failed%s: %s: %s", handler.name, about, type(error).__name__, error, exc_info=error)
            self._reports.add(handler, msg, error)
            if self._on_error != "exit":
                return
            self._exit = self._exit or SystemExit(1)
        self._stopping = True
        self._wake()

    def _is_own(self, thread):
        return thread in (self._thread, self._loop_thread) or any(handler.runs_on(thread)
                                                                  for handler in list(self._handlers.values()))

    def _on_loop(self, coroutine):
        """Starts a coroutine function on the event loop, which is made when the first one needs it. Returns its future,
        to be kept: asyncio itself holds tasks weakly."""
        with self._loop_lock:
            if self._loop is None:
                self._loop = clock.event_loop()
                self._loop_thread = threading.Thread(target=self._loop.run_forever, name="tidegate asyncio", daemon=True)
                self._loop_thread.start()
        from asyncio import run_coroutine_threadsafe
        return run_coroutine_threadsafe(coroutine(), self._loop)

    # ---- the connection ----

    def _check_fork(self):
        if self._pid != os.getpid():
            raise StateError("This App was made before this process was forked, and works only in the process that made it: make "
                             "another one after the fork")

    def _start_inside(self):
        """The gateway inside this program. Where another program has it already, this is one more client of that."""
        if self._inside is None or self._inside.running:
            return
        try:
            self._inside.start()
            self._started_inside = True
        except UnavailableError as error:
            log.info("the gateway runs already, and this App is a client of it: %s", error)

    def _client(self):
        self._check_fork()
        with self._lock:
            if self._made is None:
                self._made = _core.Client(**self._options)
            return self._made

    def _wake(self):
        if self._made is not None:
            self._made.wake()

    def _listen(self, filter, qos, listener, publication=None, earlier=()):
        """Has listener.submit() called with what comes on filter, after what the broker has kept."""
        self._check_fork()
        with self._lock:
            subscription = self._filters.get(filter)
            if subscription is None:
                self._look_at_rights(filter, listener)
                subscription = self._filters[filter] = _Subscription(filter, qos)
            # A new identifier has the broker send again what it kept. Who came a while ago has it.
            one = _Listener(listener, publication, earlier)
            connected = self.connected
            subscription.again = bool(subscription.listeners) and self._thread is not None
            subscription.asked = one.came if connected else math.inf
            since = one.came - _SETTLED if subscription.again and connected else 0.0
            subscription.qos = max(subscription.qos, qos)
            subscription.listeners += (one,)
            self._fresh.append(one)
            subscription.identifier = next(self._identifiers)
            self._by_identifier[subscription.identifier] = (subscription, since)
            if self._thread is not None:
                self._subscribe()

    def _look_at_rights(self, filter, listener):
        """For lines, whose topics come later than the script's words about them."""
        if self._rights is None or listener is self._site:
            return
        try:
            self._rights.check_subscription(filter)
        except RightsError as error:
            log.error("%s", error)

    def _unlisten(self, listener):
        self._check_fork()
        with self._lock:
            if listener in self._streams:
                self._streams.remove(listener)
            for subscription in list(self._filters.values()):
                subscription.listeners = tuple(one for one in subscription.listeners if one.told is not listener)
                if not subscription.listeners:
                    del self._filters[subscription.filter]
            self._by_identifier = {one.identifier: self._by_identifier[one.identifier] for one in self._filters.values()}
            if self._thread is not None:
                self._subscribe()

    @contextlib.contextmanager
    def _together(self):
        """What is listened to inside is asked for at its end, at once."""
        with self._lock:
            self._gathering += 1
        try:
            yield
        finally:
            with self._lock:
                self._gathering -= 1
                if self._thread is not None:
                    self._subscribe()

    def _subscribe(self):
        if self._gathering:
            return
        wanted = [(self._receipt_topic, 1, _RECEIPTS, False)]
        # What is below a topic comes first: who has been told a line's value is told its events.
        filters = sorted(self._filters.values(), key=lambda one: one.filter, reverse=True)
        wanted += [(one.filter, one.qos, one.identifier, one.again) for one in filters]
        self._made.subscribe(wanted)

    def _notice(self, notice):
        kind, _, topic, correlation, reason, _ = notice
        if kind == _CONNECTED:
            if self._complaint is not None:
                log.warning("connected to the local broker again")
            self._complaint = None
            with self._lock:
                for one in self._filters.values():
                    one.asked = 0.0
        elif kind == _DISCONNECTED:
            with self._lock:  # to a broker that has lost this session all is new, for all listeners
                self._by_identifier = {one.identifier: (one, 0.0) for one in self._filters.values()}
                for one in self._fresh:
                    one.kept.clear()
                answered = [one for one in self._filters.values() if one.again and one.asked < time.monotonic() - _SETTLED]
                for one in answered:
                    one.again = False
                if answered:
                    self._subscribe()
            if reason != self._complaint:
                log.warning("no connection to the local broker: %s", reason)
            self._complaint = reason
        elif kind in (_REFUSED, _DROPPED):
            if kind == _REFUSED and len(self._refused) < 100 and self._refused.setdefault(topic, reason) is reason:
                log.warning("the broker refused a message on %s: %s%s", topic, reason,
                            "" if self._rights is None else self._rights.explain_publish(topic))
            receipt = self._receipts.get(correlation)
            if receipt is not None:
                receipt._fail(f"{'refused' if kind == _REFUSED else 'dropped'}: {reason}")

    def _receipt(self, correlation, payload):
        receipt = self._receipts.get(correlation)
        if receipt is None:
            return
        try:
            receipt._tell(payload)
        except (ValueError, TypeError, RecursionError) as error:
            log.warning("an answer to a publish on %s cannot be understood: %s", receipt.topic, error)

    # ---- the dispatcher thread ----

    def _dispatch(self):
        try:
            for handler in self._startup:
                handler.submit([(None, None, None)])
                handler.release()
            look = 0.0
            while not self._stopping:
                if not self._opened and not any(handler.busy for handler in self._startup):
                    self._open()
                now = clock.now()
                if now.monotonic >= look:
                    look = now.monotonic + min(_LOOK, max(0.01, self._slow_after / 2))
                    if not threading.main_thread().is_alive():
                        break
                    self._look_at_counters()
                    self._look_at_parts(now.monotonic)
                    for stream in [one for one in self._streams if one.abandoned]:
                        self._unlisten(stream)
                self._turn(min(look - now.monotonic, self._run_turns(now)), True)
            self._finish()
        except BaseException:
            log.critical("the App's dispatcher failed; please report this", exc_info=True)
            self._exit = self._exit or SystemExit(70)
        finally:
            self._stopping = True
            self._finished.set()

    def _open(self):
        with self._lock:
            self._opened = True
            handlers = list(self._handlers.values())
            for turn in self._turns:
                turn.begin(clock.now())
        for handler in handlers:
            handler.release()

    def _run_turns(self, now):
        """Submits the turns that are due. Returns the seconds until the next."""
        nearest = _LOOK
        if not self._opened:
            return nearest
        with self._lock:
            turns = list(self._turns)
        for turn in turns:
            nearest = min(nearest, turn.look(now))
        return max(nearest, 0.0)

    def _turn(self, timeout, with_messages):
        """Takes what has come and hands it on. False when nothing came."""
        batches = {}
        events = self._made.wait(_BATCH, timeout)
        arrived = clock.monotonic()
        for event in events:
            if event[0] != _MESSAGE:
                self._notice(event)
                continue
            _, topic, payload, qos, retain, identifiers, properties = event
            if topic == self._receipt_topic:
                self._receipt(properties[3] if properties else b"", payload)
                continue
            msg = None
            wish = self._by_identifier.get(identifiers[0]) if len(identifiers) == 1 else None
            for subscription, since in (wish,) if wish else self._wishes(identifiers, topic):
                for one in subscription.listeners:
                    listener = one.told
                    if not (with_messages or listener.to_the_end):
                        continue
                    # Where filters of one listener overlap, the copy for the first of them is the one that counts.
                    if one.earlier and any(_core.matches(filter, topic) for filter in one.earlier):
                        continue
                    if retain:
                        if one.came < since:
                            continue
                        if one.kept is not None:  # a listener that came soon after it has had the broker send it again
                            if topic in one.kept:
                                continue
                            one.kept.add(topic)
                    if msg is None:
                        msg = Message(topic, payload, qos, retain, properties and Properties(*properties), arrived)
                    batch = batches.get(listener)
                    if batch is None:
                        batch = batches[listener] = []
                    batch.append((msg, one.publication, None))
        for listener, batch in batches.items():
            listener.submit(batch)
        return bool(events)

    def _wishes(self, identifiers, topic):
        """The pairs of _by_identifier that a copy was sent for; by its topic for a broker without subscription identifiers,
        and for what was under way when the identifier changed."""
        found = [self._by_identifier[one] for one in identifiers if one in self._by_identifier]
        if found:
            return found
        with self._lock:
            return [(one, 0.0) for one in self._filters.values() if _core.matches(one.filter, topic)]

    def _look_at_counters(self):
        counters = self._made.counters()
        for name, what in (("dropped_inbox", "messages that came were dropped: this program was too slow to take them"),
                           ("dropped_outgoing", "messages to publish were dropped: too many waited for the connection")):
            before, self._lost[name] = self._lost.get(name, 0), counters[name]
            if counters[name] > before:
                log.warning("%d %s", counters[name] - before, what)

    def _look_at_parts(self, now):
        while self._fresh and now - self._fresh[0].came > _FRESH:
            self._fresh.popleft().kept = None
        self._site.look(now)
        self._reports.look(now)
        for line in list(self._lines.values()):
            line.look(now)
        for handler in list(self._handlers.values()):
            handler.look(now, self._slow_after)

    def _finish(self):
        """Lets handlers finish, runs those for the end, sends what waits, and ends the threads."""
        deadline = clock.monotonic() + self.stop_timeout
        self._end_streams()
        handlers = list(self._handlers.values())
        if not self._opened:  # it was stopped while it started: what waits for the start is not run
            for handler in handlers:
                if handler not in self._startup:
                    handler.end(forget=True)
            self._open()
        self._settle(handlers, deadline)
        for handler in self._shutdown:
            handler.submit([(None, None, None)])
        self._settle(self._shutdown, deadline)
        late = [handler for handler in handlers if handler.busy]
        if late and not self._hurry:
            log.warning("still running after %g s, and left alone: %s", self.stop_timeout,
                        ", ".join(handler.name for handler in late))
        self._reports.send_all(deadline, self._hurry)
        for line in list(self._lines.values()):
            line.end()
        for handler in handlers:
            handler.end(forget=True)
        for handler in handlers:
            if handler not in late:
                handler.join()
        self._made.stop(0.0 if self._hurry else max(0.0, deadline - clock.monotonic()))
        while self._turn(0.0, False):
            pass
        for receipt in list(self._receipts.values()):
            receipt._fail("the App has stopped")
        if self._loop is not None:
            self._end_loop()
        self._end_parts()

    def _end_parts(self):
        if self._durables is not None:
            self._durables.end()
        if self._started_inside:
            self._inside.stop()

    def _end_streams(self):
        with self._lock:
            streams, self._streams = self._streams, []
        for stream in streams:
            stream.end()

    def _settle(self, handlers, deadline):
        while any(handler.busy for handler in handlers):
            left = deadline - clock.monotonic()
            if left <= 0 or self._hurry:
                return
            self._turn(min(left, 0.1), False)

    def _end_loop(self):
        import asyncio
        loop = self._loop

        async def cancel():
            mine = asyncio.current_task()
            tasks = [task for task in asyncio.all_tasks() if task is not mine]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            loop.stop()

        asyncio.run_coroutine_threadsafe(cancel(), loop)
        self._loop_thread.join(1.0)
        if not self._loop_thread.is_alive():
            loop.close()

    # ---- signals ----

    def _catch_signals(self):
        """Has SIGINT and SIGTERM stop the App where the script has not said otherwise. Returns what puts that back."""
        if threading.current_thread() is not threading.main_thread():
            return lambda: None
        caught = {}

        def restore():
            for number, before in caught.items():
                if signal.getsignal(number) is stop:
                    signal.signal(number, before)

        def stop(number, frame):
            restore()  # the next Ctrl-C does not wait
            self._stopping = True
            self._wake()

        for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
            if signal.getsignal(number) is default:
                caught[number] = signal.signal(number, stop)
        return restore
