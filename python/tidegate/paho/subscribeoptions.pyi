# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
from typing import Any, Dict

class SubscribeOptions:
    RETAIN_SEND_ON_SUBSCRIBE: int
    RETAIN_SEND_IF_NEW_SUB: int
    RETAIN_DO_NOT_SEND: int
    QoS: int
    noLocal: bool
    retainAsPublished: bool
    retainHandling: int
    def __init__(self, qos: int = ..., noLocal: bool = ..., retainAsPublished: bool = ..., retainHandling: int = ...) -> None: ...
    def __setattr__(self, name: str, value: Any) -> None: ...
    def json(self) -> Dict[str, int]: ...
