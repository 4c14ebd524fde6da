// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/pybind11.h>

#include <tidegate/message.hpp>

/// What Python says in seconds, text and tuples, and what C++ makes of it.
namespace tidegate::bindings {

/// Rounded up, so that nobody waits too short; at most 1e9 s.
[[nodiscard]] std::chrono::milliseconds to_milliseconds(double seconds);
[[nodiscard]] std::optional<std::chrono::seconds> to_expiry(const std::optional<double>& seconds);
/// Text from the network, which need not be good UTF-8 when the broker does not look.
[[nodiscard]] pybind11::str to_str(const std::string& text);
/// The fields of tidegate.Properties as a tuple, or None when there is nothing in them.
[[nodiscard]] pybind11::object to_properties(const Properties& properties);
/// Throws ValueError when qos is none.
[[nodiscard]] Message to_message(std::string topic, const pybind11::bytes& payload, int qos, bool retain,
                                 const std::optional<double>& expiry, std::string content_type,
                                 std::string response_topic, const pybind11::bytes& correlation_data,
                                 std::vector<std::pair<std::string, std::string>> user);

}  // namespace tidegate::bindings
