# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The clocks that timers go by."""
import time
from collections import namedtuple

Now = namedtuple("Now", "monotonic boot wall")
Now.__doc__ = """One moment, in seconds by three clocks: monotonic stands still while the machine sleeps, boot does not; neither
is ever set. wall is what the machine takes for the time, since 1970, and may be set to anything."""


def now():
    return Now(time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME), time.time())
