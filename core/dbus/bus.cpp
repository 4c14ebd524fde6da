// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "dbus/bus.hpp"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sys/epoll.h>

#include <tidegate/log.hpp>

namespace tidegate::dbus {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds first_pause = 500ms;
constexpr std::chrono::milliseconds most_pause = 30s;
constexpr int most_messages = 64;  ///< in one turn: others of the loop want theirs

}  // namespace

/// Shared with the thread that connects: a bus that hangs holds that thread, which then is left behind, and not us.
struct Bus::Attempt {
  std::mutex mutex;
  Bus* bus;  ///< null: nobody waits for the outcome any more; guarded by mutex
};

Bus::Bus(Loop& loop, Options options)
    : loop_(loop), options_(std::move(options)), pause_(first_pause), alive_(std::make_shared<int>()) {
  connect();
}

Bus::~Bus() {
  if (attempt_) {
    const std::lock_guard lock(attempt_->mutex);
    attempt_->bus = nullptr;
  }
  drop();
}

const char* Bus::name_of_kind() const noexcept {
  return options_.kind == Kind::system ? "system" : "session";
}

void Bus::connect() {
  attempt_ = std::make_shared<Attempt>();
  attempt_->bus = this;
  std::thread([attempt = attempt_, &loop = loop_, kind = options_.kind, name = options_.name,
               matches = options_.matches] {
    std::unique_ptr<sdbus::IConnection> made;
    std::string error;
    std::string why;
    try {
      made = kind == Kind::system ? sdbus::createSystemBusConnection() : sdbus::createSessionBusConnection();
      for (const auto& match : matches) {
        add_match(*made, match.rule, [heard = match.heard](auto&& message) {
          try {
            heard(message);
          } catch (const std::exception& wrong) {
            log::debug("D-Bus: a signal cannot be read: {}", wrong.what());
          }
        });
      }
      if (!name.empty()) made->requestName(ServiceName{name});
    } catch (const sdbus::Error& wrong) {
      made.reset();
      error = wrong.getName();
      why = wrong.getMessage();
    } catch (const std::exception& wrong) {
      made.reset();
      why = wrong.what();
    }
    const std::lock_guard lock(attempt->mutex);
    if (attempt->bus == nullptr) return;
    // In a shared_ptr, for std::function wants to copy.
    auto kept = std::make_shared<std::unique_ptr<sdbus::IConnection>>(std::move(made));
    loop.post([attempt, kept, error, why] {
      Bus* bus = nullptr;
      {
        const std::lock_guard again(attempt->mutex);
        bus = attempt->bus;
      }
      if (bus == nullptr) return;
      bus->attempt_.reset();
      if (*kept) {
        bus->connected(std::move(*kept));
      } else {
        bus->failed(error, why);
      }
    });
  }).detach();
}

void Bus::connected(std::unique_ptr<sdbus::IConnection> connection) {
  connection_ = std::move(connection);
  try {
    options_.on_up(*connection_);
  } catch (const sdbus::Error& error) {
    failed(error.getName(), error.getMessage());
    return;
  }
  if (trouble_ != Trouble::none) log::info("D-Bus: the {} bus is there", name_of_kind());
  trouble_ = Trouble::none;
  pause_ = first_pause;
  turn();
}

void Bus::failed(const std::string& name, const std::string& why) {
  drop();
  std::string what;
  auto trouble = Trouble::missing;
  auto level = log::Level::info;  // a machine without a bus is none to worry about
  if (name.ends_with(".AccessDenied")) {
    trouble = Trouble::denied;
    level = log::Level::warning;
    what = fmt::format(
        "the {} bus does not let this user own the name {}: install org.tidegate.Gateway1.conf in "
        "/etc/dbus-1/system.d, "
        "and run tidegated as the user that it names, or as root ({})",
        name_of_kind(), options_.name, why);
  } else if (name.ends_with(".FileExists") || why.find("File exists") != std::string::npos) {
    trouble = Trouble::taken;
    level = log::Level::notice;
    what = fmt::format("another gateway has the name {} on the {} bus; this one takes it when it is free",
                       options_.name, name_of_kind());
  } else {
    what = fmt::format("there is no {} bus ({}); it is used when it comes up", name_of_kind(), why);
  }
  log::print(trouble == trouble_ ? log::Level::debug : level, "D-Bus: {}", what);
  trouble_ = trouble;
  again_ = loop_.after(pause_, [this] { connect(); });
  pause_ = std::min(pause_ * 2, most_pause);
}

void Bus::sent() {
  if (turn_posted_ || !connection_) return;
  turn_posted_ = true;
  loop_.post([this, alive = std::weak_ptr<int>(alive_)] {
    if (alive.expired()) return;
    turn_posted_ = false;
    turn();
  });
}

void Bus::turn() {
  if (!connection_) return;
  try {
    int done = 0;
    while (done < most_messages && process(*connection_)) ++done;
    if (done == most_messages) sent();
    arm();
  } catch (const sdbus::Error& error) {
    failed(error.getName(), fmt::format("the connection ended: {}", error.getMessage()));
  }
}

void Bus::arm() {
  const auto poll = poll_of(*connection_);
  if (!readable_ || poll.fd != armed_.fd || poll.events != armed_.events) {
    readable_ = {};  // one watch for a descriptor at a time
    readable_ = loop_.watch(poll.fd, static_cast<std::uint32_t>(poll.events), [this](std::uint32_t) { turn(); });
  }
  if (poll.wake_fd >= 0 && poll.wake_fd != armed_.wake_fd) {
    woken_ = {};
    woken_ = loop_.watch(poll.wake_fd, EPOLLIN, [this](std::uint32_t) { turn(); });
  }
  armed_ = poll;
  timer_ = {};
  if (!poll.until) return;
  const auto left = *poll.until - std::chrono::steady_clock::now().time_since_epoch();
  timer_ = loop_.after(std::max<Loop::Duration>(left, 0ns), [this] { turn(); });
}

void Bus::drop() noexcept {
  readable_ = {};
  woken_ = {};
  timer_ = {};
  armed_ = {};
  if (!connection_) return;
  options_.on_down();
  connection_.reset();
}

}  // namespace tidegate::dbus
