// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tidegate/error.hpp>

namespace tidegate {

/// Something is used when it cannot be: it is closed, was started before, or was made before a fork (RuntimeError).
class StateError final : public Error {
 public:
  using Error::Error;
};

}  // namespace tidegate
