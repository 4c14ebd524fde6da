// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tidegate::plugins::iio {

/// How one element of a scan is stored: "le:s12/16>>4", "be:u24/32X3>>8".
struct ScanElement {
  bool big_endian = false;
  bool is_signed = false;
  unsigned bits = 0;     ///< of the value, 1 to 64
  unsigned storage = 0;  ///< bits that it takes: 8, 16, 32 or 64
  unsigned shift = 0;
  unsigned repeat = 1;  ///< values of this form, one after another

  bool operator==(const ScanElement&) const = default;
};
/// What a file scan_elements/…_type says; nothing when it says something that is not understood.
[[nodiscard]] std::optional<ScanElement> parse_scan_element(std::string_view text) noexcept;

/// What a buffer puts behind one another for one trigger: each element aligned to its own size, and the whole to the
/// largest of them (Linux 5.7 or newer). Pure.
class Scan final {
 public:
  /// elements: those that are enabled, in the order of their indices.
  explicit Scan(std::vector<ScanElement> elements);

  /// Bytes of one scan; 0 without elements.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// The raw value of each element (the first, where it repeats) from size() bytes. An unsigned one of 64 bits that
  /// does not fit is the largest that does.
  [[nodiscard]] std::vector<std::int64_t> decode(std::span<const std::byte> bytes) const;

 private:
  std::vector<ScanElement> elements_;
  std::vector<std::size_t> offsets_;
  std::size_t size_ = 0;
};

}  // namespace tidegate::plugins::iio
