# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What calls a handler on time."""
import logging
import math

log = logging.getLogger("tidegate")

_WRONG = 3 * 3600  # seconds by which a clock is set that was wrong before
_BACK = 60


class _Turn:
    """pending: its last call still waits or runs; a turn that comes then is skipped and counted, and said once."""

    __slots__ = ("handler", "publication", "what", "pending", "skipped", "_behind")

    def __init__(self, handler, publication, what):
        self.handler = handler
        self.publication = publication
        self.what = what
        self.pending = False
        self.skipped = 0
        self._behind = False

    def _call(self):
        if self.pending:
            self.skipped += 1
            if not self._behind:
                self._behind = True
                log.warning("%s is too slow for %s: turns that come while it runs are skipped", self.handler.name, self.what)
            return
        self._behind = False
        self.pending = True
        self.handler.submit([(None, self.publication, self)])

    def called(self):
        pass

    def done(self, error):
        self.pending = False

    def dropped(self):
        self.pending = False


class GridTurn(_Turn):
    """On a fixed grid of the monotonic clock."""

    __slots__ = ("interval", "due")

    def __init__(self, handler, publication, what, interval):
        super().__init__(handler, publication, what)
        self.interval = interval
        self.due = 0.0

    def begin(self, now):
        self.due = now.monotonic

    def look(self, now):
        """Calls the handler when it is due. Returns the seconds until the next turn."""
        if now.monotonic >= self.due:
            missed = int((now.monotonic - self.due) / self.interval)
            self.due += (missed + 1) * self.interval
            self.skipped += missed
            self._call()
        return self.left(now)

    def left(self, now):
        return self.due - now.monotonic


class WallTurn(_Turn):
    """On a schedule of the wall clock. When that is set by less than three hours, what it jumps over is due at once, and what
    came before does not come again, as with cron; when by more, it was wrong, and the next turn is looked for anew. What is
    due in every hour is looked for anew whenever the clock goes back."""

    __slots__ = ("schedule", "due", "_seen")

    def __init__(self, handler, publication, what, schedule):
        super().__init__(handler, publication, what)
        self.schedule = schedule

    def begin(self, now):
        self._seen = now
        self._look_for(now.wall)

    def look(self, now):
        """As GridTurn.look(). To be called often: what the clock was set by is seen by it."""
        step = (now.wall - self._seen.wall) - (now.boot - self._seen.boot)
        self._seen = now
        if abs(step) >= _WRONG or (step <= -_BACK and self.schedule.every_hour):
            self._look_for(now.wall)
        elif now.wall >= self.due:
            self._look_for(now.wall)
            self._call()
        return self.left(now)

    def left(self, now):
        return self.due - now.wall

    def _look_for(self, wall):
        due = self.schedule.next(wall)
        self.due = math.inf if due is None else due
