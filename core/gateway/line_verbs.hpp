// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <tidegate/clock.hpp>
#include <tidegate/message.hpp>

#include "config/config.hpp"
#include "control/control.hpp"
#include "gateway/audience.hpp"

namespace tidegate::gateway {

/// The named GPIO lines for the faces of the control object: line.list, line.read {name}, line.set {name, value}, and
/// the event "line". What a line reads is what was published of it last. Thread: loop.
class LineVerbs {
 public:
  /// All references outlive this.
  LineVerbs(const config::Config& config, const Audience& audience, control::Control& control);

  /// Reads the names anew, once the configuration has changed.
  void configured();
  /// Is shown every reading of this gateway.
  void seen(const Message& reading);

 private:
  struct Line {
    std::string name;
    std::string kind;
    std::vector<std::string> lines;  ///< three of an RGB LED
    std::string topic;
    std::string value;              ///< as published
    std::optional<WallTime> since;  ///< when; nothing was published before
  };
  [[nodiscard]] Line& find(const control::Json& request);
  [[nodiscard]] static control::Json to_json(const Line& line);
  [[nodiscard]] control::Json set(const control::Json& request);

  const config::Config& config_;
  const Audience& audience_;
  control::Control& control_;
  std::vector<Line> lines_;
  std::map<std::string, std::size_t, std::less<>> by_topic_;  ///< number in lines_
};

}  // namespace tidegate::gateway
