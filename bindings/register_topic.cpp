// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include <tidegate/topic.hpp>

#include "register.hpp"

namespace tidegate::bindings {

void register_topic(pybind11::module_& module) {
  namespace py = pybind11;
  module.def("check_topic", &check_topic, py::arg("topic"));
  module.def("check_filter", &check_filter, py::arg("filter"));
  module.def("covers", &covers, py::arg("rule"), py::arg("filter"));
  module.def("matches", &matches, py::arg("filter"), py::arg("topic"));
}

}  // namespace tidegate::bindings
