// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace tidegate::gateway {

/// One line that the configuration gives a name to.
struct NamedLine {
  std::string name;  ///< "lamp"; that of an RGB LED for each of its three
  std::string kind;  ///< "input", "output", "counter", "pwm", "rgb", "servo"
  std::string line;  ///< as the configuration names it
  bool active_low = false;
  std::string bias;      ///< as configured; empty: not said
  std::string topic;     ///< where its state is published; commands go to <topic>/set
  double frequency = 0;  ///< of a pwm, Hz; 0: its usual one
};

/// In the order of the configuration, kind by kind. What is not written as it should be is left out.
[[nodiscard]] std::vector<NamedLine> named_lines(const config::Config& config);

}  // namespace tidegate::gateway
