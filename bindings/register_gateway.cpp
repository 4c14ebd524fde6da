// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include <tidegate/embedded.hpp>

#include "convert.hpp"
#include "own.hpp"
#include "register.hpp"
#include "released.hpp"

namespace tidegate::bindings {
namespace {

namespace py = pybind11;
using BoundGateway = Own<Embedded>;

constexpr const char* what = "This Gateway";

BoundGateway from_file(const std::optional<std::string>& file) {
  const Released released;
  return {Embedded::from_file(file), what};
}

BoundGateway from_text(const std::string& text) {
  const Released released;
  return {Embedded::from_text(text), what};
}

void publish(BoundGateway& gateway, std::string topic, const py::bytes& payload, int qos, bool retain,
             const std::optional<double>& expiry, std::vector<std::pair<std::string, std::string>> user) {
  Message message = to_message(std::move(topic), payload, qos, retain, expiry, {}, {}, py::bytes(), std::move(user));
  const Released released;
  gateway->publish(std::move(message));
}

}  // namespace

void register_gateway(py::module_& module) {
  py::class_<BoundGateway>(module, "Embedded")
      .def_static("from_file", &from_file, py::arg("file"))
      .def_static("from_text", &from_text, py::arg("text"))
      .def(
          "start", [](BoundGateway& gateway) { gateway->start(); }, py::call_guard<Released>())
      .def(
          "stop", [](BoundGateway& gateway) { gateway->stop(); }, py::call_guard<Released>())
      .def(
          "status", [](BoundGateway& gateway) { return gateway->status(); }, py::call_guard<Released>())
      .def("publish", &publish, py::arg("topic"), py::arg("payload"), py::arg("qos") = 1, py::arg("retain") = false,
           py::arg("expiry") = py::none(), py::arg("user") = py::list())
      .def_property_readonly("running", [](const BoundGateway& gateway) { return gateway->running(); })
      .def_property_readonly("id", [](const BoundGateway& gateway) { return gateway->id(); })
      .def_property_readonly("base", [](const BoundGateway& gateway) { return gateway->base(); })
      .def_property_readonly("runtime", [](const BoundGateway& gateway) { return gateway->runtime().string(); });
}

}  // namespace tidegate::bindings
