// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include <tidegate/error.hpp>
#include <tidegate/topic.hpp>

#include "config/config.hpp"

using namespace tidegate;

// The linker puts these in place of what the configuration calls: a text may name any file of the machine as a secret
// or a certificate, and here there is none.
extern "C" int __wrap_open(const char*, int, ...) {
  errno = ENOENT;
  return -1;
}
extern "C" int __wrap_access(const char*, int) {
  errno = ENOENT;
  return -1;
}

namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

/// Every complaint is a line that begins with its place.
void check_complaints(std::string_view all) {
  if (all.empty()) fail("a refusal without a word");
  while (!all.empty()) {
    const auto line = all.substr(0, all.find('\n'));
    if (!line.starts_with("fuzz.toml")) fail("a complaint without its place");
    all.remove_prefix(line.size());
    if (!all.empty()) all.remove_prefix(1);
  }
}

void check_rule(const std::vector<std::string>& topics) {
  if (topics.empty()) fail("a rule without topics");
  for (const auto& filter : topics) check_filter(filter);
}

void check(const config::Config& config) {
  check_topic(config.gateway.topic("x"));
  std::set<std::string> names;
  for (const auto& upstream : config.upstreams) {
    if (upstream.name.empty() || !names.insert(upstream.name).second) fail("an upstream without a name of its own");
    if (upstream.servers.empty()) fail("an upstream without a server");
    if (upstream.window == 0) fail("a window that lets nothing through");
    if (upstream.backoff_first.count() <= 0 || upstream.backoff_most < upstream.backoff_first)
      fail("a senseless backoff");
    std::set<std::string> lanes;
    for (const auto& forward : upstream.forwards) {
      check_rule(forward.topics);
      if (!lanes.insert(forward.lane).second) fail("two forward blocks with one lane");
      if (forward.lane.find('/') != std::string::npos || forward.lane.starts_with('.'))
        fail("a lane that is no folder");
    }
    for (const auto& receive : upstream.receives) check_rule(receive.topics);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    check(config::parse(text, "fuzz.toml", {"null", "sysstat"}));
  } catch (const ConfigError& error) {
    check_complaints(error.what());
  }
  return 0;
}
