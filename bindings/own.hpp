// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace tidegate::bindings {

/// How many forks lie between the process that imported the module and this one. Cheap.
[[nodiscard]] std::uint64_t forks() noexcept;
/// Has forks() count. Once, when the module is made.
void count_forks();
/// Throws StateError, saying what to do instead, when made differs from forks().
void check_fork(std::uint64_t made, const char* what);

/// An object that a child which was forked meanwhile does not use and does not destroy: it has threads, which are not
/// there, and locks, which may be held for ever. Using it there throws StateError.
template <class T>
class Own final {
 public:
  /// what: for people, "This Client".
  Own(std::unique_ptr<T> object, const char* what) noexcept : object_(std::move(object)), what_(what), made_(forks()) {}
  Own(Own&&) noexcept = default;
  Own& operator=(Own&&) noexcept = default;
  ~Own() {
    if (made_ != forks()) static_cast<void>(object_.release());
  }

  [[nodiscard]] T& operator*() const {
    check_fork(made_, what_);
    return *object_;
  }
  [[nodiscard]] T* operator->() const { return &**this; }

 private:
  std::unique_ptr<T> object_;
  const char* what_;
  std::uint64_t made_;
};

}  // namespace tidegate::bindings
