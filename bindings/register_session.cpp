// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include <tidegate/session.hpp>

#include "convert.hpp"
#include "own.hpp"
#include "register.hpp"
#include "released.hpp"

namespace tidegate::bindings {
namespace {

namespace py = pybind11;
using Kind = SessionEvent::Kind;

/// (identifier, value) with value an int, str or bytes, or a pair of str.
Property to_property(const py::handle& given) {
  const auto pair = given.cast<std::pair<unsigned, py::object>>();
  if (pair.first > 255) throw py::value_error("a property's identifier is 1 to 42");
  Property made;
  made.identifier = static_cast<std::uint8_t>(pair.first);
  if (py::isinstance<py::int_>(pair.second)) {
    made.value = pair.second.cast<std::uint32_t>();
  } else if (py::isinstance<py::tuple>(pair.second)) {
    made.value = pair.second.cast<std::pair<std::string, std::string>>();
  } else {
    made.value = pair.second.cast<std::string>();
  }
  return made;
}

std::vector<Property> to_properties(const py::iterable& given) {
  std::vector<Property> made;
  for (const auto& one : given) made.push_back(to_property(one));
  return made;
}

/// What a PUBLISH may carry; the rest, for a will, goes to others.
Properties to_message_properties(const py::iterable& given, std::vector<Property>* others) {
  Properties made;
  for (auto& property : to_properties(given)) {
    auto* const text = std::get_if<std::string>(&property.value);
    auto* const pair = std::get_if<std::pair<std::string, std::string>>(&property.value);
    auto* const number = std::get_if<std::uint32_t>(&property.value);
    switch (property.identifier) {
      case 1:
        if (number != nullptr) made.utf8 = *number == 1;
        break;
      case 2:
        if (number != nullptr) made.expiry = std::chrono::seconds(*number);
        break;
      case 3:
        if (text != nullptr) made.content_type = std::move(*text);
        break;
      case 8:
        if (text != nullptr) made.response_topic = std::move(*text);
        break;
      case 9:
        if (text != nullptr) made.correlation_data = std::move(*text);
        break;
      case 38:
        if (pair != nullptr) made.user.push_back(std::move(*pair));
        break;
      default:
        if (others == nullptr)
          throw py::value_error("a message cannot carry property " + std::to_string(property.identifier) +
                                " here; it can carry 1, 2, 3, 8, 9 and 38");
        others->push_back(std::move(property));
    }
  }
  return made;
}

Qos to_qos(int qos) {
  if (qos < 0 || qos > 2) throw py::value_error("qos is 0, 1 or 2");
  return static_cast<Qos>(qos);
}

py::tuple from_property(const Property& property) {
  py::object value;
  if (const auto* const text = std::get_if<std::string>(&property.value)) {
    // Correlation Data and Authentication Data are bytes.
    if (property.identifier == 9 || property.identifier == 22) {
      value = py::bytes(*text);
    } else {
      value = to_str(*text);
    }
  } else if (const auto* const pair = std::get_if<std::pair<std::string, std::string>>(&property.value)) {
    value = py::make_tuple(to_str(pair->first), to_str(pair->second));
  } else {
    value = py::int_(std::get<std::uint32_t>(property.value));
  }
  return py::make_tuple(property.identifier, value);
}

py::list from_properties(const std::vector<Property>& properties) {
  py::list made;
  for (const auto& one : properties) made.append(from_property(one));
  return made;
}

/// identifiers: of the subscriptions that it was sent for.
py::list from_message_properties(const Properties& properties, const std::vector<Property>& identifiers) {
  py::list made;
  if (properties.utf8) made.append(py::make_tuple(1, 1));
  if (properties.expiry) made.append(py::make_tuple(2, properties.expiry->count()));
  if (!properties.content_type.empty()) made.append(py::make_tuple(3, to_str(properties.content_type)));
  if (!properties.response_topic.empty()) made.append(py::make_tuple(8, to_str(properties.response_topic)));
  if (!properties.correlation_data.empty()) made.append(py::make_tuple(9, py::bytes(properties.correlation_data)));
  for (const auto& one : identifiers) made.append(from_property(one));
  for (const auto& [name, value] : properties.user)
    made.append(py::make_tuple(38, py::make_tuple(to_str(name), to_str(value))));
  return made;
}

py::tuple to_tuple(const SessionEvent& event) {
  const int kind = static_cast<int>(event.kind);
  switch (event.kind) {
    case Kind::message: {
      const Message& message = event.message;
      return py::make_tuple(kind, py::bytes(message.topic), py::bytes(message.payload), static_cast<int>(message.qos),
                            message.retain, event.duplicate, event.packet,
                            from_message_properties(message.properties, event.properties));
    }
    case Kind::delivered:
    case Kind::refused:
    case Kind::unknown:
      return py::make_tuple(kind, event.token, event.reason_code, to_str(event.reason));
    case Kind::opened:
      return py::make_tuple(kind);
    case Kind::connected:
      return py::make_tuple(kind, event.session_present, from_properties(event.properties));
    case Kind::failed:
    case Kind::disconnected:
      return py::make_tuple(kind, to_str(event.reason), event.reason_code, event.error, static_cast<int>(event.cause),
                            event.ours, from_properties(event.properties));
    case Kind::answered:
      break;
  }
  py::tuple codes(event.codes.size());
  for (std::size_t n = 0; n < event.codes.size(); ++n) codes[n] = py::int_(event.codes[n]);
  return py::make_tuple(kind, event.token, codes, from_properties(event.properties));
}

/// Ends it without the GIL, which its threads never take but Python's others may wait for.
class BoundSession final {
 public:
  explicit BoundSession(const SessionOptions& options)
      : own_(std::in_place, std::make_unique<Session>(options), "This Session") {}
  ~BoundSession() {
    const Released released;
    own_.reset();
  }
  BoundSession(const BoundSession&) = delete;
  BoundSession& operator=(const BoundSession&) = delete;
  Session* operator->() const { return own_->operator->(); }

 private:
  std::optional<Own<Session>> own_;
};

py::list wait(const BoundSession& session, std::size_t most, double timeout) {
  std::vector<SessionEvent> events;
  {
    const Released released;
    events = session->wait(most, to_milliseconds(timeout));
  }
  py::list made(events.size());
  for (std::size_t n = 0; n < events.size(); ++n) made[n] = to_tuple(events[n]);
  return made;
}

bool publish(const BoundSession& session, std::uint64_t token, std::string topic, const py::bytes& payload, int qos,
             bool retain, const py::iterable& properties, double patience) {
  Message message;
  message.topic = std::move(topic);
  message.payload = payload;
  message.qos = to_qos(qos);
  message.retain = retain;
  message.properties = to_message_properties(properties, nullptr);
  const Released released;
  return session->publish(token, message, to_milliseconds(patience));
}

bool subscribe(const BoundSession& session, std::uint64_t token,
               const std::vector<std::tuple<std::string, int, bool, bool, int>>& subscriptions,
               const py::iterable& properties) {
  std::vector<SessionSubscription> asked;
  for (const auto& [filter, qos, no_local, retain_as_published, retain_handling] : subscriptions) {
    if (retain_handling < 0 || retain_handling > 2) throw py::value_error("retain handling is 0, 1 or 2");
    asked.push_back({.filter = filter,
                     .qos = to_qos(qos),
                     .no_local = no_local,
                     .retain_as_published = retain_as_published,
                     .retain_handling = static_cast<std::uint8_t>(retain_handling)});
  }
  const auto more = to_properties(properties);
  const Released released;
  return session->subscribe(token, asked, more);
}

bool unsubscribe(const BoundSession& session, std::uint64_t token, const std::vector<std::string>& filters,
                 const py::iterable& properties) {
  const auto more = to_properties(properties);
  const Released released;
  return session->unsubscribe(token, filters, more);
}

void disconnect(const BoundSession& session, unsigned reason_code, const py::iterable& properties) {
  if (reason_code > 255) throw py::value_error("a reason code is 0 to 255");
  auto more = to_properties(properties);
  const Released released;
  session->disconnect(static_cast<std::uint8_t>(reason_code), std::move(more));
}

using Will = std::tuple<std::string, py::bytes, int, bool, py::iterable>;

// One argument for each thing that CONNECT can say.
// NOLINTNEXTLINE(readability-function-size)
std::unique_ptr<BoundSession> make(std::vector<std::string> servers, std::string client_id, unsigned version,
                                   bool clean_start, double session_expiry, std::optional<std::string> username,
                                   std::optional<std::string> password, unsigned keep_alive, double connect_timeout,
                                   const std::optional<Will>& will, const py::iterable& properties, std::string ca_file,
                                   std::string cert_file, std::string key_file, std::string key_password,
                                   std::string ciphers, std::vector<std::string> alpn, bool verify, bool verify_name,
                                   std::uint16_t window, std::size_t inbox) {
  SessionOptions options;
  options.servers = std::move(servers);
  options.client_id = std::move(client_id);
  options.version = static_cast<std::uint8_t>(std::min(version, 255U));
  options.clean_start = clean_start;
  options.session_expiry =
      std::chrono::seconds(static_cast<std::int64_t>(std::clamp(session_expiry, 0.0, 4294967295.0)));
  options.username = std::move(username);
  options.password = std::move(password);
  options.keep_alive = std::chrono::seconds(keep_alive);
  options.connect_timeout = to_milliseconds(connect_timeout);
  if (will) {
    const auto& [topic, payload, qos, retain, more] = *will;
    Message& message = options.will.emplace();
    message.topic = topic;
    message.payload = payload;
    message.qos = to_qos(qos);
    message.retain = retain;
    message.properties = to_message_properties(more, &options.will_properties);
  }
  options.connect_properties = to_properties(properties);
  options.tls.ca_file = std::move(ca_file);
  options.tls.cert_file = std::move(cert_file);
  options.tls.key_file = std::move(key_file);
  options.tls.key_password = std::move(key_password);
  options.tls.ciphers = std::move(ciphers);
  options.tls.alpn = std::move(alpn);
  options.tls.verify = verify;
  options.tls.verify_name = verify_name;
  options.window = window;
  options.inbox = inbox;
  return std::make_unique<BoundSession>(std::move(options));
}

}  // namespace

void register_session(py::module_& module) {
  const SessionOptions defaults;
  py::class_<BoundSession>(module, "Session")
      .def(py::init(&make), py::arg("servers"), py::kw_only(), py::arg("client_id") = "", py::arg("version") = 5,
           py::arg("clean_start") = true, py::arg("session_expiry") = 0.0, py::arg("username") = py::none(),
           py::arg("password") = py::none(), py::arg("keep_alive") = 60, py::arg("connect_timeout") = 5.0,
           py::arg("will") = py::none(), py::arg("properties") = py::tuple(), py::arg("ca_file") = "",
           py::arg("cert_file") = "", py::arg("key_file") = "", py::arg("key_password") = "", py::arg("ciphers") = "",
           py::arg("alpn") = py::tuple(), py::arg("verify") = true, py::arg("verify_name") = true,
           py::arg("window") = defaults.window, py::arg("inbox") = defaults.inbox)
      .def(
          "connect", [](const BoundSession& session) { session->connect(); }, py::call_guard<Released>())
      .def("disconnect", &disconnect, py::arg("reason_code") = 0, py::arg("properties") = py::tuple())
      .def(
          "drop", [](const BoundSession& session) { session->drop(); }, py::call_guard<Released>())
      .def(
          "close", [](const BoundSession& session) { session->close(); }, py::call_guard<Released>())
      .def("publish", &publish, py::arg("token"), py::arg("topic"), py::arg("payload"), py::arg("qos") = 1,
           py::arg("retain") = false, py::arg("properties") = py::tuple(), py::arg("patience") = 0.0)
      .def("subscribe", &subscribe, py::arg("token"), py::arg("subscriptions"), py::arg("properties") = py::tuple())
      .def("unsubscribe", &unsubscribe, py::arg("token"), py::arg("filters"), py::arg("properties") = py::tuple())
      .def("wait", &wait, py::arg("most"), py::arg("timeout"))
      .def(
          "wake", [](const BoundSession& session) { session->wake(); }, py::call_guard<Released>())
      .def("fileno", [](const BoundSession& session) { return session->descriptor(); })
      .def(
          "wait_connected",
          [](const BoundSession& session, double timeout) { return session->wait_connected(to_milliseconds(timeout)); },
          py::arg("timeout"), py::call_guard<Released>())
      .def_property_readonly("connected", [](const BoundSession& session) { return session->connected(); })
      .def_property_readonly("dropped", [](const BoundSession& session) { return session->dropped(); });
}

}  // namespace tidegate::bindings
