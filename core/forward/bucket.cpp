// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "forward/bucket.hpp"

#include <algorithm>

namespace tidegate::forward {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds burst = std::chrono::seconds{1};
constexpr nanoseconds longest = std::chrono::hours{24 * 365};  // so that no sum leaves its type

nanoseconds clamped(double ns) noexcept {
  return nanoseconds{static_cast<nanoseconds::rep>(std::min(ns, static_cast<double>(longest.count())))};
}

/// A second's worth less the message that is about to go, which needs a whole token.
nanoseconds beside_one(double rate) noexcept {
  return rate > 1 ? burst - clamped(1e9 / rate) : nanoseconds{0};
}

}  // namespace

Bucket::Limit::Limit(double rate, Time::duration leeway) noexcept
    : per_unit(rate > 0 ? 1e9 / rate : 0), ahead(leeway) {}

void Bucket::Limit::take(double units, Time now) noexcept {
  if (per_unit <= 0) return;
  due = std::min(std::max(due, now) + clamped(units * per_unit), now + longest);
}

// Bytes want a balance above nothing, not a balance of the message's size.
Bucket::Bucket(Rate rate) noexcept
    : messages_(rate.messages, beside_one(rate.messages)), bytes_(rate.bytes, burst - nanoseconds{1}) {}

Bucket::Time Bucket::ready_at() const noexcept {
  auto at = Time::min();
  for (const auto* limit : {&messages_, &bytes_}) {
    if (limit->per_unit > 0) at = std::max(at, limit->due - limit->ahead);
  }
  return at;
}

void Bucket::take(std::size_t bytes, Time now) noexcept {
  messages_.take(1, now);
  bytes_.take(static_cast<double>(bytes), now);
}

}  // namespace tidegate::forward
