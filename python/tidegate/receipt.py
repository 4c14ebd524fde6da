# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What became of one publish, as the gateway tells it on a response topic."""
import json
import os
import threading

from . import clock
from .errors import StateError

_lock = threading.Lock()  # guards the state of every Receipt; held for a few instructions
_forks = 0  # between the process that imported this and this one


def _forked():
    global _lock, _forks
    _lock = threading.Lock()  # a thread that is not here may have held it
    _forks += 1


os.register_at_fork(after_in_child=_forked)


class Stage:
    """One step of a Receipt: wait for it in a thread, or await it."""

    __slots__ = ("_receipt", "_name")

    def __init__(self, receipt, name):
        self._receipt = receipt
        self._name = name

    def is_set(self):
        """Whether the step has been reached."""
        return self._receipt._reached(self._name)

    def wait(self, timeout=None):
        """Waits at most timeout (an interval; None: for ever). True when the step was reached; False when time ran out, or at once when it
        cannot be reached any more (the receipt's reason says why). Raises StateError in a process that was forked meanwhile."""
        news = threading.Condition()

        def tell():
            with news:
                news.notify_all()

        if self._receipt._watch(self._name, tell):
            with news:
                clock.wait(news, lambda: self._receipt._settled(self._name), timeout)
            self._receipt._unwatch(tell)
        return self.is_set()

    def __await__(self):
        return self._wait().__await__()

    async def _wait(self):
        import asyncio
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def tell():
            try:
                loop.call_soon_threadsafe(lambda: done.done() or done.set_result(None))
            except RuntimeError:  # that loop is closed: nobody waits any more
                pass

        if self._receipt._watch(self._name, tell):
            try:
                await done
            finally:
                self._receipt._unwatch(tell)
        return self.is_set()

    def __repr__(self):
        return f"<{self._name}: {'yes' if self.is_set() else 'no'}>"


class Receipt:
    """What became of one publish.

    accepted: the gateway has it, and it survives the gateway's death. durable: it survives a power cut.
    delivered: every upstream that a forward rule names has acknowledged it. Where no gateway at the broker has a rule for the
    topic nobody answers, and waiting lasts as long as it may. Made by App.publish. Thread-safe."""

    __slots__ = ("topic", "_upstreams", "_reason", "_durable", "_delivered", "_watchers", "_made", "__weakref__")

    def __init__(self, topic, reason=None):
        self.topic = topic
        self._upstreams = None
        self._reason = reason
        self._durable = None  # the upstreams that said so; most receipts are never looked at
        self._delivered = None
        self._watchers = None
        self._made = _forks

    @property
    def accepted(self):
        return Stage(self, "accepted")

    @property
    def durable(self):
        return Stage(self, "durable")

    @property
    def delivered(self):
        return Stage(self, "delivered")

    @property
    def upstreams(self):
        """The names of the upstreams that it goes to, or None as long as it is not accepted."""
        return self._upstreams

    @property
    def reason(self):
        """Why it went no further, or None."""
        return self._reason

    def __repr__(self):
        reached = [name for name in ("accepted", "durable", "delivered") if self._reached(name)]
        why = f", {self._reason}" if self._reason else ""
        return f"<Receipt of {self.topic!r}: {reached[-1] if reached else 'nothing yet'}{why}>"

    # What the gateway says, told by the App.

    def _tell(self, payload):
        """Takes one answer of the gateway. Raises ValueError when it cannot be understood."""
        answer = json.loads(payload)
        if not isinstance(answer, dict):
            raise ValueError("it is no JSON object")
        step, upstream = answer.get("receipt"), answer.get("upstream")
        with _lock:
            if step == "accepted":
                self._upstreams = tuple(answer.get("upstreams", ()))
            elif step in ("durable", "delivered"):
                if step == "delivered":
                    self._delivered = (self._delivered or frozenset()) | {upstream}
                else:
                    self._durable = (self._durable or frozenset()) | {upstream}
            elif step in ("refused", "discarded"):
                where = f" ({upstream})" if upstream else ""
                self._reason = f"{step}{where}: {answer.get('reason', 'no reason was given')}"
            else:
                raise ValueError(f"the step {step!r} is not known")
            due = self._due()
        for watcher in due:
            watcher()

    def _fail(self, reason):
        with _lock:
            self._reason = self._reason or reason
            due = self._due()
        for watcher in due:
            watcher()

    def _reached(self, name):
        upstreams = self._upstreams
        if upstreams is None:
            return False
        if name == "accepted":
            return True
        said = self._delivered or frozenset()
        if name == "durable":  # what is delivered before its sync was due needs none, and then none is told
            said = said | (self._durable or frozenset())
        return said.issuperset(upstreams)

    def _settled(self, name):
        return self._reason is not None or self._reached(name)

    def _due(self):
        """Takes out the watchers whose step is settled. With the lock."""
        if not self._watchers:
            return []
        due = [watcher for name, watcher in self._watchers if self._settled(name)]
        self._watchers = [(name, watcher) for name, watcher in self._watchers if not self._settled(name)]
        return due

    def _watch(self, name, watcher):
        """Has watcher called once when the step is settled; False when it is already."""
        with _lock:
            if self._settled(name):
                return False
            if self._made != _forks:
                raise StateError("This Receipt was made before this process was forked, and only the process that made it is told "
                                 "what becomes of it: wait for it there")
            if self._watchers is None:
                self._watchers = []
            self._watchers.append((name, watcher))
            return True

    def _unwatch(self, watcher):
        with _lock:
            self._watchers = [entry for entry in self._watchers if entry[1] is not watcher]
