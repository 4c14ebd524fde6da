# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The event loop of an App under test."""
import asyncio
import math
import selectors
import threading


class _Selector(selectors.DefaultSelector):
    """Waits for the test's clock where it would wait for the machine's."""

    loop = None

    def select(self, timeout=None):
        if timeout is not None and timeout <= 0 or not self.loop.park(timeout):
            return super().select(0)
        try:
            return super().select(None)
        finally:
            self.loop.unpark()


class Loop(asyncio.SelectorEventLoop):
    """Its time is the clock's. is_quiet(): nothing runs in it, nor in threads that it waits for."""

    def __init__(self, clock):
        selector = _Selector()
        selector.loop = self
        self._clock = clock
        self._due = math.inf
        self._state = threading.Lock()
        self._asleep = False
        self._kicked = False
        self._ended = False
        self._jobs = set()
        self._mine = None
        super().__init__(selector)

    def time(self):
        return self._clock.monotonic()

    def run_forever(self):
        try:
            super().run_forever()
        finally:
            self._ended = True

    # As a wait of the clock's.

    @property
    def due(self):
        return self._due

    @property
    def thread(self):
        return self._mine

    def asleep(self):
        return self._asleep

    def fire(self):
        self._kick()

    def park(self, timeout):
        """It is about to sleep. False: it was kicked, and has to look again before."""
        self._mine = threading.get_ident()
        self._due = math.inf if timeout is None else self._clock.monotonic() + max(timeout, 1e-6)
        self._clock.park(self)  # before it is seen to be at rest: the clock has to know when it wants to be woken
        with self._state:
            self._asleep, self._kicked = not self._kicked, False
            asleep = self._asleep
        if asleep:
            self._clock.moved()
        else:
            self._clock.unpark(self)
        return asleep

    def unpark(self):
        self._asleep = False
        self._clock.unpark(self)

    def _kick(self):
        """It wakes, now or as soon as it sleeps."""
        with self._state:  # both at once: what is marked finds the loop awake
            self._asleep, self._kicked = False, True
            if not self.is_closed():
                super().call_soon_threadsafe(lambda: None)

    def is_quiet(self):
        return self._ended or self._asleep and all(self._clock.is_parked(job.thread) for job in list(self._jobs))

    # What others give it to do.

    def call_soon_threadsafe(self, callback, *arguments, context=None):
        handle = super().call_soon_threadsafe(callback, *arguments, context=context)
        self._kick()
        return handle

    def run_in_executor(self, executor, function, *arguments):
        def work():
            work.thread = threading.get_ident()
            return function(*arguments)

        work.thread = None

        self._jobs.add(work)
        future = super().run_in_executor(executor, work)
        future.add_done_callback(lambda _: self._jobs.discard(work))
        return future
