// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "control/server.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

namespace tidegate::control {
namespace {

constexpr std::size_t longest_line = 64U << 10;
constexpr std::size_t most_output = 16U << 20;
constexpr std::size_t most_clients = 64;

sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto text = path.string();
  if (text.size() >= sizeof address.sun_path) {
    throw SystemError(ENAMETOOLONG, fmt::format("the control socket {} has a path of {} bytes, a socket takes {}; "
                                                "choose a shorter [gateway] runtime",
                                                text, text.size(), sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

bool answers(const sockaddr_un& address) noexcept {
  const Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return fd && connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

Server::Server(Loop& loop, std::filesystem::path path, const Control& control)
    : loop_(loop), path_(std::move(path)), control_(control) {
  const auto address = address_of(path_);
  if (answers(address)) {
    throw UnavailableError(fmt::format(
        "another gateway answers on {}; stop it first, or give this one its own [gateway] runtime", path_.string()));
  }
  unlink(path_.c_str());
  fd_ = Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd_) throw SystemError(errno, "cannot make the control socket");
  const auto before = umask(0117);
  const int bound = bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int code = errno;
  umask(before);
  if (bound != 0 || listen(fd_.get(), SOMAXCONN) != 0) {
    throw SystemError(bound != 0 ? code : errno, fmt::format("cannot listen on {}", path_.string()));
  }
  source_ = loop_.watch(fd_.get(), EPOLLIN, [this](std::uint32_t) { accept(); });
}

Server::~Server() {
  unlink(path_.c_str());
}

void Server::accept() {
  Descriptor fd(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return;
  if (clients_.size() >= most_clients) {
    log::warning("a client of the control socket gives way to another, as the most silent of {}", clients_.size());
    drop(clients_.begin());
  }
  const auto client = clients_.emplace(clients_.end());
  client->fd = std::move(fd);
  watch(client);
}

void Server::watch(std::list<Client>::iterator client) {
  client->source = {};  // one watch for a descriptor at a time
  const auto events = client->output.empty() ? EPOLLIN : EPOLLOUT;
  client->source = loop_.watch(client->fd.get(), events, [this, client](std::uint32_t ready) { serve(client, ready); });
}

void Server::drop(std::list<Client>::iterator client) {
  clients_.erase(client);
}

bool Server::flush(Client& client) {
  while (!client.output.empty()) {
    const auto sent = send(client.fd.get(), client.output.data(), client.output.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN && client.output.size() <= most_output;
    client.output.erase(0, static_cast<std::size_t>(sent));
  }
  return !client.closing;
}

void Server::serve(std::list<Client>::iterator client, std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && client->output.empty()) {
    std::array<char, 16384> buffer;
    const auto got = recv(client->fd.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) client->input.append(buffer.data(), static_cast<std::size_t>(got));
    if (got == 0 || (got < 0 && errno != EAGAIN)) client->closing = true;
  }
  for (auto end = client->input.find('\n'); end != std::string::npos; end = client->input.find('\n')) {
    client->output += control_.call_line(std::string_view(client->input).substr(0, end)) + '\n';
    client->input.erase(0, end + 1);
  }
  if (client->input.size() > longest_line) {
    client->input.clear();
    client->output += Json{{"ok", false}, {"error", "a request line has at most 65536 bytes"}}.dump() + '\n';
    client->closing = true;
  }
  if (!flush(*client)) return drop(client);
  clients_.splice(clients_.end(), clients_, client);
  watch(client);
}

}  // namespace tidegate::control
