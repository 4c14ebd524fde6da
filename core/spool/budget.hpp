// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "spool/file.hpp"
#include "spool/lane.hpp"

namespace tidegate::spool {

struct SpoolOptions {
  std::uint64_t capacity = 0;          ///< bytes of segments of all lanes, spare ones included; 0: as the disk allows
  std::optional<std::uint64_t> floor;  ///< bytes of the disk that stay free; without: the smaller of a tenth and 1 GiB
};

/// What all lanes of a spool together may take of the disk, and which of them give way when it is short: those of the
/// lowest priority first, as long as they have something to give. Thread-safe, without a lock.
class Budget {
 public:
  Budget(const Disk& disk, std::filesystem::path folder, SpoolOptions options);

  /// What one lane takes, and could give up. It says so whenever that has changed.
  struct Share {
    std::uint64_t taken = 0;     ///< bytes of segments
    std::uint64_t can_give = 0;  ///< of these
  };
  void change(Priority priority, const Share& from, const Share& to) noexcept;

  /// Asks the disk how much is free. For about once a second and when a segment is begun.
  void look() noexcept;
  /// More is taken than there should be, or less is free. more: bytes that somebody is about to take.
  [[nodiscard]] bool over(std::uint64_t more = 0) const noexcept;
  /// It is over with so many more, and no lane of a lower priority has anything to give.
  [[nodiscard]] bool short_for(Priority priority, std::uint64_t more) const noexcept;
  /// Empty, or which limit is reached.
  [[nodiscard]] std::string trouble() const;

 private:
  const Disk& disk_;
  const std::filesystem::path folder_;
  const SpoolOptions options_;
  std::atomic<std::uint64_t> taken_{0};
  std::array<std::atomic<std::uint64_t>, 3> can_give_{};  ///< by priority
  std::atomic<std::uint64_t> free_{~0ULL};
  std::atomic<std::uint64_t> floor_{0};
};

}  // namespace tidegate::spool
