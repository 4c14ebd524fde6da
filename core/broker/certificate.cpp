// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/certificate.hpp"

#include <algorithm>
#include <ctime>
#include <memory>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace tidegate::broker {
namespace {

std::string reason() {
  const char* const words = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return words != nullptr ? words : "OpenSSL does not say why";
}

/// In place of a question on the terminal.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

}  // namespace

std::string certificate_problem(const std::filesystem::path& certificate, const std::filesystem::path& key,
                                const std::filesystem::path& authority) {
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return reason();
  SSL_CTX_set_default_passwd_cb(context.get(), no_passphrase);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1)
    return fmt::format("{} is no certificate in PEM ({})", certificate.string(), reason());
  if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)
    return fmt::format("{} is no key in PEM, without a passphrase, of the certificate {} ({})", key.string(),
                       certificate.string(), reason());
  if (!authority.empty() && SSL_CTX_load_verify_locations(context.get(), authority.c_str(), nullptr) != 1)
    return fmt::format("{} has no certificate of an authority in PEM ({})", authority.string(), reason());
  return {};
}

std::optional<WallTime> certificate_until(const std::filesystem::path& certificate) {
  const std::unique_ptr<BIO, int (*)(BIO*)> file(BIO_new_file(certificate.c_str(), "r"), BIO_free);
  const std::unique_ptr<X509, void (*)(X509*)> first(
      file ? PEM_read_bio_X509(file.get(), nullptr, no_passphrase, nullptr) : nullptr, X509_free);
  ERR_clear_error();
  std::tm end{};
  if (!first || ASN1_TIME_to_tm(X509_get0_notAfter(first.get()), &end) != 1) return std::nullopt;
  constexpr auto last = std::chrono::floor<std::chrono::seconds>(WallTime::max());  // some are made for 9999
  return std::min(last, std::chrono::sys_seconds(std::chrono::seconds(timegm(&end))));
}

}  // namespace tidegate::broker
