# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Automations for the Tidegate edge gateway.

    from tidegate import App

    app = App()

    @app.every("1s", publish="IoT101/Network")
    def network():
        return app.system.net_io()

    @app.on("IoT101/Message")
    def message(msg):
        print(msg.topic, msg.text)

    app.run()

Importing opens nothing, and neither does making an App: connections begin with run() or start().
"""
from . import _core

_core.check_interpreter()  # before anything else is imported

from ._core import version as __version__  # noqa: E402
from .app import App
from .errors import (ConfigError, MissingPackageError, PayloadError, RightsError, StateError, SystemCallError,
                     TidegateError, TopicError, UnavailableError)
from .gateway import Gateway
from .line import Button, Counter, Input, Led, Output, RgbLed, Sensor
from .message import Message, Properties
from .messages import Messages
from .receipt import Receipt
from .session import Session
from .spool import Lane, Record, Spool

__all__ = ["App", "Button", "ConfigError", "Counter", "Gateway", "Input", "Lane", "Led", "Message", "Messages", "MissingPackageError",
           "Output", "PayloadError", "Properties", "Receipt", "Record", "RgbLed", "RightsError", "Sensor", "Session", "Spool",
           "StateError", "SystemCallError", "TidegateError",
           "TopicError", "UnavailableError", "__version__"]
