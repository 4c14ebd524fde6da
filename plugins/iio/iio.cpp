// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <tidegate/plugin.hpp>

#include "iio_sample.hpp"
#include "plugins/common/roster.hpp"
#include "plugins/common/rounds.hpp"
#include "plugins/common/selection.hpp"
#include "plugins/iio/buffer.hpp"
#include "plugins/iio/channel.hpp"

namespace tidegate::plugins {
namespace {

using namespace std::chrono_literals;

struct Options {
  Nanoseconds interval{};
  std::filesystem::path root;
  Selection wanted;
  Roster::OptionsOf of;
  std::vector<iio::BufferOptions> buffers;
};

Options read_options(const Block& block) {
  Options options{.interval = block.duration("interval", 10s, 10ms),
                  .root = block.path("root", "/"),
                  .wanted = read_selection(block),
                  .of = reading_options(block),
                  .buffers = {}};
  for (const Block& table : block.tables("buffer")) {
    iio::BufferOptions buffer{.device = table.required_text("device"),
                              .trigger = table.required_text("trigger"),
                              .channels = table.texts("channels"),
                              .length = static_cast<unsigned>(table.integer("length", 128, 2, 65536))};
    if (std::ranges::find(options.buffers, buffer.device, &iio::BufferOptions::device) != options.buffers.end()) {
      table.complain("device", fmt::format("\"{}\" has a buffer already; put all its channels there", buffer.device));
    }
    options.buffers.push_back(std::move(buffer));
  }
  return options;
}

/// Reads every industrial I/O device each interval, and the buffers that are asked for as they fill. Thread: loop.
class Iio final : public Plugin {
 public:
  Iio(Context& context, Options options)
      : roster_(context, std::move(options.of)),
        rounds_(
            context, options.interval, roster_,
            [root = options.root] {
              return find_devices(root, "sys/bus/iio/devices", "iio:device", {"label", "name"});
            },
            [wanted = std::move(options.wanted)](const Device& device, Doing& doing) {
              return iio::read_device(device, wanted, doing);
            },
            [this](std::vector<Device>& devices) { claim(devices); }) {
    for (auto& buffer : options.buffers) {
      streams_.push_back(std::make_unique<iio::Stream>(context, roster_, options.root, std::move(buffer)));
    }
  }

  void start() override {
    roster_.begin();
    rounds_.start();
  }
  void stop() noexcept override {
    rounds_.stop();
    for (const auto& stream : streams_) stream->stop();
    roster_.end();
  }

 private:
  /// A device whose buffer runs cannot be read otherwise.
  void claim(std::vector<Device>& devices) {
    for (const auto& stream : streams_) {
      const auto found = std::ranges::find(devices, stream->device(), &Device::name);
      if (found == devices.end()) {
        stream->absent();
      } else {
        stream->there(*found);
        devices.erase(found);
      }
    }
  }

  Roster roster_;
  std::vector<std::unique_ptr<iio::Stream>> streams_;
  Rounds rounds_;
};

}  // namespace

extern const PluginInfo iio_plugin;
const PluginInfo iio_plugin = {
    .name = "iio",
    .sample = iio_sample,
    .make = [](Context& context, const Block& block) -> std::unique_ptr<Plugin> {
      return std::make_unique<Iio>(context, read_options(block));
    },
};

}  // namespace tidegate::plugins
