// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <tidegate/store.hpp>

#include "own.hpp"

namespace tidegate::bindings {

/// A lane that a Client may keep messages in, and so may outlive its Python object.
struct SharedLane {
  std::shared_ptr<StoreLane> lane;
};
using BoundLane = Own<SharedLane>;

}  // namespace tidegate::bindings
