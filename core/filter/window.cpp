// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "filter/window.hpp"

#include <algorithm>
#include <deque>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "filter/numeric.hpp"

namespace tidegate::filter {
namespace {

constexpr std::int64_t most_values = 10'000;

struct Shape {
  std::size_t size;
  std::int64_t every;
  std::int64_t first_at;
};

double mean(const std::deque<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// The middle one; of an even number the mean of the two in the middle.
double median(const std::deque<double>& values) {
  std::vector<double> sorted(values.begin(), values.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  if (sorted.size() % 2 == 1) return *middle;
  return (*std::max_element(sorted.begin(), middle) + *middle) / 2;
}

/// The last so many values, and what one function says of them; every so many-th time.
class Window final : public Numeric {
 public:
  using Of = double (*)(const std::deque<double>&);
  Window(Next next, Shape shape, Of of)
      : Numeric(std::move(next)), shape_(shape), of_(of), since_sent_(shape.every - shape.first_at) {}

 private:
  void take(const Reading& reading, double number) override {
    if (values_.size() == shape_.size) values_.pop_front();
    values_.push_back(number);
    if (++since_sent_ < shape_.every) return;
    since_sent_ = 0;
    pass(reading, of_(values_));
  }

  const Shape shape_;
  const Of of_;
  std::deque<double> values_;
  std::int64_t since_sent_;
};

Filters::Recipe read(const Block& filter, std::string_view name, std::int64_t usual, Window::Of of) {
  std::int64_t size = usual;
  std::int64_t every = 1;
  std::int64_t first_at = 1;
  if (filter.kind(name) == Kind::table) {
    const Block arguments = filter.table(name);
    size = arguments.integer("window_size", usual, 1, most_values);
    every = arguments.integer("send_every", 1, 1, most_values);
    first_at = arguments.integer("send_first_at", 1, 1, most_values);
    if (first_at > every) {
      arguments.complain("send_first_at", fmt::format("{} is more than send_every, which is {}; it goes from 1 to that",
                                                      first_at, every));
    }
  } else {
    size = filter.integer(name, usual, 1, most_values);
  }
  const Shape shape{static_cast<std::size_t>(size), every, std::min(first_at, every)};
  return {[=](Next next, Loop&, const Clock&) { return std::make_unique<Window>(std::move(next), shape, of); }};
}

}  // namespace

Filters::Recipe read_median(const Block& filter) {
  return read(filter, "median", 5, median);
}

Filters::Recipe read_sliding_average(const Block& filter) {
  return read(filter, "sliding_average", 15, mean);
}

}  // namespace tidegate::filter
