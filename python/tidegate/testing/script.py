# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The modules time and datetime as a script under test sees them."""
import builtins
import datetime
import time
import types


def namespace(clock, path):
    """The variables that a script begins with. What it imports itself goes by the clock; what that imports does not."""
    mine = {"time": _time(clock), "datetime": _datetime(clock)}

    def load(name, globals=None, locals=None, fromlist=(), level=0):
        if level == 0 and name in mine:
            return mine[name]
        return builtins.__import__(name, globals, locals, fromlist, level)

    return {"__name__": "__main__", "__file__": path, "__builtins__": {**vars(builtins), "__import__": load}}


def _time(clock):
    module = types.ModuleType("time", time.__doc__)
    vars(module).update({name: value for name, value in vars(time).items() if not name.startswith("__")})

    def ns(function):
        return lambda *arguments: round(function(*arguments) * 1_000_000_000)

    def gettime(which):
        if which == time.CLOCK_REALTIME:
            return clock.wall()
        return clock.monotonic() if which in (time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME) else time.clock_gettime(which)

    def localtime(seconds=None):
        return time.localtime(clock.wall() if seconds is None else seconds)

    def gmtime(seconds=None):
        return time.gmtime(clock.wall() if seconds is None else seconds)

    def strftime(format, moment=None):
        return time.strftime(format, localtime() if moment is None else moment)

    def ctime(seconds=None):
        return time.ctime(clock.wall() if seconds is None else seconds)

    def asctime(moment=None):
        return time.asctime(localtime() if moment is None else moment)

    vars(module).update(
        time=clock.wall, time_ns=ns(clock.wall), monotonic=clock.monotonic, monotonic_ns=ns(clock.monotonic),
        perf_counter=clock.monotonic, perf_counter_ns=ns(clock.monotonic), clock_gettime=gettime, clock_gettime_ns=ns(gettime),
        sleep=clock.sleep, localtime=localtime, gmtime=gmtime, strftime=strftime, ctime=ctime, asctime=asctime)
    return module


def _datetime(clock):
    module = types.ModuleType("datetime", datetime.__doc__)
    vars(module).update({name: value for name, value in vars(datetime).items() if not name.startswith("__")})

    def kin(real):
        class Kin(type):
            def __instancecheck__(cls, value):
                return isinstance(value, real)

            def __subclasscheck__(cls, other):
                return issubclass(other, real)
        return Kin

    class Date(datetime.date, metaclass=kin(datetime.date)):
        @classmethod
        def today(cls):
            return cls.fromtimestamp(clock.wall())

    class DateTime(datetime.datetime, metaclass=kin(datetime.datetime)):
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(clock.wall(), tz)

        @classmethod
        def today(cls):
            return cls.fromtimestamp(clock.wall())

        @classmethod
        def utcnow(cls):
            return cls.fromtimestamp(clock.wall(), datetime.timezone.utc).replace(tzinfo=None)

    for one, name in ((Date, "date"), (DateTime, "datetime")):
        one.__name__ = one.__qualname__ = name
        one.__module__ = "datetime"
        setattr(module, name, one)
    return module
