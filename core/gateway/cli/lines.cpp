// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/cli/lines.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <tidegate/error.hpp>

namespace tidegate::cli {

Lines::Lines(int descriptor, std::size_t most, std::function<void()> idle)
    : descriptor_(descriptor), most_(most), idle_(std::move(idle)) {}

std::optional<std::string> Lines::next() {
  std::size_t searched = at_;
  while (true) {
    const std::size_t newline = buffer_.find('\n', searched);
    const bool whole = newline != std::string::npos;
    const std::size_t end = whole ? newline : buffer_.size();
    if (end - at_ > most_) {
      throw PayloadError(
          fmt::format("line {} of the input is longer than {} bytes, the most that a message carries", number_, most_));
    }
    if (whole || (end_of_input_ && end > at_)) {
      std::string line = buffer_.substr(at_, end - at_);
      at_ = whole ? end + 1 : end;
      ++number_;
      return line;
    }
    if (end_of_input_) return std::nullopt;
    buffer_.erase(0, std::exchange(at_, 0));
    searched = buffer_.size();
    fill();
  }
}

void Lines::fill() {
  pollfd readable{descriptor_, POLLIN, 0};
  while (poll(&readable, 1, 100) == 0) idle_();
  std::array<char, 65536> part{};
  const ssize_t got = read(descriptor_, part.data(), part.size());
  if (got < 0 && errno != EINTR) throw SystemError(errno, "cannot read the input");
  end_of_input_ = got == 0;
  if (got > 0) buffer_.append(part.data(), static_cast<std::size_t>(got));
}

}  // namespace tidegate::cli
