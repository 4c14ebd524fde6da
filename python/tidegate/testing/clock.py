# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A clock that stands still until the test lets time pass."""
import heapq
import math
import threading
import time as machine
from datetime import datetime
from itertools import count

from .. import clock as package
from ..interval import seconds
from ..schedule import at
from .loop import Loop

PATIENCE = 20.0  # seconds of the machine's time that an automation may take for what takes no time of the clock
BEGIN = "2026-06-01 12:00"  # a Monday
_LONG = 366 * 86400.0  # the longest that a test waits for something


class _Wait:
    """One thread that waits for the clock, or for something that may come before."""

    __slots__ = ("due", "condition", "reached", "fired", "thread")

    def __init__(self, due, condition, reached):
        self.due = due
        self.condition = condition
        self.reached = reached
        self.fired = False
        self.thread = threading.get_ident()

    def asleep(self):
        with self.condition:
            return not (self.fired or self.reached())

    def fire(self):
        with self.condition:
            self.fired = True
            self.condition.notify_all()


class Clock:
    """What App.every, cron and at, intervals, ages and waits go by, and in the script itself the modules time and datetime,
    and asyncio in its coroutines. It begins on a Monday at noon, 2026-06-01 12:00 in local time, and stands still except in
    advance(), advance_to(), and what the test itself waits for.

    Belongs to the thread that made it; the automation's threads read it and wait for it."""

    def __init__(self, settle):
        self._settle = settle  # has all that is due now happen, and returns when nothing is under way
        self._driver = threading.get_ident()
        self._now = 1000.0  # monotonic
        self._ahead = _moment(BEGIN) - self._now  # the wall clock's
        self._lock = threading.Condition()
        self._moves = 0  # of threads that have come to rest
        self._waits = set()  # _Wait, and what else has due, thread, asleep() and fire()
        self._calls = []  # a heap of (due, number, function): what the gateway does later
        self._numbers = count()
        self._closed = False
        self._passing = []  # functions that are told how much time has passed
        self._package = None

    # ---- for tests ----

    @property
    def now(self):
        """The wall clock, as a datetime of local time."""
        return datetime.fromtimestamp(self.wall())

    def advance(self, interval):
        """Lets time pass ("8h", "90s", a number of seconds, a timedelta). When it returns, all that was due has run, and
        what it published has been seen."""
        self._check_thread("advance")
        self._advance(self._now + seconds(interval), lambda: False)

    def advance_to(self, time):
        """Lets time pass until the wall clock shows it: "22:30" or "22:30:15", today or tomorrow, "2026-06-02 07:00", or a
        datetime. Raises ConfigError for another text, ValueError for the past."""
        self._check_thread("advance_to")
        if isinstance(time, str) and len(time.strip()) <= len("22:30:15"):
            moment = at(time, None, None).next(self.wall())
        else:
            moment = _moment(time)
        if moment < self.wall():
            raise ValueError(f"the clock shows {self.now}, and time does not pass back to {time}")
        self._advance(moment - self._ahead, lambda: False)

    def set(self, time):
        """Sets the wall clock, as NTP does: no time passes. Text like "2026-06-02 07:00", or a datetime."""
        self._check_thread("set")
        self._ahead = _moment(time) - self._now
        for call in self._passing:
            call(0.0)
        self._settle()

    # ---- what the package goes by ----

    def monotonic(self):
        return self._now

    def wall(self):
        return self._now + self._ahead

    def moment(self):
        return package.Now(self._now, self._now, self.wall())

    def wait(self, condition, reached, timeout):
        """As tidegate.clock.wait()."""
        due = math.inf if timeout is None else self._now + seconds(timeout)
        if threading.get_ident() == self._driver:
            condition.release()
            try:
                self._advance(due, lambda: _holding(condition, reached))
            finally:
                condition.acquire()
            return
        if due <= self._now or reached():
            return
        wait = _Wait(due, condition, reached)
        self.park(wait)
        try:
            while not (wait.fired or reached()):
                if self._closed:
                    raise SystemExit
                condition.wait()
        finally:
            self.unpark(wait)

    def sleep(self, duration):
        """As time.sleep()."""
        if duration < 0:
            raise ValueError("sleep length must be non-negative")
        condition = threading.Condition()
        with condition:
            self.wait(condition, lambda: self._closed and threading.get_ident() != self._driver, float(duration))
        if self._closed:
            raise SystemExit  # the test is over

    def event_loop(self):
        return Loop(self)

    # ---- for the other parts of this package ----

    def install(self, made):
        """Puts it in the place of the machine's clocks. made: called with each App that is made."""
        names = {"now": self.moment, "monotonic": self.monotonic, "wall": self.wall, "wait": self.wait,
                 "event_loop": self.event_loop, "made": made}
        self._package = {name: getattr(package, name) for name in names}
        for name, function in names.items():
            setattr(package, name, function)

    def close(self):
        """Ends the threads that still wait, and puts the machine's clocks back."""
        with self._lock:
            self._closed = True
            waits = list(self._waits)
        for wait in waits:
            wait.fire()
        for name, function in (self._package or {}).items():
            setattr(package, name, function)
        self._package = None

    def after(self, interval, call):
        """Has the test's thread call it when so many seconds have passed."""
        heapq.heappush(self._calls, (self._now + interval, next(self._numbers), call))

    def on_passing(self, call):
        """Calls call(seconds) whenever time has passed; call(0) when the wall clock was set."""
        self._passing.append(call)

    def park(self, wait):
        """The calling thread waits. wait: has due, thread, asleep() and fire()."""
        with self._lock:
            self._waits.add(wait)
            self._moves += 1
            self._lock.notify_all()

    def unpark(self, wait):
        with self._lock:
            self._waits.discard(wait)

    def moved(self):
        """Some thread has come to rest."""
        with self._lock:
            self._moves += 1
            self._lock.notify_all()

    def is_parked(self, thread):
        """Whether the thread of that identifier waits, and for nothing that has come already."""
        with self._lock:
            waits = [wait for wait in self._waits if wait.thread == thread]
        return bool(waits) and all(wait.asleep() for wait in waits)

    @property
    def moves(self):
        """How often somebody has come to rest."""
        with self._lock:
            return self._moves

    def rest(self, running):
        """Waits until running() names nobody, and returns how often somebody has come to rest. Raises AssertionError when that takes
        very long."""
        limit = machine.monotonic() + PATIENCE
        while True:
            with self._lock:
                moves = self._moves
            names = running()
            with self._lock:
                if moves == self._moves:
                    if not names:
                        return moves
                    self._lock.wait(0.005)  # threads of the script's own tell nothing
            if machine.monotonic() > limit:
                raise AssertionError(f"still running after {PATIENCE:g} seconds of the machine's time: {', '.join(names)}. What waits "
                                     "for time has to do it by time.sleep, asyncio.sleep or tidegate's own waits")

    # ---- the passing of time ----

    def _check_thread(self, what):
        if threading.get_ident() != self._driver:
            raise RuntimeError(f"clock.{what} is for the test, not for the automation's threads")

    def _advance(self, target, reached):
        limit = self._now + _LONG
        self._settle()
        while not reached():
            due = self._next()
            if due > target or due == math.inf:
                break
            if due > limit:
                raise AssertionError(f"what the test waits for did not come within {_LONG / 86400:g} days of the clock")
            self._pass(due)
            self._settle(lazily=True)
        else:
            return
        if target < math.inf:
            self._pass(target)
        self._settle()

    def _step(self):
        """Lets time pass until the next thing is due."""
        due = self._next()
        if due < math.inf:
            self._advance(due, lambda: False)

    def _next(self):
        with self._lock:
            dues = [wait.due for wait in self._waits]
        if self._calls:
            dues.append(self._calls[0][0])
        return min(dues, default=math.inf)

    def _pass(self, now):
        passed, self._now = now - self._now, max(now, self._now)
        if passed > 0:
            for call in self._passing:
                call(passed)
        self._fire()
        while self._calls and self._calls[0][0] <= self._now:
            heapq.heappop(self._calls)[2]()

    def _fire(self):
        with self._lock:
            due = [wait for wait in self._waits if wait.due <= self._now]
            self._waits.difference_update(due)
        for wait in due:
            wait.fire()


def _holding(condition, reached):
    with condition:
        return reached()


def _moment(time):
    """Seconds since 1970 of text or a datetime."""
    if isinstance(time, str):
        time = datetime.fromisoformat(time.strip())
    if not isinstance(time, datetime):
        raise TypeError(f'a time is text like "2026-06-02 07:00" or a datetime, not {time!r}')
    return time.timestamp()
