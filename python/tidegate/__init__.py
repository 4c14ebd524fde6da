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
from ._core import version as __version__
from .app import App
from .errors import (ConfigError, MissingPackageError, PayloadError, SystemCallError, TidegateError,
                     TopicError, UnavailableError)
from .line import Button, Counter, Input, Led, Output, RgbLed, Sensor
from .message import Message, Properties
from .messages import Messages
from .receipt import Receipt

__all__ = ["App", "Button", "ConfigError", "Counter", "Input", "Led", "Message", "Messages", "MissingPackageError",
           "Output", "PayloadError", "Properties", "Receipt", "RgbLed", "Sensor", "SystemCallError", "TidegateError",
           "TopicError", "UnavailableError", "__version__"]
