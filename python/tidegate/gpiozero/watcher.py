# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""One thread that waits for the edges of all lines."""
import logging
import os
import select
import threading

log = logging.getLogger("tidegate")


class Watcher:
    """Calls take(edge) for every edge of the lines that were added, in the order of each line. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self._lines = {}  # descriptor -> (line, take)
        self._poll = select.epoll()
        self._wake = os.pipe()
        self._poll.register(self._wake[0], select.EPOLLIN)
        self._thread = threading.Thread(target=self._run, name="tidegate gpiozero", daemon=True)
        self._thread.start()

    def add(self, line, take):
        with self._lock:
            self._lines[line.fileno()] = (line, take)
            self._poll.register(line.fileno(), select.EPOLLIN)

    def remove(self, line):
        """No edge of it is told after this, but for one that is being told. Before it is released."""
        with self._lock:
            for descriptor, (one, _) in list(self._lines.items()):
                if one is line:
                    self._poll.unregister(descriptor)
                    del self._lines[descriptor]

    def stop(self):
        os.write(self._wake[1], b"x")
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self):
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor == self._wake[0]:
                    self._poll.close()
                    for one in self._wake:
                        os.close(one)
                    return
                with self._lock:
                    line, take = self._lines.get(descriptor, (None, None))
                if line is None:
                    continue
                try:
                    edges = line.wait(0)
                except OSError as error:
                    log.error("%r is not watched any more: %s", line, error)
                    self.remove(line)
                    continue
                for edge in edges:
                    take(edge)
