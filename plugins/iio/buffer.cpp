// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/iio/buffer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <tidegate/error.hpp>

#include "plugins/common/sysfs.hpp"

namespace tidegate::plugins::iio {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr Nanoseconds patience = 10s;
constexpr std::string_view timestamp_name = "timestamp";

/// "in_voltage0_en" is voltage0.
std::vector<std::string> elements_of(const fs::path& folder) {
  constexpr std::string_view front = "in_";
  constexpr std::string_view back = "_en";
  std::vector<std::string> names;
  for (const auto& file : sysfs::list(folder)) {
    if (file.size() > front.size() + back.size() && file.starts_with(front) && file.ends_with(back)) {
      names.push_back(file.substr(front.size(), file.size() - front.size() - back.size()));
    }
  }
  return names;
}

void check_trigger(const fs::path& devices, const std::string& wanted) {
  std::vector<std::string> names;
  for (const auto& entry : sysfs::list(devices)) {
    if (entry.starts_with("trigger")) names.push_back(sysfs::read_if_there(devices / entry / "name").value_or(""));
  }
  if (std::ranges::find(names, wanted) != names.end()) return;
  throw Error(fmt::format("there is no trigger \"{}\"; {}", wanted,
                          names.empty() ? "there are none" : fmt::format("there are {}", fmt::join(names, ", "))));
}

}  // namespace

Capture::Capture(const Device& device, const fs::path& root, const BufferOptions& options, Doing& doing)
    : folder_(device.folder) {
  const fs::path node = root / "dev" / folder_.filename();
  doing.now("opening " + node.string());
  fd_ = Descriptor(open(node.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd_) {
    if (errno == EBUSY) throw Error(fmt::format("another program reads {}", node.string()));
    throw SystemError(errno, fmt::format("cannot open {}", node.string()));
  }
  try {
    set_up(root, options, doing);
  } catch (...) {
    undo();
    throw;
  }
}

Capture::~Capture() {
  undo();
}

void Capture::set_up(const fs::path& root, const BufferOptions& options, Doing& doing) {
  const auto set = [&](const fs::path& file, std::string_view text, std::string back) {
    doing.now("writing " + file.string());
    sysfs::write(file, text);
    undo_.emplace_back(file, std::move(back));
  };
  // The node is ours, so a buffer that runs was left behind by a program that is no more.
  const fs::path enable = folder_ / "buffer/enable";
  if (!fs::exists(enable)) throw Error("its driver has no buffer");
  doing.now("writing " + enable.string());
  sysfs::write(enable, "0");
  const fs::path trigger = folder_ / "trigger/current_trigger";
  check_trigger(root / "sys/bus/iio/devices", options.trigger);
  const std::string before = sysfs::read_if_there(trigger).value_or("");
  set(trigger, options.trigger, before.empty() ? "\n" : before);
  if (const auto clock = folder_ / "current_timestamp_clock"; fs::exists(clock)) sysfs::write(clock, "realtime");
  choose(options.channels, doing);
  sysfs::write(folder_ / "buffer/length", fmt::format("{}", options.length));
  set(enable, "1", "0");
}

void Capture::choose(const std::vector<std::string>& wanted, Doing& doing) {
  const fs::path elements = folder_ / "scan_elements";
  const auto there = elements_of(elements);
  for (const auto& name : wanted) {
    if (std::ranges::find(there, name) == there.end()) {
      throw Error(fmt::format("its buffer has no channel \"{}\"; it has {}", name, fmt::join(there, ", ")));
    }
  }
  struct Chosen {
    double index;
    std::string name;
    ScanElement element;
  };
  std::vector<Chosen> chosen;
  for (const auto& name : there) {
    const bool on = wanted.empty() || name == timestamp_name || std::ranges::find(wanted, name) != wanted.end();
    const fs::path file = elements / fmt::format("in_{}_en", name);
    doing.now("writing " + file.string());
    sysfs::write(file, on ? "1" : "0");
    if (!on) continue;
    undo_.emplace_back(file, "0");
    std::optional<std::string> type;
    for (const auto& candidate : attribute_names(name, "type")) {
      if (!type) type = sysfs::read_if_there(elements / candidate);
    }
    const auto element = parse_scan_element(type.value_or(""));
    if (!element)
      throw Error(fmt::format("channel {} has a form that is not understood, {:?}", name, type.value_or("")));
    chosen.push_back({sysfs::number(elements / fmt::format("in_{}_index", name)), name, *element});
  }
  if (chosen.empty()) throw Error("its buffer has no channel");
  std::ranges::sort(chosen, {}, &Chosen::index);
  std::vector<ScanElement> scan;
  ChannelNames names(folder_);
  for (const auto& one : chosen) {
    if (one.name == timestamp_name) {
      timestamp_ = scan.size();
      channels_.push_back({std::string(timestamp_name), {}, false});
    } else {
      channels_.push_back(
          {names.of(one.name, doing), read_conversion(folder_, one.name, doing), one.element.repeat == 1});
    }
    scan.push_back(one.element);
  }
  scan_ = Scan(std::move(scan));
}

void Capture::undo() noexcept {
  for (; !undo_.empty(); undo_.pop_back()) {
    try {
      sysfs::write(undo_.back().first, undo_.back().second);
    } catch (const std::exception&) {
      // the device is gone, and its settings with it
    }
  }
}

Stream::Stream(Context& context, Roster& roster, fs::path root, BufferOptions options)
    : context_(context), roster_(roster), root_(std::move(root)), options_(std::move(options)) {}

void Stream::there(const Device& device) {
  if (!errand_) errand_ = std::make_unique<Errand>(context_, device.name);
  if (errand_->under_way()) {
    const auto hangs = errand_->for_long(patience);
    if (!hangs.empty()) roster_.fail(options_.device, hangs, Roster::Stamp(context_.clock()));
    return;
  }
  if (capture_) {
    // A device that went and came again between two looks leaves a buffer behind that is silent for ever.
    errand_->run(
        [enable = capture_->folder() / "buffer/enable"](Doing& doing) {
          doing.now("reading " + enable.string());
          try {
            return sysfs::read(enable) == "1";
          } catch (const std::exception&) {
            return false;
          }
        },
        [this](bool runs) {
          if (!runs && capture_) fail("its buffer was switched off");
        });
    return;
  }
  using Opened = std::pair<std::unique_ptr<Capture>, std::string>;
  errand_->run(
      [device, root = root_, options = options_](Doing& doing) {
        Opened opened;
        try {
          opened.first = std::make_unique<Capture>(device, root, options, doing);
        } catch (const std::exception& error) {
          opened.second = error.what();
        }
        return opened;
      },
      [this](Opened opened) {
        if (opened.first) {
          begin(std::move(opened.first));
        } else {
          fail(opened.second);
        }
      });
}

void Stream::absent() {
  fail(fmt::format("there is no device \"{}\" with a buffer", options_.device));
}

void Stream::stop() noexcept {
  watch_ = Source();
  errand_.reset();
  capture_.reset();
}

void Stream::fail(std::string_view why) {
  watch_ = Source();
  capture_.reset();
  roster_.fail(options_.device, why, Roster::Stamp(context_.clock()));
}

void Stream::begin(std::unique_ptr<Capture> capture) {
  roster_.health(options_.device, {});
  capture_ = std::move(capture);
  watch_ = context_.loop().watch(capture_->fd(), EPOLLIN, [this](std::uint32_t) { read(); });
}

void Stream::read() {
  std::array<std::byte, 16 << 10> bytes{};
  const std::size_t size = capture_->scan().size();
  const ssize_t got = ::read(capture_->fd(), bytes.data(), bytes.size() / size * size);
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) fail(SystemError(errno, "cannot read its buffer").what());
    return;
  }
  if (got == 0) return fail("its buffer ended");
  Roster::Stamp stamp(context_.clock());
  for (std::span<const std::byte> rest(bytes.data(), static_cast<std::size_t>(got)); rest.size() >= size;
       rest = rest.subspan(size)) {
    const auto values = capture_->scan().decode(rest);
    if (const auto at = capture_->timestamp()) stamp.taken = WallTime(Nanoseconds(values[*at]));
    for (std::size_t n = 0; n < values.size(); ++n) {
      const auto& channel = capture_->channels()[n];
      if (!channel.shown) continue;
      roster_.put(options_.device, channel.conversion.outcome(channel.name, static_cast<double>(values[n])), stamp);
    }
  }
}

}  // namespace tidegate::plugins::iio
