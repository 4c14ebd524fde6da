// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <pybind11/stl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>
#include <tidegate/gpio.hpp>
#include <tidegate/gpio_line.hpp>
#include <tidegate/gpio_pwm.hpp>

#include "register.hpp"
#include "released.hpp"

namespace tidegate::bindings {
namespace {

namespace py = pybind11;
using Steady = std::chrono::steady_clock;

constexpr double most_hertz = 10'000;

/// A line that Python holds, from any of its threads: one waits, another sets or lets go. Its lock is never held while
/// the GIL is asked for.
class HeldLine final {
 public:
  HeldLine(gpio::LineInfo info, const gpio::LineOptions& options)
      : info_(std::move(info)),
        output_(options.output),
        edges_(options.edges != gpio::Edges::none),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wake_) throw SystemError(errno, "cannot make an eventfd");
    line_.emplace(info_, options);
    debounce_refused_ = line_->debounce_refused();
  }
  ~HeldLine() {
    // A child of fork has no thread that pulses, and its locks may be taken for ever.
    if (::getpid() == process_) {
      release();
    } else {
      [[maybe_unused]] const gpio::SoftPwm* left = pwm_.release();
    }
  }
  HeldLine(const HeldLine&) = delete;
  HeldLine& operator=(const HeldLine&) = delete;

  [[nodiscard]] const gpio::LineInfo& info() const noexcept { return info_; }
  [[nodiscard]] bool debounce_refused() const noexcept { return debounce_refused_; }

  [[nodiscard]] bool released() {
    const std::unique_lock lock = locked();
    return released_;
  }

  [[nodiscard]] int fd() {
    const std::unique_lock lock = locked();
    return held().fd();
  }

  bool get() {
    const std::unique_lock lock = locked();
    if (pwm_) return share_ > 0;
    return held().get();
  }

  void set(bool active) {
    const std::unique_lock lock = locked();
    check_output();
    end_pulses();
    held().set(active);
  }

  void pulse(double hertz, double share) {
    if (!(hertz > 0 && hertz <= most_hertz)) {
      throw ConfigError(fmt::format("a line is pulsed at more than 0 and at most {} Hz, not {}", most_hertz, hertz));
    }
    if (!(share >= 0 && share <= 1)) {
      throw ConfigError(fmt::format("the share of a pulse is 0 to 1 of its period, not {}", share));
    }
    const std::unique_lock lock = locked();
    check_output();
    if (!pwm_ || hertz != hertz_) {
      end_pulses();
      static_cast<void>(held());
      hertz_ = hertz;
      pwm_ =
          std::make_unique<gpio::SoftPwm>(std::move(*line_), Nanoseconds(static_cast<Nanoseconds::rep>(1e9 / hertz)));
      line_.reset();
    }
    pwm_->set_share(share);
    share_ = share;
  }

  /// What the kernel has; waits for the first so long, or (nothing) until it comes, the line is released, or the time
  /// is over.
  std::vector<gpio::EdgeEvent> wait(std::optional<double> seconds) {
    if (!edges_) throw ConfigError(fmt::format("{} was not requested with edges, so none will ever come", title()));
    const auto end = seconds ? Steady::now() + std::chrono::duration_cast<Steady::duration>(
                                                   std::chrono::duration<double>(std::clamp(*seconds, 0.0, 1e8)))
                             : Steady::time_point::max();
    while (true) {
      int failure = 0;
      bool ready = false;
      {
        const Released released;
        std::unique_lock lock = locked();
        if (released_) return {};
        if (auto seen = held().read(); !seen.empty()) return seen;
        pollfd watched[2] = {{line_->fd(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
        ++waiters_;
        lock.unlock();
        int left = -1;
        if (seconds) {
          const auto rest = std::chrono::ceil<std::chrono::milliseconds>(end - Steady::now()).count();
          left = static_cast<int>(std::clamp<std::int64_t>(rest, 0, 100'000'000));
        }
        if (::poll(watched, 2, left) < 0) failure = errno;
        ready = failure == 0 && (watched[0].revents & POLLIN) != 0;
        lock.lock();
        if (--waiters_ == 0) alone_.notify_all();
        if (released_) return {};
        // Kernels say a chip's end only so; asking the line has the error that fits.
        if (failure == 0 && (watched[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) static_cast<void>(line_->get());
      }
      if (failure == EINTR && PyErr_CheckSignals() != 0) throw py::error_already_set();
      if (!ready && Steady::now() >= end) return {};
    }
  }

  void release() {
    std::unique_lock lock = locked();
    released_ = true;
    const std::uint64_t one = 1;
    static_cast<void>(!::write(wake_.get(), &one, sizeof one));
    alone_.wait(lock, [this] { return waiters_ == 0; });
    pwm_.reset();
    line_.reset();
  }

 private:
  [[nodiscard]] std::unique_lock<std::mutex> locked() {
    if (::getpid() != process_) {
      throw UnavailableError(
          fmt::format("{} belongs to the process that requested it, of which this is a fork", title()));
    }
    return std::unique_lock(mutex_);
  }

  gpio::Line& held() {
    if (!line_) throw UnavailableError(fmt::format("{} was released", title()));
    return *line_;
  }

  void check_output() const {
    if (!output_) throw ConfigError(fmt::format("{} was requested as an input, which cannot be set", title()));
  }

  void end_pulses() {
    if (!pwm_) return;
    line_ = pwm_->stop();
    pwm_.reset();
  }

  [[nodiscard]] std::string title() const {
    return info_.name.empty() ? fmt::format("{}:{}", info_.label, info_.offset) : info_.name;
  }

  const gpio::LineInfo info_;
  const pid_t process_ = ::getpid();
  const bool output_;
  const bool edges_;
  bool debounce_refused_ = false;
  const Descriptor wake_;
  std::mutex mutex_;
  std::condition_variable alone_;
  int waiters_ = 0;
  bool released_ = false;
  std::optional<gpio::Line> line_;  ///< not while it is pulsed
  std::unique_ptr<gpio::SoftPwm> pwm_;
  double hertz_ = 0;
  double share_ = 0;
};

template <class Enum>
Enum word(const char* what, const std::string& text, std::initializer_list<std::pair<const char*, Enum>> words) {
  std::string all;
  for (const auto& [name, value] : words) {
    if (text == name) return value;
    all += fmt::format("{}\"{}\"", all.empty() ? "" : ", ", name);
  }
  throw ConfigError(fmt::format("{} is one of {}, not \"{}\"", what, all, text));
}

gpio::Bias read_bias(const std::string& text) {
  return word<gpio::Bias>("bias", text,
                          {{"as-is", gpio::Bias::as_is},
                           {"disabled", gpio::Bias::disabled},
                           {"pull-up", gpio::Bias::pull_up},
                           {"pull-down", gpio::Bias::pull_down}});
}

std::unique_ptr<HeldLine> hold(const gpio::LineInfo& info, const gpio::LineOptions& options) {
  const Released released;
  return std::make_unique<HeldLine>(info, options);
}

std::unique_ptr<HeldLine> input(const gpio::LineInfo& info, const std::string& bias, bool active_low,
                                const std::string& edges, double debounce, std::size_t event_buffer,
                                const std::string& consumer) {
  gpio::LineOptions options;
  options.bias = read_bias(bias);
  options.active_low = active_low;
  options.edges = word<gpio::Edges>("edges", edges,
                                    {{"none", gpio::Edges::none},
                                     {"rising", gpio::Edges::rising},
                                     {"falling", gpio::Edges::falling},
                                     {"both", gpio::Edges::both}});
  if (!(debounce >= 0 && debounce <= 10)) throw ConfigError(fmt::format("debounce is 0 to 10 s, not {}", debounce));
  options.debounce = Nanoseconds(static_cast<Nanoseconds::rep>(debounce * 1e9));
  options.event_buffer = event_buffer;
  options.consumer = consumer;
  return hold(info, options);
}

std::unique_ptr<HeldLine> output(const gpio::LineInfo& info, std::optional<bool> value, const std::string& drive,
                                 const std::string& bias, bool active_low, const std::string& consumer) {
  gpio::LineOptions options;
  options.output = true;
  options.value = value;
  options.drive = word<gpio::Drive>("drive", drive,
                                    {{"push-pull", gpio::Drive::push_pull},
                                     {"open-drain", gpio::Drive::open_drain},
                                     {"open-source", gpio::Drive::open_source}});
  options.bias = read_bias(bias);
  options.active_low = active_low;
  options.consumer = consumer;
  return hold(info, options);
}

py::list to_list(const std::vector<gpio::EdgeEvent>& edges) {
  py::list made(edges.size());
  for (std::size_t n = 0; n < edges.size(); ++n) {
    made[n] = py::make_tuple(edges[n].active, edges[n].time.count(), edges[n].sequence);
  }
  return made;
}

gpio::Chips look() {
  const Released released;
  return gpio::chips();
}

gpio::LineInfo find(const std::string& line) {
  gpio::check_line_name(line);
  return gpio::find_line(line, look());
}

}  // namespace

void register_gpio(py::module_& module) {
  py::class_<gpio::LineInfo>(module, "GpioLineInfo")
      .def_property_readonly("chip", [](const gpio::LineInfo& line) { return line.chip.string(); })
      .def_readonly("label", &gpio::LineInfo::label)
      .def_readonly("offset", &gpio::LineInfo::offset)
      .def_readonly("name", &gpio::LineInfo::name)
      .def_readonly("header", &gpio::LineInfo::header)
      .def_readonly("output", &gpio::LineInfo::output)
      .def_readonly("active_low", &gpio::LineInfo::active_low)
      .def_readonly("used", &gpio::LineInfo::used)
      .def_readonly("consumer", &gpio::LineInfo::consumer)
      .def_readonly("bias", &gpio::LineInfo::bias)
      .def("__repr__", [](const gpio::LineInfo& line) {
        return fmt::format("<line {}:{} \"{}\">", line.label, line.offset, line.name);
      });
  py::class_<gpio::ChipInfo>(module, "GpioChipInfo")
      .def_property_readonly("path", [](const gpio::ChipInfo& chip) { return chip.path.string(); })
      .def_readonly("name", &gpio::ChipInfo::name)
      .def_readonly("label", &gpio::ChipInfo::label)
      .def_readonly("device", &gpio::ChipInfo::device)
      .def_readonly("lines", &gpio::ChipInfo::lines)
      .def("__repr__", [](const gpio::ChipInfo& chip) {
        return fmt::format("<chip {} \"{}\", {} lines>", chip.name, chip.label, chip.lines.size());
      });
  py::class_<HeldLine>(module, "GpioLine")
      .def_static("input", &input, py::arg("line"), py::arg("bias"), py::arg("active_low"), py::arg("edges"),
                  py::arg("debounce"), py::arg("event_buffer"), py::arg("consumer"))
      .def_static("output", &output, py::arg("line"), py::arg("value"), py::arg("drive"), py::arg("bias"),
                  py::arg("active_low"), py::arg("consumer"))
      .def_property_readonly("info", &HeldLine::info)
      .def_property_readonly("released",
                             [](HeldLine& line) {
                               const Released released;
                               return line.released();
                             })
      .def_property_readonly("debounce_refused", &HeldLine::debounce_refused)
      .def("fileno", &HeldLine::fd, py::call_guard<Released>())
      .def("get", &HeldLine::get, py::call_guard<Released>())
      .def("set", &HeldLine::set, py::arg("active"), py::call_guard<Released>())
      .def("pulse", &HeldLine::pulse, py::arg("frequency"), py::arg("share"), py::call_guard<Released>())
      .def(
          "wait", [](HeldLine& line, std::optional<double> timeout) { return to_list(line.wait(timeout)); },
          py::arg("timeout"))
      .def("release", &HeldLine::release, py::call_guard<Released>());
  module.def("gpio_chips", [] {
    const auto all = look();
    py::list refused;
    for (const auto& path : all.refused) refused.append(path.string());
    return py::make_tuple(py::cast(all.chips), refused);
  });
  module.def("gpio_find", &find, py::arg("line"));
  module.def("gpio_how_to_open", [](const std::string& chip) { return gpio::how_to_open(chip); }, py::arg("chip"));
}

}  // namespace tidegate::bindings
