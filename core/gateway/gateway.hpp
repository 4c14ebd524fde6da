// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <tidegate/loop.hpp>

#include "broker/broker.hpp"
#include "config/config.hpp"
#include "control/server.hpp"
#include "forward/pump.hpp"
#include "gateway/health.hpp"
#include "gateway/inputs.hpp"
#include "gateway/intake.hpp"
#include "gateway/receipts.hpp"
#include "route/router.hpp"
#include "spool/spool.hpp"

namespace tidegate::gateway {

/// The composition root: builds every room from a configuration and introduces them to each other. Thread: loop.
class Gateway {
 public:
  /// Opens the spool, its lanes and the control socket; nothing is sent yet.
  /// Throws SystemError or UnavailableError when a folder cannot be used, ConfigError when a room refuses its settings.
  Gateway(Loop& loop, config::Config config);
  ~Gateway();

  /// Starts the local broker, the sessions and the inputs. Needs none of them to work: what does not is in health.
  void start();
  /// Stops taking in, goes on delivering for at most the configured stop timeout, and ends. Blocks the loop meanwhile.
  void stop() noexcept;

  /// What `tidegate status` shows.
  [[nodiscard]] control::Json status() const;

 private:
  struct UpstreamLink {
    const config::Upstream* config = nullptr;
    std::vector<spool::Lane*> lanes;
    spool::Lane* inlet = nullptr;  ///< towards the local broker; null without receive rules
    std::unique_ptr<forward::Pump> sender;
    std::unique_ptr<forward::Pump> receiver;  ///< only when QoS 2 keeps the two apart
    std::optional<std::string> state_topic;   ///< of this gateway, as the upstream names it
  };

  void open_lanes();
  void make_routes();
  void make_upstream(std::size_t index);
  void local_up(const std::string& url);
  void local_connected();
  void upstream_connected(std::size_t index);
  void publish(Message message);
  void publish_local(Message message);
  void announce_health();
  [[nodiscard]] forward::PumpEvents upstream_events(std::size_t index);
  void watch_links();

  Loop& loop_;
  const config::Config config_;
  const Nanoseconds started_;
  // Before the spool, whose last sync still tells receipts.
  mutable std::mutex local_mutex_;
  /// Set on the loop with local_mutex_ held, so the loop reads it without; other threads take the mutex.
  std::unique_ptr<forward::Pump> local_;
  std::string local_url_;
  Receipts receipts_;
  std::unique_ptr<spool::Spool> spool_;
  std::vector<UpstreamLink> upstreams_;
  std::vector<Outlet> outlets_;
  std::unique_ptr<route::Router> router_;
  Health health_;
  std::unique_ptr<Intake> intake_;
  broker::Broker broker_;
  Inputs inputs_;
  control::Control control_;
  std::unique_ptr<control::Server> server_;
  Source look_;
  std::string announced_health_;
  bool stopping_ = false;
};

}  // namespace tidegate::gateway
