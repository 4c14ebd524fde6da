// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "own.hpp"

#include <string>

#include <pthread.h>

#include <tidegate/state_error.hpp>

namespace tidegate::bindings {
namespace {

std::uint64_t counted = 0;  // changed only in a child that has one thread

}  // namespace

std::uint64_t forks() noexcept {
  return counted;
}

void count_forks() {
  pthread_atfork(nullptr, nullptr, [] { ++counted; });
}

void check_fork(std::uint64_t made, const char* what) {
  if (made == counted) return;
  throw StateError(std::string(what) +
                   " was made before this process was forked, and works only in the process that made it: make another "
                   "one after the fork");
}

}  // namespace tidegate::bindings
