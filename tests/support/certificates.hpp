// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace tidegate::test {

/// Certificates made for one test run by the openssl program, in a private folder.
class Certificates {
 public:
  struct Pair {
    std::string cert;  ///< PEM file
    std::string key;   ///< PEM file
  };

  Certificates();  ///< Throws std::runtime_error when openssl is missing or fails.
  ~Certificates();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  [[nodiscard]] std::string ca() const;        ///< the CA that signed all of those below
  [[nodiscard]] std::string other_ca() const;  ///< a CA that signed none
  [[nodiscard]] Pair localhost() const;        ///< for localhost, 127.0.0.1 and ::1
  [[nodiscard]] Pair wrong_name() const;       ///< for elsewhere.example
  [[nodiscard]] Pair expired() const;          ///< for localhost, over since 2020
  [[nodiscard]] Pair client() const;           ///< a client's, CN=tester
  [[nodiscard]] const std::filesystem::path& dir() const noexcept { return dir_; }

 private:
  void authority(const std::string& name) const;
  void sign(const std::string& name, const std::string& common_name, const std::string& alternatives,
            const std::string& until) const;
  [[nodiscard]] Pair pair(const std::string& name) const;

  std::filesystem::path dir_;
};

}  // namespace tidegate::test
