// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <tidegate/client.hpp>

namespace tidegate::cli {

/// The states that the running gateway publishes of its lines, and commands to it. Thread: one.
class States {
 public:
  /// Connects and asks for these topics. Throws Quit when the broker cannot be reached.
  States(ClientOptions options, const std::vector<std::string>& topics);
  /// The bare value of a topic's last message; waits for the first. Nothing when none came in time.
  [[nodiscard]] std::optional<std::string> wait_for(const std::string& topic, std::chrono::milliseconds patience);
  /// Publishes a command. Returns the state that was seen once it is the wanted one, or, without a wanted one, the
  /// first that comes after the command. Nothing when neither came in time.
  [[nodiscard]] std::optional<std::string> command(const std::string& command_topic, const std::string& payload,
                                                   const std::string& state_topic,
                                                   const std::optional<std::string>& wanted,
                                                   std::chrono::milliseconds patience);

 private:
  /// Takes what arrives within a moment.
  void look();

  Client client_;
  std::map<std::string, std::string> last_;
  std::map<std::string, std::uint64_t> count_;  ///< messages of a topic
  std::set<std::uint64_t> delivered_;
  bool connected_ = false;
};

}  // namespace tidegate::cli
