// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <gpiod.hpp>

#include <tidegate/error.hpp>
#include <tidegate/gpio_line.hpp>

namespace tidegate::gpio {
namespace {

constexpr std::size_t kernel_default = 16;
constexpr std::size_t most_events = 1024;
constexpr std::size_t few_events = 8;

std::string title(const LineInfo& info) {
  const std::string place = fmt::format("{}:{}", info.label, info.offset);
  return info.name.empty() ? place : fmt::format("{} ({})", info.name, place);
}

/// Who holds it now; asked anew, since what is known may be old.
std::string holder(const LineInfo& info) {
  std::string who;
  try {
    who = gpiod::chip(info.chip).get_line_info(info.offset).consumer();
  } catch (const std::exception&) {
    who = info.consumer;
  }
  return who.empty() ? "by somebody who gives no name" : fmt::format("by \"{}\"", who);
}

[[noreturn]] void refuse(int code, const LineInfo& info) {
  switch (code) {
    case EBUSY:
      throw SystemError(code, fmt::format("{} is held {}", title(info), holder(info)));
    case EACCES:
    case EPERM:
      throw SystemError(code, fmt::format("{} may not be opened for {} by this user, who can be let in with: {}",
                                          info.chip.string(), title(info), how_to_open(info.chip)));
    case ENODEV:
    case ENOENT:
    case ENXIO:
      throw SystemError(ENODEV, fmt::format("the chip of {} is gone", title(info)));
    default:
      throw SystemError(code, fmt::format("{} cannot be had", title(info)));
  }
}

gpiod::line::edge edge_of(Edges edges) noexcept {
  switch (edges) {
    case Edges::rising:
      return gpiod::line::edge::RISING;
    case Edges::falling:
      return gpiod::line::edge::FALLING;
    case Edges::both:
      return gpiod::line::edge::BOTH;
    case Edges::none:
      break;
  }
  return gpiod::line::edge::NONE;
}

gpiod::line::bias bias_of(Bias bias) noexcept {
  switch (bias) {
    case Bias::disabled:
      return gpiod::line::bias::DISABLED;
    case Bias::pull_up:
      return gpiod::line::bias::PULL_UP;
    case Bias::pull_down:
      return gpiod::line::bias::PULL_DOWN;
    case Bias::as_is:
      break;
  }
  return gpiod::line::bias::AS_IS;
}

gpiod::line::drive drive_of(Drive drive) noexcept {
  switch (drive) {
    case Drive::open_drain:
      return gpiod::line::drive::OPEN_DRAIN;
    case Drive::open_source:
      return gpiod::line::drive::OPEN_SOURCE;
    case Drive::push_pull:
      break;
  }
  return gpiod::line::drive::PUSH_PULL;
}

gpiod::line::value value_of(bool active) noexcept {
  return active ? gpiod::line::value::ACTIVE : gpiod::line::value::INACTIVE;
}

gpiod::line_settings settings_of(const LineOptions& options, bool value) {
  gpiod::line_settings settings;
  settings.set_active_low(options.active_low).set_bias(bias_of(options.bias));
  if (options.output) {
    settings.set_direction(gpiod::line::direction::OUTPUT)
        .set_drive(drive_of(options.drive))
        .set_output_value(value_of(value));
  } else {
    settings.set_direction(gpiod::line::direction::INPUT)
        .set_edge_detection(edge_of(options.edges))
        .set_event_clock(gpiod::line::clock::MONOTONIC)
        .set_debounce_period(std::chrono::ceil<std::chrono::microseconds>(options.debounce));
  }
  return settings;
}

std::size_t event_buffer(const LineOptions& options) noexcept {
  const std::size_t wanted = options.event_buffer == 0 ? kernel_default : options.event_buffer;
  return std::bit_ceil(std::min(wanted, most_events));  // as the kernel makes it
}

}  // namespace

struct Line::Impl {
  Impl(const LineInfo& of, gpiod::line_request held, std::size_t events)
      : info(of), request(std::move(held)), first(few_events), rest(events) {
    seen.reserve(few_events + events);
    // So that reading what is not there costs no second call of the system.
    const int flags = fcntl(request.fd(), F_GETFL);
    if (flags < 0 || fcntl(request.fd(), F_SETFL, flags | O_NONBLOCK) < 0) {
      throw SystemError(errno, fmt::format("{} cannot be had", title(info)));
    }
  }

  std::size_t read(gpiod::edge_event_buffer& into) {
    const auto count = request.read_edge_events(into);
    for (const gpiod::edge_event& event : into) {
      EdgeEvent edge;
      edge.active = event.type() == gpiod::edge_event::event_type::RISING_EDGE;
      edge.time = Nanoseconds(static_cast<std::uint64_t>(event.timestamp_ns()));
      edge.sequence = static_cast<std::uint32_t>(event.line_seqno());
      seen.push_back(edge);
    }
    return count;
  }

  LineInfo info;
  gpiod::line_request request;
  // libgpiod clears a buffer's whole capacity before each read, so what is usual has a small one.
  gpiod::edge_event_buffer first;
  gpiod::edge_event_buffer rest;
  std::vector<EdgeEvent> seen;
  bool debounce_refused = false;
  bool active_low = false;
};

Line::Line(const LineInfo& info, const LineOptions& options) {
  const auto events = event_buffer(options);
  const auto request = [&](gpiod::chip& chip, const gpiod::line_settings& settings) {
    return chip.prepare_request()
        .set_consumer(options.consumer)
        .set_event_buffer_size(options.event_buffer == 0 ? 0 : events)
        .add_line_settings(info.offset, settings)
        .do_request();
  };
  try {
    gpiod::chip chip(info.chip);
    // Another chip may have come with the number of one that went.
    if (chip.get_info().label() != info.label) refuse(ENODEV, info);
    if (options.as_is || (options.output && !options.value)) {
      gpiod::line_settings as_is;
      as_is.set_direction(gpiod::line::direction::AS_IS).set_active_low(options.active_low);
      gpiod::line_request held = request(chip, as_is);
      if (options.as_is) {
        impl_ = std::make_unique<Impl>(info, std::move(held), events);
        impl_->active_low = options.active_low;
        return;
      }
      const bool value = held.get_value(info.offset) == gpiod::line::value::ACTIVE;
      gpiod::line_config changed;
      changed.add_line_settings(info.offset, settings_of(options, value));
      held.reconfigure_lines(changed);
      impl_ = std::make_unique<Impl>(info, std::move(held), events);
      impl_->active_low = options.active_low;
      return;
    }
    try {
      impl_ = std::make_unique<Impl>(info, request(chip, settings_of(options, options.value.value_or(false))), events);
    } catch (const std::system_error& error) {
      const int code = error.code().value();
      const bool other = code == EBUSY || code == EACCES || code == EPERM || code == ENODEV;
      if (options.debounce == Nanoseconds{} || options.output || other) throw;
      LineOptions without = options;
      without.debounce = {};
      impl_ = std::make_unique<Impl>(info, request(chip, settings_of(without, false)), events);
      impl_->debounce_refused = true;
    }
    impl_->active_low = options.active_low;
  } catch (const std::system_error& error) {
    refuse(error.code().value(), info);
  }
}

Line::~Line() = default;
Line::Line(Line&&) noexcept = default;
Line& Line::operator=(Line&&) noexcept = default;

int Line::fd() const noexcept {
  return impl_->request.fd();
}

bool Line::get() const {
  try {
    return impl_->request.get_value(impl_->info.offset) == gpiod::line::value::ACTIVE;
  } catch (const std::system_error& error) {
    refuse(error.code().value(), impl_->info);
  }
}

void Line::set(bool active) {
  try {
    impl_->request.set_value(impl_->info.offset, value_of(active));
  } catch (const std::system_error& error) {
    refuse(error.code().value(), impl_->info);
  }
}

void Line::change(const LineOptions& options) {
  // Low is inactive, or active where active_low turns that round.
  const bool high = get() != impl_->active_low;
  try {
    gpiod::line_config changed;
    changed.add_line_settings(impl_->info.offset, settings_of(options, high != options.active_low));
    impl_->request.reconfigure_lines(changed);
  } catch (const std::system_error& error) {
    refuse(error.code().value(), impl_->info);
  }
  impl_->active_low = options.active_low;
}

const std::vector<EdgeEvent>& Line::read() {
  impl_->seen.clear();
  try {
    if (impl_->read(impl_->first) == few_events) impl_->read(impl_->rest);
  } catch (const std::system_error& error) {
    if (error.code().value() != EAGAIN) refuse(error.code().value(), impl_->info);
  }
  return impl_->seen;
}

bool Line::debounce_refused() const noexcept {
  return impl_->debounce_refused;
}

}  // namespace tidegate::gpio
