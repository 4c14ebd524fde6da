# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Times of the wall clock by themselves, and what the turns on them do when the clock is set."""
import sys
import time
from datetime import datetime, timedelta, timezone

import pytest

import tidegate
from tidegate.clock import Now
from tidegate.schedule import Cron, Sun, TimeOfDay, at
from tidegate.turn import WallTurn


@pytest.fixture
def zone(monkeypatch):
    def use(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield use
    monkeypatch.undo()
    time.tzset()


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


def series(schedule, after, count):
    """The next times in UTC."""
    found = []
    for _ in range(count):
        after = schedule.next(after)
        found.append(datetime.fromtimestamp(after, timezone.utc).strftime("%Y-%m-%d %H:%M"))
    return found


# ---- local time ----

def test_a_time_of_the_day_comes_every_day_in_local_time(zone):
    zone("Europe/Berlin")
    assert series(TimeOfDay(7, 30), utc("2026-01-10T06:29:59.5"), 2) == ["2026-01-10 06:30", "2026-01-11 06:30"]
    assert series(TimeOfDay(7, 30), utc("2026-07-10T05:30:00"), 2) == ["2026-07-11 05:30", "2026-07-12 05:30"]


def test_a_time_that_the_change_to_summer_skips_comes_where_the_gap_ends(zone):
    zone("Europe/Berlin")  # 2026-03-29 02:00 becomes 03:00, at 01:00 UTC
    for schedule in (TimeOfDay(2, 30), Cron("30 2 * * *")):
        assert series(schedule, utc("2026-03-28T00:00"), 3) == ["2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"]


def test_a_time_that_comes_twice_at_the_change_to_winter_is_taken_once(zone):
    zone("Europe/Berlin")  # 2026-10-25 03:00 becomes 02:00, at 01:00 UTC
    for schedule in (TimeOfDay(2, 30), Cron("30 2 * * *")):
        assert series(schedule, utc("2026-10-24T12:00"), 2) == ["2026-10-25 00:30", "2026-10-26 01:30"]
    assert series(TimeOfDay(3, 0), utc("2026-10-24T12:00"), 1) == ["2026-10-25 02:00"]


def test_what_is_due_every_few_minutes_goes_on_through_both_changes(zone):
    zone("Europe/Berlin")
    every = Cron("*/20 * * * *")
    assert series(every, utc("2026-03-29T00:30"), 4) == [f"2026-03-29 {when}" for when in ("00:40", "01:00", "01:20", "01:40")]
    assert series(every, utc("2026-10-25T00:30"), 6) == [f"2026-10-25 {when}" for when in
                                                          ("00:40", "01:00", "01:20", "01:40", "02:00", "02:20")]


def test_both_changes_between_now_and_a_date_next_year_are_seen(zone):
    zone("Europe/Berlin")
    assert series(Cron("0 12 1 1 *"), utc("2026-01-02T00:00"), 1) == ["2027-01-01 11:00"]
    assert series(Cron("0 12 1 7 *"), utc("2026-01-02T00:00"), 2) == ["2026-07-01 10:00", "2027-07-01 10:00"]


def test_a_zone_that_changes_by_half_an_hour_and_one_without_changes(zone):
    zone("Australia/Lord_Howe")  # 2026-10-04 02:00 becomes 02:30, at 15:30 UTC the day before
    assert series(TimeOfDay(2, 15), utc("2026-10-02T20:00"), 2) == ["2026-10-03 15:30", "2026-10-04 15:15"]
    zone("UTC")
    assert series(TimeOfDay(0, 0), utc("2026-10-25T00:00"), 1) == ["2026-10-26 00:00"]


# ---- cron ----

def test_cron_knows_names_lists_steps_and_a_field_of_seconds(zone):
    zone("UTC")
    assert series(Cron("30 7 * * mon-fri"), utc("2026-11-27T12:00"), 2) == ["2026-11-30 07:30", "2026-12-01 07:30"]
    assert series(Cron("0 8,20 1 */6 *"), utc("2026-11-27T12:00"), 2) == ["2027-01-01 08:00", "2027-01-01 20:00"]
    assert Cron("* * * * * */10").next(utc("2026-11-27T12:00:01")) == utc("2026-11-27T12:00:10")


@pytest.mark.parametrize("expression", ["", "soon", "* * *", "61 * * * *", "* * * * mon-sometimes", "0 0 30 2 *", 5, None])
def test_what_is_no_cron_expression_or_never_comes_is_a_config_error(expression):
    with pytest.raises(tidegate.ConfigError, match=r"\*/5 \* \* \* \*"):
        Cron(expression)


# ---- the sun ----

PLACES = {"Berlin": (52.52, 13.40), "Auckland": (-36.85, 174.76), "Honolulu": (21.31, -157.86), "Quito": (-0.18, -78.47)}


@pytest.mark.parametrize("place, event, expected", [
    # what almanacs say, to the minute, in UTC
    ("Berlin", "sunrise", "2026-06-21 02:43"), ("Berlin", "sunset", "2026-06-21 19:33"),
    ("Berlin", "sunset", "2026-12-21 14:54"), ("Auckland", "sunset", "2026-12-21 07:39"),
    ("Honolulu", "sunset", "2026-06-22 05:16"), ("Quito", "sunrise", "2026-03-20 11:20"),
])
def test_the_sun_rises_and_sets_when_almanacs_say(place, event, expected):
    found = Sun(event, 0, *PLACES[place]).next(utc(expected) - 6 * 3600)
    assert abs(found - utc(expected)) < 150, datetime.fromtimestamp(found, timezone.utc)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("event", ["dawn", "sunrise", "sunset", "dusk"])
def test_each_day_of_a_year_has_one_of_each(place, event):
    schedule, moment = Sun(event, 0, *PLACES[place]), utc("2026-01-01T00:00")
    times = []
    for _ in range(366):
        moment = schedule.next(moment)
        times.append(moment)
    assert all(86400 - 300 < later - earlier < 86400 + 300 for earlier, later in zip(times, times[1:]))


def test_dawn_is_before_sunrise_and_dusk_after_sunset():
    morning, evening = utc("2026-04-01T00:00"), utc("2026-04-01T12:00")
    assert Sun("dawn", 0, *PLACES["Berlin"]).next(morning) < Sun("sunrise", 0, *PLACES["Berlin"]).next(morning)
    assert Sun("sunset", 0, *PLACES["Berlin"]).next(evening) < Sun("dusk", 0, *PLACES["Berlin"]).next(evening)


def test_where_the_sun_does_not_set_it_sets_when_it_does_again():
    assert series(Sun("sunset", 0, 69.65, 18.96), utc("2026-06-01T00:00"), 1)[0][:7] == "2026-07"  # Tromsø


def test_an_offset_is_added_or_taken_away():
    noon = utc("2026-06-21T12:00")
    sunset = at("sunset", *PLACES["Berlin"]).next(noon)
    assert at("sunset-10m", *PLACES["Berlin"]).next(noon) == sunset - 600
    assert at("Sunset + 1h30m", *PLACES["Berlin"]).next(noon) == sunset + 5400
    assert at("sunset-10m", *PLACES["Berlin"]).next(sunset - 600) > sunset + 80000


@pytest.mark.parametrize("text", ["", "7", "24:00", "7:60", "noonish", "sunset-", "sunset 10m", "sunset-soon", "sunset+1 week"])
def test_what_is_no_time_is_a_config_error(text):
    with pytest.raises(tidegate.ConfigError):
        at(text, *PLACES["Berlin"])


def test_the_sun_without_a_place_is_a_config_error_that_says_where_to_put_it(monkeypatch):
    app = tidegate.App()
    with pytest.raises(tidegate.ConfigError, match="TIDEGATE_LATITUDE"):
        app.at("sunset")
    monkeypatch.setenv("TIDEGATE_LATITUDE", "52.52")
    monkeypatch.setenv("TIDEGATE_LONGITUDE", "13.40")
    tidegate.App().at("sunset")(lambda: None)
    monkeypatch.setenv("TIDEGATE_LATITUDE", "520")
    with pytest.raises(tidegate.ConfigError, match="TIDEGATE_LATITUDE.*520"):
        tidegate.App()
    with pytest.raises(tidegate.ConfigError, match="longitude.*east"):
        tidegate.App(latitude=0, longitude="east")


@pytest.mark.parametrize("package, use", [("croniter", lambda app: app.cron("* * * * *")),
                                          ("astral", lambda app: app.at("sunset"))])
def test_a_package_that_is_missing_is_named_where_it_is_needed(monkeypatch, package, use):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(tidegate.MissingPackageError, match=f"apt-get install python3-{package}") as caught:
        use(tidegate.App(latitude=0, longitude=0))
    assert isinstance(caught.value, ImportError)
    tidegate.App().at("07:30")(lambda: None)  # needs neither


# ---- when the clock is set ----

class Calls:
    name = "calls"

    def __init__(self):
        self.count = 0

    def submit(self, calls):
        self.count += 1
        calls[0][2].pending = False


class Wall:
    """A turn and its clocks."""

    def __init__(self, schedule, begin):
        self.handler, self.boot, self.wall = Calls(), 1000.0, utc(begin)
        self.turn = WallTurn(self.handler, None, "test", schedule)
        self.turn.begin(self.now())

    def now(self):
        return Now(self.boot, self.boot, self.wall)

    def look(self):
        self.turn.look(self.now())
        return self.handler.count

    def passes(self, **time):
        """Time passes, with a look every second of it."""
        for _ in range(int(timedelta(**time).total_seconds())):
            self.boot += 1
            self.wall += 1
            self.look()
        return self.handler.count

    def set(self, **step):
        self.wall += timedelta(**step).total_seconds()
        return self.look()


def test_a_clock_that_is_set_back_a_little_runs_nothing_twice(zone):
    zone("UTC")
    wall = Wall(TimeOfDay(7, 30), "2026-05-01T07:29:50")
    assert wall.passes(seconds=20) == 1
    wall.set(minutes=-1)
    assert wall.passes(minutes=3) == 1
    wall.set(hours=-2)
    assert wall.passes(hours=2, minutes=2) == 1


def test_what_a_clock_that_is_set_forward_a_little_jumps_over_runs_at_once(zone):
    zone("UTC")
    wall = Wall(TimeOfDay(7, 30), "2026-05-01T07:29:50")
    assert wall.set(minutes=1) == 1
    assert wall.passes(minutes=5) == 1


def test_a_clock_that_was_wrong_is_begun_anew_with(zone):
    zone("UTC")
    wall = Wall(TimeOfDay(7, 30), "1970-01-01T00:00:05")  # a board without a clock, before NTP
    assert wall.set(days=20000, hours=7, minutes=29) == 0
    assert wall.passes(minutes=2) == 1
    wall.set(days=-10)
    assert wall.passes(minutes=2) == 1
    wall.set(hours=-1, minutes=-30)  # 06:03 now: a small step
    assert wall.passes(hours=1, minutes=28) == 1


def test_what_is_due_every_minute_goes_on_when_the_clock_is_set_back(zone):
    zone("UTC")
    wall = Wall(Cron("* * * * *"), "2026-05-01T07:29:50")
    assert wall.passes(seconds=20) == 1
    wall.set(hours=-2)
    assert wall.passes(minutes=3) == 4


def test_a_machine_that_slept_through_a_turn_runs_it_once_when_it_wakes(zone):
    zone("UTC")
    wall = Wall(Cron("0 * * * *"), "2026-05-01T07:29:50")
    wall.boot += 8 * 3600
    assert wall.set(hours=8) == 1
    assert wall.passes(minutes=1) == 1
