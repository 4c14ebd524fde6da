# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Intervals: a number of seconds, text with a unit, or a timedelta."""
import re

from .errors import ConfigError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*")


def seconds(interval):
    """The seconds of 1.5, "500ms", "10s", "5m", "2h", "31d" or a timedelta. Raises ConfigError for anything else."""
    if isinstance(interval, str):
        match = _FORM.fullmatch(interval)
        if match:
            return float(match.group(1)) * _UNITS[match.group(2)]
    elif isinstance(interval, (int, float)) and not isinstance(interval, bool):
        if 0 <= interval < 1e9:
            return float(interval)
    elif hasattr(interval, "total_seconds"):
        return interval.total_seconds()
    raise ConfigError(f'{interval!r} is no interval: write "500ms", "10s", "5m", "2h", "1d", or a number of seconds')
