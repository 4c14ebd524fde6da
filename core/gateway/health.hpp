// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace tidegate::gateway {

/// What does not work at the moment, by the name of the part. Thread: loop.
class Health {
 public:
  /// Called after every change.
  explicit Health(std::function<void()> changed) : changed_(std::move(changed)) {}
  /// An empty why says that it works (again). logged: whoever found it has written it to the log already.
  void set(std::string_view what, std::string_view why, bool logged = false);
  [[nodiscard]] bool ok() const noexcept { return problems_.empty(); }
  /// {"ok":…,"problems":[{"what":…,"why":…}]}
  [[nodiscard]] nlohmann::ordered_json json() const;

 private:
  std::function<void()> changed_;
  std::map<std::string, std::string, std::less<>> problems_;
};

}  // namespace tidegate::gateway
