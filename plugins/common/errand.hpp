// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <tidegate/plugin.hpp>

namespace tidegate::plugins {

/// What a job on a worker is doing, for those who wonder why it does not come back. Thread-safe.
class Doing final {
 public:
  explicit Doing(const Clock& clock) noexcept : clock_(clock) {}
  /// It begins with this: "reading /sys/…/temp1_input".
  void now(std::string what);
  /// What it has been doing for at least patience: "reading … does not come back". Empty when it has not.
  [[nodiscard]] std::string for_long(Nanoseconds patience) const;

 private:
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::string what_;  // empty: it has not begun
  Nanoseconds since_{};
};

/// One slow thing that is asked on the worker of its bus, one job at a time, and may never answer. Thread: loop. An
/// answer that comes after it was destroyed is dropped.
class Errand final {
 public:
  Errand(Context& context, std::string bus) : context_(context), bus_(std::move(bus)) {}
  Errand(const Errand&) = delete;
  Errand& operator=(const Errand&) = delete;

  [[nodiscard]] const std::string& bus() const noexcept { return bus_; }
  [[nodiscard]] bool under_way() const noexcept { return doing_ != nullptr; }
  /// Doing::for_long() of the job that is under way.
  [[nodiscard]] std::string for_long(Nanoseconds patience) const {
    return doing_ ? doing_->for_long(patience) : std::string();
  }

  /// Runs work(Doing&) on the worker and done(its result) on the loop. Not while a job is under way. The work touches
  /// nothing that the loop does, for it may outlast everything here, and does not throw.
  template <class Work, class Done>
  void run(Work work, Done done) {
    using Result = std::invoke_result_t<Work, Doing&>;
    doing_ = std::make_shared<Doing>(context_.clock());
    auto result = std::make_shared<std::optional<Result>>();
    context_.work([doing = doing_, result, work = std::move(work)]() mutable { result->emplace(work(*doing)); },
                  [this, alive = std::weak_ptr<int>(alive_), result, done = std::move(done)]() mutable {
                    if (alive.expired()) return;
                    doing_.reset();
                    if (*result) done(std::move(**result));
                  },
                  bus_);
  }

 private:
  Context& context_;
  const std::string bus_;
  std::shared_ptr<Doing> doing_;
  const std::shared_ptr<int> alive_ = std::make_shared<int>();  // never with the worker
};

}  // namespace tidegate::plugins
