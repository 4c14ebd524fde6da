# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""What an automation may do at the local broker, as its header or [[automation]] says and the broker enforces."""
import json
import os

from . import _core
from .errors import RightsError


def _named(variable):
    """A list of filters from the environment; None where there is none, or it is not what tidegate-apps writes."""
    try:
        filters = json.loads(os.environ[variable])
    except (KeyError, ValueError):
        return None
    return filters if isinstance(filters, list) and all(isinstance(one, str) for one in filters) else None


class Rights:
    """The lists that this program was started with. The broker keeps them; here they only make for better words: it says
    nothing about a filter that matches too much, it just sends nothing."""

    __slots__ = ("_publish", "_subscribe")

    def __init__(self):
        self._publish = _named("TIDEGATE_PUBLISH")
        self._subscribe = _named("TIDEGATE_SUBSCRIBE")

    def check_subscription(self, filter):
        """Raises RightsError when the broker would not send all that it matches."""
        if self._subscribe is not None and not any(_core.covers(one, filter) for one in self._subscribe):
            raise RightsError(f"this automation may not subscribe to '{filter}': its {self._rule('subscribe', self._subscribe)}")

    def explain_publish(self, topic):
        """What to say after the broker's refusal of a message on topic."""
        if self._publish is None or any(_core.matches(one, topic) for one in self._publish):
            return ""
        return f" (this automation's {self._rule('publish', self._publish)})"

    @staticmethod
    def _rule(name, filters):
        return f"{name} = {json.dumps(filters, ensure_ascii=False)}, in its header or [[automation]], does not name it"
