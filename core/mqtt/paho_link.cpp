// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/paho_link.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

namespace tidegate::mqtt {
namespace {

/// What the hand-over and Paho's threads share. Never destroyed: Paho's threads run on while the process exits.
struct Shared {
  std::mutex gate;  ///< held for a whole hand-over

  std::mutex mutex;
  std::shared_ptr<PahoLink> next;                ///< to be taken
  std::map<int, std::weak_ptr<PahoLink>> taken;  ///< by Paho's socket
  std::shared_ptr<Nudge> on_taken = std::make_shared<Nudge>();

  std::mutex fresh_mutex;
  std::vector<int> fresh;  ///< handed over, not yet seen by the receive thread

  int bell = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);  ///< wakes the receive thread

  std::atomic<pthread_cond_t*> sender_condition{nullptr};
  std::atomic<pthread_mutex_t*> sender_mutex{nullptr};
  std::atomic<bool> sender_called{false};
};

Shared& shared() {
  static auto* const one = new Shared;
  return *one;
}

enum class Role { unknown, other, sender, receiver };

/// Paho names its threads, and that is the one thing by which they can be told.
Role role() noexcept {
  thread_local Role mine = Role::unknown;
  if (mine == Role::unknown) {
    char name[16] = "";
    ::pthread_getname_np(::pthread_self(), name, sizeof name);
    const std::string_view text(name);
    mine = text == "MQTTAsync_send" ? Role::sender : text == "MQTTAsync_rcv" ? Role::receiver : Role::other;
  }
  return mine;
}

/// The receive thread's memory between two of its calls.
struct Receiver {
  std::vector<int> blocked;  ///< could not be written at the last look
  bool idle = false;         ///< the last poll had waited and found nothing
  std::vector<pollfd> waits;
};
thread_local Receiver receiver;
thread_local int just_taken = -1;

void ring_bell() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(shared().bell, &one, sizeof one);
}

void quiet_bell() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(shared().bell, &count, sizeof count);
}

}  // namespace

/// The wrapped calls' way into a PahoLink.
struct PahoLinkAccess {
  static const Endpoint& endpoint(const PahoLink& link) { return link.endpoint_; }
  static int socket(const PahoLink& link) { return link.socket_.get(); }
  static const std::string& host(const PahoLink& link) { return link.host_; }
  static void took(PahoLink& link, int paho_socket) { link.paho_socket_ = paho_socket; }
  static void judge(PahoLink& link, long verdict) {
    const std::lock_guard lock(link.mutex_);
    link.verdict_ = verdict;
  }
};

PahoLink::PahoLink(Descriptor socket, Endpoint endpoint, std::string host)
    : socket_(std::move(socket)), endpoint_(endpoint), host_(std::move(host)) {}

PahoLink::~PahoLink() {
  auto& all = shared();
  const std::lock_guard lock(all.mutex);
  if (const auto found = all.taken.find(paho_socket_); found != all.taken.end() && found->second.expired())
    all.taken.erase(found);
}

int PahoLink::hand_over(const std::shared_ptr<PahoLink>& link, const std::function<int()>& begin,
                        Steady::time_point deadline) {
  auto& all = shared();
  const std::lock_guard gate(all.gate);
  {
    const std::lock_guard lock(all.mutex);
    all.next = link;
  }
  int result = begin();
  wake_paho_sender();
  while (result == 0) {
    {
      const std::lock_guard lock(all.mutex);
      if (!all.next) return 0;
    }
    if (Steady::now() >= deadline) result = -1;
    all.on_taken->wait_until(deadline);
  }
  const std::lock_guard lock(all.mutex);
  all.next.reset();
  return result;
}

void PahoLink::shut_down() noexcept {
  ::shutdown(socket_.get(), SHUT_RDWR);
}

std::string PahoLink::certificate_problem() const {
  long verdict = 0;
  {
    const std::lock_guard lock(mutex_);
    verdict = verdict_;
  }
  switch (verdict) {
    case X509_V_OK:
      return {};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format(
          "the server's certificate has the wrong name: it was not made for '{}'; connect by a name that it was made "
          "for, or give the server a certificate for this one",
          host_);
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the server's certificate has expired: renew it, or set this machine's clock if that is wrong";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the server's certificate is not valid yet: set this machine's clock if that is wrong";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_UNTRUSTED:
      return "the server's certificate was signed by an unknown CA: set ca_file to the certificate of the CA that "
             "signed it";
    case X509_V_ERR_CERT_REVOKED:
      return "the server's certificate has been revoked";
    default:
      return fmt::format("the server's certificate was refused: {}", ::X509_verify_cert_error_string(verdict));
  }
}

void wake_paho_sender() noexcept {
  auto& all = shared();
  if (all.sender_called.exchange(true)) return;  // it will look before it sleeps, or has been signalled
  pthread_mutex_t* const mutex = all.sender_mutex.load();
  if (mutex == nullptr) return;
  // The flag is up before the lock: either the sender sees it under this lock before it waits, or it waits and hears.
  ::pthread_mutex_lock(mutex);
  ::pthread_cond_signal(all.sender_condition.load());
  ::pthread_mutex_unlock(mutex);
}

}  // namespace tidegate::mqtt

using namespace tidegate::mqtt;

extern "C" {

int __real_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**);
int __real_connect(int, const sockaddr*, socklen_t);
int __real_poll(pollfd*, nfds_t, int);
int __real_usleep(useconds_t);
char* __real_getenv(const char*);
int __real_pthread_cond_timedwait(pthread_cond_t*, pthread_mutex_t*, const timespec*);
int __real_SSL_connect(SSL*);
int __real_SSL_write(SSL*, const void*, int);
ssize_t __real_writev(int, const iovec*, int);

int __wrap_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**);
int __wrap_connect(int, const sockaddr*, socklen_t);
int __wrap_poll(pollfd*, nfds_t, int);
int __wrap_usleep(useconds_t);
char* __wrap_getenv(const char*);
int __wrap_pthread_cond_timedwait(pthread_cond_t*, pthread_mutex_t*, const timespec*);
int __wrap_SSL_connect(SSL*);
int __wrap_SSL_write(SSL*, const void*, int);
ssize_t __wrap_writev(int, const iovec*, int);

int __wrap_getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  if (role() != Role::sender) return __real_getaddrinfo(node, service, hints, result);
  std::shared_ptr<PahoLink> next;
  {
    auto& all = shared();
    const std::lock_guard lock(all.mutex);
    next = all.next;
  }
  if (!next) return EAI_FAIL;  // nobody asked Paho to connect now
  const Endpoint& endpoint = PahoLinkAccess::endpoint(*next);
  char numbers[NI_MAXHOST] = "";
  if (::getnameinfo(reinterpret_cast<const sockaddr*>(&endpoint.address), endpoint.length, numbers, sizeof numbers,
                    nullptr, 0, NI_NUMERICHOST) != 0)
    return EAI_FAIL;
  addrinfo numeric{};
  if (hints != nullptr) numeric = *hints;
  numeric.ai_flags = AI_NUMERICHOST;
  return __real_getaddrinfo(numbers, service, &numeric, result);
}

int __wrap_connect(int socket, const sockaddr* address, socklen_t length) {
  if (role() != Role::sender) return __real_connect(socket, address, length);
  auto& all = shared();
  const std::lock_guard lock(all.mutex);
  if (!all.next || ::dup3(PahoLinkAccess::socket(*all.next), socket, O_CLOEXEC) < 0) {
    errno = ECONNREFUSED;
    return -1;
  }
  PahoLinkAccess::took(*all.next, socket);
  all.taken[socket] = all.next;
  all.next.reset();
  all.on_taken->ring();
  // "In progress" takes Paho along its usual path, where a failing TLS handshake closes the socket. The receive thread
  // is told when Paho has put the socket in its lists, that is when this thread is done with the command.
  just_taken = socket;
  errno = EINPROGRESS;
  return -1;
}

int __wrap_poll(pollfd* fds, nfds_t count, int timeout) {
  if (role() != Role::receiver) return __real_poll(fds, count, timeout);
  if (timeout == 0) {  // Paho looks which sockets can be written
    const int ready = __real_poll(fds, count, timeout);
    receiver.blocked.clear();
    for (nfds_t i = 0; i < count; ++i)
      if (fds[i].revents == 0) receiver.blocked.push_back(fds[i].fd);
    return ready;
  }
  // Paho waits for something to read, for up to a second, whatever else happens meanwhile.
  auto& all = shared();
  {
    const std::lock_guard lock(all.fresh_mutex);
    std::erase_if(all.fresh, [&](int fd) {
      const bool seen = std::any_of(fds, fds + count, [fd](const pollfd& one) { return one.fd == fd; });
      // Seen now, and writable at the look before: let Paho go on with it at once.
      if (seen && std::ranges::find(receiver.blocked, fd) == receiver.blocked.end()) timeout = 0;
      return seen;
    });
  }
  auto& waits = receiver.waits;
  waits.assign(fds, fds + count);
  waits.push_back({all.bell, POLLIN, 0});
  for (const int fd : receiver.blocked) waits.push_back({fd, POLLOUT, 0});
  int ready = __real_poll(waits.data(), waits.size(), timeout);
  if (ready < 0) return ready;
  if (waits[count].revents != 0) quiet_bell();
  ready = 0;
  for (nfds_t i = 0; i < count; ++i) {
    fds[i].revents = waits[i].revents;
    if (fds[i].revents != 0) ++ready;
  }
  receiver.idle = ready == 0;
  return ready;
}

int __wrap_usleep(useconds_t duration) {
  if (role() != Role::receiver) return __real_usleep(duration);
  // Paho rests for 100 ms after a poll that found nothing to do. It has waited in that poll already; where it has not
  // (no sockets, or one that has something to read while it cannot be written) it waits here, but not longer than
  // needed.
  if (std::exchange(receiver.idle, false)) return 0;
  auto& waits = receiver.waits;
  waits.assign(1, {shared().bell, POLLIN, 0});
  for (const int fd : receiver.blocked) waits.push_back({fd, POLLOUT, 0});
  if (__real_poll(waits.data(), waits.size(), static_cast<int>(duration / 1000)) > 0 && waits[0].revents != 0)
    quiet_bell();
  receiver.blocked.clear();
  return 0;
}

char* __wrap_getenv(const char* name) {
  if (role() == Role::sender && name != nullptr &&
      (std::strcmp(name, "http_proxy") == 0 || std::strcmp(name, "https_proxy") == 0))
    return nullptr;
  return __real_getenv(name);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
  if (role() != Role::sender) return __real_pthread_cond_timedwait(condition, mutex, until);
  auto& all = shared();
  if (just_taken >= 0) {
    {
      const std::lock_guard lock(all.fresh_mutex);
      all.fresh.push_back(std::exchange(just_taken, -1));
    }
    ring_bell();
  }
  all.sender_condition.store(condition);
  all.sender_mutex.store(mutex);
  if (all.sender_called.exchange(false)) return 0;
  // Paho reckons with the wall clock: a step back would make this wait as long as the step.
  timespec wall{};
  timespec end{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  ::clock_gettime(CLOCK_MONOTONIC, &end);
  const long long left = std::clamp<long long>(
      (until->tv_sec - wall.tv_sec) * 1'000'000'000LL + (until->tv_nsec - wall.tv_nsec), 0, 1'000'000'000LL);
  const long long nanoseconds = end.tv_nsec + left;
  end.tv_sec += static_cast<time_t>(nanoseconds / 1'000'000'000LL);
  end.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000LL);
  const int result = ::pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &end);
  all.sender_called.store(false);
  return result;
}

int __wrap_SSL_connect(SSL* ssl) {
  if (role() == Role::other) return __real_SSL_connect(ssl);
  std::shared_ptr<PahoLink> link;
  {
    auto& all = shared();
    const std::lock_guard lock(all.mutex);
    if (const auto found = all.taken.find(::SSL_get_fd(ssl)); found != all.taken.end()) link = found->second.lock();
  }
  if (link && ::SSL_in_before(ssl) != 0) {
    ::SSL_set_min_proto_version(ssl, TLS1_2_VERSION);
    if ((::SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0) {
      const char* const host = PahoLinkAccess::host(*link).c_str();
      X509_VERIFY_PARAM* const rules = ::SSL_get0_param(ssl);
      if (::X509_VERIFY_PARAM_set1_ip_asc(rules, host) != 1) {
        ::X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        ::X509_VERIFY_PARAM_set1_host(rules, host, 0);
      }
    }
  }
  const int result = __real_SSL_connect(ssl);
  if (link && (::SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0)
    PahoLinkAccess::judge(*link, ::SSL_get_verify_result(ssl));
  return result;
}

// When a write fails, Paho frees the message under way and frees it again with its session (1.3.12 and 1.3.14; the
// tracked heap that paho_lean.c replaces only logs that). So no write fails: the connection is ended, the bytes count
// as written, and Paho meets the end where it copes with it, when it reads.

ssize_t __wrap_writev(int fd, const iovec* parts, int count) {
  if (role() == Role::other) return __real_writev(fd, parts, count);
  const ssize_t written = __real_writev(fd, parts, count);
  if (written >= 0 || errno == EAGAIN || errno == EWOULDBLOCK) return written;
  ::shutdown(fd, SHUT_RDWR);
  ssize_t all = 0;
  for (int i = 0; i < count; ++i) all += static_cast<ssize_t>(parts[i].iov_len);
  return all;
}

int __wrap_SSL_write(SSL* ssl, const void* data, int size) {
  const int written = __real_SSL_write(ssl, data, size);
  if (role() == Role::other || written > 0) return written;
  const int error = ::SSL_get_error(ssl, written);
  if (error == SSL_ERROR_WANT_WRITE) return written;
  ::ERR_clear_error();
  ::shutdown(::SSL_get_fd(ssl), SHUT_RDWR);
  return size;
}

}  // extern "C"
