# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
from asyncio import AbstractEventLoop
from threading import Condition
from typing import Any, Callable, NamedTuple, Optional

from .app import App
from .interval import Interval

class Now(NamedTuple):
    monotonic: float
    boot: float
    wall: float

def monotonic() -> float: ...
def wall() -> float: ...
def now() -> Now: ...
def wait(condition: Condition, reached: Callable[[], Any], timeout: Optional[Interval]) -> None: ...
def event_loop() -> AbstractEventLoop: ...
def made(app: App) -> None: ...
