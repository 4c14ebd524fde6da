# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
from typing import Any, Callable, Dict, List, Optional, Union

from .client import Client, MQTTMessage

def callback(callback: Callable[[Client, Any, MQTTMessage], Any], topics: Union[str, List[str]], qos: int = ...,
             userdata: Any = ..., hostname: str = ..., port: int = ..., client_id: str = ..., keepalive: int = ...,
             will: Optional[Dict[str, Any]] = ..., auth: Optional[Dict[str, str]] = ..., tls: Any = ..., protocol: int = ...,
             transport: str = ..., clean_session: bool = ..., proxy_args: Optional[Dict[str, Any]] = ...) -> None: ...
def simple(topics: Union[str, List[str]], qos: int = ..., msg_count: int = ..., retained: bool = ..., hostname: str = ...,
           port: int = ..., client_id: str = ..., keepalive: int = ..., will: Optional[Dict[str, Any]] = ...,
           auth: Optional[Dict[str, str]] = ..., tls: Any = ..., protocol: int = ..., transport: str = ...,
           clean_session: bool = ..., proxy_args: Optional[Dict[str, Any]] = ...) -> Union[MQTTMessage, List[MQTTMessage]]: ...
