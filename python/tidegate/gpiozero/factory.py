# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
"""The pin factory "tidegate"."""
import threading

from gpiozero import exc
from gpiozero.pins.local import LocalPiFactory
from gpiozero.pins.pi import PiBoardInfo

from .direct import DirectPort
from .gateway import GatewayPort, GatewaySession, is_line
from .pin import TidegatePin
from .watcher import Watcher
from .. import gpio
from ..errors import UnavailableError

_GATEWAY = "tidegate"  # what the gateway's lines say as their holder
_PLAIN = 0xA02082  # a Raspberry Pi 3B: the header with 40 pins, for a machine that is no Pi


class TidegateFactory(LocalPiFactory):
    """Pins GPIO0 to GPIO27 as gpiozero names them (17, "GPIO17", "BOARD11", "J8:11"), on the lines of those names: of the running
    gateway where it has them, else of the kernel. On a machine that is no Raspberry Pi the lines have to be named so, and
    the board is that of a header with 40 pins."""

    def __init__(self):
        super().__init__()
        self.pin_class = TidegatePin
        self.calling = threading.RLock()  # held while a device is told: scripts are used to one at a time
        self._lock = threading.Lock()
        self._watcher = None
        self._session = None
        self._is_pi = None

    def close(self):
        super().close()
        with self._lock:
            watcher, self._watcher = self._watcher, None
            session, self._session = self._session, None
        if watcher is not None:
            watcher.stop()
        if session is not None:
            session.stop()

    @property
    def is_pi(self):
        """Whether this is a Raspberry Pi, so that GPIO2 and GPIO3 are pulled up on the board."""
        if self._is_pi is None:
            self._get_revision()
        return self._is_pi

    def _get_revision(self):
        try:
            revision = super()._get_revision()
            PiBoardInfo.from_revision(revision)
            self._is_pi = True
            return revision
        except exc.PinUnknownPi:
            self._is_pi = False
            return _PLAIN

    @property
    def watcher(self):
        with self._lock:
            if self._watcher is None:
                self._watcher = Watcher()
            return self._watcher

    def open_port(self, number):
        """The port of GPIO<number>, of the gateway or of the kernel."""
        name = f"GPIO{number}"
        fixed = "up" if number in (2, 3) and self.is_pi else None
        try:
            info = gpio.find(name)
        except UnavailableError as error:
            info, not_there = None, error
        if info is not None and not (info.used and info.consumer == _GATEWAY):
            return DirectPort(self, info, fixed)
        # Who may not open a chip may still ask the gateway, and a gateway elsewhere than on this machine has chips of its own.
        session = self._gateway_session()
        line = session.line_of(is_line(name, info, self._to_gpio))
        if line is not None:
            return GatewayPort(session, line, fixed)
        if info is None:
            raise not_there
        raise UnavailableError(f"{name} is held by the gateway, which does not say so to this script ({session.why_silent or 'an older one?'}): "
                               "`tidegate status` has its broker, and TIDEGATE_BROKER names one")

    def _gateway_session(self):
        with self._lock:
            if self._session is None:
                self._session = GatewaySession()
                self._session.start()
            return self._session

    def _to_gpio(self, spec):
        return (self.board_info if hasattr(type(self), "board_info") else self.pi_info).to_gpio(spec)
