// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include <tidegate/embedded.hpp>
#include <tidegate/log.hpp>
#include <tidegate/state_error.hpp>
#include <tidegate/topic.hpp>

#include "gateway/check.hpp"
#include "gateway/gateway.hpp"
#include "gateway/plugins.hpp"

namespace tidegate {

struct Embedded::Impl {
  explicit Impl(config::Config read) : config(std::move(read)) {}

  /// The loop's thread, from its first instruction to its last. started: told when it runs, or why it cannot.
  void run(std::promise<void> started) {
    std::optional<gateway::Gateway> gateway;
    try {
      gateway.emplace(*loop, config);
      gateway->start();
      here = &*gateway;
    } catch (...) {
      gateway.reset();
      started.set_exception(std::current_exception());
      return;
    }
    started.set_value();
    loop->run();
    here = nullptr;
    gateway->stop();
  }

  /// Has work done on the loop, and waits; what it throws is thrown here.
  template <class Work>
  auto call(Work work) {
    std::packaged_task<decltype(work(*here))()> task([this, &work] { return work(*here); });
    auto result = task.get_future();
    {
      const std::lock_guard lock(mutex);
      if (!up) throw StateError("this Gateway does not run: start it");
      loop->post([&task] { task(); });
    }
    return result.get();
  }

  const config::Config config;
  mutable std::mutex changing;  ///< start() and stop(), one at a time; before mutex
  mutable std::mutex mutex;
  bool up = false;    ///< guarded by mutex: what is posted will be run
  bool done = false;  ///< guarded by changing: it has run
  log::Level level_before{};
  std::optional<Loop> loop;
  gateway::Gateway* here = nullptr;  ///< loop's thread
  std::thread thread;
};

Embedded::Embedded(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}

Embedded::~Embedded() {
  stop();
}

std::unique_ptr<Embedded> Embedded::from_file(const std::optional<std::filesystem::path>& file) {
  return std::unique_ptr<Embedded>(new Embedded(std::make_unique<Impl>(gateway::load_configuration(file))));
}

std::unique_ptr<Embedded> Embedded::from_text(const std::string& text) {
  auto config = config::parse(text, "<text>", gateway::plugin_names());
  gateway::read_plugin_blocks(config);
  config::check_plugins(config);
  return std::unique_ptr<Embedded>(new Embedded(std::make_unique<Impl>(std::move(config))));
}

void Embedded::start() {
  const std::lock_guard changing(impl_->changing);
  if (impl_->done || impl_->thread.joinable()) throw StateError("this Gateway was started before: make a new one");
  impl_->level_before = log::level();
  log::set_level(impl_->config.gateway.log_level);
  for (const auto& warning : impl_->config.warnings) log::warning("{}: {}", warning.where, warning.what);
  impl_->loop.emplace();
  std::promise<void> promise;
  auto started = promise.get_future();
  impl_->thread = std::thread([this, promise = std::move(promise)]() mutable { impl_->run(std::move(promise)); });
  try {
    started.get();
  } catch (...) {
    impl_->thread.join();
    log::set_level(impl_->level_before);
    throw;
  }
  const std::lock_guard lock(impl_->mutex);
  impl_->up = true;
}

void Embedded::stop() noexcept {
  const std::lock_guard changing(impl_->changing);
  if (!impl_->thread.joinable()) return;
  {
    // Posted after all that is: who waits for an answer gets it.
    const std::lock_guard lock(impl_->mutex);
    impl_->up = false;
    impl_->loop->post([this] { impl_->loop->stop(); });
  }
  impl_->thread.join();
  impl_->done = true;
  log::set_level(impl_->level_before);
}

bool Embedded::running() const noexcept {
  const std::lock_guard lock(impl_->mutex);
  return impl_->up;
}

std::string Embedded::status() const {
  return impl_->call([](gateway::Gateway& gateway) { return gateway.status().dump(); });
}

void Embedded::publish(Message message) {
  check_topic(message.topic);
  check_payload(message, impl_->config.gateway.payload_cap);
  impl_->call([&](gateway::Gateway& gateway) { gateway.publish(std::move(message)); });
}

const std::string& Embedded::id() const noexcept {
  return impl_->config.gateway.id;
}

const std::string& Embedded::base() const noexcept {
  return impl_->config.gateway.base;
}

const std::filesystem::path& Embedded::runtime() const noexcept {
  return impl_->config.gateway.runtime;
}

}  // namespace tidegate
