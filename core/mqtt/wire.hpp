// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include <sys/types.h>
#include <sys/uio.h>

namespace tidegate::mqtt {

/// The bytes between Paho and one plain TCP socket, which must not block. Reads ahead, so that a packet costs a part of
/// one system call and not three; keeps small writes until flush(), so that a batch costs one. Answers as the kernel
/// would. One thread reads; any thread does the rest. Does not own the socket.
class Wire {
 public:
  static constexpr std::size_t read_ahead = 16U << 10;  ///< bytes; also from here on a write goes past the buffer
  static constexpr std::size_t most_kept = 64U << 10;   ///< bytes to be written; above it send() says EAGAIN

  /// Begins with a new socket, and nothing read and nothing to be written.
  void open(int fd);
  /// Writes what the kernel takes now and forgets the rest, and what was read ahead. The socket is not closed.
  void close() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return open_.load(); }

  /// As recv.
  ssize_t receive(void* data, std::size_t size) noexcept;
  /// Whether receive() has something without asking the kernel.
  [[nodiscard]] bool has_input() const noexcept { return unread_.load() > 0; }

  /// As writev; but what is kept counts as written, and an error does too: then the connection is shut down, which the
  /// reader sees.
  ssize_t send(const iovec* parts, int count) noexcept;
  /// Writes what is kept. False while the kernel does not take everything.
  bool flush() noexcept;
  /// Whether the kernel did not take everything at the last write: wait for POLLOUT, then call unblock().
  [[nodiscard]] bool blocked() const noexcept { return blocked_.load(); }
  /// The kernel takes more again: writes what is kept.
  void unblock() noexcept;
  /// What POLLOUT would say: whether send() takes a packet, as a rule.
  [[nodiscard]] bool takes_output() const noexcept {
    return !blocked_.load() || (!refused_.load() && kept_.load() < most_kept / 2);
  }

 private:
  bool write_kept() noexcept;  ///< with out_mutex_ held
  ssize_t write_now(const iovec* parts, int count, std::size_t total) noexcept;
  void fail() noexcept;
  void keep_count() noexcept { kept_ = out_.size() - written_; }

  std::atomic<bool> open_{false};

  std::mutex in_mutex_;  ///< guards the next three
  int in_fd_ = -1;
  std::unique_ptr<char[]> in_;
  std::size_t taken_ = 0;
  std::atomic<std::size_t> unread_{0};

  std::mutex out_mutex_;  ///< guards the next four
  int out_fd_ = -1;
  std::string out_;
  std::size_t written_ = 0;  ///< of out_
  bool failed_ = false;
  std::atomic<std::size_t> kept_{0};
  std::atomic<bool> blocked_{false};
  std::atomic<bool> refused_{false};  ///< the last send() did not take everything
};

}  // namespace tidegate::mqtt
