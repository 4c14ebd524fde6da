// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tidegate::test {

/// A file whose reader waits until somebody writes: a sensor that hangs. Nobody waits any more when it is destroyed.
class Fifo final {
 public:
  explicit Fifo(std::filesystem::path path) : path_(std::move(path)) {
    std::filesystem::create_directories(path_.parent_path());
    std::filesystem::remove(path_);
    EXPECT_EQ(mkfifo(path_.c_str(), 0600), 0) << path_;
  }
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;
  ~Fifo() {
    if (fd_ >= 0) close(fd_);
    const int last = open(path_.c_str(), O_RDWR | O_CLOEXEC);  // whoever waits in open() goes on, and reads nothing
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
    if (last >= 0) close(last);
  }

  /// Whoever reads gets this; the first time it must be read already. The end comes with end().
  void write(std::string_view bytes) {
    if (fd_ < 0) fd_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(::write(fd_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  void end() {
    close(fd_);
    fd_ = -1;
  }

 private:
  const std::filesystem::path path_;
  int fd_ = -1;
};

}  // namespace tidegate::test
