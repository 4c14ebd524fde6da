// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "support/certificates.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tidegate::test {
namespace {

void openssl(const std::filesystem::path& dir, const std::vector<std::string>& words) {
  std::vector<char*> arguments{const_cast<char*>("openssl")};
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const std::string log = (dir / "openssl.log").string();
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    if (::chdir(dir.c_str()) == 0) ::execvp("openssl", arguments.data());
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status == 0) return;
  std::ifstream file(log);
  throw std::runtime_error("openssl " + words.front() + " failed (install it with: apt-get install openssl):\n" +
                           std::string(std::istreambuf_iterator<char>(file), {}));
}

}  // namespace

Certificates::Certificates() {
  std::string pattern = (std::filesystem::temp_directory_path() / "tidegate-certificates-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a folder for certificates");
  dir_ = pattern;
  std::ofstream(dir_ / "ca.conf") << R"([ca]
default_ca = ca
[ca]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = empty
[empty]
)";
  std::ofstream(dir_ / "index.txt").flush();
  authority("ca");
  authority("other_ca");
  const std::string names = "DNS:localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1";
  sign("localhost", "localhost", names, "20991231235959Z");
  sign("wrong_name", "elsewhere.example", "DNS:elsewhere.example", "20991231235959Z");
  sign("expired", "localhost", names, "20200102000000Z");
  sign("client", "tester", "DNS:tester", "20991231235959Z");
}

Certificates::~Certificates() {
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

void Certificates::authority(const std::string& name) const {
  openssl(dir_, {"req",
                 "-x509",
                 "-config",
                 "ca.conf",
                 "-newkey",
                 "ec",
                 "-pkeyopt",
                 "ec_paramgen_curve:prime256v1",
                 "-nodes",
                 "-days",
                 "3650",
                 "-subj",
                 "/CN=Tidegate test " + name,
                 "-addext",
                 "basicConstraints=critical,CA:TRUE",
                 "-addext",
                 "keyUsage=critical,keyCertSign,cRLSign",
                 "-keyout",
                 name + ".key",
                 "-out",
                 name + ".pem"});
}

void Certificates::sign(const std::string& name, const std::string& common_name, const std::string& alternatives,
                        const std::string& until) const {
  openssl(dir_, {"req", "-new", "-config", "ca.conf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                 "-nodes", "-subj", "/CN=" + common_name, "-addext", "subjectAltName=" + alternatives, "-keyout",
                 name + ".key", "-out", name + ".csr"});
  openssl(dir_, {"ca", "-batch", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key", "-startdate",
                 "20200101000000Z", "-enddate", until, "-in", name + ".csr", "-out", name + ".pem", "-notext"});
}

Certificates::Pair Certificates::pair(const std::string& name) const {
  return {(dir_ / (name + ".pem")).string(), (dir_ / (name + ".key")).string()};
}

std::string Certificates::ca() const {
  return (dir_ / "ca.pem").string();
}
std::string Certificates::other_ca() const {
  return (dir_ / "other_ca.pem").string();
}
Certificates::Pair Certificates::localhost() const {
  return pair("localhost");
}
Certificates::Pair Certificates::wrong_name() const {
  return pair("wrong_name");
}
Certificates::Pair Certificates::expired() const {
  return pair("expired");
}
Certificates::Pair Certificates::client() const {
  return pair("client");
}

}  // namespace tidegate::test
