# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Handlers' errors, told on the App's error topic."""
import os
import re
import threading
import traceback
from collections import deque

from . import clock
from .errors import TidegateError

_MOST = 100  # that wait for the gateway; then the oldest give way
_PATIENCE = 2.0  # seconds that they wait for it
_TEXT = 16_384  # characters of a traceback, its end; and of an error, its begin


class ErrorReports:
    """Publishes on <base>/<gateway>/app/<name>/error what became of each call that failed. Where no gateway says who it is, its
    id would be the host name. Thread-safe."""

    def __init__(self, app):
        self._app = app
        self._lock = threading.Lock()
        self._waiting = deque(maxlen=_MOST)
        self._since = None
        self._asked = False
        self._name = re.sub("[/+#\\0]", "-", app.name)

    def add(self, handler, msg, error):
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))[-_TEXT:]
        self._add(handler, msg, f"{type(error).__name__}: {error}", traceback=trace)

    def add_letter(self, handler, msg, why):
        """A message was moved to the dead letters."""
        self._add(handler, msg, f"moved to the dead letters: {why}", traceback="", dead_lettered=True)

    def _add(self, handler, msg, what, **more):
        report = {"handler": handler.name, "topic": None if msg is None else msg.topic, "error": what[:_TEXT],
                  "count": handler.errors, "attempt": 1 if msg is None else msg.attempt, **more}
        with self._lock:
            self._waiting.append(report)
            ask, self._asked = not self._asked, True
        if ask:
            self._app._site.need(self._send)
        elif self._app._site.root is not None:
            self._send(self._app._site.root)

    def look(self, now):
        """Time has passed: seconds of the monotonic clock."""
        with self._lock:
            waiting = bool(self._waiting)
        if not waiting or not self._app.connected:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= _PATIENCE:
            self._send(f"{self._app._site.base}/{os.uname().nodename}")

    def send_all(self, deadline, hurry):
        """Before the App ends: waits for the gateway as look() does, unless there is no broker."""
        until = min(deadline, clock.monotonic() + _PATIENCE)
        while self._waiting and self._app._complaint is None and not hurry and clock.monotonic() < until:
            self._app._turn(0.05, False)
        self._send(self._app._site.root or f"{self._app._site.base}/{os.uname().nodename}")

    def _send(self, root):
        while True:
            with self._lock:
                if not self._waiting:
                    return
                report = self._waiting.popleft()
            try:
                self._app.publish(f"{root}/app/{self._name}/error", report, receipt=False)
            except TidegateError:  # stopped, or the topic is too long; it is in the log
                pass
