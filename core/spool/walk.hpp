// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "spool/codec.hpp"
#include "spool/file.hpp"

namespace tidegate::spool {

/// Goes through the records of one segment after the other, a window of the file at a time, and steps over what is
/// damaged. Not thread-safe.
class Walk {
 public:
  /// What happens when the disk cannot read. report: SystemError. step_over: each piece of 4 KiB that cannot be read
  /// counts as damage, unless nothing in the window can be: then SystemError. step_over_all: even then.
  enum class Errors : std::uint8_t { report, step_over, step_over_all };
  /// Where to go and what to believe there.
  struct Course {
    std::uint64_t segment = 0;  ///< its number: what is in memory of the same one is used again
    std::uint64_t offset = 0;   ///< of a record, or anywhere before it
    std::uint64_t limit = 0;    ///< nothing stands there or beyond
    std::uint64_t least = 1;    ///< records with other sequences are remains of a former life
    std::uint64_t most = ~0ULL;
    std::uint32_t salt = 0;
    Errors errors = Errors::report;
  };
  void go(std::shared_ptr<const File> file, const Course& course);

  /// The next valid record, of any type; its sequence is above that of the one before. False at the end. Throws
  /// SystemError; go() again, then.
  bool next();
  [[nodiscard]] Decoded& found() noexcept { return found_; }
  /// Where it begins, and where the walk goes on.
  [[nodiscard]] std::uint64_t begin() const noexcept { return begin_; }
  [[nodiscard]] std::uint64_t end() const noexcept { return from_ + at_; }
  /// Pieces that could not be read since go().
  [[nodiscard]] std::size_t unreadable() const noexcept { return unreadable_; }
  /// Gives the memory back.
  void rest() noexcept;

 private:
  [[nodiscard]] bool load(std::uint64_t offset, std::uint64_t size);
  [[nodiscard]] std::size_t read_pieces(std::uint64_t offset, std::span<std::byte> into);

  std::shared_ptr<const File> file_;
  Course course_;
  std::vector<std::byte> window_;
  std::uint64_t from_ = 0;  ///< offset of the window in the file
  std::uint64_t at_ = 0;    ///< where the walk is in the window
  std::uint64_t begin_ = 0;
  std::size_t unreadable_ = 0;
  std::uint64_t wasted_ = 0;  ///< bytes that were summed up for nothing since go()
  Decoded found_;
};

}  // namespace tidegate::spool
