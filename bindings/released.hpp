// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>
#include <unistd.h>

namespace tidegate::bindings {

/// While it lives, this thread does not hold the GIL. Unlike pybind11's gil_scoped_release it survives the
/// interpreter's end: Python then ends a daemon thread that asks for the GIL by unwinding its stack, which must not
/// pass through destructors; such a thread sleeps here until the process is gone.
class Released final {
 public:
  Released() noexcept : state_(PyEval_SaveThread()) {}
  ~Released() {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      for (;;) ::pause();
    }
  }
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;

 private:
  PyThreadState* state_;
};

}  // namespace tidegate::bindings
