# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Messages that stay on disk until a handler has returned."""
import json
import logging
import os
import re
import threading
import time
from collections import deque

from . import _core, clock
from .errors import ConfigError, StateError, TidegateError
from .interval import seconds
from .message import Message, Properties
from .spool import Spool

log = logging.getLogger("tidegate")

_MESSAGE, _CONNECTED, _DISCONNECTED = 0, 4, 5  # kinds of a client's events
_BATCH = 64
_LOOK = 1.0  # seconds between looks at the disk
_MOST_RETRY = 300.0  # seconds between two attempts
_LETTERS = 64 << 20  # bytes


def state_folder():
    """Where this user's programs keep what outlives them; as the gateway's configuration has it."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if os.path.isabs(given):
        return given
    if os.geteuid() == 0:
        return "/var/lib/tidegate"
    given = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(given):
        return os.path.join(given, "tidegate")
    home = os.path.expanduser("~")
    return os.path.join(home, ".local/state/tidegate") if os.path.isabs(home) else f"/tmp/tidegate-{os.geteuid()}/state"


def plain(name):
    """A name as lanes, folders and client ids take it."""
    return re.sub("[^0-9A-Za-z_.-]+", "-", name).strip("-.")[:64].rstrip("-.")


def overlap(one, other):
    """Whether there are topics that both filters match."""
    a, b = sorted((one.split("/"), other.split("/")), key=len)
    for x, y in zip(a, b):
        if "#" in (x, y):
            return True
        if x != y and "+" not in (x, y):
            return False
    return len(a) == len(b) or b[len(a)] == "#"


class Durable:
    """The messages of one handler. They come by a session of its own, which the broker keeps while the program is away, and
    are in a lane on disk before the broker is told that they have come. They are read from there, one after another, and
    leave it when the handler has returned. Before each call its number is written beside the lane, so that it is known after
    a crash, too; after so many the message is moved to the dead letters."""

    def __init__(self, app, handler, name, filters, publication, attempts, retry, keep):
        self.name = name
        self.handler = handler
        self.filters = filters
        self.dead_lettered = 0
        self._app = app
        self._publication = publication
        self._attempts = attempts
        self._retry = retry
        self._keep = keep
        self._lock = threading.Lock()
        self._records = deque()  # read, and not given to the handler
        self._busy = None  # the record that the handler has
        self._tried = 0  # attempts at the first record of all
        self._not_before = 0.0
        self._ended = False
        self._lane = self._letters = self._client = self._thread = None
        self._attempt_file = -1
        self._uuid = ""
        self._complaint = None  # about the disk, or the broker, as it was logged
        self._unkept = 0
        self._gave_way = 0

    def start(self, spool, folder, options):
        """Opens what is needed, and begins. spool: the App's; folder: where it is. options: for the client. Raises
        SystemCallError when the disk refuses."""
        self._lane = spool.lane(self.name, "inbox", expiry=self._keep)
        self._letters = spool.lane(self.name, "dead-letter", capacity=_LETTERS)
        self._uuid = spool.uuid
        self._attempt_file = os.open(os.path.join(folder, self.name + ".attempt"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._filter_file = os.path.join(folder, self.name + ".filters")
        former = [one for one in self._former_filters() if one not in self.filters]
        self._client = _core.Client(**{**options, "client_id": f"tidegate-app-{plain(self._app.name)}-{self.name}",
                                       "clean_start": False, "session_expiry": self._keep, "keep": self._lane._core})
        # What the session has from an earlier version of the script is taken over first, so that it can be given back.
        self._subscribe([*self.filters, *former])
        self._client.start()
        self._thread = threading.Thread(target=self._work, args=(bool(former),), name=f"tidegate durable {self.name}", daemon=True)
        self._thread.start()

    def end(self):
        """Takes nothing more in."""
        with self._lock:
            self._ended = True
        if self._client is not None:
            self._client.stop(0.0)
            self._thread.join()
            with self._lock:
                os.close(self._attempt_file)
                self._attempt_file = -1

    # its own thread

    def _work(self, with_former):
        while not self._ended:
            try:
                due = self._not_before - clock.monotonic()
                for event in self._client.wait(_BATCH, min(_LOOK, due) if due > 0 else _LOOK):
                    if event[0] == _MESSAGE:
                        self._take_unkept(event)
                    elif event[0] == _CONNECTED:
                        self._complain(None)
                        if with_former:
                            self._subscribe(self.filters)
                            with_former = False
                        self._save_filters()
                    elif event[0] == _DISCONNECTED and self._app.connected:  # else the App says so
                        self._complain(f"no connection to the local broker: {event[4]}")
                self._look()
                self._feed()
            except StateError:  # the App has closed the spool
                return
            except TidegateError as error:
                self._complain(f"its messages wait: {error}")
            except Exception:
                log.critical("%s: the thread that brings its messages failed, and goes on; please report this", self.handler.name,
                             exc_info=True)

    def _subscribe(self, filters):
        self._client.subscribe([(one, 1, number, False) for number, one in enumerate(filters, 1)])

    def _former_filters(self):
        try:
            with open(self._filter_file, encoding="utf-8") as file:
                former = json.load(file)
            return [one for one in former if isinstance(one, str)]
        except (OSError, ValueError, TypeError):
            return []

    def _save_filters(self):
        if self._former_filters() == list(self.filters):
            return
        try:
            with open(self._filter_file + ".new", "w", encoding="utf-8") as file:
                json.dump(self.filters, file)
            os.replace(self._filter_file + ".new", self._filter_file)
        except OSError as error:
            log.warning("%s: %s", self.handler.name, error)

    def _complain(self, what):
        if what is not None and what != self._complaint:
            log.warning("%s: %s", self.handler.name, what)
        self._complaint = what

    def _take_unkept(self, event):
        """The disk did not take it: better handed on from memory than not at all."""
        _, topic, payload, qos, retain, _, properties = event
        self._unkept += 1
        if self._unkept == 1:
            log.error("%s: the disk does not take messages (%s); until it does, a crash loses those that wait", self.handler.name,
                      self._lane.status()["trouble"] or "see its errors")
        self.handler.submit([(Message(topic, payload, qos, retain, properties and Properties(*properties)), self._publication, None)])

    def _look(self):
        gave_way = self._lane.status()["discarded"].get("evicted", 0)
        if gave_way > self._gave_way:
            log.warning("%s is too slow: %d messages gave way to newer ones, for its spool is full", self.handler.name,
                        gave_way - self._gave_way)
        self._gave_way = gave_way

    # any thread

    def _feed(self):
        """Gives the handler the next message, unless it has one."""
        with self._lock:
            if self._busy is not None or self._ended or self._app._stopping or clock.monotonic() < self._not_before:
                return
            while True:
                record = self._next()
                if record is None:
                    return
                if not any(_core.matches(one, record.message.topic) for one in self.filters):
                    self._lane.discard(record.sequence, "no filter of the handler matches it any more")
                elif self._tried >= self._attempts:
                    self._bury(record, f"this program ended in the last of {self._tried} attempts at it")
                else:
                    break
            self._busy = record
            record.message.attempt = self._tried + 1
        self.handler.submit([(record.message, self._publication, self)])

    def _next(self):
        """The next record, and in _tried how often it was tried; with the lock."""
        if not self._records:
            self._records.extend(self._lane.read(_BATCH))
            if not self._records:
                return None
        record = self._records.popleft()
        self._tried = self._tried_before(record.sequence)
        return record

    def _tried_before(self, sequence):
        try:
            uuid, of, times = os.pread(self._attempt_file, 100, 0).decode("ascii", "replace").split()
            return int(times) if (uuid, int(of)) == (self._uuid, sequence) else 0
        except (OSError, ValueError):
            return 0

    def _bury(self, record, why):
        """Moves it to the dead letters; with the lock. Raises SystemCallError when the disk refuses: it is the next then."""
        try:
            self._write_letter(record, why)
        except TidegateError:
            self._records.appendleft(record)
            raise
        self._lane.discard(record.sequence, why[:100], dead_lettered=True)
        self.dead_lettered += 1
        log.error("%s: a message on %s is moved to the dead letters: %s; `tidegate spool peek %s/dead-letter --state %s` shows it",
                  self.handler.name, record.message.topic, why, self.name, self._app._state)
        self._app._reports.add_letter(self.handler, record.message, why)

    def _write_letter(self, record, why):
        """As the gateway writes them, so that its tools can replay it."""
        message = record.message
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.accepted_at)) + f".{int(record.accepted_at * 1000) % 1000:03d}Z"
        user = [pair for pair in message.properties.user if pair[0] != "tidegate"]
        user += [("tidegate-dead-letter", why[:1000]),
                 ("tidegate", f"{self._uuid}/inbox/{record.epoch}/{record.sequence}/{when}/{record.clock}")]
        properties = message.properties
        kept = self._letters.append(message.topic, message.payload, message.qos, message.retain, content_type=properties.content_type,
                                    response_topic=properties.response_topic, correlation_data=properties.correlation_data, user=user)
        self._letters.wait_durable(kept, 5)

    # by the handler, as a turn of its own

    def called(self):
        """The handler is called with the message now."""
        with self._lock:
            self._tried += 1
            try:
                if self._attempt_file >= 0:
                    os.pwrite(self._attempt_file, f"{self._uuid} {self._busy.sequence} {self._tried}".ljust(99).encode() + b"\n", 0)
            except OSError as error:  # a crash then counts one too few
                self._complain(f"its attempts are not counted on disk: {error}")

    def done(self, error):
        """The handler has returned, or raised."""
        try:
            with self._lock:
                record, self._busy = self._busy, None
                if error is None:
                    self._lane.acknowledge(record.sequence)
                elif isinstance(error, SystemExit):  # the App stops, and the message waits for its next run
                    self._records.appendleft(record)
                elif self._tried >= self._attempts:
                    self._bury(record, f"{type(error).__name__}: {error}")
                else:
                    self._records.appendleft(record)
                    self._not_before = clock.monotonic() + min(_MOST_RETRY, self._retry * 2 ** (self._tried - 1))
                    self._client.wake()
            self._feed()
        except StateError:  # the App has closed the spool: it comes again
            pass
        except TidegateError as error:
            log.error("%s: %s", self.handler.name, error)
            self._not_before = clock.monotonic() + _LOOK

    def dropped(self):
        """It gave way in the handler's inbox; the next look gives it out again."""
        with self._lock:
            self._records.appendleft(self._busy)
            self._busy = None


class Durables:
    """All of one App, and the spool that they share: <state>/apps/<name>/spool. Opened when the App starts."""

    def __init__(self, app, state, named):
        self._app = app
        self._named = named
        self.folder = os.path.join(state or state_folder(), "apps", plain(app.name))
        self._spool = None
        self._by_name = {}

    def add(self, handler, name, filters, publication, attempts, retry, keep):
        """Makes one. Raises ConfigError for what cannot be."""
        if not self._named:
            raise ConfigError('durable handlers need a name of their App, App("doorbell"): their messages are kept under it')
        if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1:
            raise ConfigError(f"attempts is a number from 1 upwards, not {attempts!r}")
        filters = list(dict.fromkeys(filters))
        for number, one in enumerate(filters):
            for other in filters[:number]:
                if overlap(one, other):
                    raise ConfigError(f"{other!r} and {one!r} overlap, and a durable handler would get some messages twice: name "
                                      "topics once")
        name = plain(getattr(handler.function, "__name__", "") if name is True else str(name))
        if not name or name in self._by_name:
            raise ConfigError(f"there are two durable handlers of the name {name!r}: give them names, durable=\"name\"" if name
                              else 'a durable handler needs a name: durable="name"')
        made = Durable(self._app, handler, name, filters, publication, attempts, seconds(retry), seconds(keep))
        self._by_name[name] = made
        return made

    def start(self, options, one=None):
        """Starts all, or this one that came later."""
        for made in [one] if one else list(self._by_name.values()):
            if self._spool is None:
                self._spool = Spool(os.path.join(self.folder, "spool"))
            made.start(self._spool, self.folder, options)

    def dead_lettered(self):
        return sum(one.dead_lettered for one in list(self._by_name.values()))

    def end(self):
        for one in list(self._by_name.values()):
            one.end()
        if self._spool is not None:
            self._spool.close()
