// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "spool/walk.hpp"

#include <algorithm>

#include <tidegate/error.hpp>

#include "spool/bytes.hpp"

namespace tidegate::spool {
namespace {

constexpr std::uint64_t window_size = 256U << 10;
constexpr std::uint64_t piece = 4096;
constexpr std::uint64_t most_waste = 64;

}  // namespace

void Walk::go(std::shared_ptr<const File> file, const Course& course) {
  const bool known =
      course.segment == course_.segment && course.offset >= from_ && course.offset < from_ + window_.size();
  file_ = std::move(file);
  course_ = course;
  unreadable_ = 0;
  wasted_ = 0;
  if (!known) {
    window_.clear();
    from_ = course.offset;
  }
  at_ = course.offset - from_;
}

void Walk::rest() noexcept {
  window_ = {};
  file_.reset();
  course_.segment = 0;
  from_ = at_ = 0;
}

bool Walk::next() {
  for (;;) {
    const auto here = from_ + at_;
    if (here >= course_.limit) return false;
    if (at_ >= window_.size()) {
      if (!load(here, window_size)) return false;
      continue;
    }
    const auto rest = std::span<const std::byte>(window_).subspan(at_);
    // Each mark in a payload claims a length, and that much is loaded and summed up in vain. Somebody may have sent a
    // payload full of them: once that has cost many times what there is, only what is short is looked at.
    if (wasted_ > most_waste * course_.limit && rest.size() >= 8 && get<std::uint32_t>(rest, 4) > piece) {
      at_ += std::max<std::size_t>(1, next_mark(rest));
      continue;
    }
    found_ = decode(rest, course_.salt);
    if (found_.kind == Decoded::Kind::cut_off && here + found_.length <= course_.limit) {
      const auto length = found_.length;
      wasted_ += length;
      if (!load(here, std::max<std::uint64_t>(window_size, length))) return false;
      // Or the file is shorter than it should be.
      if (window_.size() < length) at_ = next_mark(window_);
      continue;
    }
    const bool valid = (found_.kind == Decoded::Kind::record || found_.kind == Decoded::Kind::other) &&
                       found_.record.sequence >= course_.least && found_.record.sequence <= course_.most;
    if (!valid) {
      wasted_ += found_.length;
      at_ += std::max<std::size_t>(1, next_mark(rest));
      continue;
    }
    course_.least = found_.record.sequence + 1;
    begin_ = here;
    at_ += found_.length;
    return true;
  }
}

/// False at the end of the file.
bool Walk::load(std::uint64_t offset, std::uint64_t size) {
  window_.clear();  // reading may throw
  from_ = offset;
  at_ = 0;
  std::vector<std::byte> bytes = std::move(window_);
  bytes.resize(static_cast<std::size_t>(std::min(size, course_.limit - offset)));
  std::size_t got = 0;
  try {
    got = file_->read(offset, bytes);
  } catch (const SystemError&) {
    if (course_.errors == Errors::report) throw;
    got = read_pieces(offset, bytes);
  }
  bytes.resize(got);
  window_ = std::move(bytes);
  return !window_.empty();
}

/// What cannot be read becomes zeros.
std::size_t Walk::read_pieces(std::uint64_t offset, std::span<std::byte> into) {
  bool any = course_.errors == Errors::step_over_all;
  std::size_t done = 0;
  while (done < into.size()) {
    const auto here = offset + done;
    const auto size = static_cast<std::size_t>(std::min(piece - here % piece, into.size() - done));
    const auto part = into.subspan(done, size);
    std::size_t got = size;
    try {
      got = file_->read(here, part);
      any = true;
    } catch (const SystemError&) {
      std::ranges::fill(part, std::byte{0});
      ++unreadable_;
      if (done + size == into.size() && !any) throw;
    }
    done += got;
    if (got < size) break;
  }
  return done;
}

}  // namespace tidegate::spool
