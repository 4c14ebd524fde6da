// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/cli/remote.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <tidegate/descriptor.hpp>
#include <tidegate/paths.hpp>

#include "gateway/cli/command.hpp"

namespace tidegate::cli {
namespace {

constexpr timeval patience{10, 0};

[[noreturn]] void cannot_reach(const std::string& program, const std::string& path, int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      throw Quit(Exit::permission, fmt::format("{} may be used by the gateway's user and group only; ask with sudo, or "
                                               "join its group",
                                               path));
    case ENOENT:
      throw Quit(Exit::unavailable, fmt::format("{0} is not running (no {1}); start it with: {0}   (or name its "
                                                "runtime folder with --runtime)",
                                                program, path));
    case ECONNREFUSED:
      throw Quit(Exit::unavailable,
                 fmt::format("{0} is not running (nobody answers on {1}); start it with: {0}", program, path));
    default:
      throw Quit(Exit::unavailable, SystemError(error, "cannot ask the gateway through " + path).what());
  }
}

}  // namespace

void Remote::add_options(CLI::App& command) {
  CLI::Option* named = command.add_option("--socket", socket, "Control socket of the gateway");
  command.add_option("--runtime", runtime, "Runtime folder of the gateway, where control.sock is")->excludes(named);
  command.add_flag("--json", json, "Print the answer as JSON");
}

std::filesystem::path Remote::path() const {
  if (socket) return *socket;
  if (runtime) return *runtime / door;
  std::filesystem::path own = runtime_folder() / door;
  // The services have a folder each.
  namespace fs = std::filesystem;
  for (const auto& path : {own, fs::path("/run/tidegate") / door, fs::path("/run/tidegate-apps") / door}) {
    std::error_code error;
    if (std::filesystem::exists(path, error)) return path;
  }
  return own;
}

Json Remote::ask(const std::string& verb, const Json& arguments) const {
  const std::string where = path().string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (where.size() >= sizeof address.sun_path) {
    throw Quit(Exit::usage, fmt::format("{} is longer than the {} bytes that the path of a socket may have", where,
                                        sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, where.c_str(), where.size() + 1);
  const Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(connection.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    cannot_reach(program, where, errno);
  }
  Json asked{{"verb", verb}};
  asked.update(arguments);
  const std::string request = asked.dump() + '\n';
  if (send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    cannot_reach(program, where, errno);
  }
  std::string line;
  while (line.find('\n') == std::string::npos) {
    std::array<char, 65536> part{};
    const ssize_t got = recv(connection.get(), part.data(), part.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      throw Quit(Exit::unavailable, got < 0 ? fmt::format("{} does not answer on {}", program, where)
                                            : fmt::format("{} ended the conversation on {}", program, where));
    }
    line.append(part.data(), static_cast<std::size_t>(got));
  }
  const Json answer = Json::parse(line, nullptr, false);
  if (!answer.is_object() || !answer.contains("ok")) {
    throw Quit(Exit::failure, fmt::format("what answers on {} is not {}: {}", where, program, line.substr(0, 200)));
  }
  if (answer["ok"] != true) throw Quit(Exit::failure, answer.value("error", "the gateway refused without a reason"));
  return answer.value("result", Json());
}

}  // namespace tidegate::cli
