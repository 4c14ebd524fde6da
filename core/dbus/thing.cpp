// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "dbus/thing.hpp"

#include <cctype>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace tidegate::dbus {
namespace {

using control::Json;

const Json& at(const Json& values, const char* key) {
  static const Json nothing;
  const auto found = values.find(key);
  return found == values.end() ? nothing : *found;
}

std::string text(const Json& value) {
  return value.is_string() ? clean(value.get_ref<const std::string&>()) : std::string();
}

std::uint64_t count(const Json& value) {
  return value.is_number() && value.get<double>() > 0 ? value.get<std::uint64_t>() : 0;
}

std::vector<std::string> texts(const Json& values) {
  std::vector<std::string> all;
  if (values.is_array()) {
    for (const auto& value : values) all.push_back(text(value));
  }
  return all;
}

Interface::Update update_of(Field::Changes changes) {
  switch (changes) {
    case Field::Changes::told:
      return Interface::Update::EMITS_CHANGE_SIGNAL;
    case Field::Changes::not_told:
      return Interface::Update::EMITS_NO_SIGNAL;
    case Field::Changes::never:
      return Interface::Update::CONST_PROPERTY_VALUE;
  }
  return Interface::Update::EMITS_NO_SIGNAL;
}

void add(Interface& interface, const Field& field, const std::shared_ptr<Json>& values) {
  const auto update = update_of(field.changes);
  const auto property = [&](auto convert) {
    interface.property(field.name, update, [values, convert, key = field.key] { return convert(at(*values, key)); });
  };
  switch (field.type) {
    case Field::Type::text:
      return property(text);
    case Field::Type::count:
      return property(count);
    case Field::Type::real:
      return property([](const Json& value) { return value.is_number() ? value.get<double>() : -1.0; });
    case Field::Type::flag:
      return property([](const Json& value) { return value.is_boolean() && value.get<bool>(); });
    case Field::Type::texts:
      return property(texts);
    case Field::Type::problems:
      return property(problems);
    case Field::Type::counts:
      return property([](const Json& value) {
        std::map<std::string, std::uint64_t> all;
        if (value.is_object()) {
          for (const auto& [name, number] : value.items()) all.emplace(clean(name), count(number));
        }
        return all;
      });
  }
}

}  // namespace

Thing::Thing(sdbus::IConnection& connection, const std::string& path, const Shape& shape, Json values,
             const std::function<void(Interface&)>& more)
    : shape_(shape), values_(std::make_shared<Json>(std::move(values))), object_(make_object(connection, path)) {
  Interface interface(*object_, shape.interface);
  for (const auto& field : shape.fields) add(interface, field, values_);
  if (more) more(interface);
  interface.done();
}

Thing::~Thing() = default;

void Thing::update(Json values) {
  std::vector<PropertyName> changed;
  for (const auto& field : shape_.fields) {
    if (field.changes == Field::Changes::told && at(*values_, field.key) != at(values, field.key)) {
      changed.emplace_back(field.name);
    }
  }
  *values_ = std::move(values);
  if (!changed.empty()) object_->emitPropertiesChangedSignal(InterfaceName{shape_.interface}, changed);
}

std::vector<sdbus::Struct<std::string, std::string>> problems(const Json& values) {
  std::vector<sdbus::Struct<std::string, std::string>> all;
  if (values.is_array()) {
    for (const auto& value : values) all.emplace_back(text(at(value, "what")), text(at(value, "why")));
  }
  return all;
}

std::string clean(std::string_view text) {
  // What is no UTF-8 becomes U+FFFD on the way to JSON and back.
  const auto replaced = Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
  auto valid = Json::parse(replaced, nullptr, false).get<std::string>();
  for (auto nul = valid.find('\0'); nul != std::string::npos; nul = valid.find('\0')) valid.replace(nul, 1, "\uFFFD");
  return valid;
}

std::string path_element(std::string_view name) {
  if (name.empty()) return "_";
  std::string element;
  for (const char letter : name) {
    const auto byte = static_cast<unsigned char>(letter);
    const bool plain = byte < 0x80 && std::isalnum(byte) != 0;
    element += plain ? std::string(1, letter) : fmt::format("_{:02x}", byte);
  }
  return element;
}

}  // namespace tidegate::dbus
