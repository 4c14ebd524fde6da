// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include <tidegate/descriptor.hpp>
#include <tidegate/loop.hpp>

namespace tidegate::automation {

/// Whether a file of this name is a script: it ends with ".py", and begins with none of '.', '_' and '#', as modules
/// that scripts share, and what editors write for a while, do.
[[nodiscard]] bool is_script(const std::string& file) noexcept;

/// The names of the scripts in a folder, sorted; none when there is no such folder.
[[nodiscard]] std::set<std::string> scripts_in(const std::filesystem::path& folder);

/// Watches a folder for scripts that are saved, come or go. A folder that is not there is waited for. Thread: loop.
class Folder final {
 public:
  /// changed is called, on the loop, with the files that may have changed: all that are there at first, then those that
  /// were written and closed, renamed or removed, a moment after the last of it. Throws SystemError when the kernel
  /// refuses.
  Folder(Loop& loop, std::filesystem::path path, std::function<void(const std::set<std::string>&)> changed);
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

 private:
  void begin();
  void lose();
  void read();
  void settle();

  Loop& loop_;
  const std::filesystem::path path_;
  const std::function<void(const std::set<std::string>&)> changed_;
  Descriptor fd_;
  int watch_ = -1;
  std::set<std::string> known_, pending_;
  Source events_, quiet_, wait_;
};

}  // namespace tidegate::automation
