// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "convert.hpp"

#include <algorithm>
#include <cstdint>

namespace tidegate::bindings {

namespace py = pybind11;

std::chrono::milliseconds to_milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::clamp(seconds, 0.0, 1e9) * 1000.0 + 0.999));
}

std::optional<std::chrono::seconds> to_expiry(const std::optional<double>& seconds) {
  if (!seconds) return std::nullopt;
  return std::chrono::seconds(static_cast<std::int64_t>(std::clamp(*seconds, 0.0, 4'294'967'295.0) + 0.999));
}

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

Message to_message(std::string topic, const py::bytes& payload, int qos, bool retain,
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
  return message;
}

}  // namespace tidegate::bindings
