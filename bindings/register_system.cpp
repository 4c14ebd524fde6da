// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <string>

#include <tidegate/system_stats.hpp>

#include "register.hpp"
#include "released.hpp"

namespace tidegate::bindings {
namespace {

namespace py = pybind11;

py::dict dictionary(const system::NetCounters& counters) {
  py::dict made;
  made["bytes_sent"] = counters.bytes_sent;
  made["bytes_recv"] = counters.bytes_recv;
  made["packets_sent"] = counters.packets_sent;
  made["packets_recv"] = counters.packets_recv;
  made["errin"] = counters.errin;
  made["errout"] = counters.errout;
  made["dropin"] = counters.dropin;
  made["dropout"] = counters.dropout;
  return made;
}

py::dict net_io(const std::string& root) {
  py::dict made;
  for (const auto& interface : system::net_io(root)) made[py::str(interface.name)] = dictionary(interface.counters);
  return made;
}

py::dict net_total(const std::string& root) {
  return dictionary(system::total(system::net_io(root)));
}

system::CpuTimes cpu_times(const std::string& root) {
  return system::cpu_times(root).all;
}

py::dict memory(const std::string& root) {
  const auto memory = system::memory(root);
  py::dict made;
  made["total"] = memory.total;
  made["available"] = memory.available;
  made["used"] = memory.used;
  made["free"] = memory.free;
  made["percent"] = memory.percent;
  return made;
}

py::dict load(const std::string& root) {
  const auto load = system::load(root);
  py::dict made;
  made["one"] = load.one;
  made["five"] = load.five;
  made["fifteen"] = load.fifteen;
  return made;
}

py::dict disk(const std::string& path) {
  const auto usage = [&] {
    const Released released;  // a network file system may not answer
    return system::disk_usage(path);
  }();
  py::dict made;
  made["total"] = usage.total;
  made["used"] = usage.used;
  made["free"] = usage.free;
  made["percent"] = usage.percent;
  return made;
}

py::list temperatures(const std::string& root) {
  const auto zones = [&] {
    const Released released;  // some zones take milliseconds
    return system::temperatures(root);
  }();
  py::list made;
  for (const auto& zone : zones) {
    const py::object celsius = zone.celsius ? py::object(py::float_(*zone.celsius)) : py::object(py::none());
    made.append(py::make_tuple(zone.zone, zone.type, celsius));
  }
  return made;
}

double uptime(const std::string& root) {
  return std::chrono::duration<double>(system::uptime(root)).count();
}

py::object cpu_percent(const system::CpuTimes& before, const system::CpuTimes& after) {
  const auto percent = system::cpu_percent(before, after);
  return percent ? py::object(py::float_(*percent)) : py::object(py::none());
}

}  // namespace

void register_system(py::module_& module) {
  py::class_<system::CpuTimes>(module, "CpuTimes").def(py::init<>());
  const auto root = py::arg("root") = "/";
  module.def("net_io", &net_io, root);
  module.def("net_total", &net_total, root);
  module.def("cpu_times", &cpu_times, root);
  module.def("cpu_percent", &cpu_percent, py::arg("before"), py::arg("after"));
  module.def("memory", &memory, root);
  module.def("load", &load, root);
  module.def("disk", &disk, py::arg("path"));
  module.def("temperatures", &temperatures, root);
  module.def("uptime", &uptime, root);
}

}  // namespace tidegate::bindings
