// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "spool/file.hpp"
#include "spool/settled.hpp"

namespace tidegate::spool {

/// A place in a log.
struct Place {
  std::uint64_t segment = 0;  ///< its number; 0: nowhere
  std::uint64_t offset = 0;
};

/// The cursor file of a lane. write() and freeze() on one thread at a time (the log's mutex); sync() beside them.
class Cursor {
 public:
  /// Opens or makes the file and reads the newest valid slot. Throws SystemError when the disk refuses.
  Cursor(Disk& disk, const std::filesystem::path& folder);

  [[nodiscard]] bool known() const noexcept { return known_; }
  [[nodiscard]] const Settled& settled() const noexcept { return settled_; }
  /// Of the first record that is not settled; a hint.
  [[nodiscard]] Place place() const noexcept { return place_; }

  /// Writes it, without a sync: it survives the death of the process. When there are more ranges than fit, those next
  /// to the first unsettled one and those from a sequence on come first. Returns the bytes written.
  std::uint64_t write(const Settled& settled, Place place, std::uint64_t from = 0);
  /// What has been written so far is left alone from here on, so that sync() can bring it to the medium whole.
  void freeze() noexcept;
  /// Makes what was frozen durable. Throws SystemError.
  void sync();

 private:
  std::unique_ptr<File> file_;
  std::vector<std::byte> buffer_;
  Settled settled_;
  Place place_;
  bool known_ = false;
  std::uint64_t generation_ = 0;
  unsigned durable_ = 0;  ///< slots: the one that was synced last, …
  unsigned frozen_ = 0;   ///< … the one on its way to the medium, or the same, …
  unsigned live_ = 1;     ///< … and the one that is written to
};

}  // namespace tidegate::spool
