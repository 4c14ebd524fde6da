// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "control/control.hpp"
#include "dbus/api.hpp"

namespace tidegate::dbus {

/// One property of an interface, and where its value comes from.
struct Field {
  /// D-Bus's s, t, d, b, as, a(ss), a{st}. What is missing or null in the JSON is "", 0, -1, false or empty.
  enum class Type : std::uint8_t { text, count, real, flag, texts, problems, counts };
  enum class Changes : std::uint8_t { told, not_told, never };  ///< never: it is constant
  const char* name;
  Type type;
  const char* key;  ///< in the object's JSON
  Changes changes;
};

/// An interface whose properties are a table.
struct Shape {
  const char* interface;
  std::span<const Field> fields;
};

/// One object on the bus, of one interface, that shows a JSON object. Thread: loop.
class Thing final {
 public:
  /// more: adds methods and signals to the interface before it is shown.
  Thing(sdbus::IConnection& connection, const std::string& path, const Shape& shape, control::Json values,
        const std::function<void(Interface&)>& more = {});
  ~Thing();
  Thing(const Thing&) = delete;
  Thing& operator=(const Thing&) = delete;

  [[nodiscard]] sdbus::IObject& object() noexcept { return *object_; }
  [[nodiscard]] const control::Json& values() const noexcept { return *values_; }
  /// Shows these, and tells which of those that are told have changed.
  void update(control::Json values);

 private:
  const Shape& shape_;
  const std::shared_ptr<control::Json> values_;  ///< the getters hold it too
  std::unique_ptr<sdbus::IObject> object_;
};

/// [{"what":…,"why":…}] as a(ss).
[[nodiscard]] std::vector<sdbus::Struct<std::string, std::string>> problems(const control::Json& values);
/// What D-Bus takes as a string: valid UTF-8 without NUL.
[[nodiscard]] std::string clean(std::string_view text);
/// A name as one element of an object path: letters and digits stay, everything else becomes _xx, as sd-bus has it.
[[nodiscard]] std::string path_element(std::string_view name);

}  // namespace tidegate::dbus
