# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Where the gateway's topics are."""
import logging

from . import _core
from .errors import ConfigError, PayloadError, TopicError

log = logging.getLogger("tidegate")

_PATIENCE = 5.0  # seconds without a word of a gateway after which that is said
_GRACE = 2.0  # seconds without a word of a gateway that was named, after which its topics are taken for the usual ones


class Site:
    """The gateway at the App's broker: "<base>/<id>", as was told, or as the gateway itself says in its retained
    <base>/<id>/info, which also says where the topics of lines and sensors are. It is asked for when somebody first needs it.
    Of several gateways on one broker, the broker's own is the one whose info did not come through a spool."""

    to_the_end = True

    def __init__(self, app, base, gateway):
        if not isinstance(base, str) or (gateway is not None and not (isinstance(gateway, str) and gateway)):
            raise ConfigError(f"base and gateway are text, as in the gateway's configuration, not {base!r} and {gateway!r}")
        try:
            _core.check_topic(f"{base}/{gateway or 'gateway'}")
        except TopicError as error:
            raise ConfigError(f"base and gateway make no topic: {error}") from error
        self.root = f"{base}/{gateway}" if gateway else None
        self._app = app
        self.base = base
        self.topics = None  # the gateway's own in place of the usual ones, once it has said so: "gpio/lamp" -> "loft/lamp"
        self._waiting = []  # functions of root
        self._asked = False
        self._for_lines = False  # somebody is in want when it does not come
        self._since = None  # of the connection on which it was asked for
        self._said = False

    def need(self, call, for_line=False):
        """Calls call(root), now or once it is known, for a line once its topic is; then on the dispatcher's thread."""
        with self._app._lock:
            if self.root is None or (for_line and self.topics is None):
                self._waiting.append(call)
                self._for_lines = self._for_lines or for_line
                if not self._asked:
                    self._asked = True
                    self._app._listen(f"{self.root or self.base + '/+'}/info", 1, self)
                return
        call(self.root)

    def topic(self, name, suffixes):
        """The topic of "gpio/lamp": as the gateway's configuration has it, or the usual one. suffixes: of what is told under
        it."""
        for suffix in suffixes:
            own = self.topics.get(name + suffix, "")
            if own and own.endswith(suffix):
                return own[:len(own) - len(suffix)]
        return f"{self.root}/{name}"

    def submit(self, calls):
        for msg, _, _ in calls:
            through_spool = any(name == "tidegate" and "/" in value for name, value in msg.properties.user)
            try:
                info = msg.json()
            except PayloadError:
                continue
            if (not through_spool or self.root) and isinstance(info, dict) and msg.topic == f"{self.base}/{info.get('id')}/info":
                topics = info.get("topics", {})
                self._settle(msg.topic[:-len("/info")], topics if isinstance(topics, dict) else {})

    def _settle(self, root, topics):
        with self._app._lock:
            if self.root not in (None, root):
                return
            self.root = root
            self.topics = topics
            waiting, self._waiting = self._waiting, []
        with self._app._together():
            for call in waiting:
                call(root)

    def look(self, now):
        """Time has passed: seconds of the monotonic clock."""
        if not self._waiting or not self._for_lines or not self._app.connected:
            self._since = None
        elif self._since is None:
            self._since = now
        elif self.root is not None:
            if now - self._since >= _GRACE:
                self._settle(self.root, {})
        elif now - self._since >= _PATIENCE and not self._said:
            self._said = True
            log.warning("no gateway has said who it is on %s/+/info of this broker, so its lines and sensors are out of reach: is "
                        "tidegated running? `tidegate status` tells; for a broker further away say App(gateway=\"its id\")",
                        self.base)
