// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "dbus/machine.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <tidegate/log.hpp>

namespace tidegate::dbus {
namespace {

constexpr const char* network_manager_name = "org.freedesktop.NetworkManager";
constexpr const char* networkd_name = "org.freedesktop.network1";
constexpr const char* login_name = "org.freedesktop.login1";
constexpr const char* timesync_name = "org.freedesktop.timesync1";
constexpr const char* timedate_name = "org.freedesktop.timedate1";
constexpr const char* properties_interface = "org.freedesktop.DBus.Properties";

struct Service {
  const char* name;
  const char* path;
  const char* interface;
};

constexpr Service services[] = {
    {network_manager_name, "/org/freedesktop/NetworkManager", "org.freedesktop.NetworkManager"},
    {networkd_name, "/org/freedesktop/network1", "org.freedesktop.network1.Manager"},
    {login_name, "/org/freedesktop/login1", "org.freedesktop.login1.Manager"},
    {timesync_name, "/org/freedesktop/timesync1", "org.freedesktop.timesync1.Manager"},
    {timedate_name, "/org/freedesktop/timedate1", "org.freedesktop.timedate1"}};

const Service& service_of(std::string_view name) {
  return *std::ranges::find(services, name, &Service::name);
}

/// By org.freedesktop.NetworkManager's NMState.
const char* words_of_state(std::uint32_t state) noexcept {
  switch (state) {
    case 10:
      return "asleep";
    case 20:
      return "disconnected";
    case 30:
      return "disconnecting";
    case 40:
      return "connecting";
    default:
      return "connected";
  }
}

template <class Type>
std::optional<Type> property(const std::map<std::string, sdbus::Variant>& properties, const char* name) {
  const auto found = properties.find(name);
  if (found == properties.end() || !found->second.containsValueOfType<Type>()) return std::nullopt;
  return found->second.get<Type>();
}

}  // namespace

Machine::Machine(Loop& loop, News news)
    : news_(std::move(news)), alive_(std::make_shared<int>()), bus_(loop, [this] {
        Bus::Options options;
        options.kind = Bus::Kind::system;
        for (const auto& service : services) {
          options.matches.push_back(
              {fmt::format("type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{}'",
                           service.name),
               [this](sdbus::Message& message) { owner_changed(message); }});
          options.matches.push_back(
              {fmt::format("type='signal',sender='{}',path='{}',interface='{}',member='PropertiesChanged'",
                           service.name, service.path, properties_interface),
               [this, name = std::string(service.name)](sdbus::Message& message) {
                 properties_changed(name, message);
               }});
        }
        for (const bool sleep : {true, false}) {
          const auto& login = service_of(login_name);
          options.matches.push_back(
              {fmt::format("type='signal',sender='{}',path='{}',interface='{}',member='{}'", login.name, login.path,
                           login.interface, sleep ? "PrepareForSleep" : "PrepareForShutdown"),
               [this, sleep](sdbus::Message& message) {
                 bool begins = false;
                 message >> begins;
                 prepare(sleep, begins);
               }});
        }
        options.on_up = [this](sdbus::IConnection& connection) { up(connection); };
        options.on_down = [this] { down(); };
        return options;
      }()) {}

Machine::~Machine() {
  alive_.reset();
}

void Machine::up(sdbus::IConnection& connection) {
  for (const auto& service : services) proxies_[service.name] = make_proxy(connection, service.name, service.path);
  proxies_["org.freedesktop.DBus"] = make_proxy(connection, "org.freedesktop.DBus", "/org/freedesktop/DBus");
  // A question would start a service that the machine does not run.
  for (const auto& service : services) {
    proxies_["org.freedesktop.DBus"]
        ->callMethodAsync("NameHasOwner")
        .onInterface("org.freedesktop.DBus")
        .withArguments(std::string(service.name))
        .uponReplyInvoke([this, name = std::string(service.name)](MaybeError error, bool there) {
          if (!error && there) ask(name);
        });
  }
}

void Machine::down() {
  proxies_.clear();
  inhibitor_.reset();
  networks_.clear();
  conclude();
}

void Machine::owner_changed(sdbus::Message& message) {
  std::string name;
  std::string before;
  std::string after;
  message >> name >> before >> after;
  if (!after.empty()) {
    ask(name);
    return;
  }
  if (name == login_name) inhibitor_.reset();
  if (networks_.erase(name) > 0) conclude();
}

/// A service is there: how do things stand?
void Machine::ask(const std::string& service) {
  if (service == login_name) return inhibit();
  if (service == timesync_name || service == timedate_name) return look_at_clock(service);
  const auto found = proxies_.find(service);
  if (found == proxies_.end()) return;
  found->second->callMethodAsync("GetAll")
      .onInterface(properties_interface)
      .withArguments(std::string(service_of(service).interface))
      .uponReplyInvoke([this, service](MaybeError error, const Properties& properties) {
        if (error) {
          log::info("D-Bus: {} does not say how things stand: {}", service, error->getMessage());
        } else if (service == network_manager_name) {
          network_manager(properties);
        } else {
          networkd(properties);
        }
      });
}

void Machine::properties_changed(const std::string& service, sdbus::Message& message) {
  std::string interface;
  Properties changed;
  message >> interface >> changed;
  if (interface != service_of(service).interface) return;
  if (service == network_manager_name) {
    network_manager(changed);
  } else if (service == networkd_name) {
    networkd(changed);
  } else if (service != login_name) {
    look_at_clock(service);
  }
  bus_.sent();
}

// --- The network ----------------------------------------------------------------------------------------------------

void Machine::network_manager(const Properties& properties) {
  // Its connectivity (4: the whole Internet) comes on top of its state (70: a default route).
  const auto state = property<std::uint32_t>(properties, "State");
  const auto connectivity = property<std::uint32_t>(properties, "Connectivity");
  Network network;
  if (const auto known = networks_.find(network_manager_name); known != networks_.end()) network = known->second;
  if (state) {
    network.grade = *state <= 40 ? 0 : static_cast<int>(*state);
    network.words = fmt::format("NetworkManager says that the network is {}", words_of_state(*state));
  }
  if (connectivity && network.grade > 0) network.grade = network.grade / 10 * 10 + static_cast<int>(*connectivity % 10);
  if (state || connectivity) graded(network_manager_name, std::move(network));
}

void Machine::networkd(const Properties& properties) {
  const auto state = property<std::string>(properties, "OperationalState");
  if (!state) return;
  static constexpr std::pair<const char*, int> grades[] = {{"degraded", 50}, {"enslaved", 50}, {"routable", 70}};
  const auto* const found = std::ranges::find(grades, *state, &std::pair<const char*, int>::first);
  graded(networkd_name, {found == std::end(grades) ? 0 : found->second,
                         fmt::format("systemd-networkd says that the network is {}", *state)});
}

void Machine::graded(const std::string& service, Network network) {
  networks_[service] = std::move(network);
  conclude();
}

/// The best that any says counts: a service need not know of interfaces that another one cares for.
void Machine::conclude() {
  int best = networks_.empty() ? -1 : 0;
  std::string words;
  for (const auto& [service, network] : networks_) {
    best = std::max(best, network.grade);
    words += (words.empty() ? "" : "; ") + network.words;
  }
  const auto before = std::exchange(grade_, best);
  if (best == before) return;
  if (best == 0 || before == 0) news_.network(best != 0, words);
  if (best > before && before > 0) news_.hurry();
}

// --- Sleep and shutdown ---------------------------------------------------------------------------------------------

void Machine::inhibit() {
  const auto found = proxies_.find(login_name);
  if (found == proxies_.end() || inhibitor_) return;
  found->second->callMethodAsync("Inhibit")
      .onInterface("org.freedesktop.login1.Manager")
      .withArguments(std::string("shutdown:sleep"), std::string("Tidegate"),
                     std::string("messages are put on the disk"), std::string("delay"))
      .uponReplyInvoke([this](MaybeError error, const sdbus::UnixFd& lock) {
        if (error) {
          log::info("D-Bus: logind does not wait for us before it sleeps or shuts down: {}", error->getMessage());
        } else {
          inhibitor_ = lock;
        }
      });
  bus_.sent();
}

void Machine::prepare(bool sleep, bool begins) {
  if (begins) {
    log::notice("the machine is about to {}: what was taken in is put on the disk", sleep ? "sleep" : "shut down");
    news_.flush([this, alive = std::weak_ptr<int>(alive_)] {
      if (alive.expired()) return;
      inhibitor_.reset();
      log::info("on the disk; the machine may go on");
    });
    return;
  }
  inhibit();
  if (sleep) news_.woke();
}

// --- The clock ------------------------------------------------------------------------------------------------------

/// Neither service tells that it has set the clock; timesyncd tells of each packet that it got, so that is when to ask.
void Machine::look_at_clock(const std::string& by) {
  const auto found = proxies_.find(timedate_name);
  if (found == proxies_.end() || synchronized_) return;
  found->second->callMethodAsync("Get")
      .onInterface(properties_interface)
      .withArguments(std::string(timedate_name), std::string("NTPSynchronized"))
      .uponReplyInvoke([this, by](MaybeError error, const sdbus::Variant& value) {
        if (error || synchronized_ || !value.containsValueOfType<bool>() || !value.get<bool>()) return;
        synchronized_ = true;
        news_.clock(by);
      });
}

}  // namespace tidegate::dbus
