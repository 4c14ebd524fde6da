# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
from typing import Any, Dict, Iterable, Optional, Tuple, Union

_Message = Union[Dict[str, Any], Tuple[Any, ...]]

def multiple(msgs: Iterable[_Message], hostname: str = ..., port: int = ..., client_id: str = ..., keepalive: int = ...,
             will: Optional[Dict[str, Any]] = ..., auth: Optional[Dict[str, str]] = ..., tls: Any = ..., protocol: int = ...,
             transport: str = ..., proxy_args: Optional[Dict[str, Any]] = ...) -> None: ...
def single(topic: str, payload: Union[str, bytes, bytearray, int, float, None] = ..., qos: int = ..., retain: bool = ...,
           hostname: str = ..., port: int = ..., client_id: str = ..., keepalive: int = ...,
           will: Optional[Dict[str, Any]] = ..., auth: Optional[Dict[str, str]] = ..., tls: Any = ..., protocol: int = ...,
           transport: str = ..., proxy_args: Optional[Dict[str, Any]] = ...) -> None: ...
