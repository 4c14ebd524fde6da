# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The gateway inside this program."""
import atexit
import json
import os

from .interval import seconds
from .message import encode

_running = set()  # until they are stopped


def _stop_all():
    for gateway in list(_running):
        if gateway._pid == os.getpid():
            gateway.stop()


class Gateway:
    """The whole gateway inside this program: sessions, spool, lines and sensors, and, as its configuration says, the local
    broker; as tidegated is, on a thread of its own, without Python. Its log goes to standard error. Made by from_file or
    from_text, which open nothing; start() begins. Stops with the program at the latest. Thread-safe.

        gateway = Gateway.from_file("greenhouse.toml")
        app = App("greenhouse", gateway=gateway)
        ...
        app.run()
    """

    def __init__(self, core):
        self._core = core
        self._pid = os.getpid()
        #: The gateway's id, and the first levels of its topics: they begin with "<base>/<id>/".
        self.id = core.id
        self.base = core.base
        #: Its runtime folder.
        self.runtime = core.runtime

    @classmethod
    def from_file(cls, path=None):
        """Reads a configuration file, and conf.d beside it; without a path, the one that tidegated would read. Raises ConfigError
        with all that is wrong, each with file:line:column, and SystemCallError when a file cannot be read."""
        from . import _gateway  # here: an automation that runs beside a gateway does not need it
        return cls(_gateway.Embedded.from_file(None if path is None else os.path.abspath(os.fspath(path))))

    @classmethod
    def from_text(cls, text):
        """The same from TOML text. Its place in a ConfigError is <text>:line:column."""
        from . import _gateway
        return cls(_gateway.Embedded.from_text(text))

    def start(self):
        """Starts, and returns when it runs; brokers need not be up then. Raises UnavailableError when another gateway has its
        state or runtime folder, SystemCallError when they cannot be used, StateError when it was started before."""
        self._core.start()
        atexit.unregister(_stop_all)  # last in, first out: before what the program registered earlier
        atexit.register(_stop_all)
        _running.add(self)

    def stop(self):
        """Goes on delivering for at most the configured stop_timeout, stops the local broker, and ends. What is not delivered
        stays in the spool."""
        self._core.stop()
        _running.discard(self)

    @property
    def running(self):
        """Whether it was started and not stopped."""
        return self._core.running

    def status(self):
        """What `tidegate status --json` shows, as a dictionary. Raises StateError unless it runs."""
        return json.loads(self._core.status())

    def publish(self, topic, payload=None, qos=1, retain=False, expiry=None, *, user=None):
        """Publishes on the local broker; what a forward rule takes upstream is in the spool when this returns. Arguments are
        as for App.publish. Raises TopicError and PayloadError; StateError unless it runs."""
        pairs = list(user.items()) if hasattr(user, "items") else list(user or ())
        self._core.publish(topic, encode(payload), qos, retain, None if expiry is None else seconds(expiry), pairs)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.stop()

    def __repr__(self):
        return f"<Gateway {self.id!r}>"
