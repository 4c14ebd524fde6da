// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include <unistd.h>

namespace tidegate {

/// Owns a file descriptor: closed when this goes. Move-only.
class Descriptor final {
 public:
  Descriptor() noexcept = default;
  /// As a system call returns it: below 0 there is none.
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    Descriptor moved(std::move(other));
    std::swap(fd_, moved.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
  /// Below 0: none.
  [[nodiscard]] int get() const noexcept { return fd_; }
  /// From now on it is the caller's to close.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace tidegate
