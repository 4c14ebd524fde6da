# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""gpiozero on Tidegate's lines: run any gpiozero script with GPIOZERO_PIN_FACTORY=tidegate, unchanged.

A pin that the running gateway has in its configuration is used through the gateway; every other is requested from the kernel
(libgpiod 2). GPIOZERO_PIN_FACTORY=tidegate_mock has lines in memory instead, for tests. docs/migrating-from-gpiozero.md has what
is the same and what differs. gpiozero 1.6 and 2.0.
"""
from ..errors import MissingPackageError

try:
    from .factory import TidegateFactory
    from .mock import TidegateMockFactory, TidegateMockPin
except ModuleNotFoundError as error:
    if error.name != "gpiozero":
        raise
    raise MissingPackageError("gpiozero is not installed: pip install gpiozero in a virtual environment, apt install "
                              "python3-gpiozero for the system's own Python") from None

__all__ = ["TidegateFactory", "TidegateMockFactory", "TidegateMockPin"]
