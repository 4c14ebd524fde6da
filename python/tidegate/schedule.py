# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Times of the wall clock: cron expressions, times of the day, sunrise and sunset. Each has next(after): the first time after
that one, both in seconds since 1970; None when there is none within a year.

Local time is that of the machine's zone. When the clocks change, a time that does not exist comes where the gap ends, and
one that exists twice comes once; what is due in every hour of the day goes on with the time that really passes."""
import re
import time
from datetime import date, datetime, timedelta, timezone

from . import clock
from .errors import ConfigError, MissingPackageError
from .interval import seconds

_EPOCH = datetime(1970, 1, 1)
_DAY = 86400
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_SUN = re.compile(r"(sunrise|sunset|dawn|dusk)\s*(?:([+-])\s*(\S.*))?")


def at(text, latitude, longitude):
    """The schedule of "07:30", "07:30:15", "sunset" or "sunrise+1h30m". Raises ConfigError for anything else."""
    if isinstance(text, str):
        match = _TIME.fullmatch(text.strip())
        if match:
            return TimeOfDay(*(int(part or 0) for part in match.groups()))
        match = _SUN.fullmatch(text.strip().lower())
        if match:
            event, sign, interval = match.groups()
            offset = sum(seconds(part) for part in re.findall(r"[\d.]+\s*[a-z]+|\S+", interval or "0s"))
            return Sun(event, -offset if sign == "-" else offset, latitude, longitude)
    raise ConfigError(f'{text!r} is no time of the day: write "07:30", "07:30:15", "sunset", "sunset-10m", "sunrise+1h", '
                      '"dawn" or "dusk"')


def _offset(moment):
    return time.localtime(moment).tm_gmtoff


def _change(begin, end):
    """The first second after begin, and not after end, at which the zone's offset is another; None when there is none."""
    offset = _offset(begin)
    while begin < end:
        step = min(begin + _DAY, end)
        if _offset(step) != offset:
            while step - begin > 1:
                middle = (begin + step) // 2
                if _offset(middle) == offset:
                    begin = middle
                else:
                    step = middle
            return step
        begin = step
    return None


class _Local:
    """What is written in local time. _following(local) gives the next after that one, in seconds since 1970 as if there
    were no zones."""

    every_hour = False  # it goes on through a change of the clocks

    def next(self, after):
        here = int(after // 1)
        local = here + _offset(here)
        while True:
            offset = _offset(here)
            due = self._following(local)
            change = _change(here, due - offset)
            if change is None:
                return due - offset
            before, behind = change + offset, change + _offset(change)  # what clocks show there, unchanged and changed
            if before <= due < behind and not self.every_hour:
                return change
            local = (behind if self.every_hour else max(before, behind)) - 1
            here = change


class TimeOfDay(_Local):
    """Every day at a time of the clock."""

    def __init__(self, hour, minute, second=0):
        self._seconds = hour * 3600 + minute * 60 + second

    def _following(self, local):
        due = local - local % _DAY + self._seconds
        return due if due > local else due + _DAY


class Cron(_Local):
    """A cron expression: minute, hour, day of the month, month, day of the week; a sixth field is seconds.

    Raises ConfigError when it cannot be understood or never comes, MissingPackageError without croniter."""

    def __init__(self, expression):
        try:
            from croniter import croniter
        except ImportError as error:
            raise MissingPackageError("app.cron needs the package croniter: pip install croniter in a virtual environment, "
                                      "apt-get install python3-croniter for the system's own Python") from error
        if not isinstance(expression, str):
            raise ConfigError(f'{expression!r} is no cron expression: write "*/5 * * * *" or "30 7 * * mon-fri"')
        self._croniter = croniter
        self._expression = expression
        fields = expression.split()
        self.every_hour = fields[1].startswith("*") if len(fields) > 1 else fields == ["@hourly"]
        try:
            self._following(int(clock.wall()))
        except (ValueError, KeyError, AttributeError) as error:
            raise ConfigError(f'{expression!r} is no cron expression that ever comes ({error}): write minute, hour, day, '
                              'month and day of the week, like "*/5 * * * *" or "30 7 * * mon-fri"') from error

    def _following(self, local):
        due = self._croniter(self._expression, _EPOCH + timedelta(seconds=local)).get_next(datetime)
        return (due - _EPOCH) // timedelta(seconds=1)


class Sun:
    """Every day so many seconds after (before: negative) "sunrise", "sunset", "dawn" or "dusk" (civil) at a place in degrees,
    north and east positive. A day that has none is passed over.

    Raises ConfigError without a place, MissingPackageError without astral."""

    every_hour = False

    def __init__(self, event, offset, latitude, longitude):
        if latitude is None or longitude is None:
            raise ConfigError(f"{event} needs a place: App(latitude=52.52, longitude=13.40), or TIDEGATE_LATITUDE and "
                              "TIDEGATE_LONGITUDE in the environment")
        self._zone = timezone(timedelta(hours=longitude / 15))  # where noon is when the sun is highest
        self._offset = offset
        self._on = _sun(event, latitude, longitude, self._zone)

    def next(self, after):
        day = datetime.fromtimestamp(after - self._offset, self._zone).date() - timedelta(days=1)
        for _ in range(368):
            event = self._on(day)
            if event is not None and event + self._offset > after:
                return event + self._offset
            day += timedelta(days=1)
        return None


def _sun(event, latitude, longitude, zone):
    """A function of a date: the seconds since 1970 of the event, or None. By astral, of which Debian has 1.6 and PyPI 3."""
    try:
        import astral
    except ImportError as error:
        raise MissingPackageError(f"{event} needs the package astral: pip install astral in a virtual environment, apt-get install "
                                  "python3-astral for the system's own Python") from error
    if hasattr(astral, "Observer"):
        import astral.sun
        never, place, calculate = ValueError, astral.Observer(latitude, longitude), getattr(astral.sun, event)

        def moment(day):
            return calculate(place, date=day, tzinfo=zone)
    else:
        never, calculate = astral.AstralError, getattr(astral.Astral(), event + "_utc")

        def moment(day):
            return calculate(day, latitude, longitude)

    def on(day: date):
        try:
            return moment(day).timestamp()
        except never:
            return None
    return on
