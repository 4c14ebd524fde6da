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

#include "register.hpp"
#include "released.hpp"

namespace tidegate::bindings {
namespace {

namespace py = pybind11;
using std::chrono::milliseconds;

milliseconds to_milliseconds(double seconds) {
  return milliseconds(static_cast<std::int64_t>(std::clamp(seconds, 0.0, 1e9) * 1000.0 + 0.999));
}

std::optional<std::chrono::seconds> to_expiry(const std::optional<double>& seconds) {
  if (!seconds) return std::nullopt;
  return std::chrono::seconds(static_cast<std::int64_t>(std::clamp(*seconds, 0.0, 4'294'967'295.0) + 0.999));
}

/// Text from the network, which need not be good UTF-8 when the broker does not look.
py::str to_str(const std::string& text) {
  PyObject* made = PyUnicode_DecodeUTF8(text.data(), static_cast<py::ssize_t>(text.size()), "replace");
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(made);
}

py::object to_properties(const Properties& properties) {
  static const Properties none;
  if (properties == none) return py::none();
  py::list user;
  for (const auto& [name, value] : properties.user) user.append(py::make_tuple(to_str(name), to_str(value)));
  const py::object expiry =
      properties.expiry ? py::object(py::int_(properties.expiry->count())) : py::object(py::none());
  return py::make_tuple(expiry, to_str(properties.content_type), to_str(properties.response_topic),
                        py::bytes(properties.correlation_data), py::tuple(user));
}

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

py::list wait(Client& client, std::size_t most, double timeout) {
  std::vector<Event> events;
  {
    const Released released;
    events = client.wait(most, to_milliseconds(timeout));
  }
  py::list made(events.size());
  for (std::size_t n = 0; n < events.size(); ++n) made[n] = to_tuple(events[n]);
  return made;
}

std::uint64_t publish(Client& client, std::string topic, const py::bytes& payload, int qos, bool retain,
                      const std::optional<double>& expiry, std::string content_type, std::string response_topic,
                      const py::bytes& correlation_data, std::vector<std::pair<std::string, std::string>> user) {
  if (qos < 0 || qos > 2) throw py::value_error("qos is 0, 1 or 2");
  Message message;
  message.topic = std::move(topic);
  message.payload = payload;
  message.qos = static_cast<Qos>(qos);
  message.retain = retain;
  message.properties.expiry = to_expiry(expiry);
  message.properties.content_type = std::move(content_type);
  message.properties.response_topic = std::move(response_topic);
  message.properties.correlation_data = correlation_data;
  message.properties.user = std::move(user);
  if (const auto token = client.try_publish(message)) return *token;
  const Released released;  // it waits for room
  return client.publish(std::move(message));
}

void subscribe(Client& client, const std::vector<std::tuple<std::string, int, std::uint32_t, bool>>& wanted,
               bool no_local) {
  std::vector<ClientSubscription> subscriptions;
  for (const auto& [filter, qos, identifier, again] : wanted)
    subscriptions.push_back({.filter = filter,
                             .qos = static_cast<Qos>(std::clamp(qos, 0, 2)),
                             .identifier = identifier,
                             .no_local = no_local,
                             .again = again});
  const Released released;
  client.subscribe(std::move(subscriptions));
}

py::dict counters(const Client& client) {
  const ClientCounters counters = client.counters();
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

std::unique_ptr<Client> make(std::string url, std::string client_id, std::optional<std::string> username,
                             std::optional<std::string> password, bool clean_start, double session_expiry,
                             std::size_t inbox, std::size_t outgoing, const std::optional<double>& backoff) {
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
  return std::make_unique<Client>(std::move(options));
}

}  // namespace

void register_client(py::module_& module) {
  log::set_level(log::Level::error);  // the App tells what matters through Python's logging
  const ClientOptions defaults;
  py::class_<Client>(module, "Client")
      .def(py::init(&make), py::kw_only(), py::arg("url") = "", py::arg("client_id") = "",
           py::arg("username") = py::none(), py::arg("password") = py::none(), py::arg("clean_start") = true,
           py::arg("session_expiry") = 0.0, py::arg("inbox") = defaults.inbox, py::arg("outgoing") = defaults.outgoing,
           py::arg("backoff") = py::none())
      .def("start", &Client::start, py::call_guard<Released>())
      .def(
          "stop", [](Client& client, double timeout) { client.stop(to_milliseconds(timeout)); }, py::arg("timeout"),
          py::call_guard<Released>())
      .def("publish", &publish, py::arg("topic"), py::arg("payload"), py::arg("qos") = 1, py::arg("retain") = false,
           py::arg("expiry") = py::none(), py::arg("content_type") = "", py::arg("response_topic") = "",
           py::arg("correlation_data") = py::bytes(), py::arg("user") = py::list())
      .def(
          "flush", [](Client& client, double timeout) { return client.flush(to_milliseconds(timeout)); },
          py::arg("timeout"), py::call_guard<Released>())
      .def("subscribe", &subscribe, py::arg("subscriptions"), py::arg("no_local") = false)
      .def(
          "age", [](Client& client, double seconds) { client.age(milliseconds(std::llround(seconds * 1000))); },
          py::arg("seconds"))
      .def("wait", &wait, py::arg("most"), py::arg("timeout"))
      .def("wake", &Client::wake)
      .def("counters", &counters)
      .def_property_readonly("connected", &Client::connected)
      .def_property_readonly("client_id", &Client::client_id);
}

}  // namespace tidegate::bindings
