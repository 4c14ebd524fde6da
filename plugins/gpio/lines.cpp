// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <numeric>
#include <system_error>

#include <fmt/format.h>
#include <gpiod.hpp>
#include <grp.h>
#include <sys/stat.h>

#include <tidegate/error.hpp>
#include <tidegate/gpio.hpp>

#include "plugins/gpio/header.hpp"

namespace tidegate::gpio {
namespace {

namespace fs = std::filesystem;

std::optional<unsigned> read_number(std::string_view text) noexcept {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// What follows the word, when the text begins with it, upper or lower case.
std::optional<std::string_view> after(std::string_view text, std::string_view word) noexcept {
  if (text.size() < word.size()) return std::nullopt;
  const auto same = [](char left, char right) {
    return std::tolower(static_cast<unsigned char>(left)) == std::tolower(static_cast<unsigned char>(right));
  };
  if (!std::equal(word.begin(), word.end(), text.begin(), same)) return std::nullopt;
  return text.substr(word.size());
}

/// A line as people name it, taken apart.
struct Wanted {
  std::string name;               ///< as it was given
  std::optional<unsigned> place;  ///< on the header
  std::string chip;               ///< label or device; with offset
  std::optional<unsigned> offset;
};

constexpr const char* ways =
    R"("GPIO17" by its name, "pinctrl-bcm2711:17" by label of the chip and offset, or "J8:11" by )"
    "place on a Raspberry Pi's header";

[[noreturn]] void refuse_name(std::string_view line, const std::string& why) {
  throw ConfigError(fmt::format("\"{}\" {}", line, why));
}

unsigned read_place(std::string_view line, std::string_view digits, std::string_view prefix) {
  const auto place = read_number(digits);
  if (!place || *place < 1 || *place > header_places) {
    refuse_name(line, fmt::format("is no place on the header; places go from {0}1 to {0}{1}", prefix, header_places));
  }
  if (const auto power = header_power(*place); !power.empty()) {
    refuse_name(line, fmt::format("is {} on the header, and no line", power));
  }
  if (!line.starts_with(prefix)) refuse_name(line, fmt::format("is written \"{}{}\"", prefix, *place));
  return *place;
}

Wanted read_name(std::string_view line) {
  Wanted wanted;
  wanted.name = line;
  if (line.empty()) throw ConfigError(fmt::format("no line is named; name it {}", ways));
  if (const auto number = read_number(line)) {
    std::string meant;
    if (header_place(*number)) meant = fmt::format("\"GPIO{}\"", *number);
    if (const auto gpio = header_gpio(*number)) {
      meant += fmt::format("{}\"J8:{}\" (which is GPIO{})", meant.empty() ? "" : " or ", *number, *gpio);
    }
    refuse_name(line, fmt::format("says neither which chip nor which way of counting is meant; write {}",
                                  meant.empty() ? ways : meant));
  }
  if (const auto digits = after(line, "J8:")) {
    wanted.place = read_place(line, *digits, "J8:");
    return wanted;
  }
  if (const auto digits = after(line, "BOARD"); digits && read_number(*digits)) {
    wanted.place = read_place(line, *digits, "BOARD");
    return wanted;
  }
  if (const auto digits = after(line, "BCM"); digits && read_number(*digits)) {
    refuse_name(line, fmt::format("is written \"GPIO{}\"", *read_number(*digits)));
  }
  const bool node = line.starts_with("/dev/");
  const auto colon = line.rfind(':');
  const std::string_view chip = line.substr(0, colon);
  if (node || (after(chip, "gpiochip") && read_number(*after(chip, "gpiochip")))) {
    refuse_name(line,
                fmt::format("names a chip by its number, which another boot may give to another chip; name the line "
                            "{} (tidegate gpio info shows them)",
                            ways));
  }
  if (colon != line.npos) {
    if (const auto offset = read_number(line.substr(colon + 1)); offset && colon > 0) {
      wanted.chip = chip;
      wanted.offset = offset;
    }
  }
  return wanted;
}

/// The device that a chip belongs to, as /sys/bus names it.
std::string device_of(const std::string& chip) {
  std::error_code error;
  const fs::path place = fs::canonical("/sys/bus/gpio/devices/" + chip, error);
  return error ? std::string() : place.parent_path().filename().string();
}

const char* bias_name(gpiod::line::bias bias) noexcept {
  switch (bias) {
    case gpiod::line::bias::PULL_UP:
      return "pull-up";
    case gpiod::line::bias::PULL_DOWN:
      return "pull-down";
    case gpiod::line::bias::DISABLED:
      return "disabled";
    default:
      return "";
  }
}

ChipInfo read_chip(const fs::path& path) {
  gpiod::chip chip(path);
  const auto about = chip.get_info();
  ChipInfo info;
  info.path = path;
  info.name = about.name();
  info.label = about.label();
  info.device = device_of(info.name);
  const bool header = leads_to_header(info.label);
  for (unsigned offset = 0; offset < about.num_lines(); ++offset) {
    const auto seen = chip.get_line_info(offset);
    LineInfo line;
    line.chip = path;
    line.label = info.label;
    line.offset = offset;
    if (seen.name() != "-") line.name = seen.name();  // device trees have it for "none"
    if (const auto place = header ? header_place(offset) : std::nullopt) line.header = fmt::format("J8:{}", *place);
    line.output = seen.direction() == gpiod::line::direction::OUTPUT;
    line.active_low = seen.active_low();
    line.used = seen.used();
    line.consumer = seen.consumer();
    line.bias = bias_name(seen.bias());
    info.lines.push_back(std::move(line));
  }
  return info;
}

/// Changes of letters that make one word the other; case counts less.
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t at = 1; at <= left.size(); ++at) {
    std::size_t corner = std::exchange(row[0], at);
    for (std::size_t column = 1; column <= right.size(); ++column) {
      const bool same = std::tolower(static_cast<unsigned char>(left[at - 1])) ==
                        std::tolower(static_cast<unsigned char>(right[column - 1]));
      const std::size_t best = std::min({row[column] + 1, row[column - 1] + 1, corner + (same ? 0U : 1U)});
      corner = std::exchange(row[column], best);
    }
  }
  return row.back();
}

constexpr std::size_t most_suggestions = 3;

/// "; near it: GPIO1, GPIO7", or nothing.
std::string near_names(const Chips& all, std::string_view name) {
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const ChipInfo& chip : all.chips) {
    for (const LineInfo& line : chip.lines) {
      if (line.name.empty()) continue;
      const std::size_t far = distance(name, line.name);
      if (far <= std::max<std::size_t>(1, name.size() / 3)) near.emplace_back(far, line.name);
    }
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& left, const auto& right) { return left.first < right.first; });
  near.erase(std::unique(near.begin(), near.end()), near.end());
  if (near.size() > most_suggestions) near.resize(most_suggestions);
  std::string text;
  for (const auto& [far, word] : near) text += (text.empty() ? "; near it: " : ", ") + word;
  return text;
}

std::string labels(const Chips& all) {
  std::string text;
  for (const ChipInfo& chip : all.chips) text += fmt::format("{}{}", text.empty() ? "" : ", ", chip.label);
  return text;
}

[[noreturn]] void not_there(const Chips& all, const Wanted& wanted) {
  std::string why;
  const auto same = [&](const ChipInfo& chip) { return chip.label == wanted.chip || chip.device == wanted.chip; };
  if (all.chips.empty() && all.refused.empty()) {
    why = "this machine shows no GPIO chip (/dev/gpiochip*); in a container, pass the chip to it";
  } else if (const auto chip = std::find_if(all.chips.begin(), all.chips.end(), same);
             wanted.offset && chip != all.chips.end()) {
    why = fmt::format("{} has the lines 0 to {}", wanted.chip, chip->lines.size() - 1);
  } else if (!all.refused.empty()) {
    why = fmt::format("{} may not be opened by this user, who can be let in with: {}", all.refused.front().string(),
                      how_to_open(all.refused.front()));
  } else if (wanted.place) {
    why = fmt::format("no chip here leads to a Raspberry Pi's header; there are {}", labels(all));
  } else {
    why = fmt::format("the chips here are {}{}", labels(all), near_names(all, wanted.name));
  }
  throw UnavailableError(fmt::format("there is no GPIO line \"{}\": {}", wanted.name, why));
}

}  // namespace

Chips chips() {
  Chips all;
  std::vector<std::pair<unsigned, fs::path>> nodes;
  std::error_code error;
  for (fs::directory_iterator entry("/dev", error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const auto digits = after(name, "gpiochip");
    const auto number = digits ? read_number(*digits) : std::nullopt;
    // A link is another name of a chip that is there anyway.
    std::error_code gone;
    if (number && !entry->is_symlink(gone)) nodes.emplace_back(*number, entry->path());
  }
  if (error) throw SystemError(error.value(), "cannot read /dev");
  std::sort(nodes.begin(), nodes.end());
  for (const auto& [number, path] : nodes) {
    try {
      if (gpiod::is_gpiochip_device(path)) all.chips.push_back(read_chip(path));
    } catch (const std::system_error& failure) {
      const int code = failure.code().value();
      if (code == EACCES || code == EPERM) {
        all.refused.push_back(path);
      } else if (code != ENODEV && code != ENOENT && code != ENXIO) {  // those left a moment ago
        throw SystemError(code, fmt::format("cannot ask {} for its lines", path.string()));
      }
    }
  }
  return all;
}

std::string how_to_open(const fs::path& chip) {
  struct stat about{};
  if (stat(chip.c_str(), &about) == 0 && (about.st_mode & 0060) == 0060 && about.st_gid != 0) {
    std::string buffer(16384, '\0');
    group entry{};
    group* found = nullptr;
    if (getgrgid_r(about.st_gid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
      return fmt::format("sudo usermod -aG {} $USER   (and a new login)", found->gr_name);
    }
  }
  return R"(sudo groupadd -f gpio && sudo usermod -aG gpio $USER && echo 'SUBSYSTEM=="gpio", KERNEL=="gpiochip*", )"
         R"(GROUP="gpio", MODE="0660"' | sudo tee /etc/udev/rules.d/60-gpio.rules && sudo udevadm trigger -s gpio   )"
         "(and a new login)";
}

void check_line_name(std::string_view line) {
  static_cast<void>(read_name(line));
}

LineInfo find_line(std::string_view line) {
  check_line_name(line);  // before anything is opened
  return find_line(line, chips());
}

LineInfo find_line(std::string_view line, const Chips& all) {
  const Wanted wanted = read_name(line);
  std::vector<const LineInfo*> found;
  const auto look = [&](const auto& is_it) {
    for (const ChipInfo& chip : all.chips) {
      for (const LineInfo& one : chip.lines) {
        if (is_it(chip, one)) found.push_back(&one);
      }
    }
  };
  const auto look_on_header = [&](unsigned gpio) {
    look([&](const ChipInfo& chip, const LineInfo& one) { return leads_to_header(chip.label) && one.offset == gpio; });
  };
  if (wanted.place) {
    look_on_header(*header_gpio(*wanted.place));
  } else {
    look([&](const ChipInfo&, const LineInfo& one) { return one.name == wanted.name; });
    if (found.empty() && wanted.offset) {
      look([&](const ChipInfo& chip, const LineInfo& one) {
        return (chip.label == wanted.chip || chip.device == wanted.chip) && one.offset == *wanted.offset;
      });
    }
    if (found.empty() && line.starts_with("GPIO")) {
      if (const auto gpio = read_number(line.substr(4)); gpio && header_place(*gpio)) look_on_header(*gpio);
    }
  }
  if (found.empty()) not_there(all, wanted);
  if (found.size() > 1) {
    std::string places;
    for (const LineInfo* one : found) {
      const auto chip = std::find_if(all.chips.begin(), all.chips.end(),
                                     [&](const ChipInfo& candidate) { return candidate.path == one->chip; });
      const bool alone = std::count_if(all.chips.begin(), all.chips.end(),
                                       [&](const ChipInfo& candidate) { return candidate.label == chip->label; }) == 1;
      places +=
          fmt::format("{}\"{}:{}\"", places.empty() ? "" : " or ", alone ? chip->label : chip->device, one->offset);
    }
    throw UnavailableError(fmt::format("\"{}\" is the name of {} lines; say which: {}", line, found.size(), places));
  }
  return *found.front();
}

}  // namespace tidegate::gpio
