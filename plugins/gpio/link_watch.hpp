// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include <tidegate/plugin.hpp>

namespace tidegate::plugins::gpio {

/// Whether an output has lost the link that it is to be safe without for too long: the keys safe_after and safe_link.
/// Thread: loop.
class LinkWatch final {
 public:
  /// Reads its keys.
  LinkWatch(const Context& context, const Block& block);
  /// True once for each loss, when the link has been down for safe_after. Ask now and then.
  [[nodiscard]] bool lost(Context& context);
  [[nodiscard]] const std::string& link() const noexcept { return link_; }

 private:
  const Nanoseconds after_;  ///< 0: never
  const std::string link_;   ///< an upstream; empty: the local broker
  std::optional<Nanoseconds> down_since_;
  bool told_ = false;
};

}  // namespace tidegate::plugins::gpio
