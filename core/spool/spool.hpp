// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "spool/budget.hpp"
#include "spool/lane.hpp"
#include "spool/lane_name.hpp"

namespace tidegate::spool {

class Disk;

/// Every lane of this gateway, the thread that syncs them, and what they share: the gateway's uuid and age.
/// Thread-safe. Owns its lanes; references to them live as long as the spool.
class Spool {
 public:
  /// Opens or makes the folder. One process at a time: throws UnavailableError when another holds it (it says which),
  /// SystemError when the folder cannot be made or written (it says what to change). Damage never makes it throw.
  /// boot_id: of this boot; empty: as the kernel says.
  Spool(std::filesystem::path folder, Disk& disk, const Clock& clock, std::string boot_id = {},
        SpoolOptions options = {});
  ~Spool();  ///< syncs what is not durable yet
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// Opens or makes <folder>/<upstream>/<name>/. The names are checked: letters, digits, '-', '_', '.', at most 64,
  /// not starting with '.'. Asking again for an open lane returns it, with these options from now on, but for what it
  /// was opened with: sync, and whether it keeps the latest. Throws SystemError when the disk cannot be written (full,
  /// read-only): what is damaged, foreign or not to be read in the lane's folder never makes it throw.
  Lane& lane(const std::string& upstream, const std::string& name, const LaneOptions& options);
  /// The lanes on disk that have not been opened: their blocks left the configuration.
  [[nodiscard]] std::vector<LaneName> forgotten() const;
  [[nodiscard]] std::vector<Lane*> lanes() const;

  /// A random uuid, made once and kept in the folder; it goes into dedupe keys.
  [[nodiscard]] const std::string& uuid() const noexcept;
  /// CLOCK_BOOTTIME summed over boots, as far as it was seen; persisted about once a minute and at every close.
  [[nodiscard]] Nanoseconds age() const noexcept;
  /// Syncs every lane now and waits.
  void sync();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidegate::spool
