// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "event/scratch.hpp"

#include <cerrno>
#include <cstdlib>

#include <tidegate/error.hpp>

namespace tidegate::event {

namespace fs = std::filesystem;

Scratch::Scratch() {
  std::string form = (fs::temp_directory_path() / "tidegate-XXXXXX").string();
  if (mkdtemp(form.data()) == nullptr) throw SystemError(errno, "cannot make the folder " + form);
  folder_ = form;
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

}  // namespace tidegate::event
