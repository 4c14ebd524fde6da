# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""One exception class for each kind of error, each with the builtin that fits it."""


class TidegateError(Exception):
    """The root of everything that Tidegate raises."""


class ConfigError(TidegateError, ValueError):
    """A setting cannot be used: a broker's address, an interval, a time."""


class TopicError(TidegateError, ValueError):
    """A topic or topic filter breaks the rules of MQTT."""


class PayloadError(TidegateError, ValueError):
    """A payload is too large, cannot be encoded, or is not what it was read as."""


class SystemCallError(TidegateError, OSError):
    """A system call failed; errno says how."""


class UnavailableError(TidegateError, ConnectionError):
    """Something that is needed is not there now."""


class StateError(TidegateError, RuntimeError):
    """Something is used when it cannot be: it is closed, was started before, or was made before a fork."""


class RightsError(TidegateError, PermissionError):
    """An automation may not do this: the list of what it may do, which it was started with, does not name the topic."""


class MissingPackageError(TidegateError, ImportError):
    """A Python package that this needs is not installed; the message says which, and how to install it."""
