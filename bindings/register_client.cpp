// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include <tidegate/client.hpp>
#include <tidegate/log.hpp>

#include "convert.hpp"
#include "own.hpp"
#include "register.hpp"
#include "register_store.hpp"
#include "released.hpp"

namespace tidegate::bindings {
namespace {

namespace py = pybind11;
using BoundClient = Own<Client>;

py::tuple to_tuple(const Event& event) {
  const int kind = static_cast<int>(event.kind);
  if (event.kind == Event::Kind::message) {
    py::tuple identifiers(event.subscriptions.size());
    for (std::size_t n = 0; n < event.subscriptions.size(); ++n) identifiers[n] = py::int_(event.subscriptions[n]);
    const Message& message = event.message;
    return py::make_tuple(kind, to_str(message.topic), py::bytes(message.payload), static_cast<int>(message.qos),
                          message.retain, std::move(identifiers), to_properties(message.properties));
  }
  return py::make_tuple(kind, event.token, to_str(event.message.topic),
                        py::bytes(event.message.properties.correlation_data), to_str(event.reason),
                        event.authentication);
}

py::list wait(BoundClient& client, std::size_t most, double timeout) {
  std::vector<Event> events;
  {
    const Released released;
    events = client->wait(most, to_milliseconds(timeout));
  }
  py::list made(events.size());
  for (std::size_t n = 0; n < events.size(); ++n) made[n] = to_tuple(events[n]);
  return made;
}

std::uint64_t publish(BoundClient& bound, std::string topic, const py::bytes& payload, int qos, bool retain,
                      const std::optional<double>& expiry, std::string content_type, std::string response_topic,
                      const py::bytes& correlation_data, std::vector<std::pair<std::string, std::string>> user) {
  Client& client = *bound;
  Message message = to_message(std::move(topic), payload, qos, retain, expiry, std::move(content_type),
                               std::move(response_topic), correlation_data, std::move(user));
  if (const auto token = client.try_publish(message)) return *token;
  const Released released;  // it waits for room
  return client.publish(std::move(message));
}

void subscribe(BoundClient& client, const std::vector<std::tuple<std::string, int, std::uint32_t, bool>>& wanted,
               bool no_local) {
  std::vector<ClientSubscription> subscriptions;
  for (const auto& [filter, qos, identifier, again] : wanted)
    subscriptions.push_back({.filter = filter,
                             .qos = static_cast<Qos>(std::clamp(qos, 0, 2)),
                             .identifier = identifier,
                             .no_local = no_local,
                             .again = again});
  const Released released;
  client->subscribe(std::move(subscriptions));
}

py::dict counters(const BoundClient& client) {
  const ClientCounters counters = client->counters();
  py::dict made;
  made["published"] = counters.published;
  made["delivered"] = counters.delivered;
  made["refused"] = counters.refused;
  made["dropped_outgoing"] = counters.dropped_outgoing;
  made["received"] = counters.received;
  made["dropped_inbox"] = counters.dropped_inbox;
  made["dropped_notices"] = counters.dropped_notices;
  made["connects"] = counters.connects;
  return made;
}

BoundClient make(std::string url, std::string client_id, std::optional<std::string> username,
                 std::optional<std::string> password, bool clean_start, double session_expiry, std::size_t inbox,
                 std::size_t outgoing, const std::optional<std::string>& runtime, BoundLane* keep,
                 const std::optional<double>& backoff) {
  ClientOptions options;
  options.url = std::move(url);
  options.client_id = std::move(client_id);
  options.username = std::move(username);
  options.password = std::move(password);
  options.clean_start = clean_start;
  options.session_expiry = *to_expiry(session_expiry);
  options.inbox = inbox;
  options.outgoing = outgoing;
  if (backoff) options.backoff_first = options.backoff_most = to_milliseconds(*backoff);
  if (runtime) options.runtime = *runtime;
  if (keep != nullptr) {
    options.keep = [lane = (*keep)->lane](const Message& message) { return lane->append(message).has_value(); };
  }
  return {std::make_unique<Client>(std::move(options)), "This App"};
}

}  // namespace

void register_client(py::module_& module) {
  log::set_level(log::Level::error);  // the App tells what matters through Python's logging
  const ClientOptions defaults;
  py::class_<BoundClient>(module, "Client")
      .def(py::init(&make), py::kw_only(), py::arg("url") = "", py::arg("client_id") = "",
           py::arg("username") = py::none(), py::arg("password") = py::none(), py::arg("clean_start") = true,
           py::arg("session_expiry") = 0.0, py::arg("inbox") = defaults.inbox, py::arg("outgoing") = defaults.outgoing,
           py::arg("runtime") = py::none(), py::arg("keep") = static_cast<BoundLane*>(nullptr),
           py::arg("backoff") = py::none())
      .def(
          "start", [](BoundClient& client) { client->start(); }, py::call_guard<Released>())
      .def(
          "stop", [](BoundClient& client, double timeout) { client->stop(to_milliseconds(timeout)); },
          py::arg("timeout"), py::call_guard<Released>())
      .def("publish", &publish, py::arg("topic"), py::arg("payload"), py::arg("qos") = 1, py::arg("retain") = false,
           py::arg("expiry") = py::none(), py::arg("content_type") = "", py::arg("response_topic") = "",
           py::arg("correlation_data") = py::bytes(), py::arg("user") = py::list())
      .def(
          "flush", [](BoundClient& client, double timeout) { return client->flush(to_milliseconds(timeout)); },
          py::arg("timeout"), py::call_guard<Released>())
      .def("subscribe", &subscribe, py::arg("subscriptions"), py::arg("no_local") = false)
      .def(
          "age",
          [](BoundClient& client, double seconds) {
            client->age(std::chrono::milliseconds(std::llround(seconds * 1000)));
          },
          py::arg("seconds"))
      .def("wait", &wait, py::arg("most"), py::arg("timeout"))
      .def("wake", [](BoundClient& client) { client->wake(); })
      .def("counters", &counters)
      .def_property_readonly("connected", [](const BoundClient& client) { return client->connected(); })
      .def_property_readonly("client_id", [](const BoundClient& client) { return client->client_id(); });
}

}  // namespace tidegate::bindings
