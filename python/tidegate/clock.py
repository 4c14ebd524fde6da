# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The clocks that all of this package goes by, and the waiting for them. tidegate.testing puts its own in their place."""
import time
from collections import namedtuple

from .interval import seconds

Now = namedtuple("Now", "monotonic boot wall")
Now.__doc__ = """One moment, in seconds by three clocks: monotonic stands still while the machine sleeps, boot does not; neither
is ever set. wall is what the machine takes for the time, since 1970, and may be set to anything."""

monotonic = time.monotonic
wall = time.time


def now():
    return Now(time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME), time.time())


def wait(condition, reached, timeout):
    """Waits until reached() is true, at most timeout (an interval; None: for ever). With the condition held."""
    condition.wait_for(reached, None if timeout is None else seconds(timeout))


def event_loop():
    """One for an App's coroutines."""
    import asyncio  # here: it takes longer to import than all of this package, and few scripts need it
    return asyncio.new_event_loop()


def made(app):
    """Told of each App that is made."""
