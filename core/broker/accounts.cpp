// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/accounts.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <functional>

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>

#include "config/listener.hpp"
#include "event/process.hpp"
#include "event/scratch.hpp"

namespace tidegate::broker {
namespace {

namespace fs = std::filesystem;

constexpr mode_t usual_mode = 0640;
constexpr std::size_t longest_password = 1000;
constexpr std::size_t least_key_digits = 32;

/// Runs a program that reads input and says nothing that matters; its exit status.
int feed(const std::vector<std::string>& arguments, std::string_view input) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) throw SystemError(errno, "cannot make a pipe");
  Descriptor its_input(ends[0]);
  Descriptor input_end(ends[1]);
  std::vector<char*> words;
  for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(its_input.get(), 0);
    dup2(nowhere, 1);
    dup2(nowhere, 2);
    execv(words[0], words.data());
    _exit(127);
  }
  const int error = errno;
  its_input = Descriptor();
  // It fits the pipe; a program that did not read it says so by its status.
  if (child > 0) {
    [[maybe_unused]] const auto written = ::write(input_end.get(), input.data(), input.size());
  }
  input_end = Descriptor();
  if (child < 0) throw SystemError(error, "cannot start " + arguments.front());
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/// Gives each line that is not empty. Throws ConfigError when everybody, or not even we, can read it. way: how such a
/// file is made.
void for_each_line(const fs::path& file, const char* what, const std::string& way,
                   const std::function<void(std::size_t, const std::string&)>& call) {
  struct stat about{};
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  const int error = errno;
  if (!stream)
    throw ConfigError(fmt::format(
        "{0} {1} cannot be read: {2}; {3}", what, file.string(), std::generic_category().message(error),
        error == ENOENT
            ? way
            : fmt::format("let who runs the broker read it: chgrp tidegate-broker {0}; chmod 640 {0}", file.string())));
  if (stat(file.c_str(), &about) < 0 || !S_ISREG(about.st_mode))
    throw ConfigError(fmt::format("{} {} is no file; {}", what, file.string(), way));
  if ((about.st_mode & S_IROTH) != 0)
    throw ConfigError(
        fmt::format("{0} {1} can be read by everybody on this machine; mend it: chmod o= {1}", what, file.string()));
  std::size_t number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (!line.empty()) call(number, line);
  }
}

}  // namespace

Accounts Accounts::read(const fs::path& file) {
  Accounts accounts(file);
  const char* const way = "'tidegate broker adduser NAME' writes it";
  for_each_line(file, "the file of users", way, [&](std::size_t number, const std::string& line) {
    const auto colon = line.find(':');
    const auto name = line.substr(0, colon);
    // "$6$salt$hash" or "$7$rounds$salt$hash"
    const bool sound = colon != line.npos && config::account_name_problem(name).empty() &&
                       (line.compare(colon + 1, 3, "$6$") == 0 || line.compare(colon + 1, 3, "$7$") == 0) &&
                       line.find_first_of(": \t\r", colon + 1) == line.npos && !accounts.has(name);
    if (!sound)
      throw ConfigError(
          fmt::format("line {0} of the file of users {1} is no \"name:hash\", or a name that was there before; take it "
                      "out: sed -i {0}d {1}",
                      number, file.string()));
    accounts.users_.emplace_back(name, line.substr(colon + 1));
  });
  return accounts;
}

std::vector<std::string> read_psk_identities(const fs::path& file) {
  const char* const way = "a line is made with: echo \"NAME:$(openssl rand -hex 32)\"";
  std::vector<std::string> identities;
  for_each_line(file, "the file of keys", way, [&](std::size_t number, const std::string& line) {
    const auto colon = line.find(':');
    const auto name = line.substr(0, colon);
    const auto key = colon == line.npos ? std::string() : line.substr(colon + 1);
    if (!config::account_name_problem(name).empty() || key.size() < least_key_digits || key.size() % 2 != 0 ||
        key.find_first_not_of("0123456789abcdefABCDEF") != key.npos ||
        std::ranges::find(identities, name) != identities.end())
      throw ConfigError(
          fmt::format("line {} of the file of keys {} is no \"identity:key\" with a key of {} hexadecimal "
                      "digits or more, or an identity that was there before; {}",
                      number, file.string(), least_key_digits, way));
    identities.push_back(name);
  });
  return identities;
}

Accounts Accounts::read_or_begin(const fs::path& file) {
  std::error_code error;
  return fs::exists(file, error) || error ? read(file) : Accounts(file);
}

bool Accounts::has(std::string_view name) const noexcept {
  return std::ranges::find(users_, name, [](const auto& user) { return std::string_view(user.first); }) != users_.end();
}

void Accounts::set(const std::string& name, std::string hash) {
  const auto found = std::ranges::find(users_, name, [](const auto& user) { return user.first; });
  if (found != users_.end()) {
    found->second = std::move(hash);
  } else {
    users_.emplace_back(name, std::move(hash));
  }
}

void Accounts::remove(std::string_view name) {
  std::erase_if(users_, [&](const auto& user) { return user.first == name; });
}

void Accounts::write() const {
  const std::string next = file_.string() + ".new";
  struct stat before{};
  const bool there = stat(file_.c_str(), &before) == 0;
  const mode_t mode = there ? before.st_mode & 07777 : usual_mode;
  uid_t owner = there ? before.st_uid : geteuid();
  gid_t group = there ? before.st_gid : getegid();
  if (const auto* keeper = there ? nullptr : getgrnam("tidegate-broker"); keeper != nullptr) group = keeper->gr_gid;

  unlink(next.c_str());
  const Descriptor fd(open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) throw SystemError(errno, "cannot write " + next);
  std::string text;
  for (const auto& [name, hash] : users_) text += fmt::format("{}:{}\n", name, hash);
  // Who is not root cannot give it away, and then it is this user's own broker that reads it.
  if (fchown(fd.get(), owner, group) < 0) errno = 0;
  const bool good = ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                    fchmod(fd.get(), mode) == 0 && fsync(fd.get()) == 0;
  const int error = errno;
  if (!good || rename(next.c_str(), file_.c_str()) < 0) {
    unlink(next.c_str());
    throw SystemError(good ? errno : error, "cannot write " + file_.string());
  }
}

std::string hash_password(const std::string& name, const std::string& password) {
  if (const auto why = config::account_name_problem(name); !why.empty()) throw ConfigError(why);
  if (password.empty()) throw ConfigError("an empty password protects nothing; give one");
  if (password.size() > longest_password || password.find_first_of(std::string("\r\n\0", 3)) != password.npos)
    throw ConfigError(fmt::format("a password is one line of at most {} bytes", longest_password));
  const auto program = event::find_program("mosquitto_passwd", "/usr/local/bin:/usr/bin");
  if (!program)
    throw UnavailableError(
        "there is no program 'mosquitto_passwd'; it comes with the broker: apt-get install mosquitto");
  const event::Scratch scratch;
  const auto file = scratch.folder() / "users";
  const int status = feed({*program, "-c", file.string(), name}, password + '\n' + password + '\n');
  std::ifstream made(file);
  std::string line;
  if (status != 0 || !std::getline(made, line) || !line.starts_with(name + ":$"))
    throw UnavailableError(fmt::format("{} did not take the password (status {})", *program, status));
  return line.substr(name.size() + 1);
}

}  // namespace tidegate::broker
