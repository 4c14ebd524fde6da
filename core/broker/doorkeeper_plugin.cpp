// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// doorkeeper.so, which Mosquitto loads: it tells the clients of the network, who give a name, from those of this
// machine, who need none. Mosquitto can do that by itself only with per_listener_settings, and from 2.0.12 to 2.0.22
// throws away with it what comes for sessions whose client is away (mosquitto#2618).
#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>

// In this order: none of them includes what it needs.
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#include "broker/doorkeeper.hpp"

namespace tidegate::broker::doorkeeper {
namespace {

constexpr int unknown = -1;
constexpr int plugin_interface = 5;

using PortOf = int (*)(const mosquitto*);

int door = 0;  ///< 0: nobody has to give a name
PortOf port_of = nullptr;

/// Mosquitto 2.0 does not tell by which listener a client came. In all its versions what it knows of a client begins
/// with a mark, 2, and the socket; that it is the client's is made sure of.
int port_of_socket(const mosquitto* client) {
  struct {
    int mark, socket;
  } head{};
  std::memcpy(&head, client, sizeof head);
  sockaddr_storage peer{}, own{};
  socklen_t peer_size = sizeof peer, own_size = sizeof own;
  if (head.mark != 2 || getpeername(head.socket, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0 ||
      getsockname(head.socket, reinterpret_cast<sockaddr*>(&own), &own_size) != 0)
    return unknown;
  if (own.ss_family == AF_UNIX) return 0;
  const auto* const four = reinterpret_cast<const sockaddr_in*>(&peer);
  const auto* const six = reinterpret_cast<const sockaddr_in6*>(&peer);
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* const address = peer.ss_family == AF_INET ? static_cast<const void*>(&four->sin_addr) : &six->sin6_addr;
  const char* const told = mosquitto_client_address(client);
  if (inet_ntop(peer.ss_family, address, text.data(), text.size()) == nullptr || told == nullptr ||
      std::string_view(told) != text.data())
    return unknown;
  // Of both families the port stands at the same place.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&own)->sin_port);
}

int who_comes(int, void* event, void*) {
  const auto* const one = static_cast<const mosquitto_evt_basic_auth*>(event);
  if (one->username != nullptr) return MOSQ_ERR_PLUGIN_DEFER;
  const int port = port_of(one->client);
  return port == door || port == unknown ? MOSQ_ERR_AUTH : MOSQ_ERR_PLUGIN_DEFER;
}

int who_may(int, void* event, void*) {
  const char* const name = mosquitto_client_username(static_cast<const mosquitto_evt_acl_check*>(event)->client);
  const bool free = name != nullptr && !std::string_view(name).starts_with(app_prefix);
  return free ? MOSQ_ERR_SUCCESS : MOSQ_ERR_PLUGIN_DEFER;
}

}  // namespace
}  // namespace tidegate::broker::doorkeeper

extern "C" {

__attribute__((visibility("default"))) int mosquitto_plugin_version(int count, const int* versions) {
  using tidegate::broker::doorkeeper::plugin_interface;
  for (int i = 0; i < count; ++i) {
    if (versions[i] == plugin_interface) return plugin_interface;
  }
  return -1;
}

__attribute__((visibility("default"))) int mosquitto_plugin_init(mosquitto_plugin_id_t* self, void**,
                                                                 mosquitto_opt* options, int count) {
  using namespace tidegate::broker::doorkeeper;
  bool free = false;
  for (int i = 0; i < count; ++i) {
    const std::string_view key = options[i].key;
    if (key == port_option) door = std::atoi(options[i].value);
    if (key == free_option) free = std::string_view(options[i].value) == "true";
  }
  // 2.1 and later tell.
  port_of = reinterpret_cast<PortOf>(dlsym(RTLD_DEFAULT, "mosquitto_client_port"));
  if (port_of == nullptr) port_of = port_of_socket;
  int error = MOSQ_ERR_SUCCESS;
  if (door != 0) error = mosquitto_callback_register(self, MOSQ_EVT_BASIC_AUTH, who_comes, nullptr, nullptr);
  if (free && error == MOSQ_ERR_SUCCESS)
    error = mosquitto_callback_register(self, MOSQ_EVT_ACL_CHECK, who_may, nullptr, nullptr);
  return error;
}

// Mosquitto takes back what was registered.
__attribute__((visibility("default"))) int mosquitto_plugin_cleanup(void*, mosquitto_opt*, int) {
  return MOSQ_ERR_SUCCESS;
}
}
