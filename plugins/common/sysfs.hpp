// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Small files of /sys, as drivers write them. Every call may take as long as the driver does, so these belong on a
/// worker. Thread-safe.
namespace tidegate::plugins::sysfs {

/// The text of one file without the blanks around it. Throws SystemError when it cannot be read.
[[nodiscard]] std::string read(const std::filesystem::path& path);
/// As read(), but nothing when there is no such file.
[[nodiscard]] std::optional<std::string> read_if_there(const std::filesystem::path& path);
/// The file's one number. Throws SystemError as read(), Error when it has something else in it.
[[nodiscard]] double number(const std::filesystem::path& path);
/// Throws SystemError when the driver does not take the text.
void write(const std::filesystem::path& path, std::string_view text);

/// The finite decimal number that is the whole text.
[[nodiscard]] std::optional<double> to_number(std::string_view text) noexcept;
/// Text without the blanks around it.
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

/// The names in a folder, in natural order. None when there is no such folder. Throws SystemError.
[[nodiscard]] std::vector<std::string> list(const std::filesystem::path& folder);
/// temp2 before temp10.
[[nodiscard]] bool natural_less(std::string_view left, std::string_view right) noexcept;

/// A name from the kernel as one level of a topic: what is no visible ASCII, and '/', '+' and '#', become '_'.
[[nodiscard]] std::string level(std::string_view name);

}  // namespace tidegate::plugins::sysfs
