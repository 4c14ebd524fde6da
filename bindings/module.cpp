// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <tidegate/version.hpp>

#include "own.hpp"
#include "register.hpp"

namespace {

/// Threads, connections and callbacks of this module belong to the process, and one interpreter.
void check_interpreter() {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return;
  throw pybind11::import_error(
      "tidegate does not work in a sub-interpreter, only in Python's main one: use it there, or in a process of its "
      "own");
}

}  // namespace

PYBIND11_MODULE(_core, module) {
  check_interpreter();
  module.def("check_interpreter", &check_interpreter);  // Python makes a module once, and gives others a copy
  module.doc() = "Tidegate's core. Private: use the package tidegate.";
  module.attr("version") = tidegate::version;
  tidegate::bindings::count_forks();
  tidegate::bindings::register_errors(module);
  tidegate::bindings::register_store(module);
  tidegate::bindings::register_client(module);
#ifdef TIDEGATE_GPIO
  tidegate::bindings::register_gpio(module);
#endif
  tidegate::bindings::register_session(module);
  tidegate::bindings::register_system(module);
  tidegate::bindings::register_topic(module);
}
