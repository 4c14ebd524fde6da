// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tidegate/gpio_line.hpp>

namespace tidegate::plugins::gpio {

using namespace tidegate::gpio;  // what is known of chips and lines, and Line

}  // namespace tidegate::plugins::gpio
