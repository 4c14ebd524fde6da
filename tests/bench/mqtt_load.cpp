// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// A load generator for benchmarks: publishes at QoS 1 to one broker, receives from another, in one thread, over raw
// sockets, so that it costs little beside what it measures. Closed loop: never more than a window of messages between
// publish and receipt, so that no queue grows and no loss hides in the rate. MQTT 3.1.1; loopback only; ends by itself.
//
//   mqtt_load PUBLISH_PORT SUBSCRIBE_PORT TOPIC PREFIX COUNT WINDOW PAYLOAD_BYTES
//
// Subscribes to PREFIX+TOPIC. Prints {"rate":…,"received":…,"duplicates":…,"seconds":…}.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
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

  void open(int port, const std::string& client) {
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("cannot connect");
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::string body;
    put_text(body, "MQTT");
    body += std::string("\x04\x02\x00\x00", 4);  // 3.1.1, clean session, no keep-alive
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

void wait(Connection& one, Connection& other) {
  std::array<pollfd, 2> fds{};
  fds[0] = {one.fd, static_cast<short>(POLLIN | (one.out.empty() ? 0 : POLLOUT)), 0};
  fds[1] = {other.fd, static_cast<short>(POLLIN | (other.out.empty() ? 0 : POLLOUT)), 0};
  poll(fds.data(), fds.size(), 1000);
  for (auto* connection : {&one, &other}) {
    connection->flush();
    connection->fill();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) fail("PUBLISH_PORT SUBSCRIBE_PORT TOPIC PREFIX COUNT WINDOW PAYLOAD_BYTES");
  const std::string topic = argv[3];
  const std::string prefix = argv[4];
  const auto count = static_cast<std::uint32_t>(std::atol(argv[5]));
  const auto window = static_cast<std::uint32_t>(std::atol(argv[6]));
  const auto size = std::max<std::size_t>(4, static_cast<std::size_t>(std::atol(argv[7])));

  Connection publisher;
  Connection subscriber;
  publisher.open(std::atoi(argv[1]), "load-publisher");
  subscriber.open(std::atoi(argv[2]), "load-subscriber");
  std::string body("\x00\x01", 2);
  put_text(body, prefix + topic);
  body.push_back(1);
  subscriber.out += packet(static_cast<char>(0x82), body);

  std::vector<bool> seen(count);
  std::uint32_t sent = 0;
  std::uint32_t received = 0;
  std::uint32_t duplicates = 0;
  std::uint32_t acknowledged = 0;
  std::uint16_t identifier = 0;
  bool ready = false;
  bool connected = false;
  Clock::time_point begin{};
  auto progress = Clock::now();
  const auto end_of_patience = [&] { return Clock::now() - progress > give_up; };

  while (received < count) {
    if (end_of_patience()) fail("nothing came for 60 s");
    if (ready && connected) {
      while (sent < count && sent - received < window && sent - acknowledged < window &&
             publisher.out.size() < (1U << 18)) {
        body.clear();
        put_text(body, topic);
        if (++identifier == 0) ++identifier;
        body.push_back(static_cast<char>(identifier >> 8));
        body.push_back(static_cast<char>(identifier & 255));
        std::string payload(size, 'x');
        std::memcpy(payload.data(), &sent, 4);
        body += payload;
        publisher.out += packet(0x32, body);
        ++sent;
      }
      publisher.flush();
    }
    wait(publisher, subscriber);
    unsigned char head = 0;
    std::string_view packet_body;
    while (publisher.next(head, packet_body)) {
      if (head >> 4 == 2) connected = true;
      if (head >> 4 == 4) ++acknowledged;
    }
    while (subscriber.next(head, packet_body)) {
      if (head >> 4 == 9) ready = true;
      if (head >> 4 != 3) continue;
      const auto length = static_cast<std::size_t>(static_cast<unsigned char>(packet_body[0]) << 8 |
                                                   static_cast<unsigned char>(packet_body[1]));
      packet_body.remove_prefix(2 + length);
      if ((head & 6) != 0) {
        subscriber.out += std::string("\x40\x02", 2) + std::string(packet_body.substr(0, 2));
        packet_body.remove_prefix(2);
      }
      std::uint32_t number = 0;
      std::memcpy(&number, packet_body.data(), 4);
      if (number >= count) continue;
      if (seen[number]) {
        ++duplicates;
      } else {
        seen[number] = true;
        ++received;
        progress = Clock::now();
      }
    }
    subscriber.flush();
    if (ready && connected && begin == Clock::time_point{}) begin = Clock::now();
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  fmt::print("{{\"rate\":{:.0f},\"received\":{},\"duplicates\":{},\"seconds\":{:.3f}}}\n", count / seconds, received,
             duplicates, seconds);
}
