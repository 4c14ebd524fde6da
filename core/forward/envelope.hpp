// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "forward/key.hpp"

namespace tidegate::forward {

/// For MQTT 3.1.1, which has no properties: one JSON object with the fields of the key and the payload:
///   {"gateway", "lane", "epoch", "sequence", "time", "clock", "resent" (only when true), "payload"}
/// payload is the payload itself, byte for byte, when that is JSON, a string when it is other UTF-8 text; else there is
/// "payload_base64" instead. An empty payload stays empty: retained, it removes a retained message.
[[nodiscard]] std::string envelope(const Key& key, const std::string& payload);

}  // namespace tidegate::forward
