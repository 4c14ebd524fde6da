// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <tidegate/message.hpp>

namespace tidegate {

/// The whole gateway inside another program: sessions, spool, plugins and, as its configuration says, the local broker,
/// on a thread of its own. It watches no signals and changes no signal mask. Its log goes to standard error. Its broker
/// is a process of its own, which outlives a program that dies, and is adopted by the next gateway in the same folders.
/// Thread-safe.
class Embedded final {
 public:
  /// Reads a configuration, and conf.d beside it; without a file the one that tidegated would read. Opens nothing.
  /// Throws ConfigError with every complaint, SystemError when a file cannot be read.
  [[nodiscard]] static std::unique_ptr<Embedded> from_file(const std::optional<std::filesystem::path>& file);
  /// The same from TOML; what is complained about is in "<text>".
  [[nodiscard]] static std::unique_ptr<Embedded> from_text(const std::string& text);
  ~Embedded();  ///< as stop()
  Embedded(const Embedded&) = delete;
  Embedded& operator=(const Embedded&) = delete;

  /// Starts, and returns when it runs; brokers need not be up then. Throws UnavailableError when another gateway has
  /// its folders (it may be started again then), SystemError when they cannot be used, ConfigError when a part refuses
  /// its settings, StateError when it was started before.
  void start();
  /// Goes on delivering for at most the configured stop timeout, stops the local broker, and ends.
  void stop() noexcept;
  [[nodiscard]] bool running() const noexcept;

  /// What `tidegate status --json` shows. Throws StateError unless it runs.
  [[nodiscard]] std::string status() const;
  /// Publishes on the local broker, and appends to the lanes whose routes match: then it is accepted. Throws
  /// TopicError, PayloadError; StateError unless it runs.
  void publish(Message message);

  [[nodiscard]] const std::string& id() const noexcept;
  /// The first levels of its topics; "<base>/<id>" is before all of them.
  [[nodiscard]] const std::string& base() const noexcept;
  /// Where broker.url and control.sock are while it runs.
  [[nodiscard]] const std::filesystem::path& runtime() const noexcept;

 private:
  struct Impl;
  explicit Embedded(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidegate
