// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tidegate/loop.hpp>

#include "dbus/api.hpp"

namespace tidegate::dbus {

/// A connection to a message bus on our loop, made again whenever it is lost. The bus need not be there: it is looked
/// for with growing pauses, half a minute at most. Connecting, which may have to wait for the bus, is done on a thread
/// of its own; everything else, each callback included, on the loop. Thread: loop.
class Bus final {
 public:
  enum class Kind : std::uint8_t { system, session };
  struct Match {
    std::string rule;
    std::function<void(sdbus::Message&)> heard;
  };
  struct Options {
    Kind kind = Kind::system;
    std::string name = {};  ///< to own; empty: none
    std::vector<Match> matches = {};
    /// Connected, the name owned. May throw sdbus::Error: then the connection is given up, and made again later.
    std::function<void(sdbus::IConnection&)> on_up;
    /// Called before the connection goes: whatever uses it has to go first.
    std::function<void()> on_down;
  };

  Bus(Loop& loop, Options options);
  ~Bus();
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;

  /// Null while there is none.
  [[nodiscard]] sdbus::IConnection* connection() const noexcept { return connection_.get(); }
  /// To be called after something was sent outside of the bus's own callbacks: what did not fit in the socket goes out.
  void sent();
  [[nodiscard]] const char* name_of_kind() const noexcept;

 private:
  struct Attempt;
  enum class Trouble : std::uint8_t { none, missing, taken, denied };
  void connect();
  void connected(std::unique_ptr<sdbus::IConnection> connection);
  void failed(const std::string& name, const std::string& why);
  void turn();
  void arm();
  void drop() noexcept;

  Loop& loop_;
  const Options options_;
  std::shared_ptr<Attempt> attempt_;  ///< under way
  std::unique_ptr<sdbus::IConnection> connection_;
  Poll armed_;
  Source readable_, woken_, timer_, again_;
  std::chrono::milliseconds pause_;
  Trouble trouble_ = Trouble::none;  ///< as the log has it
  std::shared_ptr<int> alive_;
  bool turn_posted_ = false;
};

}  // namespace tidegate::dbus
