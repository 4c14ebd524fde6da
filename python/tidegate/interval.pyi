# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta
from typing import Union

Interval = Union[str, int, float, timedelta]

def seconds(interval: Interval) -> float: ...
