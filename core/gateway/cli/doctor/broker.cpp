// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// What of MQTT listens to the network, and which Mosquitto ours is.
#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>

#include <tidegate/clock.hpp>

#include "broker/door.hpp"
#include "broker/version.hpp"
#include "gateway/cli/ask_program.hpp"
#include "gateway/cli/doctor/checks.hpp"

namespace tidegate::cli {
namespace {

namespace fs = std::filesystem;

constexpr broker::Version least_version{2, 0, 11};
constexpr std::uint16_t mqtt_ports[] = {1883, 8883};

struct Socket {
  std::string address;
  std::uint16_t port = 0;
  auto operator<=>(const Socket&) const = default;
};

/// "0100007F:075B" or 32 digits of IPv6, four bytes at a time in the processor's order; nothing for the loopback.
std::optional<Socket> parse_socket(const std::string& text) {
  const auto colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  std::array<std::uint32_t, 4> words{};
  for (std::size_t at = 0; at < colon / 8; ++at)
    std::from_chars(text.data() + at * 8, text.data() + at * 8 + 8, words[at], 16);
  Socket socket;
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), socket.port, 16);
  const bool six = colon == 32;
  if (!six && (ntohl(words[0]) >> 24) == 127) return std::nullopt;
  const bool mapped = six && words[0] == 0 && words[1] == 0 && words[2] == htonl(0xFFFF);
  if (mapped && (ntohl(words[3]) >> 24) == 127) return std::nullopt;
  if (six && words[0] == 0 && words[1] == 0 && words[2] == 0 && words[3] == htonl(1)) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> name{};
  inet_ntop(six ? AF_INET6 : AF_INET, words.data(), name.data(), name.size());
  socket.address = name.data();
  return socket;
}

/// Where something listens, as the kernel writes it.
std::vector<std::string> listeners(const Patient& patient) {
  std::vector<std::string> found;
  for (const auto* file : {"proc/net/tcp", "proc/net/tcp6"}) {
    std::istringstream lines(patient.read(file).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string number, local, remote, state;
      words >> number >> local >> remote >> state;
      constexpr const char* listen = "0A";
      if (state == listen) found.push_back(local);
    }
  }
  return found;
}

/// What listens beyond the loopback on these ports.
std::set<Socket> listening(const Patient& patient, const std::set<std::uint16_t>& ports) {
  std::set<Socket> found;
  for (const auto& local : listeners(patient)) {
    if (auto socket = parse_socket(local); socket && ports.contains(socket->port)) found.insert(*socket);
  }
  return found;
}

/// Whether a line of the distribution's own configuration lets everybody in.
bool lets_everybody_in(const Patient& patient) {
  std::vector<fs::path> files{patient.in("etc/mosquitto/mosquitto.conf")};
  std::error_code error;
  for (fs::directory_iterator at(patient.in("etc/mosquitto/conf.d"), error), end; !error && at != end;
       at.increment(error))
    files.push_back(at->path());
  for (const auto& file : files) {
    std::istringstream lines(read_small(file).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("allow_anonymous true")) return true;
    }
  }
  return false;
}

Findings check_listener(const Patient& patient, const config::Listener& listener) {
  const char* const what = "broker exposure";
  const auto door = fmt::format("the local broker's door, port {} of {},", listener.port,
                                listener.address.empty() ? "all addresses" : listener.address);
  Findings found;
  if (listener.anonymous)
    found.push_back({Verdict::warn, what, door + " takes everybody who reaches it (anonymous = true)",
                     "sudo tidegate broker adduser NAME, with users = \"broker-users\" in place of anonymous in "
                     "[broker.listener]"});
  if (listener.cert_file.empty() && listener.psk_file.empty())
    found.push_back({Verdict::warn, what,
                     door + " is without TLS: passwords and messages can be read on the way (plain = true)",
                     "[broker.listener.tls] with cert_file and key_file in place of plain"});
  for (const auto& oddity :
       broker::door_oddities(listener, machine_clock().wall(), "sudo systemctl reload tidegate-broker"))
    found.push_back({Verdict::warn, what, oddity, {}});
  const auto port = fmt::format(":{:04X}", listener.port);
  if (std::ranges::none_of(listeners(patient), [&](const auto& local) { return local.ends_with(port); }))
    found.push_back({Verdict::warn, what, door + " is not open: nothing listens there",
                     "tidegate status   (says why; where tidegate-broker keeps it: systemctl status tidegate-broker)"});
  if (found.empty()) {
    const char* const whom = !listener.users.empty()      ? "those with a password"
                             : !listener.psk_file.empty() ? "those with a key"
                                                          : "those with a certificate";
    found.push_back({Verdict::ok, what, fmt::format("{} is with TLS, for {}", door, whom), {}});
  }
  return found;
}

}  // namespace

Findings check_exposure(const Patient& patient) {
  const char* const what = "broker exposure";
  if (!patient.config) return {{Verdict::skip, what, "the configuration cannot be read", {}}};
  const auto& broker = patient.config->broker;
  std::set<std::uint16_t> ports(std::begin(mqtt_ports), std::end(mqtt_ports));
  if (broker.port.value_or(0) != 0) ports.insert(*broker.port);
  Findings found;
  if (broker.listener) {
    ports.erase(broker.listener->port);
    found = check_listener(patient, *broker.listener);
  }
  for (const auto& [address, port] : listening(patient, ports)) {
    const bool open = lets_everybody_in(patient);
    found.push_back({Verdict::warn, what,
                     fmt::format("something else than Tidegate listens beyond this machine: {} port {}{}", address,
                                 port, open ? "; /etc/mosquitto lets everybody in (allow_anonymous true)" : ""),
                     open ? "sudo systemctl disable --now mosquitto   (if it is not needed)"
                          : fmt::format("sudo ss -ltnp 'sport = :{}'   (says which program it is)", port)});
  }
  if (found.empty()) found.push_back({Verdict::ok, what, "no broker listens beyond this machine", {}});
  return found;
}

Findings check_mosquitto(const Patient& patient) {
  const char* const what = "broker version";
  if (!patient.here()) return {{Verdict::skip, what, "it can be asked on its own machine alone", {}}};
  const auto broker = patient.config ? patient.config->broker : config::Broker{};
  if (broker.url) return {{Verdict::skip, what, "[broker] url names a broker that is not ours", {}}};
  const auto said = ask_program({broker.program, "-h"});
  if (!said)
    return {{Verdict::fail, what, fmt::format("there is no program {}: the local broker cannot start", broker.program),
             "sudo apt-get install mosquitto"}};
  const auto version = broker::parse_version(said->text);
  if (!version) return {{Verdict::warn, what, fmt::format("{} does not say which version it is", broker.program), {}}};
  const char* const mend =
      "sudo apt-get update && sudo apt-get install mosquitto   (a distribution may have mended it under the same "
      "number)";
  Findings found;
  for (const auto& defect : broker::known_defects(*version))
    found.push_back({*version < least_version ? Verdict::fail : Verdict::warn, what, defect, mend});
  if (found.empty()) found.push_back({Verdict::ok, what, fmt::format("Mosquitto {}", broker::to_string(*version)), {}});
  return found;
}

}  // namespace tidegate::cli
