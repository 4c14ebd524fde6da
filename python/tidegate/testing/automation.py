# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""A script under test."""
import os
import pathlib
import sys
import threading
import time

from ..app import App
from .clock import PATIENCE
from .script import namespace


class Automation:
    """A script that runs in this process as it would run by itself: in a thread that is its main one. Made by Gateway.load."""

    def __init__(self, gateway, path, arguments):
        self.path = pathlib.Path(path)
        #: The script's variables, by name: automation.names["total"].
        self.names = namespace(gateway.clock, str(self.path))
        #: What the script ended with: None while it runs, else the status that its process would have had.
        self.status = None
        self._gateway = gateway
        self._arguments = [str(self.path), *map(str, arguments)]
        self._error = None
        self._begun = False
        self._wires = []
        self._thread = threading.Thread(target=self._run, name=f"main of {self.path.name}", daemon=True)

    @property
    def app(self):
        """Its App; the first, if there are several."""
        return self._wires[0]._app if self._wires else None

    def stop(self):
        """Ends it as Ctrl-C or SIGTERM does: handlers finish, shutdown functions run, what waits is sent."""
        for wire in self._wires:
            self._gateway._stop(wire)
        self._thread.join(0.0 if self._gateway.clock.is_parked(self._thread.ident) else 10.0)

    def _start(self):
        """Returns when it is under way. Raises what the script raised."""
        code = compile(self.path.read_bytes(), str(self.path), "exec")
        folder = str(self.path.resolve().parent)
        self._before = (sys.argv, set(sys.modules), folder)
        sys.argv = self._arguments
        sys.path.insert(0, folder)
        self._code = code
        self._thread.start()
        limit = time.monotonic() + PATIENCE
        while not self._is_under_way():
            if not self._running():
                self._gateway.clock._step()
            self._gateway._take(0.001)
            if time.monotonic() > limit:
                raise AssertionError(f"{self.path.name} has not begun after {PATIENCE:g} seconds of the machine's time: {self._running()}")
        if self._error is not None:
            raise self._error
        self._begun = True

    def _forget(self):
        """The test is over: modules that lie beside the script are loaded anew by the next one."""
        argv, modules, folder = self._before
        sys.argv = argv
        if folder in sys.path:
            sys.path.remove(folder)
        for name in set(sys.modules) - modules:
            if os.path.dirname(getattr(sys.modules[name], "__file__", None) or "") == folder:
                del sys.modules[name]

    def _run(self):
        try:
            exec(self._code, self.names)
            apps = {id(value): value for value in list(self.names.values()) if isinstance(value, App)}.values()
            waiting = [app for app in apps if not app.started]
            if len(waiting) == 1:
                waiting[0].run()
            elif waiting or not apps:
                raise ValueError(f"{self.path.name} " + (f"makes {len(waiting)} Apps and runs none of them" if waiting else
                                                         "leaves no App in a variable"))
            self.status = 0
        except SystemExit as end:
            self.status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except BaseException as error:
            self.status = 1
            self._error = error
            if self._begun:
                self._gateway.errors.append(error)
        finally:
            self._gateway.clock.moved()

    def _is_under_way(self):
        return not self._running() and (not self._thread.is_alive() or any(wire.started for wire in self._wires))

    def _running(self):
        """Names of what is not at rest: the script's main thread, until it waits."""
        if not self._thread.is_alive() or self._gateway.clock.is_parked(self._thread.ident):
            return []
        if any(wire._app._runner is self._thread and wire.started for wire in self._wires):
            return []
        return [self.path.name]
