// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <tidegate/version.hpp>

#include "own.hpp"
#include "register.hpp"

namespace {

/// Threads, connections and callbacks of this module belong to the process, and one interpreter.
constexpr const char* refusal =
    "tidegate does not work in a sub-interpreter, only in Python's main one: use it there, or in a process of its own";

bool in_main_interpreter() noexcept {
  return PyInterpreterState_Get() == PyInterpreterState_Main();
}

}  // namespace

// What pybind11 does before it runs the body of a module waits for ever in a sub-interpreter: the real PyInit__core is
// below.
#define PyInit__core init_core
PYBIND11_MODULE(_core, module) {
  module.def("check_interpreter", [] {  // Python makes a module once, and gives other interpreters a copy
    if (!in_main_interpreter()) throw pybind11::import_error(refusal);
  });
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
#undef PyInit__core

extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
  if (in_main_interpreter()) return init_core();
  PyErr_SetString(PyExc_ImportError, refusal);
  return nullptr;
}
