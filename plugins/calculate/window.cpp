// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/calculate/window.hpp"

#include <algorithm>
#include <iterator>

namespace tidegate::plugins::calculate {

void Window::add(const std::string& topic, double value, Nanoseconds now) {
  if (const auto known = of_topic_.find(topic); latest_ && known != of_topic_.end()) {
    known->second->value = value;
    known->second->at = now;
    values_.splice(values_.end(), values_, known->second);
    return;
  }
  if (values_.size() == (latest_ ? most_topics : most_values)) {
    if (now - values_.front().at <= length_) overflowed_ = now;
    drop_oldest();
  }
  values_.push_back({latest_ ? topic : std::string(), value, now});
  if (latest_) of_topic_.emplace(values_.back().topic, std::prev(values_.end()));
}

std::optional<double> Window::calculate(Function function, Nanoseconds now) {
  while (!values_.empty() && now - values_.front().at > length_) drop_oldest();
  const auto count = static_cast<double>(values_.size());
  if (function == Function::count) return count;
  if (values_.empty()) return {};
  double result = values_.front().value;
  for (auto entry = std::next(values_.begin()); entry != values_.end(); ++entry) {
    switch (function) {
      case Function::min:
        result = std::min(result, entry->value);
        break;
      case Function::max:
        result = std::max(result, entry->value);
        break;
      default:
        result += entry->value;
    }
  }
  return function == Function::mean ? result / count : result;
}

void Window::drop_oldest() {
  if (latest_) of_topic_.erase(values_.front().topic);
  values_.pop_front();
}

void Window::clear() noexcept {
  of_topic_.clear();
  values_.clear();
  overflowed_.reset();
}

}  // namespace tidegate::plugins::calculate
