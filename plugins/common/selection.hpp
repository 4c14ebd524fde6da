// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <fnmatch.h>

#include <tidegate/block.hpp>

namespace tidegate::plugins {

/// Which names are wanted: shell patterns, where '*' also goes over a '/'.
struct Selection {
  std::vector<std::string> include;
  std::vector<std::string> exclude;

  [[nodiscard]] bool operator()(const std::string& name) const {
    const auto fits = [&](const std::string& pattern) { return fnmatch(pattern.c_str(), name.c_str(), 0) == 0; };
    return std::ranges::any_of(include, fits) && std::ranges::none_of(exclude, fits);
  }
};

/// The keys include (default: everything) and exclude.
[[nodiscard]] inline Selection read_selection(const Block& block, std::vector<std::string> exclude = {}) {
  return {block.texts("include", {"*"}), block.texts("exclude", std::move(exclude))};
}

}  // namespace tidegate::plugins
