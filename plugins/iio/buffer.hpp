// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tidegate/descriptor.hpp>
#include <tidegate/plugin.hpp>

#include "plugins/common/device.hpp"
#include "plugins/common/errand.hpp"
#include "plugins/common/roster.hpp"
#include "plugins/iio/channel.hpp"
#include "plugins/iio/scan.hpp"

namespace tidegate::plugins::iio {

/// One [[iio.buffer]].
struct BufferOptions {
  std::string device;                 ///< its name
  std::string trigger;                ///< the name of one that exists
  std::vector<std::string> channels;  ///< "voltage0"; none: all that the buffer can have
  unsigned length = 0;                ///< scans that the kernel keeps
};

/// The kernel's buffer of a device, set up and running until this is destroyed, which undoes what it did. Thread: any,
/// one at a time; opening and destroying take as long as the device does.
class Capture final {
 public:
  struct Channel {
    std::string name;
    Conversion conversion;
    bool shown = true;  ///< else it is only there to be skipped
  };

  /// root has dev and sys in it. Throws Error when there is no such trigger or channel, SystemError when the kernel
  /// refuses.
  Capture(const Device& device, const std::filesystem::path& root, const BufferOptions& options, Doing& doing);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }  ///< does not block
  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
  [[nodiscard]] const Scan& scan() const noexcept { return scan_; }
  [[nodiscard]] const std::vector<Channel>& channels() const noexcept { return channels_; }  ///< as in the scan
  [[nodiscard]] std::optional<std::size_t> timestamp() const noexcept { return timestamp_; }

 private:
  void set_up(const std::filesystem::path& root, const BufferOptions& options, Doing& doing);
  void choose(const std::vector<std::string>& wanted, Doing& doing);
  void undo() noexcept;

  const std::filesystem::path folder_;
  Descriptor fd_;
  std::vector<std::pair<std::filesystem::path, std::string>> undo_;  // what to write where, the last first
  std::vector<Channel> channels_;
  std::optional<std::size_t> timestamp_;
  Scan scan_{{}};
};

/// Publishes each scan of a device's buffer, and starts the buffer anew when it stops. Thread: loop.
class Stream final {
 public:
  Stream(Context& context, Roster& roster, std::filesystem::path root, BufferOptions options);

  [[nodiscard]] const std::string& device() const noexcept { return options_.device; }
  /// The device is there: looks after its buffer.
  void there(const Device& device);
  /// It is not.
  void absent();
  void stop() noexcept;

 private:
  void fail(std::string_view why);
  void begin(std::unique_ptr<Capture> capture);
  void read();

  Context& context_;
  Roster& roster_;
  const std::filesystem::path root_;
  const BufferOptions options_;
  std::unique_ptr<Errand> errand_;
  std::unique_ptr<Capture> capture_;
  Source watch_;
};

}  // namespace tidegate::plugins::iio
