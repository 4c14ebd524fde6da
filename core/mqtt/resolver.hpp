// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "mqtt/socket.hpp"

namespace tidegate::mqtt {

/// Turns host names into addresses without making anybody wait who cannot: getaddrinfo has no deadline and cannot be
/// cancelled, so each lookup has a thread of its own, which is left behind when it hangs. At most one lookup of a
/// Resolver is under way: while it hangs, the next call waits for that one. One thread uses a Resolver.
class Resolver {
 public:
  /// Same parameters as getaddrinfo for a host and a decimal port; tests put a slow or failing one here.
  using Lookup = std::function<int(const std::string& host, std::uint16_t port, std::vector<Endpoint>& found)>;

  Resolver();
  explicit Resolver(Lookup lookup);

  struct Answer {
    std::vector<Endpoint> endpoints;  ///< in the order to try them; empty: see error
    std::string error;                ///< in words
    bool unknown = false;             ///< the name servers do not answer, or not with an address
  };
  /// Waits until the answer is there, the deadline, or cancelled() says so after nudge rang.
  /// Addresses in numbers need no lookup. nudge must be shared because a hanging lookup outlives the call.
  [[nodiscard]] Answer resolve(const std::string& host, std::uint16_t port, Steady::time_point deadline,
                               const std::shared_ptr<Nudge>& nudge, const std::function<bool()>& cancelled);

 private:
  struct Running {
    std::mutex mutex;
    std::string host;
    std::uint16_t port = 0;
    bool done = false;
    int error = 0;
    std::vector<Endpoint> found;
  };
  Lookup lookup_;
  std::shared_ptr<Running> running_;
};

}  // namespace tidegate::mqtt
