// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The journal's MESSAGE_ID of the events that are worth one, for log::Field; systemd/tidegate.catalog explains them.
namespace tidegate::log::events {

inline constexpr const char* field = "MESSAGE_ID";

inline constexpr const char* started = "66552277528e51d19584bb9d1d941721";
inline constexpr const char* upstream_lost = "2933323404585fd2a0dbaef7d6751933";
inline constexpr const char* dead_letter = "ca4426c5c3f153c0a16b8a8c5264e209";
inline constexpr const char* broker_gone = "c78248ef99f053d1ae210ba6c6ce99ff";
inline constexpr const char* automation_ended = "baa90965e79155c89417a9ed7cf1528f";
inline constexpr const char* thread_stuck = "f849b5b4c9075f38b20062757146fe25";

}  // namespace tidegate::log::events
