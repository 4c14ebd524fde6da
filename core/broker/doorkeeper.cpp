// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/doorkeeper.hpp"

#include <string_view>
#include <system_error>

#include <dlfcn.h>

namespace tidegate::broker {
namespace {

namespace fs = std::filesystem;

/// Of a program dladdr() has the name by which it was called, which need not be a path.
fs::path this_object() {
  Dl_info about{};
  std::error_code error;
  const bool is_module = dladdr(reinterpret_cast<const void*>(&find_doorkeeper), &about) != 0 &&
                         std::string_view(about.dli_fname).ends_with(".so");
  return fs::canonical(is_module ? about.dli_fname : "/proc/self/exe", error);
}

}  // namespace

fs::path find_doorkeeper() {
  for (fs::path at = this_object(); at.has_relative_path(); at = at.parent_path()) {
    std::error_code error;
    if (auto file = at.parent_path() / "lib/tidegate/doorkeeper.so"; fs::exists(file, error)) return file;
  }
  return {};
}

}  // namespace tidegate::broker
