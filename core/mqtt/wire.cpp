// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/wire.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include <sys/socket.h>

// On Paho's threads recv, writev and shutdown are the wrapped ones, which come here: so recvfrom, sendmsg and send.
extern "C" int __real_shutdown(int, int);

namespace tidegate::mqtt {

void Wire::open(int fd) {
  {
    const std::lock_guard lock(in_mutex_);
    if (!in_) in_ = std::make_unique<char[]>(read_ahead);
    in_fd_ = fd;
    taken_ = 0;
    unread_ = 0;
  }
  const std::lock_guard lock(out_mutex_);
  out_fd_ = fd;
  out_.clear();
  written_ = 0;
  failed_ = false;
  kept_ = 0;
  blocked_ = false;
  refused_ = false;
  open_ = true;
}

void Wire::close() noexcept {
  {
    const std::lock_guard lock(out_mutex_);
    if (!open_.exchange(false)) return;
    write_kept();
    out_fd_ = -1;
    out_ = {};
    written_ = 0;
    kept_ = 0;
    blocked_ = false;
    refused_ = false;
  }
  const std::lock_guard lock(in_mutex_);
  in_fd_ = -1;
  in_.reset();
  unread_ = 0;
}

ssize_t Wire::receive(void* data, std::size_t size) noexcept {
  const std::lock_guard lock(in_mutex_);
  if (in_fd_ < 0) {
    errno = ENOTCONN;
    return -1;
  }
  if (unread_ == 0) {
    if (size >= read_ahead) return ::recvfrom(in_fd_, data, size, 0, nullptr, nullptr);
    const ssize_t got = ::recvfrom(in_fd_, in_.get(), read_ahead, 0, nullptr, nullptr);
    if (got <= 0) return got;
    taken_ = 0;
    unread_ = static_cast<std::size_t>(got);
  }
  const std::size_t count = std::min<std::size_t>(size, unread_);
  std::memcpy(data, in_.get() + taken_, count);
  taken_ += count;
  unread_ -= count;
  return static_cast<ssize_t>(count);
}

ssize_t Wire::send(const iovec* parts, int count) noexcept {
  std::size_t total = 0;
  for (int i = 0; i < count; ++i) total += parts[i].iov_len;
  const std::lock_guard lock(out_mutex_);
  if (failed_ || out_fd_ < 0) return static_cast<ssize_t>(total);

  const bool large = total >= read_ahead;
  if ((large || out_.size() - written_ + total > most_kept) && !blocked_) write_kept();
  if (large && kept_ == 0 && !blocked_ && !failed_) return write_now(parts, count, total);
  if (failed_) return static_cast<ssize_t>(total);
  if (large || out_.size() - written_ + total > most_kept) {
    refused_ = true;
    errno = EAGAIN;
    return -1;
  }
  try {
    out_.reserve(out_.size() + total);
  } catch (const std::bad_alloc&) {
    errno = ENOBUFS;
    fail();
    return static_cast<ssize_t>(total);
  }
  for (int i = 0; i < count; ++i) out_.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  keep_count();
  refused_ = false;
  if (kept_ >= most_kept / 2 && !blocked_) write_kept();
  return static_cast<ssize_t>(total);
}

/// Past the buffer, which is empty.
ssize_t Wire::write_now(const iovec* parts, int count, std::size_t total) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<std::size_t>(count);
  ssize_t written = 0;
  do written = ::sendmsg(out_fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (written < 0 && errno == EINTR);
  if (written < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
    fail();
    return static_cast<ssize_t>(total);
  }
  refused_ = blocked_ = written < static_cast<ssize_t>(total);
  return written;
}

bool Wire::flush() noexcept {
  const std::lock_guard lock(out_mutex_);
  return !blocked_ && write_kept();
}

void Wire::unblock() noexcept {
  const std::lock_guard lock(out_mutex_);
  blocked_ = false;
  write_kept();
}

bool Wire::write_kept() noexcept {
  while (written_ < out_.size()) {
    const ssize_t written =
        ::send(out_fd_, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        fail();
        return true;
      }
      blocked_ = true;
      out_.erase(0, written_);
      written_ = 0;
      return false;
    }
    written_ += static_cast<std::size_t>(written);
    keep_count();
  }
  out_.clear();
  written_ = 0;
  return true;
}

void Wire::fail() noexcept {
  failed_ = true;
  out_.clear();
  written_ = 0;
  kept_ = 0;
  blocked_ = false;
  refused_ = false;
  __real_shutdown(out_fd_, SHUT_RDWR);
}

}  // namespace tidegate::mqtt
