// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/resolver.hpp"

#include <cstring>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <netdb.h>

namespace tidegate::mqtt {
namespace {

int look_up(const std::string& host, std::uint16_t port, int flags, std::vector<Endpoint>& found) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* first = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &first);
  if (error != 0) return error;
  for (const addrinfo* one = first; one != nullptr; one = one->ai_next) {
    if (one->ai_family != AF_INET && one->ai_family != AF_INET6) continue;
    Endpoint endpoint;
    std::memcpy(&endpoint.address, one->ai_addr, one->ai_addrlen);
    endpoint.length = one->ai_addrlen;
    found.push_back(endpoint);
  }
  ::freeaddrinfo(first);
  return found.empty() ? EAI_NONAME : 0;
}

std::string words(const std::string& host, int error) {
  if (error == EAI_AGAIN)
    return fmt::format("the name '{}' cannot be looked up now: no name server answers; check this machine's network",
                       host);
  return fmt::format("the name '{}' cannot be resolved: {}; check the spelling and this machine's name servers", host,
                     ::gai_strerror(error));
}

}  // namespace

Resolver::Resolver()
    : Resolver([](const std::string& host, std::uint16_t port, std::vector<Endpoint>& found) {
        return look_up(host, port, AI_ADDRCONFIG, found);
      }) {}

Resolver::Resolver(Lookup lookup) : lookup_(std::move(lookup)) {}

Resolver::Answer Resolver::resolve(const std::string& host, std::uint16_t port, Steady::time_point deadline,
                                   const std::shared_ptr<Nudge>& nudge, const std::function<bool()>& cancelled) {
  Answer answer;
  if (look_up(host, port, AI_NUMERICHOST, answer.endpoints) == 0) return answer;

  for (;;) {
    if (!running_) {
      running_ = std::make_shared<Running>();
      running_->host = host;
      running_->port = port;
      try {
        std::thread([lookup = lookup_, running = running_, nudge, host, port] {
          std::vector<Endpoint> found;
          const int error = lookup(host, port, found);
          {
            const std::lock_guard lock(running->mutex);
            running->done = true;
            running->error = error;
            running->found = std::move(found);
          }
          nudge->ring();
        }).detach();
      } catch (const std::system_error& error) {
        running_.reset();
        answer.error = fmt::format("no thread to resolve '{}': {}", host, error.what());
        return answer;
      }
    }
    bool ours = false;
    for (bool done = false; !done;) {
      {
        const std::lock_guard lock(running_->mutex);
        done = running_->done;
        if (done && (ours = running_->host == host && running_->port == port)) {
          answer.endpoints = std::move(running_->found);
          if (running_->error != 0) answer.error = words(host, running_->error);
          answer.unknown = running_->error != 0;
        }
      }
      if (done) break;
      if (cancelled()) {
        answer.error = "cancelled";
        return answer;
      }
      if (Steady::now() >= deadline) {
        answer.error = fmt::format("looking up the name '{}' takes too long; check this machine's name servers", host);
        return answer;
      }
      nudge->wait_until(deadline);
    }
    running_.reset();
    if (ours) return answer;
  }
}

}  // namespace tidegate::mqtt
