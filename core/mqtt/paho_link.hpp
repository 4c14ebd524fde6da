// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <tidegate/clock.hpp>

#include "mqtt/packet_guard.hpp"
#include "mqtt/socket.hpp"

namespace tidegate::mqtt {

/// What Paho finds when it calls the C library. Paho has two threads for all clients of a process and one lock around
/// nearly everything, and under that lock it looks up names and connects; its threads sleep on timers when they should
/// be woken; each packet costs several system calls. The link option --wrap (core/mqtt/CMakeLists.txt) lets twelve
/// calls of Paho's own two threads come to paho_link.cpp instead; every other thread gets the real ones. Each answer is
/// one that the C library may give:
///
///   getaddrinfo              never blocks: answers with the address of the socket that is being handed over
///   connect                  replaces Paho's socket by that one, which is connected already
///   poll, usleep             end early when a socket was handed over, or a blocked one can be written again; ask the
///                            kernel nothing while something has been read ahead, for 32 packets at most
///   pthread_cond_timedwait   ends early when wake_paho_sender() was called; waits by the monotonic clock
///   pthread_cond_signal      (any thread) wakes the send thread also when it was just about to wait; not while
///                            HoldPahoSender says so, and from the receive thread once a batch
///   getenv                   has no http_proxy and no https_proxy, through which Paho would send MQTT
///   recv                     plain TCP: reads ahead (wire.hpp)
///   writev, SSL_write        never fail: a connection that cannot be written is ended, which Paho sees by reading;
///                            plain TCP: written together when the thread is about to wait
///   shutdown                 plain TCP: writes what is left; Paho closes the socket then
///   SSL_connect              TLS 1.2 or newer, asks for a protocol, checks the name in the handshake, keeps the
///   verdict
///                            on the certificate, and how long that holds
///
/// Five of Paho's own functions are wrapped too. MQTTPacket_Factory, WebSocket_getch, WebSocket_getdata and
/// WebSocket_putdatas show each packet to a PacketGuard before Paho acts on it: a connection on which the server breaks
/// the protocol is ended there. setRetryLoopInterval makes Paho look at its keep-alives often enough for the shortest
/// one of the process.
class PahoLink {
 public:
  /// Takes a connected socket. host: the name that the server's certificate must carry; empty: any.
  /// maximum_packet_size: what the server was told that we take, bytes.
  PahoLink(Descriptor socket, Endpoint endpoint, std::string host, bool tls, std::uint32_t maximum_packet_size);

  /// Calls begin, which is to make Paho connect, and waits until Paho has taken this socket for it. One hand-over at a
  /// time in the process. begin returns 0 or Paho's error, which is then returned; -1 when the deadline came first.
  static int hand_over(const std::shared_ptr<PahoLink>& link, const std::function<int()>& begin,
                       Steady::time_point deadline);

  /// Rings once CONNECT is on its way, which is after the TLS handshake. Before hand_over().
  void when_asked(std::shared_ptr<Nudge> nudge) { asked_nudge_ = std::move(nudge); }
  [[nodiscard]] bool asked() const noexcept { return asked_; }

  /// Asks a TLS server for one of these protocols, each after its length, as ALPN has them. Before hand_over(). (Paho
  /// would keep a copy for each connection.)
  void ask_for(std::string protocols) { protocols_ = std::move(protocols); }
  /// Has a TLS server asked by a key that both sides have. Before hand_over().
  void show(std::string identity, std::string key) {
    psk_identity_ = std::move(identity);
    psk_key_ = std::move(key);
  }
  /// The last moment of the server's certificate; nothing without TLS. Any thread.
  [[nodiscard]] std::optional<WallTime> certificate_until() const;

  /// Ends the connection now; Paho sees its peer gone. Any thread.
  void shut_down() noexcept;

  /// What was wrong with the server's certificate, in words that say how to mend it; empty when nothing was. Any
  /// thread.
  [[nodiscard]] std::string certificate_problem() const;

  /// How the server broke the protocol, in words; empty when it did not. The connection has ended then. Any thread.
  [[nodiscard]] std::string protocol_problem() const;

  /// When something last came from the server; when the socket was handed over, before that. Any thread.
  [[nodiscard]] Steady::time_point heard() const noexcept { return Steady::time_point(Steady::duration(heard_)); }

 private:
  friend struct PahoLinkAccess;
  Descriptor socket_;
  Endpoint endpoint_;
  std::string host_;
  bool tls_;
  std::string protocols_, psk_identity_, psk_key_;
  std::uint32_t maximum_packet_size_;
  std::shared_ptr<Nudge> asked_nudge_;
  std::atomic<bool> asked_{false};
  std::atomic<Steady::rep> heard_;
  mutable std::mutex mutex_;  ///< guards what follows
  long verdict_ = 0;          ///< X509_V_…
  std::optional<WallTime> certificate_until_;
  PacketGuard guard_;
  std::string protocol_problem_;
};

/// Wakes Paho's send thread if it sleeps, or keeps it from falling asleep. After every command given to Paho: Paho's
/// own signal is lost when it comes just before the wait. Any thread, cheap.
void wake_paho_sender() noexcept;

/// While one is there, what its thread gives Paho does not wake Paho's send thread. wake_paho_sender() then does.
class HoldPahoSender {
 public:
  HoldPahoSender() noexcept;
  ~HoldPahoSender();
  HoldPahoSender(const HoldPahoSender&) = delete;
  HoldPahoSender& operator=(const HoldPahoSender&) = delete;
};

/// Whether this is one of Paho's own threads.
bool on_paho_thread() noexcept;

/// On one of Paho's threads: calls it there once before that thread waits, or has worked for long, and returns true;
/// none of Paho's locks is held then. It must not throw. On any other thread: returns false and does nothing.
bool call_after_batch(void (*call)(void*), void* context);

}  // namespace tidegate::mqtt
