# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A user's function: what it asks for, its inbox, and the thread or task that runs it."""
import inspect
import logging
import threading
from collections import deque

log = logging.getLogger("tidegate")

_OF_MESSAGE = {
    "msg": lambda msg: msg,
    "topic": lambda msg: msg.topic,
    "payload": lambda msg: msg.payload,
    "text": lambda msg: msg.text,
    "retain": lambda msg: msg.retain,
}
_BATCH = 256


def _wants(function, app, with_message):
    """The arguments that a function asks for: pairs of (name, how to get it from a message). Raises TypeError for one
    that cannot be given."""
    allowed = {**(_OF_MESSAGE if with_message else {}), "app": lambda msg: app}
    wanted = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name in allowed and parameter.kind != parameter.POSITIONAL_ONLY:
            wanted.append((parameter.name, allowed[parameter.name]))
        elif parameter.default is parameter.empty:
            raise TypeError(f"{function.__qualname__} asks for {parameter.name!r}; what it can be given here, by name: "
                            + ", ".join(allowed))
    return wanted


class Handler:
    """One function. Its calls run one after another, in order, on a thread of its own or, when it is a coroutine
    function, as a task of the App's event loop. A bounded inbox lies before it; when that is full the oldest call is
    dropped and counted. An exception is logged with traceback and topic, counted, and the next call runs."""

    to_the_end = False  # no messages while the App stops

    def __init__(self, app, function, inbox):
        self.function = function
        self.name = getattr(function, "__qualname__", repr(function))
        self.is_async = inspect.iscoroutinefunction(function)
        self.filters = []
        self.runs = 0
        self.errors = 0
        self.dropped = 0
        self._app = app
        self._wanted = {}  # by whether there is a message
        self._calls = deque()
        self._inbox = inbox
        self._lock = threading.Condition()
        self._running = False  # a batch is being worked on
        self._held = True  # until release()
        self._ended = False
        self._full = False
        self._thread = None
        self._task = None
        self._seen = None  # while it runs: the calls that had ended when that was first looked at, and when it was
        self._slow = False

    def accept(self, with_message):
        """Has it called with messages, or without. Raises TypeError when it asks for what it cannot be given."""
        self._wanted[with_message] = _wants(self.function, self._app, with_message)

    # dispatcher thread

    def submit(self, calls):
        """Queues calls: tuples of (message or None, publication or None, turn or None). The turn is told of the call: called(),
        then done(error or None); or dropped()."""
        with self._lock:
            self._calls.extend(calls)
            over = len(self._calls) - self._inbox
            if over > 0:
                for _ in range(over):
                    turn = self._calls.popleft()[2]
                    if turn is not None:
                        turn.dropped()
                self.dropped += over
                if not self._full:
                    self._full = True
                    log.warning("%s is too slow: its inbox of %d is full, and the oldest messages are dropped",
                                self.name, self._inbox)
            if not self._held:
                self._wake()

    def look(self, now, slow_after):
        """Names it, once until it is idle again, when one call has lasted for slow_after seconds; a coroutine only when
        others wait for it. now: of the monotonic clock."""
        ended, waiting = self.runs + self.errors, len(self._calls)  # without the lock: there may be very many handlers
        if not self._running:
            self._seen = None
            self._slow = self._slow and waiting > 0
        elif self._seen is None or ended != self._seen[0]:
            self._seen = (ended, now)
        elif now - self._seen[1] >= slow_after and not self._slow and (waiting or not self.is_async):
            self._slow = True
            log.warning("%s is slow: one call has been running for %.3g s, and %d wait for it", self.name, now - self._seen[1],
                        waiting)

    def release(self):
        """Lets the calls run."""
        with self._lock:
            self._held = False
            if self._calls:
                self._wake()

    def end(self, forget=False):
        """Ends the thread once the inbox is empty, or after the call that is running when forget is true."""
        with self._lock:
            self._ended = True
            if forget:
                self.dropped += len(self._calls)
                self._calls.clear()
            self._lock.notify_all()

    def join(self):
        """Waits for the thread of a handler that is not busy and was told to end."""
        if self._thread is not None:
            self._thread.join()

    def runs_on(self, thread):
        return self._thread is thread

    @property
    def busy(self):
        with self._lock:
            return self._running or bool(self._calls)

    def _wake(self):
        if self.is_async:
            if not self._running:
                self._running = True
                self._task = self._app._on_loop(self._drain)
        elif self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"tidegate {self.name}", daemon=True)
            self._thread.start()
        else:
            self._lock.notify()

    # the handler's own thread, or the event loop's

    def _take(self):
        """The next calls; with the lock."""
        calls = self._calls
        if len(calls) <= _BATCH:
            self._calls = deque()
            self._full = False
            return calls
        return [calls.popleft() for _ in range(_BATCH)]

    def _work(self):
        while True:
            with self._lock:
                self._running = False
                if not self._calls:
                    self._app._handler_idle()
                while not self._calls:
                    if self._ended:
                        return
                    self._lock.wait()
                batch = self._take()
                self._running = True
            for call in batch:
                turn, failure = call[2], None
                try:
                    if turn is not None:
                        turn.called()
                    self._finish(call, self.function(**self._arguments(call[0])))
                except BaseException as error:  # SystemExit too: the App decides
                    failure = error
                    self._failed(call, error)
                if turn is not None:
                    turn.done(failure)

    async def _drain(self):
        from asyncio import CancelledError
        while True:
            with self._lock:
                if not self._calls:
                    self._running = False
                    self._app._handler_idle()
                    return
                batch = self._take()
            for call in batch:
                turn, failure = call[2], None
                try:
                    if turn is not None:
                        turn.called()
                    self._finish(call, await self.function(**self._arguments(call[0])))
                except CancelledError:  # the App stops
                    with self._lock:
                        self._running = False
                    raise
                except BaseException as error:
                    failure = error
                    self._failed(call, error)
                if turn is not None:
                    turn.done(failure)

    def _arguments(self, msg):
        return {name: get(msg) for name, get in self._wanted[msg is not None]}

    def _finish(self, call, result):
        self.runs += 1
        if result is not None and call[1] is not None:
            topic, qos, retain = call[1]
            self._app.publish(topic, result, qos=qos, retain=retain, receipt=False)

    def _failed(self, call, error):
        self.errors += 1
        self._app._handler_failed(self, call[0], error)
