// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/paho_link.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "mqtt/wire.hpp"

namespace tidegate::mqtt {
namespace {

constexpr int paho_socket_error = -1;

constexpr int awake = 0;
constexpr int called = 1;  ///< awake, and not to fall asleep
constexpr int asleep = 2;

/// One of Paho's sockets, and whose it is now.
struct Channel {
  Wire wire;  ///< open for plain TCP
  std::mutex mutex;
  std::weak_ptr<PahoLink> link;  ///< guarded by mutex
};

/// What the hand-over and Paho's threads share. Never destroyed: Paho's threads run on while the process exits.
struct Shared {
  std::mutex gate;  ///< held for a whole hand-over

  std::mutex mutex;
  std::shared_ptr<PahoLink> next;  ///< to be taken
  std::shared_ptr<Nudge> on_taken = std::make_shared<Nudge>();

  std::mutex fresh_mutex;
  std::vector<int> fresh;  ///< handed over, not yet seen by the receive thread

  std::mutex channels_mutex;
  std::map<int, std::unique_ptr<Channel>> channels;  ///< by Paho's socket; never removed, a number comes again

  int bell = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);  ///< wakes the receive thread

  std::atomic<int> keep_alive_look{1000};  ///< ms; Paho looks at its keep-alives as often

  std::atomic<pthread_cond_t*> sender_condition{nullptr};  ///< what Paho believes that its send thread waits for
  std::atomic<int> sender{awake};                          ///< awake, called or asleep
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

/// After so many packets that had been read ahead the other sockets get a look.
constexpr unsigned packets_a_batch = 32;

/// When more packets than this come in a millisecond, the receive thread lets others run before it waits, so that each
/// waking finds several. A server that answers each packet by itself would wake it, the pump and the sender for each.
constexpr long long many_packets = 8;
constexpr int yields_for_more = 2;

/// The receive thread's memory between two of its calls.
struct Receiver {
  std::vector<int> blocked;  ///< could not be written at the last look
  bool idle = false;         ///< the last poll had waited and found nothing
  bool skips = false;        ///< this round serves what had been read ahead, and asks the kernel nothing
  unsigned packets = 0;      ///< such rounds in a row
  long long recent = 0;      ///< packets since the next
  Steady::time_point since;
  bool many = false;
  bool unblocked = false;     ///< a socket can be written again: Paho goes on with it at its next look
  bool wakes_sender = false;  ///< with the end of the batch
  std::vector<pollfd> waits;
};
thread_local Receiver receiver;

/// The packet that Paho is reading. It reads one from its beginning again when the rest of it had not come.
struct Incoming {
  std::shared_ptr<PahoLink> link;
  int socket = -1;
  std::size_t read = 0;  ///< bytes, of the first and the remaining length
  std::uint8_t first = 0;
  std::size_t length = 0;
};
thread_local Incoming incoming;
thread_local int just_taken = -1;
thread_local bool holds_sender = false;

/// What a thread of Paho has to do before it waits.
struct Batch {
  std::vector<Wire*> written;
  std::vector<std::pair<void (*)(void*), void*>> calls;
};
thread_local Batch batch;

/// Null for a socket that Paho was never handed.
Channel* channel_of(int fd) {
  thread_local std::array<std::pair<int, Channel*>, 8> known{};  // stays true: a number keeps its Channel
  if (fd < 0) return nullptr;
  auto& slot = known[static_cast<unsigned>(fd) % known.size()];
  if (slot.second == nullptr || slot.first != fd) {
    auto& all = shared();
    const std::lock_guard lock(all.channels_mutex);
    const auto found = all.channels.find(fd);
    if (found == all.channels.end()) return nullptr;
    slot = {fd, found->second.get()};
  }
  return slot.second;
}

/// Null when the socket has none, or not any more.
Wire* wire_of(int fd) {
  Channel* const channel = channel_of(fd);
  return channel != nullptr && channel->wire.is_open() ? &channel->wire : nullptr;
}

std::shared_ptr<PahoLink> link_of(int fd) {
  Channel* const channel = channel_of(fd);
  if (channel == nullptr) return nullptr;
  const std::lock_guard lock(channel->mutex);
  return channel->link.lock();
}

void open_channel(int fd, const std::shared_ptr<PahoLink>& link, bool with_wire) {
  auto& all = shared();
  Channel* channel = nullptr;
  {
    const std::lock_guard lock(all.channels_mutex);
    auto& one = all.channels[fd];
    if (!one) one = std::make_unique<Channel>();
    channel = one.get();
  }
  {
    const std::lock_guard lock(channel->mutex);
    channel->link = link;
  }
  if (with_wire) channel->wire.open(fd);
}

/// Readable without a system call. While it cannot be written Paho would not read from it.
bool is_served(const Wire* wire) noexcept {
  return wire != nullptr && wire->has_input() && wire->takes_output();
}

/// A condition variable would cost a third system call for each sleep, for its mutex.
void futex(std::atomic<int>& word, int operation, int value, const timespec* time) noexcept {
  static_assert(sizeof word == sizeof(int));
  ::syscall(SYS_futex, &word, operation, value, time, nullptr, 0);
}

void ring_bell() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(shared().bell, &one, sizeof one);
}

void quiet_bell() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(shared().bell, &count, sizeof count);
}

/// The thread is about to wait, or has worked for long enough.
void end_batch() {
  // NOLINTNEXTLINE(modernize-loop-convert): a call may add one
  for (std::size_t i = 0; i < batch.calls.size(); ++i) batch.calls[i].first(batch.calls[i].second);
  batch.calls.clear();
  for (Wire* const wire : batch.written) {
    if (!wire->flush() && role() == Role::sender) ring_bell();  // it is the receive thread that waits for room
  }
  batch.written.clear();
}

/// Looked at again once a millisecond has passed.
bool many_come() {
  const auto now = Steady::now();
  const auto passed = now - receiver.since;
  if (passed >= std::chrono::milliseconds(1)) {
    receiver.many = receiver.recent * std::chrono::milliseconds(1) >= many_packets * passed;
    receiver.recent = 0;
    receiver.since = now;
  }
  return receiver.many;
}

/// Room in the kernel's buffer again, as poll said.
void unblock(int fd) {
  if (Wire* const wire = wire_of(fd); wire != nullptr && wire->blocked()) wire->unblock();
  receiver.unblocked = true;
}

}  // namespace

/// The wrapped calls' way into a PahoLink.
struct PahoLinkAccess {
  static const Endpoint& endpoint(const PahoLink& link) { return link.endpoint_; }
  static int socket(const PahoLink& link) { return link.socket_.get(); }
  static const std::string& host(const PahoLink& link) { return link.host_; }
  static bool tls(const PahoLink& link) { return link.tls_; }
  static std::uint32_t maximum_packet_size(const PahoLink& link) { return link.maximum_packet_size_; }
  static void judge(PahoLink& link, long verdict) {
    const std::lock_guard lock(link.mutex_);
    link.verdict_ = verdict;
  }
  static const std::string& protocols(const PahoLink& link) { return link.protocols_; }
  static const std::string& psk_identity(const PahoLink& link) { return link.psk_identity_; }
  static const std::string& psk_key(const PahoLink& link) { return link.psk_key_; }
  static void shown(PahoLink& link, std::optional<WallTime> until) {
    const std::lock_guard lock(link.mutex_);
    link.certificate_until_ = until;
  }
  static void heard(PahoLink& link) { link.heard_ = Steady::now().time_since_epoch().count(); }
  static void sent(PahoLink& link, std::uint8_t first, std::span<const std::string_view> body) {
    const std::lock_guard lock(link.mutex_);
    link.guard_.sent(first, body);
    if (first >> 4 == 1 && !link.asked_.exchange(true) && link.asked_nudge_) link.asked_nudge_->ring();
  }
  static bool accept(PahoLink& link, const std::string& problem) {
    if (!problem.empty())
      link.protocol_problem_ = fmt::format("the server broke the rules of MQTT: it sent {}", problem);
    return problem.empty();
  }
  /// Whether Paho may have it.
  static bool received(PahoLink& link, std::uint8_t first, std::string_view body) {
    const std::lock_guard lock(link.mutex_);
    return accept(link, link.guard_.received(first, body));
  }
  /// Whether Paho may go on reading a packet that begins so.
  static bool began(PahoLink& link, std::uint8_t first) {
    const std::lock_guard lock(link.mutex_);
    return accept(link, link.guard_.began(first));
  }
  static void too_large(PahoLink& link, std::size_t size) {
    const std::lock_guard lock(link.mutex_);
    link.protocol_problem_ =
        fmt::format("the server broke the rules of MQTT: it sent a packet of {} bytes, and was told that we take {}",
                    size, link.maximum_packet_size_);
  }
};

namespace {

extern "C" unsigned give_key(SSL* ssl, const char*, char* identity, unsigned most_identity, unsigned char* key,
                             unsigned most_key) {
  const auto link = link_of(::SSL_get_fd(ssl));
  if (!link) return 0;
  const auto& name = PahoLinkAccess::psk_identity(*link);
  const auto& bytes = PahoLinkAccess::psk_key(*link);
  if (name.size() + 1 > most_identity || bytes.size() > most_key) return 0;
  std::memcpy(identity, name.c_str(), name.size() + 1);
  // NOLINTNEXTLINE(bugprone-not-null-terminated-result): bytes, and how many is returned
  std::memcpy(key, bytes.data(), bytes.size());
  return static_cast<unsigned>(bytes.size());
}

std::optional<WallTime> end_of_certificate(SSL* ssl) noexcept {
  X509* const shown = ::SSL_get1_peer_certificate(ssl);
  if (shown == nullptr) return std::nullopt;
  std::tm end{};
  const bool read = ::ASN1_TIME_to_tm(::X509_get0_notAfter(shown), &end) == 1;
  ::X509_free(shown);
  if (!read) return std::nullopt;
  constexpr auto last = std::chrono::floor<std::chrono::seconds>(WallTime::max());  // some are made for 9999
  return std::min(last, std::chrono::sys_seconds(std::chrono::seconds(::timegm(&end))));
}

}  // namespace

PahoLink::PahoLink(Descriptor socket, Endpoint endpoint, std::string host, bool tls, std::uint32_t maximum_packet_size)
    : socket_(std::move(socket)),
      endpoint_(endpoint),
      host_(std::move(host)),
      tls_(tls),
      maximum_packet_size_(maximum_packet_size),
      heard_(Steady::now().time_since_epoch().count()) {}

std::string PahoLink::protocol_problem() const {
  const std::lock_guard lock(mutex_);
  return protocol_problem_;
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

std::optional<WallTime> PahoLink::certificate_until() const {
  const std::lock_guard lock(mutex_);
  return certificate_until_;
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

HoldPahoSender::HoldPahoSender() noexcept {
  holds_sender = true;
}

HoldPahoSender::~HoldPahoSender() {
  holds_sender = false;
}

bool on_paho_thread() noexcept {
  return role() != Role::other;
}

bool call_after_batch(void (*call)(void*), void* context) {
  if (!on_paho_thread()) return false;
  if (const std::pair one(call, context); std::ranges::find(batch.calls, one) == batch.calls.end())
    batch.calls.push_back(one);
  return true;
}

void wake_paho_sender() noexcept {
  auto& sender = shared().sender;
  if (sender.exchange(called) == asleep) futex(sender, FUTEX_WAKE_PRIVATE, 1, nullptr);
}

}  // namespace tidegate::mqtt

using namespace tidegate::mqtt;

extern "C" {

/// The beginning of Paho's PacketBuffers. Of its networkHandles, too, only the beginning is known here: the socket.
struct PahoBuffers {
  int count;
  char** buffers;
  size_t* lengths;
};

int __real_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**);
int __real_connect(int, const sockaddr*, socklen_t);
int __real_poll(pollfd*, nfds_t, int);
int __real_usleep(useconds_t);
char* __real_getenv(const char*);
int __real_pthread_cond_timedwait(pthread_cond_t*, pthread_mutex_t*, const timespec*);
int __real_SSL_connect(SSL*);
int __real_SSL_write(SSL*, const void*, int);
ssize_t __real_writev(int, const iovec*, int);
ssize_t __real_recv(int, void*, size_t, int);
int __real_shutdown(int, int);
int __real_pthread_cond_signal(pthread_cond_t*);

void* __real_MQTTPacket_Factory(int, void*, int*);
int __real_WebSocket_getch(void*, char*);
char* __real_WebSocket_getdata(void*, size_t, size_t*);
int __real_WebSocket_putdatas(void*, char**, size_t*, PahoBuffers*);
void __real_setRetryLoopInterval(int);

void* __wrap_MQTTPacket_Factory(int, void*, int*);
int __wrap_WebSocket_getch(void*, char*);
char* __wrap_WebSocket_getdata(void*, size_t, size_t*);
int __wrap_WebSocket_putdatas(void*, char**, size_t*, PahoBuffers*);
void __wrap_setRetryLoopInterval(int);
int __wrap_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**);
int __wrap_connect(int, const sockaddr*, socklen_t);
int __wrap_poll(pollfd*, nfds_t, int);
int __wrap_usleep(useconds_t);
char* __wrap_getenv(const char*);
int __wrap_pthread_cond_timedwait(pthread_cond_t*, pthread_mutex_t*, const timespec*);
int __wrap_SSL_connect(SSL*);
int __wrap_SSL_write(SSL*, const void*, int);
ssize_t __wrap_writev(int, const iovec*, int);
ssize_t __wrap_recv(int, void*, size_t, int);
int __wrap_shutdown(int, int);
int __wrap_pthread_cond_signal(pthread_cond_t*);

/// The first half of each round of Paho's receive thread: which sockets can be written.
static int look_for_room(pollfd* fds, nfds_t count) {
  const bool wakes = std::exchange(receiver.unblocked, false);
  receiver.wakes_sender = receiver.wakes_sender || wakes;  // it passes by a client whose socket is blocked
  receiver.skips = std::any_of(fds, fds + count, [](const pollfd& one) { return is_served(wire_of(one.fd)); }) &&
                   ++receiver.packets < packets_a_batch;
  auto& waits = receiver.waits;
  waits.clear();
  int ready = 0;
  for (nfds_t i = 0; i < count; ++i) {
    const Wire* const wire = wire_of(fds[i].fd);
    fds[i].revents = wire != nullptr && wire->takes_output() ? POLLOUT : short{0};
    if (fds[i].revents != 0) ++ready;
    if (wire == nullptr && !receiver.skips) waits.push_back(fds[i]);
  }
  if (receiver.skips) return ready;
  receiver.packets = 0;
  if (!waits.empty() && __real_poll(waits.data(), waits.size(), 0) > 0) {
    auto next = waits.begin();
    for (nfds_t i = 0; i < count && next != waits.end(); ++i) {
      if (next->fd != fds[i].fd) continue;
      fds[i].revents = next->revents;
      if (fds[i].revents != 0) ++ready;
      ++next;
    }
  }
  receiver.blocked.clear();
  for (nfds_t i = 0; i < count; ++i)
    if (fds[i].revents == 0) receiver.blocked.push_back(fds[i].fd);
  return ready;
}

/// The second half: what can be read. Paho waits for up to a second here, whatever else happens meanwhile.
static int wait_for_input(pollfd* fds, nfds_t count, int timeout) {
  int ready = 0;
  for (nfds_t i = 0; i < count; ++i) {
    fds[i].revents = is_served(wire_of(fds[i].fd)) ? POLLIN : short{0};
    if (fds[i].revents != 0) ++ready;
  }
  receiver.idle = false;
  if (receiver.skips && ready > 0) {
    receiver.recent += ready;
    return ready;
  }
  if (ready > 0) timeout = 0;
  end_batch();
  if (std::exchange(receiver.wakes_sender, false)) wake_paho_sender();

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
  if (timeout != 0 && many_come()) {
    for (int i = 0; i < yields_for_more; ++i) ::sched_yield();
  }
  auto& waits = receiver.waits;
  waits.assign(fds, fds + count);
  waits.push_back({all.bell, POLLIN, 0});
  for (nfds_t i = 0; i < count; ++i) {
    const Wire* const wire = wire_of(fds[i].fd);
    const bool blocked =
        wire != nullptr ? wire->blocked() : std::ranges::find(receiver.blocked, fds[i].fd) != receiver.blocked.end();
    if (blocked) waits.push_back({fds[i].fd, POLLOUT, 0});
  }
  const int found = __real_poll(waits.data(), waits.size(), std::min(timeout, shared().keep_alive_look.load()));
  if (found < 0) return found;
  if (waits[count].revents != 0) quiet_bell();
  for (std::size_t i = count + 1; i < waits.size(); ++i)
    if (waits[i].revents != 0) unblock(waits[i].fd);
  ready = 0;
  for (nfds_t i = 0; i < count; ++i) {
    fds[i].revents = static_cast<short>(fds[i].revents | waits[i].revents);
    if (fds[i].revents != 0) ++ready;
  }
  receiver.idle = ready == 0;
  receiver.recent += ready;
  return ready;
}

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
  char numbers[NI_MAXHOST] = "127.0.0.1";  // what Paho is told of a unix socket
  if (endpoint.address.ss_family != AF_UNIX &&
      ::getnameinfo(reinterpret_cast<const sockaddr*>(&endpoint.address), endpoint.length, numbers, sizeof numbers,
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
  open_channel(socket, all.next, TIDEGATE_PAHO_WIRES != 0 && !PahoLinkAccess::tls(*all.next));
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
  return timeout == 0 ? look_for_room(fds, count) : wait_for_input(fds, count, timeout);
}

int __wrap_usleep(useconds_t duration) {
  if (role() != Role::receiver) return __real_usleep(duration);
  // Paho rests for 100 ms after a poll that found nothing to do. It has waited in that poll already; where it has not
  // (no sockets, or one that has something to read while it cannot be written) it waits here, but not longer than
  // needed.
  if (std::exchange(receiver.idle, false)) return 0;
  end_batch();
  if (std::exchange(receiver.wakes_sender, false)) wake_paho_sender();
  auto& waits = receiver.waits;
  waits.assign(1, {shared().bell, POLLIN, 0});
  for (const int fd : receiver.blocked) waits.push_back({fd, POLLOUT, 0});
  if (__real_poll(waits.data(), waits.size(), static_cast<int>(duration / 1000)) > 0) {
    if (waits[0].revents != 0) quiet_bell();
    for (std::size_t i = 1; i < waits.size(); ++i)
      if (waits[i].revents != 0) unblock(waits[i].fd);
  }
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
  ::pthread_mutex_unlock(mutex);  // of the condition, which Paho locks to signal: what is called here may do that
  end_batch();
  if (just_taken >= 0) {
    {
      const std::lock_guard lock(all.fresh_mutex);
      all.fresh.push_back(std::exchange(just_taken, -1));
    }
    ring_bell();
  }
  all.sender_condition = condition;
  if (all.sender.exchange(asleep) == called) {
    all.sender = awake;
    ::pthread_mutex_lock(mutex);
    return 0;
  }
  // Paho reckons with the wall clock: a step back would make this wait as long as the step.
  timespec wall{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  const long long left = std::clamp<long long>(
      (until->tv_sec - wall.tv_sec) * 1'000'000'000LL + (until->tv_nsec - wall.tv_nsec), 0, 1'000'000'000LL);
  const timespec time{static_cast<time_t>(left / 1'000'000'000LL), static_cast<long>(left % 1'000'000'000LL)};
  futex(all.sender, FUTEX_WAIT_PRIVATE, asleep, &time);
  ::pthread_mutex_lock(mutex);
  return all.sender.exchange(awake) == called ? 0 : ETIMEDOUT;
}

int __wrap_SSL_connect(SSL* ssl) {
  if (role() == Role::other) return __real_SSL_connect(ssl);
  const auto link = link_of(::SSL_get_fd(ssl));
  if (link && ::SSL_in_before(ssl) != 0) {
    ::SSL_set_min_proto_version(ssl, TLS1_2_VERSION);
    if (const auto& protocols = PahoLinkAccess::protocols(*link); !protocols.empty()) {
      ::SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(protocols.data()),
                            static_cast<unsigned>(protocols.size()));
    }
    if (!PahoLinkAccess::psk_identity(*link).empty()) {
      // A server that has no such key, and shows a certificate instead, is none that was meant.
      ::SSL_set_psk_client_callback(ssl, &give_key);
      ::SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
      ::SSL_set_cipher_list(ssl, "kECDHEPSK:kDHEPSK:kPSK:!eNULL");
    }
    if ((::SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0) {
      const char* const host = PahoLinkAccess::host(*link).c_str();
      X509_VERIFY_PARAM* const rules = ::SSL_get0_param(ssl);
      if (*host != '\0' && ::X509_VERIFY_PARAM_set1_ip_asc(rules, host) != 1) {
        ::X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        ::X509_VERIFY_PARAM_set1_host(rules, host, 0);
      }
    }
  }
  const int result = __real_SSL_connect(ssl);
  if (link && (::SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0)
    PahoLinkAccess::judge(*link, ::SSL_get_verify_result(ssl));
  if (link && result == 1) PahoLinkAccess::shown(*link, end_of_certificate(ssl));
  return result;
}

// When a write fails, Paho frees the message under way and frees it again with its session (1.3.12 and 1.3.14; the
// tracked heap that paho_lean.c replaces only logs that). So no write fails: the connection is ended, the bytes count
// as written, and Paho meets the end where it copes with it, when it reads.

ssize_t __wrap_writev(int fd, const iovec* parts, int count) {
  if (role() == Role::other) return __real_writev(fd, parts, count);
  if (Wire* const wire = wire_of(fd); wire != nullptr) {
    if (std::ranges::find(batch.written, wire) == batch.written.end()) batch.written.push_back(wire);
    return wire->send(parts, count);
  }
  const ssize_t written = __real_writev(fd, parts, count);
  if (written >= 0 || errno == EAGAIN || errno == EWOULDBLOCK) return written;
  __real_shutdown(fd, SHUT_RDWR);
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
  __real_shutdown(::SSL_get_fd(ssl), SHUT_RDWR);
  return size;
}

ssize_t __wrap_recv(int fd, void* data, size_t size, int flags) {
  if (size == 0 || role() != Role::receiver) return __real_recv(fd, data, size, flags);
  Wire* const wire = wire_of(fd);
  return wire != nullptr ? wire->receive(data, size) : __real_recv(fd, data, size, flags);
}

/// Paho shuts a socket down when it is about to close it.
int __wrap_shutdown(int fd, int how) {
  if (role() == Role::other) return __real_shutdown(fd, how);
  if (Wire* const wire = wire_of(fd); wire != nullptr) wire->close();
  return __real_shutdown(fd, how);
}

int __wrap_pthread_cond_signal(pthread_cond_t* condition) {
  auto& all = shared();
  if (condition != all.sender_condition.load()) return __real_pthread_cond_signal(condition);
  if (holds_sender) return 0;
  if (role() == Role::receiver) {
    receiver.wakes_sender = true;
    return 0;
  }
  wake_paho_sender();
  return 0;
}

void* __wrap_MQTTPacket_Factory(int version, void* net, int* error) {
  incoming = {};
  incoming.socket = *static_cast<const int*>(net);
  incoming.link = link_of(incoming.socket);
  if (!incoming.link) {  // the session has given it up
    __real_shutdown(incoming.socket, SHUT_RDWR);
    *error = paho_socket_error;
    return nullptr;
  }
  void* const packet = __real_MQTTPacket_Factory(version, net, error);
  if (*error != paho_socket_error) PahoLinkAccess::heard(*incoming.link);
  incoming.link.reset();
  return packet;
}

/// Ends a connection on which the server broke the protocol.
static int refuse_packet() {
  __real_shutdown(incoming.socket, SHUT_RDWR);
  return paho_socket_error;
}

int __wrap_WebSocket_getch(void* net, char* byte) {
  const int result = __real_WebSocket_getch(net, byte);
  if (result != 0 || !incoming.link) return result;
  if (incoming.read++ == 0) {
    incoming.first = static_cast<std::uint8_t>(*byte);
    return PahoLinkAccess::began(*incoming.link, incoming.first) ? result : refuse_packet();
  }
  const auto value = static_cast<std::uint8_t>(*byte);
  incoming.length |= std::size_t{value & 0x7FU} << (7 * (incoming.read - 2));
  if ((value & 0x80U) != 0) return result;
  auto& link = *incoming.link;
  const auto most = PahoLinkAccess::maximum_packet_size(link);
  if (const auto size = incoming.read + incoming.length; most != 0 && size > most) {
    PahoLinkAccess::too_large(link, size);
    return refuse_packet();
  }
  // Of an empty packet Paho would not ask for the rest.
  if (incoming.length == 0 && !PahoLinkAccess::received(link, incoming.first, {})) return refuse_packet();
  return result;
}

char* __wrap_WebSocket_getdata(void* net, size_t size, size_t* got) {
  char* const data = __real_WebSocket_getdata(net, size, got);
  if (!incoming.link || size == 0 || data == nullptr || *got < size) return data;
  if (!PahoLinkAccess::received(*incoming.link, incoming.first, {data, size})) {
    refuse_packet();
    return nullptr;
  }
  // Of a PUBREC that does not refuse, Paho copies the properties and never frees the copy: let it find none.
  const bool pubrec = incoming.first >> 4 == 5 && size > 3;
  if (pubrec && static_cast<std::uint8_t>(data[2]) < 0x80) data[3] = 0;
  return data;
}

int __wrap_WebSocket_putdatas(void* net, char** head, size_t* head_length, PahoBuffers* rest) {
  if (const auto link = link_of(*static_cast<const int*>(net))) {
    std::array<std::string_view, 8> parts{};
    const auto count = std::min<std::size_t>(static_cast<std::size_t>(std::max(rest->count, 0)), parts.size());
    for (std::size_t i = 0; i < count; ++i) {
      if (rest->buffers[i] != nullptr) parts[i] = {rest->buffers[i], rest->lengths[i]};
    }
    PahoLinkAccess::sent(*link, static_cast<std::uint8_t>(**head), std::span(parts).first(count));
  }
  return __real_WebSocket_putdatas(net, head, head_length, rest);
}

void __wrap_setRetryLoopInterval(int keep_alive) {
  // Paho has one interval for all its clients, a tenth of the keep-alive that was set last.
  auto& look = shared().keep_alive_look;
  if (keep_alive > 0) look = std::clamp(keep_alive * 100, 100, look.load());
  __real_setRetryLoopInterval(look / 100);
}

}  // extern "C"
