# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
import asyncio

class Loop(asyncio.SelectorEventLoop): ...
