// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// A process of its own for session_test.cpp: connects to the server named as its argument, leaves a will, publishes one
// message, and waits to be killed.
#include <csignal>

#include <sys/prctl.h>
#include <unistd.h>

#include "mqtt/session.hpp"

namespace {

using namespace tidegate;

struct Silent final : mqtt::SessionListener {
  void on_connected(const mqtt::Limits&) override { connected.ring(); }
  void on_disconnected(const mqtt::Failure&) override {}
  void on_message(mqtt::Arrival&&) override {}
  void on_outcome(std::uint64_t, const mqtt::Outcome&) override {}

  struct Bell {
    int ends[2];
    Bell() { [[maybe_unused]] const int made = ::pipe(ends); }
    void ring() const { [[maybe_unused]] const auto wrote = ::write(ends[1], "x", 1); }
    void wait() const {
      char byte = 0;
      [[maybe_unused]] const auto got = ::read(ends[0], &byte, 1);
    }
  } connected;
};

}  // namespace

int main(int count, char** words) {
  if (count != 2) return 64;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  Silent listener;
  mqtt::SessionOptions options;
  options.name = "mortal";
  options.servers = {words[1]};
  options.client_id = "mortal";
  options.clean_start = true;
  options.will = Message{"w/state", "gone", Qos::at_least_once, false, {}};
  const auto session = mqtt::make_paho_session(options, listener);
  session->start();
  listener.connected.wait();
  if (!session->publish(1, Message{"w/state", "here", Qos::at_least_once, false, {}})) return 1;
  ::pause();
  return 0;
}
