// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <tidegate/plugin.hpp>

namespace tidegate::plugins {

/// What a plugin says in health of its parts: what is wrong, and that it is well again, each only once. Thread: loop.
class Faults final {
 public:
  /// The context outlives this.
  explicit Faults(Context& context) : context_(context) {}

  /// why: empty when it works.
  void tell(std::string_view what, std::string_view why);
  /// All works.
  void clear();
  /// What is named below prefix works, as far as which says so of the rest of its name.
  void clear_below(const std::string& prefix, const std::function<bool(const std::string&)>& which);

 private:
  Context& context_;
  std::map<std::string, std::string, std::less<>> known_;
};

}  // namespace tidegate::plugins
