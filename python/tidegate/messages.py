# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""Messages to loop over in a coroutine."""
import logging
import threading
from collections import deque

log = logging.getLogger("tidegate")


class Inbox:
    """What has come for one Messages and was not taken: bounded, the oldest are dropped. Thread-safe."""

    to_the_end = False

    def __init__(self, what, most):
        self.abandoned = False  # nobody reads it any more
        self._what = what
        self._most = most
        self._lock = threading.Lock()
        self._waiting = deque()
        self._readers = []  # functions that wake them
        self._full = False
        self._ended = False

    def submit(self, calls):
        """Takes messages: the first of each tuple. By the App's dispatcher."""
        with self._lock:
            self._waiting.extend(call[0] for call in calls)
            over = len(self._waiting) - self._most
            for _ in range(over):
                self._waiting.popleft()
            if over > 0 and not self._full:
                self._full = True
                log.warning("messages(%s) is read too slowly: %d wait, and the oldest are dropped", self._what, self._most)
            self._wake()

    def end(self):
        """Nothing more comes."""
        with self._lock:
            self._ended = True
            self._wake()

    async def take(self):
        """The next message. Raises StopAsyncIteration after the last."""
        import asyncio
        loop = asyncio.get_running_loop()
        while True:
            with self._lock:
                if self._waiting:
                    self._full = self._full and len(self._waiting) > self._most // 2
                    return self._waiting.popleft()
                if self._ended:
                    raise StopAsyncIteration
                news = loop.create_future()

                def tell(news=news):
                    try:
                        loop.call_soon_threadsafe(lambda: news.done() or news.set_result(None))
                    except RuntimeError:  # that loop is closed: nobody waits any more
                        pass

                self._readers.append(tell)
            try:
                await news
            finally:
                with self._lock:
                    if tell in self._readers:
                        self._readers.remove(tell)

    def _wake(self):
        readers, self._readers = self._readers, []
        for tell in readers:
            tell()


class Messages:
    """An async iterator over what comes on topics, from when it is made until the App stops or close() is called. It takes
    messages in while nobody loops, up to the App's inbox. Works in the App's handlers and in any other event loop. Made by
    App.messages."""

    def __init__(self, app, inbox):
        self._app = app
        self._inbox = inbox

    def __aiter__(self):
        return self

    async def __anext__(self):
        self._app._check_fork()
        return await self._inbox.take()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exception):
        self.close()

    def close(self):
        """Ends it: what waits is still given out, nothing more comes."""
        self._app._unlisten(self._inbox)
        self._inbox.end()

    def __del__(self):
        self._inbox.abandoned = True  # the App looks: here, it might hold its lock
