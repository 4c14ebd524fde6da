# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
from typing import Any, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

_Property = Tuple[int, Any]

class Received(NamedTuple):
    topic: bytes
    payload: bytes
    qos: int
    retain: bool
    duplicate: bool
    packet: int
    properties: List[_Property]

class Delivered(NamedTuple):
    token: int
    reason_code: int
    reason: str

class Refused(NamedTuple):
    token: int
    reason_code: int
    reason: str

class Unknown(NamedTuple):
    token: int
    reason_code: int
    reason: str

class Opened(NamedTuple): ...

class Connected(NamedTuple):
    session_present: bool
    properties: List[_Property]

class Failed(NamedTuple):
    reason: str
    reason_code: int
    error: int
    cause: int
    ours: bool
    properties: List[_Property]

class Disconnected(NamedTuple):
    reason: str
    reason_code: int
    error: int
    cause: int
    ours: bool
    properties: List[_Property]

class Answered(NamedTuple):
    token: int
    codes: Tuple[int, ...]
    properties: List[_Property]

_Event = Union[Received, Delivered, Refused, Unknown, Opened, Connected, Failed, Disconnected, Answered]

class Session:
    def __init__(self, *servers: str, client_id: str = ..., version: int = ..., clean_start: bool = ...,
                 session_expiry: float = ..., username: Union[str, bytes, None] = ..., password: Union[str, bytes, None] = ...,
                 keep_alive: int = ..., connect_timeout: float = ...,
                 will: Optional[Tuple[str, bytes, int, bool, Iterable[_Property]]] = ...,
                 properties: Iterable[_Property] = ..., ca_file: str = ..., cert_file: str = ..., key_file: str = ...,
                 key_password: str = ..., ciphers: str = ..., alpn: Sequence[str] = ..., verify: bool = ...,
                 verify_name: bool = ..., window: int = ..., inbox: int = ...) -> None: ...
    def connect(self) -> None: ...
    def disconnect(self, reason_code: int = ..., properties: Iterable[_Property] = ...) -> None: ...
    def drop(self) -> None: ...
    def close(self) -> None: ...
    def publish(self, token: int, topic: str, payload: bytes, qos: int = ..., retain: bool = ...,
                properties: Iterable[_Property] = ..., patience: float = ...) -> bool: ...
    def subscribe(self, token: int, subscriptions: Sequence[Tuple[str, int, bool, bool, int]],
                  properties: Iterable[_Property] = ...) -> bool: ...
    def unsubscribe(self, token: int, filters: Sequence[str], properties: Iterable[_Property] = ...) -> bool: ...
    def wait(self, timeout: float, most: int = ...) -> List[_Event]: ...
    def wake(self) -> None: ...
    def fileno(self) -> int: ...
    @property
    def connected(self) -> bool: ...
    @property
    def dropped(self) -> int: ...
    def __enter__(self) -> Session: ...
    def __exit__(self, *error: Any) -> None: ...
