# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The connection of an App under test."""
import math
import struct
import threading

from .. import _core
from ..errors import UnavailableError

TOPICS = "tidegate/testing"  # of what only this package says: nobody else is shown it
SUBSCRIBED = TOPICS + "/subscribed"  # retained: who subscribes to it has its other subscriptions, too, once it comes
LAST = 1 << 62  # the mark behind which a client is stopped
BACKOFF = 0.02  # seconds: back at once when the broker is
_MESSAGE, _CONNECTED, _DISCONNECTED = 0, 4, 5
_FIRST_IDENTIFIER = 200_000_000  # far above those of Apps
_SELDOM = 600.0  # seconds between looks of an App where nothing runs: all else tells it by itself


class Wire:
    """Stands in the place of an App's _core.Client, and passes all on to one. Knows whether the App is at rest, and sees marks:
    what was sent before a mark has arrived when the mark has."""

    def __init__(self, clock, app, matters, subscribes):
        self._clock = clock
        self._app = app
        self._client = _core.Client(**app._options)
        self._matters = matters  # a function of a message: whether somebody may react to it
        self._subscribes = subscribes  # called when its filters have changed
        self._lock = threading.Lock()
        self._asleep = False
        self._woken = False
        self.due = math.inf
        self.thread = None
        self.started = False
        self.connected_seen = False  # as the App has been told
        self.filters = ()
        self.most_qos = 0
        self.published = 0
        self.marked = 0  # of them
        self.urgent = False  # somebody may react to what was published since the last mark
        self.mark_seen = 0
        self.has_last_mark = False
        self._mark = 0
        self._subscriptions = 0
        self.subscribed = 0  # of them
        clock.on_passing(self._pass)

    # ---- what the App calls ----

    def start(self):
        self.started = True
        self._client.start()

    def stop(self, timeout):
        if timeout > 0 and self._client.connected:
            self.mark(LAST)
            self.has_last_mark = True
        self._client.stop(timeout)

    def publish(self, topic, payload, qos=1, retain=False, *more):
        token = self._client.publish(topic, payload, qos, retain, *more)
        with self._lock:
            self.published += 1
            self.most_qos = max(self.most_qos, qos)
            self.urgent = self.urgent or self._matters(topic, more[2] if len(more) > 2 else "")
        return token

    def flush(self, timeout):
        return self._client.flush(timeout)

    def subscribe(self, subscriptions):
        with self._lock:
            self._subscriptions += 1
            self.filters = tuple(filter for filter, *_ in subscriptions)
            self._subscribes()
            self.most_qos = max([self.most_qos, *(qos for _, qos, *_ in subscriptions)])
            mine = [(f"{TOPICS}/to/{self.client_id}", 1, _FIRST_IDENTIFIER - 1, False),
                    (SUBSCRIBED, 1, _FIRST_IDENTIFIER + self._subscriptions, True)]
            self._client.subscribe([*subscriptions, *mine])

    def wait(self, most, timeout):
        self.thread = threading.get_ident()
        self.due = self._clock.monotonic() + self._longer(timeout)
        self._clock.park(self)  # before it is seen to be at rest: the clock has to know when it wants to be woken
        with self._lock:
            self._asleep = not self._woken
        self._clock.moved()
        events = self._client.wait(most, 3600.0)
        self._clock.unpark(self)
        with self._lock:
            self._asleep = self._woken = False
        return [event for event in events if self._is_for_app(event)]

    def wake(self):
        with self._lock:
            self._woken = True
            self._asleep = False
        self._client.wake()

    def counters(self):
        return self._client.counters()

    @property
    def connected(self):
        return self._client.connected

    @property
    def client_id(self):
        return self._client.client_id

    # ---- for the clock ----

    def asleep(self):
        return self._asleep

    def fire(self):
        self.wake()

    def _pass(self, seconds):
        if seconds == 0:
            self.wake()
        elif not self._client.connected:
            self._client.age(seconds)

    def _longer(self, timeout):
        """An App looks every second whether something has become slow. Where nothing runs, its next turn will do."""
        app = self._app
        if timeout == 0 or app._stopping or not app._opened or any(handler.busy for handler in list(app._handlers.values())):
            return timeout
        now = self._clock.moment()
        return max(0.0, min([_SELDOM, *(turn.left(now) for turn in list(app._turns))]))

    # ---- for the gateway of the test ----

    def running(self):
        """Names of what is not at rest."""
        app = self._app
        if not self.started or app._finished.is_set():
            return []
        loop = app._loop
        names = [] if self._asleep else [f"the App {app.name}"]
        for handler in list(app._handlers.values()):
            if handler._held or not handler.busy:
                continue
            quiet = loop is not None and loop.is_quiet() if handler.is_async else self._is_parked(handler)
            if not quiet:
                names.append(handler.name)
        if loop is not None and not names and not loop.is_quiet():
            names.append(f"coroutines of the App {app.name}")
        return names

    def _is_parked(self, handler):
        return handler._thread is not None and self._clock.is_parked(handler._thread.ident)

    @property
    def is_up(self):
        return self.started and not self._app._finished.is_set()

    @property
    def needs_mark(self):
        return self.published != self.marked or self.subscribed != self._subscriptions

    @property
    def is_subscribed(self):
        return self.subscribed == self._subscriptions

    def mark(self, number):
        """Publishes a mark behind all that the App has published."""
        with self._lock:
            self.marked, self.urgent = self.published, False
        if self.most_qos == 2:
            self._client.flush(10.0)  # they are passed on when their handshake has ended
        try:
            self._client.publish(f"{TOPICS}/from/{self.client_id}", struct.pack(">Q", number), 1, False)
        except UnavailableError:  # it has just been stopped, behind its last mark
            pass

    def _is_for_app(self, event):
        if event[0] == _CONNECTED:
            self.connected_seen = True
        elif event[0] == _DISCONNECTED:
            self.connected_seen = False
        elif event[0] == _MESSAGE and event[1].startswith(TOPICS):
            if event[1] == SUBSCRIBED:
                self.subscribed = max([self.subscribed, *(one - _FIRST_IDENTIFIER for one in event[5])])
            elif event[1] == f"{TOPICS}/to/{self.client_id}":
                self.mark_seen = max(self.mark_seen, struct.unpack(">Q", event[2])[0])
            return False
        return not event[2].startswith(TOPICS) if event[0] in (2, 3) else True
