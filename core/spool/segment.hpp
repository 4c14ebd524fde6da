// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "spool/file.hpp"

namespace tidegate::spool {

inline constexpr std::size_t segment_header = 64;

/// The first bytes of a segment.
struct SegmentHeader {
  std::uint64_t number = 0;
  std::uint64_t first = 0;  ///< no record in it has a lower sequence
  std::uint32_t epoch = 0;
  std::uint32_t salt = 0;
  std::int64_t begun = 0;  ///< gateway age when it was begun, ns; all in the segments before it is older. 0: not known
  bool doubtful = false;   ///< its sync failed: who says that it is on the medium now may be wrong
};
[[nodiscard]] std::array<std::byte, segment_header> encode(const SegmentHeader& header) noexcept;
/// Nothing when damaged. newer is set when the header is of a later version of the format.
[[nodiscard]] std::optional<SegmentHeader> decode_segment_header(std::span<const std::byte> bytes,
                                                                 bool& newer) noexcept;

[[nodiscard]] std::string segment_name(std::uint64_t number);
[[nodiscard]] std::optional<std::uint64_t> segment_number(std::string_view name) noexcept;

/// One file of a log, as the log keeps it. The log's mutex guards it; file is shared with whoever reads or syncs it.
struct Segment {
  std::uint64_t number = 0;
  std::uint64_t first = 0;
  std::uint64_t last = 0;              ///< highest sequence in it; first - 1 while empty
  std::uint64_t end = segment_header;  ///< where its records end, at the latest
  std::shared_ptr<File> file;          ///< null while nobody needs it
  bool damaged = false;                ///< goes to quarantine when done
  bool suspect = false;                ///< its sync failed: nothing unsynced in it is to be believed
  bool doubtful = false;               ///< as in its header
  bool closed = false;                 ///< nothing more is appended to it
  bool grows = false;                  ///< its file was shorter than half a segment when it was opened
  std::uint64_t syncs = 0;             ///< of its file, by this process
  std::int64_t begun = 0;              ///< as in its header
  std::uint32_t epoch = 0;             ///< as in its header
  std::uint64_t needs = 0;             ///< once done: sequence that must be durable before it may go
};

/// What a look through a whole segment finds.
struct Scan {
  std::uint64_t first = 0;  ///< lowest and highest sequence of valid records; 0 when there is none
  std::uint64_t last = 0;
  std::uint64_t end = segment_header;  ///< after the last valid record
  std::uint32_t epoch = 0;             ///< the highest seen
  std::int64_t age = 0;                ///< of the newest record, ns
  bool unreadable = false;             ///< the disk could not read some of it
};
/// least: records with a lower sequence are remains of a former life. Throws SystemError when nothing can be read.
[[nodiscard]] Scan scan(std::shared_ptr<const File> file, std::uint32_t salt, std::uint64_t least);

}  // namespace tidegate::spool
