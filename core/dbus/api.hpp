// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sdbus-c++/sdbus-c++.h>

/// The two generations of sdbus-c++ under one name: 1.2 (Debian 12) and 2.1 (Debian 13). What differs is here, and
/// nowhere else; what both have is used as it is. No version macro tells them apart, a header does.
namespace tidegate::dbus {

#if __has_include(<sdbus-c++/VTableItems.h>)

using sdbus::InterfaceName;
using sdbus::PropertyName;
using sdbus::ServiceName;
using MaybeError = std::optional<sdbus::Error>;

inline sdbus::Error make_error(const std::string& name, const std::string& text) {
  return {sdbus::Error::Name{name}, text};
}
inline bool process(sdbus::IConnection& connection) {
  return connection.processPendingEvent();
}
inline std::string sender_of(const sdbus::IObject& object) {
  return object.getCurrentlyProcessedMessage().getSender();
}

#else

using ServiceName = std::string;
using InterfaceName = std::string;
using PropertyName = std::string;
using MaybeError = const sdbus::Error*;

inline sdbus::Error make_error(const std::string& name, const std::string& text) {
  return {name, text};
}
inline bool process(sdbus::IConnection& connection) {
  return connection.processPendingRequest();
}
inline std::string sender_of(const sdbus::IObject& object) {
  return object.getCurrentlyProcessedMessage()->getSender();
}

#endif

/// What an event loop has to wait for.
struct Poll {
  int fd = -1;
  short events = 0;
  std::optional<std::chrono::microseconds> until = {};  ///< by CLOCK_MONOTONIC
  int wake_fd = -1;  ///< readable when another thread has changed something; -1: there is none
};

inline Poll poll_of(const sdbus::IConnection& connection) {
  const auto data = connection.getEventLoopPollData();
#if __has_include(<sdbus-c++/VTableItems.h>)
  Poll poll{data.fd, data.events, {}, data.eventFd};
  if (data.timeout != std::chrono::microseconds::max()) poll.until = data.timeout;
#else
  Poll poll{data.fd, data.events, {}, -1};
  if (data.timeout_usec != UINT64_MAX) poll.until = std::chrono::microseconds(data.timeout_usec);
#endif
  return poll;
}

/// A match rule that lives as long as the connection. Waits for the bus. handler: with a message of either kind.
template <class Handler>
void add_match(sdbus::IConnection& connection, const std::string& rule, Handler handler) {
#if __has_include(<sdbus-c++/VTableItems.h>)
  connection.addMatch(rule, std::move(handler));
#else
  connection.addMatch(rule, std::move(handler), sdbus::floating_slot);
#endif
}

/// One interface of an object, put together item by item, and then shown on the bus by done().
class Interface {
 public:
  using Update = sdbus::Flags::PropertyUpdateBehaviorFlags;
  using Names = std::vector<std::string>;

  Interface(sdbus::IObject& object, std::string name) : object_(object), name_(std::move(name)) {}

#if __has_include(<sdbus-c++/VTableItems.h>)
  template <class Function>
  void method(const std::string& name, Names in, Names out, Function function) {
    items_.push_back(sdbus::registerMethod(name)
                         .withInputParamNames(std::move(in))
                         .withOutputParamNames(std::move(out))
                         .implementedAs(std::move(function)));
  }
  template <class... Arguments>
  void signal(const std::string& name, Names names) {
    items_.push_back(sdbus::registerSignal(name).withParameters<Arguments...>(std::move(names)));
  }
  template <class Getter>
  void property(const std::string& name, Update update, Getter getter) {
    items_.push_back(sdbus::registerProperty(name).withGetter(std::move(getter)).withUpdateBehavior(update));
  }
  void done() { object_.addVTable(InterfaceName{name_}, std::move(items_)); }

 private:
  std::vector<sdbus::VTableItem> items_;
#else
  template <class Function>
  void method(const std::string& name, Names in, Names out, Function function) {
    object_.registerMethod(name)
        .onInterface(name_)
        .withInputParamNames(std::move(in))
        .withOutputParamNames(std::move(out))
        .implementedAs(std::move(function));
  }
  template <class... Arguments>
  void signal(const std::string& name, Names names) {
    object_.registerSignal(name).onInterface(name_).withParameters<Arguments...>(std::move(names));
  }
  template <class Getter>
  void property(const std::string& name, Update update, Getter getter) {
    object_.registerProperty(name).onInterface(name_).withGetter(std::move(getter)).withUpdateBehavior(update);
  }
  void done() { object_.finishRegistration(); }

 private:
#endif
  sdbus::IObject& object_;
  std::string name_;
};

inline std::unique_ptr<sdbus::IObject> make_object(sdbus::IConnection& connection, const std::string& path) {
  return sdbus::createObject(connection, sdbus::ObjectPath{path});
}
inline std::unique_ptr<sdbus::IProxy> make_proxy(sdbus::IConnection& connection, const std::string& service,
                                                 const std::string& path) {
  return sdbus::createProxy(connection, ServiceName{service}, sdbus::ObjectPath{path});
}

}  // namespace tidegate::dbus
