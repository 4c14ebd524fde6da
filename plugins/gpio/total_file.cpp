// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/total_file.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <tidegate/error.hpp>

namespace tidegate::plugins::gpio {
namespace {

// Each slot in a sector of its own: "turn total check\n", in decimal and hexadecimal digits, for people too.
constexpr std::size_t sector = 512;

/// FNV-1a. Guards against torn writes alone.
std::uint32_t check(std::string_view text) noexcept {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

struct Slot {
  std::uint64_t turn = 0, total = 0;
};

bool parse(std::string_view text, Slot& slot) noexcept {
  text = text.substr(0, text.find('\n'));
  const auto last = text.rfind(' ');
  if (last == text.npos) return false;
  const auto body = text.substr(0, last), sum = text.substr(last + 1);
  std::uint32_t given = 0;
  if (std::from_chars(sum.data(), sum.data() + sum.size(), given, 16).ptr != sum.data() + sum.size()) return false;
  if (given != check(body)) return false;
  const auto space = body.find(' ');
  if (space == body.npos) return false;
  const char* const end = body.data() + body.size();
  return std::from_chars(body.data(), body.data() + space, slot.turn).ptr == body.data() + space &&
         std::from_chars(body.data() + space + 1, end, slot.total).ptr == end;
}

}  // namespace

TotalFile::TotalFile(const std::filesystem::path& path) : path_(path) {
  fd_ = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd_) throw SystemError(errno, fmt::format("cannot open {}", path.string()));
  std::array<char, 2 * sector> bytes{};
  const auto got = ::pread(fd_.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) throw SystemError(errno, fmt::format("cannot read {}", path.string()));
  for (const std::size_t at : {std::size_t{0}, sector}) {
    Slot slot;
    if (parse({bytes.data() + at, sector}, slot) && slot.turn > turn_) {
      turn_ = slot.turn;
      total_ = slot.total;
    }
  }
}

void TotalFile::set(std::uint64_t total) {
  total_ = total;
  auto text = fmt::format("{} {}", ++turn_, total);
  text += fmt::format(" {:08x}\n", check(text));
  text.resize(sector, '\0');
  if (::pwrite(fd_.get(), text.data(), sector, static_cast<off_t>(turn_ % 2 * sector)) !=
      static_cast<ssize_t>(sector)) {
    throw SystemError(errno, fmt::format("cannot write {}", path_.string()));
  }
}

void TotalFile::sync() const {
  if (::fdatasync(fd_.get()) != 0) throw SystemError(errno, fmt::format("cannot write {} to the disk", path_.string()));
}

}  // namespace tidegate::plugins::gpio
