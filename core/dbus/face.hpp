// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>

#include <tidegate/loop.hpp>

#include "control/control.hpp"
#include "control/peer.hpp"
#include "dbus/bus.hpp"
#include "dbus/permission.hpp"
#include "dbus/thing.hpp"

namespace tidegate::dbus {

/// org.tidegate.Gateway1: the control object as D-Bus objects. What there is to show is asked of its verbs once a
/// second and after every event, and only while there is a bus; what is called there is given to the verbs.
/// docs/dbus.md has all of it. Thread: loop.
class Face final {
 public:
  /// The references outlive this. apps: the supervisor of automations.
  Face(Loop& loop, control::Control& control, control::Peer& apps, Bus::Kind kind);
  ~Face();
  Face(const Face&) = delete;
  Face& operator=(const Face&) = delete;

 private:
  using Details = std::map<std::string, sdbus::Variant>;
  using Bytes = std::vector<std::uint8_t>;
  template <class... Results>
  using Reply = std::shared_ptr<sdbus::Result<Results...>>;

  /// A Publish whose caller waits for more than accepted.
  struct Waiting {
    std::string id;
    std::string stage;                ///< "durable" or "delivered"
    std::set<std::string> upstreams;  ///< that have not got so far
    Details receipt;
    Reply<Details> reply;
    Source patience;
  };

  void up(sdbus::IConnection& connection);
  void down();
  void add_methods(Interface& interface);
  /// Asks whether the caller may, then does it; what it throws is the caller's error.
  template <class Result, class Work>
  void permitted(const char* action, std::shared_ptr<Result> reply, Work work);
  /// The verb's result. Throws sdbus::Error when it says no.
  [[nodiscard]] control::Json call(const char* verb, control::Json arguments = control::Json::object()) const;
  void publish(const std::string& topic, const Bytes& payload, const Details& options, const Reply<Details>& reply);
  void drain(double timeout, const Reply<std::uint64_t>& reply);
  void restart(const std::string& name, const Reply<>& reply);

  void refresh_soon();
  void refresh();
  void show(std::map<std::string, std::pair<const Shape*, control::Json>> wanted);
  void ask_apps();
  void heard(const control::Json& event);
  void receipt(const control::Json& event);

  Loop& loop_;
  control::Control& control_;
  control::Peer& apps_peer_;
  const Bus::Kind kind_;
  std::shared_ptr<const control::Control::Listener> ear_;
  std::unique_ptr<Permission> permission_;
  std::unique_ptr<Thing> gateway_;
  std::map<std::string, std::unique_ptr<Thing>> things_;  ///< by path
  std::list<Waiting> waiting_;
  std::list<Source> drains_;
  std::set<Reply<>> restarts_;                   ///< whose callers wait for the supervisor
  control::Json apps_ = control::Json::array();  ///< as last heard
  bool asking_apps_ = false;
  bool refresh_posted_ = false;
  std::shared_ptr<int> alive_;
  Source look_, look_at_apps_;
  Bus bus_;  ///< last: its callbacks use the rest
};

}  // namespace tidegate::dbus
