// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <list>
#include <string>

#include <tidegate/descriptor.hpp>
#include <tidegate/loop.hpp>

#include "control/control.hpp"

namespace tidegate::control {

/// Another program of ours, asked through its control socket without waiting for it. Thread: loop.
class Peer {
 public:
  /// program: for errors, "tidegate-apps".
  Peer(Loop& loop, std::filesystem::path socket, std::string program);
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// Calls done once, later, with what Control::call() answers there; when nobody answers within five seconds, with an
  /// answer of that form and of kind "unavailable". What has no answer yet when this goes, gets none.
  void ask(const Json& request, std::function<void(const Json& answer)> done);

 private:
  struct Question {
    Descriptor fd;
    std::string answer;
    std::function<void(const Json&)> done;
    Source readable, patience;
  };
  void read(std::list<Question>::iterator question);
  void end(std::list<Question>::iterator question, const Json& answer);
  void fail(std::list<Question>::iterator question, const std::string& why);

  Loop& loop_;
  const std::filesystem::path socket_;
  const std::string program_;
  std::list<Question> questions_;
};

}  // namespace tidegate::control
