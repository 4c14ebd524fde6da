// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "gateway/cli/doctor/patient.hpp"

namespace tidegate::cli {

/// What `tidegate diag` collects of a gateway for somebody who is to find out what is wrong. Neither a secret of its
/// configuration nor the payload of a message is in it: what is collected is chosen so, and every text is searched for
/// the secrets again before it is taken in.
class Bundle final {
 public:
  /// Collects. What cannot be had is in left_out() with the reason.
  explicit Bundle(const Patient& patient);

  /// Texts by the name of their file.
  [[nodiscard]] const std::map<std::string, std::string>& parts() const noexcept { return parts_; }
  /// "journal.txt: there is no journalctl", and what never is in it.
  [[nodiscard]] const std::vector<std::string>& left_out() const noexcept { return left_out_; }

  /// Packs it, in a folder of that name, into a new .tar.gz for this user alone. Throws SystemError when the file is
  /// there already or cannot be written, UnavailableError when there is no tar, Error when tar fails.
  void write(const std::filesystem::path& file, const std::string& folder) const;

 private:
  void add(const std::string& name, std::string text);
  void miss(const std::string& name, const std::string& why);
  void add_answer(const std::string& name, std::vector<std::string> words);
  void add_machine(const Patient& patient);
  void add_configuration(const Patient& patient);
  void add_gateway(const Patient& patient);
  void add_spool(const Patient& patient);
  void add_mosquitto(const Patient& patient);
  void add_journal();

  std::vector<std::string> secrets_;
  std::map<std::string, std::string> parts_;
  std::vector<std::string> left_out_;
};

/// One entry of `journalctl -o json` as a line; empty for what an automation said. What a message about a topic quotes
/// is left out: it may be a payload.
[[nodiscard]] std::string journal_line(const std::string& entry);

}  // namespace tidegate::cli
