// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// A load generator for benchmarks: publishes to one broker, receives from another, in one thread, over raw
// sockets, so that it costs little beside what it measures. MQTT 3.1.1; loopback only; ends by itself.
//
//   mqtt_load [--publish PORT] [--subscribe PORT] [--count N] [--window N] [--rate N] [--bytes N] [--session ID]
//             [--qos 0|1]
//
// Both ports: a closed loop, never more than the window between publish and receipt, so that no queue grows and no loss
// hides in the rate; or, with a rate, so many a second, and the latency of each from the time at which it was due.
// Only --publish: until each has its PUBACK; with --qos 0, until all are sent. Only --subscribe: rate from the first to
// the last that came. --session: the subscriber's session is persistent and keeps its subscription, and its broker may
// yet have to start; with --count 0 it is only made. Prints one JSON object.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto give_up = std::chrono::seconds{60};

[[noreturn]] void fail(const char* what) {
  fmt::print(stderr, "mqtt_load: {}\n", what);
  std::exit(1);
}

void put_length(std::string& packet, std::size_t length) {
  do {
    packet.push_back(static_cast<char>((length & 127) | (length > 127 ? 128 : 0)));
    length >>= 7;
  } while (length != 0);
}

void put_text(std::string& packet, std::string_view text) {
  packet.push_back(static_cast<char>(text.size() >> 8));
  packet.push_back(static_cast<char>(text.size() & 255));
  packet.append(text);
}

std::string packet(char head, const std::string& body) {
  std::string made(1, head);
  put_length(made, body.size());
  return made + body;
}

/// One connection: what is to be sent, and what has come and was not taken.
struct Connection {
  int fd = -1;
  std::string out;
  std::string in;
  std::size_t taken = 0;

  void open(int port, const std::string& client, bool persistent) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (const auto begin = Clock::now();; usleep(500)) {
      fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) break;
      if (!persistent || Clock::now() - begin > give_up) fail("cannot connect");
      close(fd);
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::string body;
    put_text(body, "MQTT");
    body += '\x04';  // 3.1.1
    body += persistent ? '\x00' : '\x02';
    body += std::string("\x00\x00", 2);  // no keep-alive
    put_text(body, client);
    out += packet(0x10, body);
  }
  void flush() {
    while (!out.empty()) {
      const auto sent = send(fd, out.data(), out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent <= 0) return;
      out.erase(0, static_cast<std::size_t>(sent));
    }
  }
  void fill() {
    if (taken > 0) {
      in.erase(0, taken);
      taken = 0;
    }
    std::array<char, 65536> buffer;
    const auto got = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got == 0) fail("the broker closed the connection");
    if (got > 0) in.append(buffer.data(), static_cast<std::size_t>(got));
  }
  /// The next whole packet: its first byte and body. False when there is none.
  bool next(unsigned char& head, std::string_view& body) {
    const auto rest = std::string_view(in).substr(taken);
    std::size_t length = 0;
    std::size_t at = 1;
    for (unsigned shift = 0;; shift += 7, ++at) {
      if (at >= rest.size()) return false;
      length |= static_cast<std::size_t>(rest[at] & 127) << shift;
      if ((rest[at] & 128) == 0) break;
    }
    ++at;
    if (rest.size() < at + length) return false;
    head = static_cast<unsigned char>(rest[0]);
    body = rest.substr(at, length);
    taken += at + length;
    return true;
  }
};

struct Options {
  int publish = 0;
  int subscribe = 0;
  std::uint32_t count = 0;
  std::uint32_t window = 2000;
  std::uint32_t rate = 0;
  std::size_t bytes = 64;
  unsigned qos = 1;  ///< of what is published
  std::string session;
};

Options parse(int argc, char** argv) {
  std::map<std::string, std::string> given;
  for (int at = 1; at + 1 < argc; at += 2) given[argv[at]] = argv[at + 1];
  Options options;
  const auto number = [&](const char* name, auto& value) {
    const auto found = given.extract(name);
    if (found) value = static_cast<std::decay_t<decltype(value)>>(std::stoul(found.mapped()));
  };
  number("--publish", options.publish);
  number("--subscribe", options.subscribe);
  number("--count", options.count);
  number("--window", options.window);
  number("--rate", options.rate);
  number("--bytes", options.bytes);
  number("--qos", options.qos);
  if (const auto found = given.extract("--session")) options.session = found.mapped();
  if (!given.empty() || argc % 2 == 0 || (options.publish == 0 && options.subscribe == 0) || options.bytes < 12 ||
      options.qos > 1) {
    fail(
        "[--publish PORT] [--subscribe PORT] [--count N] [--window N] [--rate N] [--bytes N, at least 12] [--session "
        "ID] [--qos 0|1]");
  }
  return options;
}

constexpr std::string_view topic = "device/bench";

/// One run: the two connections and what is known of the messages.
class Load {
 public:
  explicit Load(Options options)
      : options_(std::move(options)),
        seen_(options_.count),
        latencies_(options_.rate != 0 && options_.subscribe != 0 ? options_.count : 0) {
    if (options_.publish != 0) publisher_.open(options_.publish, "load-publisher", false);
    if (options_.subscribe == 0) return;
    subscriber_.open(options_.subscribe, options_.session.empty() ? "load-subscriber" : options_.session,
                     !options_.session.empty());
    std::string body("\x00\x01", 2);
    put_text(body, topic);
    body.push_back(1);
    subscriber_.out += packet(static_cast<char>(0x82), body);
  }

  void run() {
    prctl(PR_SET_TIMERSLACK, 1UL);
    while (!done()) {
      const auto now = Clock::now();
      if (now - progress_ > give_up) fail("nothing came for 60 s");
      if (ready()) {
        if (begin_ == Clock::time_point{}) begin_ = now;
        publish(now);
      }
      wait();
      take();
    }
    for (auto* connection : {&publisher_, &subscriber_}) {
      connection->out += std::string("\xe0\x00", 2);
      connection->flush();
    }
  }

  void print() {
    const bool only_received = options_.publish == 0;
    const double seconds = std::chrono::duration<double>(progress_ - (only_received ? first_ : begin_)).count();
    fmt::print("{{\"rate\":{:.0f},\"received\":{},\"duplicates\":{},\"acknowledged\":{},\"seconds\":{:.3f}",
               seconds > 0 ? (options_.count - (only_received ? 1 : 0)) / seconds : 0.0, received_, duplicates_,
               acknowledged_, seconds);
    if (!latencies_.empty()) {
      std::sort(latencies_.begin(), latencies_.end());
      const auto at = [&](double part) {
        return static_cast<double>(
                   latencies_[static_cast<std::size_t>(part * static_cast<double>(latencies_.size() - 1))]) /
               1e3;
      };
      fmt::print(",\"p50_us\":{:.1f},\"p99_us\":{:.1f},\"p999_us\":{:.1f},\"max_us\":{:.1f}", at(0.5), at(0.99),
                 at(0.999), at(1));
    }
    fmt::print("}}\n");
  }

 private:
  [[nodiscard]] bool ready() const {
    return (options_.publish == 0 || connected_) && (options_.subscribe == 0 || subscribed_);
  }
  [[nodiscard]] bool done() const {
    return ready() && (options_.subscribe == 0 || received_ >= options_.count) &&
           (options_.publish == 0 || (acknowledged_ >= options_.count && publisher_.out.empty()));
  }
  /// With a rate: when the message is due.
  [[nodiscard]] Clock::time_point due(std::uint32_t number) const {
    return begin_ + std::chrono::nanoseconds{1'000'000'000ULL * number / options_.rate};
  }

  void publish(Clock::time_point now) {
    if (options_.publish == 0) return;
    const auto arrived = [&] { return options_.subscribe != 0 ? received_ : acknowledged_; };
    while (sent_ < options_.count && sent_ - acknowledged_ < options_.window && publisher_.out.size() < (1U << 18)) {
      if (options_.rate != 0 ? due(sent_) > now : sent_ - arrived() >= options_.window) break;
      std::string body;
      put_text(body, topic);
      if (options_.qos > 0) {
        if (++identifier_ == 0) ++identifier_;
        body.push_back(static_cast<char>(identifier_ >> 8));
        body.push_back(static_cast<char>(identifier_ & 255));
      }
      std::string payload(options_.bytes, 'x');
      std::memcpy(payload.data(), &sent_, 4);
      const std::int64_t stamp = (options_.rate != 0 ? due(sent_) : now).time_since_epoch().count();
      std::memcpy(payload.data() + 4, &stamp, 8);
      publisher_.out += packet(static_cast<char>(0x30 | (options_.qos << 1)), body + payload);
      ++sent_;
      if (options_.qos == 0) acknowledged_ = sent_;
    }
    publisher_.flush();
    if (options_.qos == 0) progress_ = now;
  }

  void wait() {
    std::array<pollfd, 2> fds{};
    fds[0] = {publisher_.fd, static_cast<short>(POLLIN | (publisher_.out.empty() ? 0 : POLLOUT)), 0};
    fds[1] = {subscriber_.fd, static_cast<short>(POLLIN | (subscriber_.out.empty() ? 0 : POLLOUT)), 0};
    auto most = std::chrono::nanoseconds{std::chrono::seconds{1}};
    if (options_.rate != 0 && begin_ != Clock::time_point{} && sent_ < options_.count) {
      most = std::clamp(due(sent_) - Clock::now(), std::chrono::nanoseconds{0}, most);
    }
    if (options_.qos == 0 && publisher_.out.empty() && connected_) most = {};  // nobody answers
    const timespec timeout{most.count() / 1'000'000'000, most.count() % 1'000'000'000};
    ppoll(fds.data(), fds.size(), &timeout, nullptr);
    for (auto* connection : {&publisher_, &subscriber_}) {
      if (connection->fd < 0) continue;
      connection->flush();
      connection->fill();
    }
  }

  void take() {
    unsigned char head = 0;
    std::string_view body;
    while (publisher_.next(head, body)) {
      if (head >> 4 == 2) connected_ = true;
      if (head >> 4 == 4) {
        ++acknowledged_;
        progress_ = Clock::now();
      }
    }
    while (subscriber_.next(head, body)) {
      if (head >> 4 == 9) subscribed_ = true;
      if (head >> 4 == 3) arrive(head, body);
    }
    subscriber_.flush();
  }

  void arrive(unsigned char head, std::string_view body) {
    body.remove_prefix(2 + topic.size());
    if ((head & 6) != 0) {
      subscriber_.out += std::string("\x40\x02", 2) + std::string(body.substr(0, 2));
      body.remove_prefix(2);
    }
    std::uint32_t number = 0;
    std::int64_t stamp = 0;
    std::memcpy(&number, body.data(), 4);
    std::memcpy(&stamp, body.data() + 4, 8);
    if (number >= options_.count) return;
    if (seen_[number]) {
      ++duplicates_;
      return;
    }
    seen_[number] = true;
    progress_ = Clock::now();
    if (received_++ == 0) first_ = progress_;
    if (!latencies_.empty()) latencies_[number] = progress_.time_since_epoch().count() - stamp;
  }

  const Options options_;
  Connection publisher_;
  Connection subscriber_;
  std::vector<bool> seen_;
  std::vector<std::int64_t> latencies_;  ///< ns
  std::uint32_t sent_ = 0;
  std::uint32_t received_ = 0;
  std::uint32_t duplicates_ = 0;
  std::uint32_t acknowledged_ = 0;
  std::uint16_t identifier_ = 0;
  bool connected_ = false;
  bool subscribed_ = false;
  Clock::time_point begin_{};
  Clock::time_point first_{};
  Clock::time_point progress_ = Clock::now();
};

}  // namespace

int main(int argc, char** argv) {
  Load load(parse(argc, argv));
  load.run();
  load.print();
}
