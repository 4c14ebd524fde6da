// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <tidegate/log.hpp>

namespace tidegate {
namespace {

/// What is written to standard error while it lives; the log's level is put back afterwards.
class Captured {
 public:
  Captured() : level_(log::level()) { testing::internal::CaptureStderr(); }
  ~Captured() {
    if (!taken_) take();
    log::set_level(level_);
  }
  std::string take() {
    taken_ = true;
    return testing::internal::GetCapturedStderr();
  }

 private:
  const log::Level level_;
  bool taken_ = false;
};

TEST(TheLog, DropsLinesAboveItsLevel) {
  Captured captured;
  log::set_level(log::Level::warning);
  log::error("one {}", 1);
  log::warning("two");
  log::notice("three");
  log::info("four");
  log::debug("five");
  const std::string text = captured.take();
  EXPECT_NE(text.find("one 1"), text.npos);
  EXPECT_NE(text.find("two"), text.npos);
  EXPECT_EQ(text.find("three"), text.npos);
  EXPECT_EQ(text.find("four"), text.npos);
  EXPECT_EQ(text.find("five"), text.npos);
}

TEST(TheLog, WritesEverythingAtDebug) {
  Captured captured;
  log::set_level(log::Level::debug);
  log::debug("deep");
  log::info("plain");
  const std::string text = captured.take();
  EXPECT_NE(text.find("deep"), text.npos);
  EXPECT_NE(text.find("plain"), text.npos);
}

TEST(TheLog, EscapesWhatATerminalWouldObeyAndWhatIsNoText) {
  Captured captured;
  log::error("it said \"{}\"\nand no more", "\x1B[2J\xF0 grün");
  EXPECT_EQ(captured.take(), "error: it said \"\\u001b[2J\\xf0 grün\"\nand no more\n");
}

TEST(TheLog, StartsAtInfo) {
  EXPECT_EQ(log::level(), log::Level::info);
}

TEST(TheLog, KeepsTheLinesOfSeveralThreadsWhole) {
  Captured captured;
  constexpr std::size_t threads = 4;
  constexpr std::size_t each = 200;
  const std::string body(80, 'x');
  std::vector<std::thread> writers;
  for (std::size_t n = 0; n < threads; ++n) {
    writers.emplace_back([&] {
      for (std::size_t line = 0; line < each; ++line) log::error("{}", body);
    });
  }
  for (auto& writer : writers) writer.join();
  const std::string text = captured.take();
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size(); ++lines) {
    const auto end = text.find('\n', at);
    ASSERT_NE(end, text.npos);
    ASSERT_EQ(text.substr(at, end - at).find(body) + body.size(), end - at) << "line " << lines;
    at = end + 1;
  }
  EXPECT_EQ(lines, threads * each);
}

std::vector<std::string> seen;

void see(log::Level, std::string_view text, const log::Field* fields) noexcept {
  seen.emplace_back(text);
  for (; fields != nullptr; fields = fields->outer()) {
    seen.back() += std::string(" ") + fields->name() + "=" + std::string(fields->value());
  }
}

TEST(TheLog, GivesItsSinkTheFieldsOfTheScopesAroundALine) {
  log::set_sink(see);
  log::warning("none");
  {
    const log::Field upstream("UPSTREAM", "cloud");
    log::warning("one");
    {
      const log::Field topic("TOPIC", "a/b");
      log::warning("two");
      std::thread([] { log::warning("elsewhere"); }).join();
    }
    log::warning("one again");
  }
  log::set_sink(nullptr);
  EXPECT_EQ(seen, (std::vector<std::string>{"none", "one UPSTREAM=cloud", "two TOPIC=a/b UPSTREAM=cloud", "elsewhere",
                                            "one again UPSTREAM=cloud"}));
}

}  // namespace
}  // namespace tidegate
