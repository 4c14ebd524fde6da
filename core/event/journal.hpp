// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tidegate::event {

/// Where standard error is the journal, log lines go there with their fields from now on, and warnings and errors that
/// are said over and over are held back (Repeats). Elsewhere it does nothing. Before other threads start.
void log_to_journal();

}  // namespace tidegate::event
