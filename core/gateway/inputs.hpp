// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tidegate/plugin.hpp>

#include "config/config.hpp"
#include "gateway/health.hpp"

namespace tidegate::gateway {

/// The plugins' inputs that the configuration asks for: made, started, started again with backoff when they cannot, and
/// stopped. Gives each its Context. Thread: loop.
class Inputs {
 public:
  using Publish = std::function<void(Message)>;
  struct Status {
    std::string name;
    bool running;
    std::uint64_t readings;
  };

  /// publish takes every reading as a message. All references outlive this.
  Inputs(Loop& loop, const config::Config& config, Health& health, const Publish& publish);
  ~Inputs();  ///< stop()
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;

  void start();
  /// After it returned nothing is published.
  void stop() noexcept;
  [[nodiscard]] std::vector<Status> status() const;

 private:
  class Part;
  std::vector<std::unique_ptr<Part>> parts_;
};

/// Makes every plugin's parts from their blocks without starting anything, so that their complaints are filed.
void read_plugin_blocks(const config::Config& config);

/// The tables that plugins read, by name.
[[nodiscard]] std::vector<std::string> plugin_names();

}  // namespace tidegate::gateway
