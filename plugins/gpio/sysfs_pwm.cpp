// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/sysfs_pwm.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>

namespace tidegate::plugins::gpio {
namespace fs = std::filesystem;
namespace {

struct Name {
  std::string chip, channel;
};

Name split(const std::string& name) {
  const auto colon = name.rfind(':');
  Name parts;
  if (colon != name.npos) parts = {name.substr(0, colon), name.substr(colon + 1)};
  if (parts.chip.empty() || parts.channel.empty() || parts.channel.find_first_not_of("0123456789") != name.npos) {
    throw ConfigError(
        fmt::format("\"{}\" is no PWM output; write the chip and the channel, like \"fe20c000.pwm:0\"", name));
  }
  return parts;
}

/// What the chip is called by its device, which stays the same from boot to boot.
std::string device_of(const fs::path& chip) {
  std::error_code error;
  return fs::canonical(chip / "device", error).filename().string();
}

}  // namespace

void SysfsPwm::check_name(const std::string& name) {
  static_cast<void>(split(name));
}

SysfsPwm::SysfsPwm(const std::string& name, Nanoseconds period, bool active_low, const fs::path& root)
    : period_(period) {
  const auto [wanted, channel] = split(name);
  number_ = channel;
  std::vector<fs::path> chips;
  std::vector<std::string> devices;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root / "sys/class/pwm", error)) {
    if (!entry.path().filename().string().starts_with("pwmchip")) continue;
    chips.push_back(entry.path());
    devices.push_back(device_of(entry.path()));
  }
  for (std::size_t at = 0; at < chips.size(); ++at) {
    if (devices[at] == wanted || (chips.size() == 1 && chips[at].filename() == wanted)) chip_ = chips[at];
  }
  if (chip_.empty()) {
    std::ranges::sort(devices);
    throw UnavailableError(
        chips.empty()
            ? fmt::format("there is no PWM output {}, nor any other: the kernel shows none in /sys/class/pwm (on a "
                          "Raspberry Pi add dtoverlay=pwm to config.txt), or name a line in place of \"pwm:…\"",
                          name)
            : fmt::format("there is no PWM output {}; the chips here are {}", name, fmt::join(devices, ", ")));
  }
  channel_ = chip_ / ("pwm" + channel);
  if (fs::exists(channel_)) {
    throw SystemError(
        EBUSY, fmt::format("cannot use the PWM output {}: something has exported it already; to free it: echo {} > {}",
                           name, channel, (chip_ / "unexport").string()));
  }
  write(chip_ / "export", channel);
  // udev gives the group its rights a moment later.
  for (int tries = 0; ::access((channel_ / "duty_cycle").c_str(), W_OK) != 0 && tries < 50; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  try {
    write(channel_ / "period", std::to_string(period.count()));
    write(channel_ / "duty_cycle", "0");
    write(channel_ / "polarity", active_low ? "inversed" : "normal");
    write(channel_ / "enable", "1");
  } catch (const SystemError&) {
    if (const Descriptor fd(::open((chip_ / "unexport").c_str(), O_WRONLY | O_CLOEXEC)); fd) {
      static_cast<void>(!::write(fd.get(), channel.data(), channel.size()));
    }
    throw;
  }
}

SysfsPwm::~SysfsPwm() {
  try {
    // The duty is 0 by now, or what is left on purpose; a disabled output would float at whatever the driver likes.
    write(chip_ / "unexport", number_);
  } catch (const SystemError&) {  // it is gone
  }
}

void SysfsPwm::set(Nanoseconds active) {
  write(channel_ / "duty_cycle", std::to_string(std::clamp(active, Nanoseconds::zero(), period_).count()));
}

void SysfsPwm::check() {
  if (::access(channel_.c_str(), F_OK) != 0) throw SystemError(ENODEV, "the PWM output is gone");
}

void SysfsPwm::write(const fs::path& file, const std::string& text) const {
  const Descriptor fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw SystemError(errno, fmt::format("cannot write {} to {}", text, file.string()));
}

}  // namespace tidegate::plugins::gpio
