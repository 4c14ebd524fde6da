// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "register_store.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "convert.hpp"
#include "register.hpp"
#include "released.hpp"

namespace tidegate::bindings {
namespace {

namespace py = pybind11;
using Seconds = std::chrono::duration<double>;
using BoundStore = Own<Store>;

py::tuple to_tuple(const StoreRecord& record) {
  const Message& message = record.message;
  return py::make_tuple(record.sequence, record.epoch, Seconds(record.age).count(),
                        Seconds(record.accepted.time_since_epoch()).count(), to_string(record.clock),
                        to_str(message.topic), py::bytes(message.payload), static_cast<int>(message.qos),
                        message.retain, to_properties(message.properties));
}

std::optional<std::uint64_t> append(BoundLane& lane, std::string topic, const py::bytes& payload, int qos, bool retain,
                                    const std::optional<double>& expiry, std::string content_type,
                                    std::string response_topic, const py::bytes& correlation_data,
                                    std::vector<std::pair<std::string, std::string>> user) {
  const Message message = to_message(std::move(topic), payload, qos, retain, expiry, std::move(content_type),
                                     std::move(response_topic), correlation_data, std::move(user));
  const Released released;  // the disk may be slow
  return lane->lane->append(message);
}

py::list read(BoundLane& lane, std::size_t count, std::size_t bytes) {
  const auto records = [&] {
    const Released released;
    return lane->lane->read(count, bytes);
  }();
  py::list made(records.size());
  for (std::size_t n = 0; n < records.size(); ++n) made[n] = to_tuple(records[n]);
  return made;
}

py::dict status(BoundLane& lane) {
  const auto status = [&] {
    const Released released;
    return lane->lane->status();
  }();
  py::dict made;
  made["waiting"] = status.waiting;
  made["waiting_bytes"] = status.waiting_bytes;
  made["disk_bytes"] = status.disk_bytes;
  made["accepted"] = status.accepted;
  made["durable"] = status.durable;
  made["delivered"] = status.delivered;
  made["discarded"] = status.discarded;
  made["oldest_age"] =
      status.oldest_age ? py::object(py::float_(Seconds(*status.oldest_age).count())) : py::object(py::none());
  made["trouble"] = status.trouble;
  return made;
}

BoundLane open_lane(BoundStore& store, const std::string& upstream, const std::string& name, std::uint64_t capacity,
                    std::uint64_t capacity_messages, double expiry, std::string when_full, std::string sync,
                    double sync_interval) {
  StoreLaneOptions options;
  options.capacity = capacity;
  options.capacity_messages = capacity_messages;
  options.expiry = *to_expiry(expiry);
  options.when_full = std::move(when_full);
  options.sync = std::move(sync);
  options.sync_interval = to_milliseconds(sync_interval);
  const Released released;
  return {std::make_unique<SharedLane>(SharedLane{store->lane(upstream, name, options)}), "This Lane"};
}

BoundStore open_store(const std::string& folder) {
  const Released released;
  return {std::make_unique<Store>(folder), "This Spool"};
}

}  // namespace

void register_store(py::module_& module) {
  const StoreLaneOptions defaults;
  py::class_<BoundLane>(module, "StoreLane")
      .def("append", &append, py::arg("topic"), py::arg("payload"), py::arg("qos") = 1, py::arg("retain") = false,
           py::arg("expiry") = py::none(), py::arg("content_type") = "", py::arg("response_topic") = "",
           py::arg("correlation_data") = py::bytes(), py::arg("user") = py::list())
      .def(
          "wait_durable",
          [](BoundLane& lane, std::uint64_t sequence, double timeout) {
            return lane->lane->wait_durable(sequence, to_milliseconds(timeout));
          },
          py::arg("sequence"), py::arg("timeout"), py::call_guard<Released>())
      .def("read", &read, py::arg("count"), py::arg("bytes"))
      .def(
          "rewind", [](BoundLane& lane) { lane->lane->rewind(); }, py::call_guard<Released>())
      .def(
          "acknowledge",
          [](BoundLane& lane, const std::vector<std::uint64_t>& sequences) { lane->lane->acknowledge(sequences); },
          py::arg("sequences"), py::call_guard<Released>())
      .def(
          "discard",
          [](BoundLane& lane, std::uint64_t sequence, bool dead_lettered, const std::string& why) {
            lane->lane->discard(sequence, dead_lettered, why);
          },
          py::arg("sequence"), py::arg("dead_lettered"), py::arg("why"), py::call_guard<Released>())
      .def("status", &status);
  py::class_<BoundStore>(module, "Store")
      .def(py::init(&open_store), py::arg("folder"))
      .def("lane", &open_lane, py::arg("upstream"), py::arg("name"), py::kw_only(),
           py::arg("capacity") = defaults.capacity, py::arg("capacity_messages") = defaults.capacity_messages,
           py::arg("expiry") = Seconds(defaults.expiry).count(), py::arg("when_full") = defaults.when_full,
           py::arg("sync") = defaults.sync, py::arg("sync_interval") = Seconds(defaults.sync_interval).count())
      .def(
          "forgotten", [](BoundStore& store) { return store->forgotten(); }, py::call_guard<Released>())
      .def(
          "uuid", [](BoundStore& store) { return store->uuid(); }, py::call_guard<Released>())
      .def(
          "sync", [](BoundStore& store) { store->sync(); }, py::call_guard<Released>())
      .def("close", [](BoundStore& store) { store->close(); }, py::call_guard<Released>());
}

}  // namespace tidegate::bindings
