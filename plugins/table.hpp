// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <tidegate/plugin.hpp>

namespace tidegate::plugins {

/// Every plugin that was built in, in the order of plugins/CMakeLists.txt.
[[nodiscard]] std::span<const PluginInfo* const> table() noexcept;

}  // namespace tidegate::plugins
