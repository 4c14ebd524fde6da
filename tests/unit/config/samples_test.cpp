// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loading.hpp"

// The files that people begin with have to load, and to say the truth about the defaults.

namespace tidegate::config::test {
namespace {

const std::filesystem::path source = TIDEGATE_SOURCE_DIR;

/// The text with all that is commented out with one '#' in force.
std::string uncommented(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# ") && line.find("SPDX") == line.npos) line.erase(0, 2);
    result += line + '\n';
  }
  return result;
}

TEST(TheSampleConfiguration, LoadsAsItIs) {
  const auto config = load(source / "etc" / "tidegate.toml", plugins);
  EXPECT_EQ(config.files.front(), source / "etc" / "tidegate.toml");
  ASSERT_EQ(config.plugins.size(), 1u);
  EXPECT_EQ(config.plugins.front().plugin, "sysstat");
}

TEST(TheSampleConfiguration, ShowsTheDefaults) {
  // What follows is the plugins'; tests/tools/test_samples.py has it read by them.
  const auto file = contents(source / "etc" / "tidegate.toml");
  const auto text = uncommented(file.substr(0, file.find("## From here on")));
  ASSERT_EQ(complaints(text), "");
  const auto shown = read(text);
  const auto bare = read(R"([[upstream]]
name = "cloud"
servers = ["mqtts://broker.example.com"]
[[upstream.forward]]
topics = ["tidegate/#"]
[[upstream.receive]]
topics = ["site-a/lamp/set"]
)");
  EXPECT_EQ(shown.gateway.base, bare.gateway.base);
  EXPECT_EQ(shown.gateway.log_level, bare.gateway.log_level);
  EXPECT_EQ(shown.gateway.stop_timeout, bare.gateway.stop_timeout);
  EXPECT_EQ(shown.gateway.payload_cap, bare.gateway.payload_cap);
  EXPECT_EQ(shown.broker.program, bare.broker.program);
  EXPECT_EQ(shown.automations.usual.restart, bare.automations.usual.restart);
  EXPECT_EQ(shown.automations.usual.backoff_first, bare.automations.usual.backoff_first);
  EXPECT_EQ(shown.automations.usual.backoff_most, bare.automations.usual.backoff_most);
  EXPECT_EQ(shown.automations.usual.stop_timeout, bare.automations.usual.stop_timeout);
  EXPECT_EQ(shown.automations.usual.memory, std::nullopt);
  EXPECT_EQ(shown.automations.run, std::nullopt);
  const auto& one = shown.upstreams.at(0);
  const auto& other = bare.upstreams.at(0);
  EXPECT_EQ(one.servers, other.servers);
  EXPECT_EQ(one.version, other.version);
  EXPECT_EQ(one.client_id, other.client_id);
  EXPECT_EQ(one.keep_alive, other.keep_alive);
  EXPECT_EQ(one.qos, other.qos);
  EXPECT_EQ(one.window, other.window);
  EXPECT_EQ(one.backoff_first, other.backoff_first);
  EXPECT_EQ(one.backoff_most, other.backoff_most);
  EXPECT_EQ(one.return_after, other.return_after);
  EXPECT_EQ(one.rate, other.rate);
  EXPECT_EQ(one.tls.verify, other.tls.verify);
  const auto& up = one.forwards.at(0);
  const auto& bare_up = other.forwards.at(0);
  EXPECT_EQ(up.lane, bare_up.lane);
  EXPECT_EQ(up.rewrite, bare_up.rewrite);
  EXPECT_EQ(up.qos, Qos::at_least_once);
  EXPECT_EQ(up.expiry, bare_up.expiry);
  EXPECT_EQ(up.capacity, bare_up.capacity);
  EXPECT_EQ(up.when_full, bare_up.when_full);
  EXPECT_EQ(up.sync, bare_up.sync);
  EXPECT_EQ(up.sync_interval, bare_up.sync_interval);
  EXPECT_EQ(up.priority, bare_up.priority);
  EXPECT_EQ(up.backlog, bare_up.backlog);
  EXPECT_EQ(up.retain, bare_up.retain);
  EXPECT_EQ(up.envelope, bare_up.envelope);
  EXPECT_EQ(one.receives.at(0).qos, other.receives.at(0).qos);
}

TEST(TheDemoConfiguration, LoadsWithTheUpstreamThatTheDemoWritesBesideIt) {
  const Folder folder;
  const auto file = folder.write("tidegate.toml", contents(source / "etc" / "demo.toml"));
  folder.write("conf.d/upstream.toml", R"([[upstream]]
name = "cloud"
servers = ["mqtt://127.0.0.1:18830"]

[[upstream.forward]]
topics = ["tidegate/demo/#", "IoT101/#", "device/#"]
)");
  const Variable state("STATE_DIRECTORY", "/s");
  const auto config = load(file, plugins);
  EXPECT_EQ(config.gateway.id, "demo");
  EXPECT_EQ(config.gateway.state, "/s");
  EXPECT_EQ(config.broker.port, 0);
  EXPECT_EQ(config.upstreams.at(0).forwards.at(0).topics.size(), 3u);
  EXPECT_EQ(joined(config.warnings), "");
}

TEST(TheSampleOfTheDesign, LoadsWithoutAComplaint) {
  const Folder folder;
  folder.write("cloud-password", "secret\n", 0400);
  const Variable credentials("CREDENTIALS_DIRECTORY", folder.path().c_str());
  const auto config = read(R"([gateway]
id = "greenhouse"

[[upstream]]
name = "cloud"
servers = ["mqtts://broker.example.com:8883"]      # tried in order
password = { credential = "cloud-password" }

[[upstream.forward]]                                # local -> upstream
topics = ["tidegate/greenhouse/#", "IoT101/#"]
prefix = "site-a/"
expiry = "7d"
when_full = "drop-oldest"

[[upstream.receive]]                                # upstream -> local
topics = ["site-a/lamp/set"]
strip = "site-a/"
prefix = "tidegate/greenhouse/gpio/"

[[gpio.input]]
name = "door"
line = "GPIO17"           # by name or label, never by chip number alone
bias = "pull-up"
debounce = "10ms"

[[gpio.output]]
name = "lamp"
line = "GPIO27"
safe = "off"
max_on = "30m"

[sysstat]
interval = "10s"
)");
  EXPECT_EQ(joined(config.warnings), "");
  EXPECT_EQ(config.gateway.topic("state"), "tidegate/greenhouse/state");
  const auto& cloud = config.upstreams.at(0);
  EXPECT_EQ(cloud.password, "secret");
  EXPECT_EQ(cloud.client_id, "tidegate-greenhouse-cloud");
  EXPECT_EQ(cloud.forwards.at(0).expiry, std::chrono::hours(7 * 24));
  EXPECT_EQ(cloud.forwards.at(0).rewrite.apply("IoT101/Network"), "site-a/IoT101/Network");
  EXPECT_EQ(cloud.receives.at(0).rewrite.apply("site-a/lamp/set"), "tidegate/greenhouse/gpio/lamp/set");
  ASSERT_EQ(config.plugins.size(), 2u);
  EXPECT_EQ(config.plugins.at(0).plugin, "sysstat");
  EXPECT_EQ(config.plugins.at(1).plugin, "gpio");
  const auto door = config.plugins.at(1).block.tables("input").at(0);
  EXPECT_EQ(door.required_text("line"), "GPIO17");
  EXPECT_EQ(door.duration("debounce", {}), std::chrono::milliseconds(10));
}

}  // namespace
}  // namespace tidegate::config::test
