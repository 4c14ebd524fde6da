# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any, Dict, Iterable, Optional, Union

from ..app import App
from .gateway import Gateway

class Automation:
    path: Path
    names: Dict[str, Any]
    status: Optional[int]
    def __init__(self, gateway: Gateway, path: Union[str, Path], arguments: Iterable[Any]) -> None: ...
    @property
    def app(self) -> Optional[App]: ...
    def stop(self) -> None: ...
