// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/session.hpp"

namespace tidegate::mqtt {

const char* to_string(State state) noexcept {
  switch (state) {
    case State::stopped:
      return "stopped";
    case State::connecting:
      return "connecting";
    case State::connected:
      return "connected";
    case State::waiting:
      return "waiting";
  }
  return "unknown";
}

}  // namespace tidegate::mqtt
