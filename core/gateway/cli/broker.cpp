// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <tidegate/error.hpp>

#include "broker/accounts.hpp"
#include "config/config.hpp"
#include "gateway/cli/command.hpp"
#include "gateway/cli/remote.hpp"
#include "gateway/plugins.hpp"

namespace tidegate::cli {
namespace {

namespace fs = std::filesystem;

struct Asked {
  Remote remote;
  std::string name;
  std::string file;
  std::string config;
};

/// The terminal does not show what is typed while this lives.
class Unseen final {
 public:
  Unseen() : terminal_(isatty(STDIN_FILENO) != 0 && tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!terminal_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  ~Unseen() {
    if (terminal_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;
  [[nodiscard]] bool terminal() const noexcept { return terminal_; }

 private:
  termios before_{};
  bool terminal_;
};

std::string ask_password() {
  const Unseen unseen;
  const auto line = [&](const char* prompt) {
    if (unseen.terminal()) fmt::print(stderr, "{}", prompt);
    std::string text;
    std::getline(std::cin, text);
    if (unseen.terminal()) fmt::print(stderr, "\n");
    return text;
  };
  auto password = line("Password: ");
  if (unseen.terminal() && line("The same again: ") != password)
    throw Quit(Exit::failure, "these were two different passwords; nothing was changed");
  return password;
}

/// The file of users that the configuration names, or --file.
fs::path users_file(const Asked& asked) {
  if (!asked.file.empty()) return asked.file;
  const auto given = asked.config.empty() ? config::default_file() : std::optional<fs::path>(asked.config);
  const auto config = config::load(given, gateway::plugin_names(), {});
  if (config.broker.listener && !config.broker.listener->users.empty()) return config.broker.listener->users;
  throw Quit(Exit::config,
             fmt::format("{} names no file of users: add users = \"broker-users\" to [broker.listener], or "
                         "say which with --file",
                         given ? given->string() : "the configuration (there is no file)"));
}

/// Has a gateway that runs read the file again.
void tell_gateway(const Asked& asked) {
  try {
    static_cast<void>(asked.remote.ask("broker.reload"));
    fmt::print("The local broker knows it.\n");
  } catch (const Quit& quit) {
    fmt::print("The local broker knows it when it starts. No gateway was told: {}\n", quit.what());
  }
}

Exit change(const Asked& asked, const std::string& verb) {
  const auto file = users_file(asked);
  if (access(file.parent_path().empty() ? "." : file.parent_path().c_str(), W_OK) < 0 && errno == EACCES)
    throw Quit(Exit::permission,
               fmt::format("this user may not change {}: sudo tidegate broker {} {}", file.string(), verb, asked.name));
  auto accounts = broker::Accounts::read_or_begin(file);
  const bool there = accounts.has(asked.name);
  if (verb == "adduser" && there)
    throw Quit(Exit::failure, fmt::format("{} has a user \"{}\" already; 'tidegate broker passwd {}' gives it another "
                                          "password",
                                          file.string(), asked.name, asked.name));
  if (verb != "adduser" && !there)
    throw Quit(Exit::failure,
               fmt::format("{} has no user \"{}\"; see: tidegate broker users", file.string(), asked.name));
  if (verb == "rmuser") {
    accounts.remove(asked.name);
  } else {
    accounts.set(asked.name, broker::hash_password(asked.name, ask_password()));
  }
  accounts.write();
  fmt::print("{}: {} {}\n", file.string(), asked.name,
             verb == "adduser"  ? "added"
             : verb == "rmuser" ? "removed"
                                : "has another password");
  if (asked.file.empty()) tell_gateway(asked);
  return Exit::ok;
}

Exit list(const Asked& asked) {
  const auto accounts = broker::Accounts::read(users_file(asked));
  for (const auto& [name, hash] : accounts.all()) fmt::print("{}\n", name);
  return Exit::ok;
}

Exit reload(const Asked& asked) {
  static_cast<void>(asked.remote.ask("broker.reload"));
  fmt::print("The local broker reads its users, keys and certificates again.\n");
  return Exit::ok;
}

}  // namespace

void add_broker(CLI::App& program, Run& run) {
  CLI::App* app = program.add_subcommand("broker", "Change who may use the local broker from the network");
  app->require_subcommand(1);
  const auto add = [&](const std::string& verb, const char* help, Exit (*action)(const Asked&, const std::string&)) {
    const auto asked = std::make_shared<Asked>();
    CLI::App* command = app->add_subcommand(verb, help);
    asked->remote.add_options(*command);
    if (verb != "reload") {
      command->add_option("--file", asked->file, "The file of users (default: that of [broker.listener] users)");
      command->add_option("-c,--config", asked->config, "The configuration that names it");
    }
    if (verb.ends_with("user") || verb == "passwd")
      command->add_option("name", asked->name, "The user's name")->required();
    command->callback([=, &run] { run = [=] { return action(*asked, verb); }; });
  };
  add("adduser", "Add a user; the password is asked for, or is a line of the standard input", change);
  add("passwd", "Give a user another password", change);
  add("rmuser", "Remove a user", change);
  add("users", "List the users", [](const Asked& asked, const std::string&) { return list(asked); });
  add("reload", "Have the local broker read users, keys and certificates again",
      [](const Asked& asked, const std::string&) { return reload(asked); });
}

}  // namespace tidegate::cli
