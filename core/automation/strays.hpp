// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tidegate::automation {

/// Kills every process of this user that has, in the environment that it was started with, the variable mark
/// ("NAME=value"), or with whole = false one that begins so; and waits until they are gone, 5 s at most. Returns how
/// many there were. While the kernel begins a program it shows no environment: such a process is looked at again, for
/// a tenth of a second. A child has the environment of its parent, whatever session or process group it has moved to.
int end_strays(const std::string& mark, bool whole) noexcept;

}  // namespace tidegate::automation
