// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "control/peer.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace tidegate::control {
namespace {

constexpr std::chrono::seconds most_patience{5};
constexpr std::size_t longest_answer = 4U << 20;

}  // namespace

Peer::Peer(Loop& loop, std::filesystem::path socket, std::string program)
    : loop_(loop), socket_(std::move(socket)), program_(std::move(program)) {}

void Peer::ask(const Json& request, std::function<void(const Json&)> done) {
  const auto question = questions_.emplace(questions_.end());
  question->done = std::move(done);
  const auto later = [&](const std::string& why) {
    question->patience = loop_.after(Loop::Duration::zero(), [this, question, why] { fail(question, why); });
  };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto& path = socket_.native();
  if (path.size() >= sizeof address.sun_path) return later("the path of its socket is too long");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  question->fd = Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!question->fd || connect(question->fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return later(std::strerror(errno));
  }
  const std::string line = request.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
  // A fresh socket takes a request whole; one that does not is of no use to us.
  if (send(question->fd.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
    return later("it does not take the request");
  }
  question->readable = loop_.watch(question->fd.get(), EPOLLIN, [this, question](std::uint32_t) { read(question); });
  question->patience = loop_.after(most_patience, [this, question] { fail(question, "it does not answer"); });
}

void Peer::read(std::list<Question>::iterator question) {
  std::array<char, 65536> part;
  const auto got = recv(question->fd.get(), part.data(), part.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return fail(question, got < 0 ? std::strerror(errno) : "it ended the conversation");
  question->answer.append(part.data(), static_cast<std::size_t>(got));
  const auto end_of_line = question->answer.find('\n');
  if (end_of_line == std::string::npos) {
    if (question->answer.size() > longest_answer) fail(question, "its answer has no end");
    return;
  }
  auto answer = Json::parse(question->answer.substr(0, end_of_line), nullptr, false);
  if (!answer.is_object() || !answer.contains("ok")) return fail(question, "its answer is none");
  end(question, answer);
}

void Peer::end(std::list<Question>::iterator question, const Json& answer) {
  const auto done = std::move(question->done);
  questions_.erase(question);
  done(answer);
}

void Peer::fail(std::list<Question>::iterator question, const std::string& why) {
  end(question, {{"ok", false},
                 {"error", fmt::format("{} cannot be asked through {}: {}", program_, socket_.string(), why)},
                 {"kind", "unavailable"}});
}

}  // namespace tidegate::control
