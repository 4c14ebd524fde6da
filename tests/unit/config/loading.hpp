// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "config/config.hpp"

namespace tidegate::config::test {

inline const std::vector<std::string> plugins{"sysstat", "null", "gpio"};

inline Config read(std::string_view text) {
  return parse(text, "t.toml", plugins);
}

/// The complaints about a text, one a line; empty when it is valid.
inline std::string complaints(std::string_view text) {
  try {
    static_cast<void>(read(text));
    return {};
  } catch (const ConfigError& error) {
    return error.what();
  }
}

inline std::string load_complaints(const std::filesystem::path& file) {
  try {
    static_cast<void>(load(file, plugins));
    return {};
  } catch (const ConfigError& error) {
    return error.what();
  }
}

/// The plugin table "null" of a text, to try the getters on.
inline Block block(const Config& config) {
  return config.plugins.at(0).block;
}

inline std::string joined(const std::vector<Complaint>& complaints) {
  std::string all;
  for (const auto& [where, what] : complaints) all += (all.empty() ? "" : "\n") + where + ": " + what;
  return all;
}

inline std::string contents(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

/// A folder of the test's own, gone with it.
class Folder {
 public:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "tidegate-config-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, std::string_view text, mode_t mode = 0600) const {
    const auto file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    ::chmod(file.c_str(), mode);
    return file;
  }

 private:
  std::filesystem::path path_;
};

/// An environment variable for as long as this lives; without a value it is unset.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    set(value);
  }
  ~Variable() { set(old_ ? old_->c_str() : nullptr); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const char* value) const {
    if (value != nullptr) {
      ::setenv(name_, value, 1);
    } else {
      ::unsetenv(name_);
    }
  }

  const char* name_;
  std::optional<std::string> old_;
};

}  // namespace tidegate::config::test
