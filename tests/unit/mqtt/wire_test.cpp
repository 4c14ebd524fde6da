// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "mqtt/wire.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tidegate::mqtt {
namespace {

/// A wire over one end of a socket pair; the test is the peer.
class AWire : public ::testing::Test {
 protected:
  AWire() { connect(); }
  ~AWire() override {
    wire.close();
    for (const int fd : ends) ::close(fd);
  }

  void connect() {
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
    wire.open(ends[0]);
  }
  std::string receive(std::size_t size) {
    std::string got(size, '\0');
    const ssize_t count = wire.receive(got.data(), size);
    got.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    return got;
  }
  ssize_t send(const std::string& text) {
    const std::size_t half = text.size() / 2;
    std::string copy = text;
    const iovec parts[2] = {{copy.data(), half}, {copy.data() + half, copy.size() - half}};
    return wire.send(parts, 2);
  }
  void peer_sends(const std::string& text) const {
    ASSERT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  /// All that the peer can read now.
  std::string peer_reads(std::size_t most = std::size_t{64} << 20) const {
    std::string all;
    std::array<char, 65536> buffer{};
    while (all.size() < most) {
      const ssize_t got = ::read(ends[1], buffer.data(), std::min(buffer.size(), most - all.size()));
      if (got <= 0) break;
      all.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return all;
  }
  /// Until the kernel takes no more.
  std::string fill() {
    std::string sent;
    for (int i = 0; !wire.blocked(); ++i) {
      const std::string one = std::to_string(i) + ',';
      EXPECT_EQ(send(one), static_cast<ssize_t>(one.size()));
      sent += one;
      if (i % 100 == 0) wire.flush();
    }
    return sent;
  }

  Wire wire;
  std::array<int, 2> ends{};
};

TEST_F(AWire, ServesSmallReadsFromOneLargeOne) {
  EXPECT_FALSE(wire.has_input());
  peer_sends("header and body");
  EXPECT_EQ(receive(1), "h");
  EXPECT_TRUE(wire.has_input());
  char rest = 0;
  EXPECT_EQ(::recv(ends[0], &rest, 1, MSG_DONTWAIT), -1) << "nothing is left in the kernel";
  EXPECT_EQ(receive(6), "eader ");
  EXPECT_EQ(receive(100), "and body");
  EXPECT_FALSE(wire.has_input());
}

TEST_F(AWire, AnswersAsTheKernelWhenThereIsNothingOrNoMore) {
  char byte = 0;
  EXPECT_EQ(wire.receive(&byte, 1), -1);
  EXPECT_EQ(errno, EAGAIN);
  peer_sends("ab");
  ASSERT_EQ(::shutdown(ends[1], SHUT_WR), 0);
  EXPECT_EQ(receive(1), "a");
  EXPECT_EQ(receive(2), "b") << "what was read ahead comes before the end";
  EXPECT_EQ(wire.receive(&byte, 1), 0);
  EXPECT_EQ(wire.receive(&byte, 1), 0);
}

TEST_F(AWire, ReadsWhatIsLargeWithoutItsBuffer) {
  const std::string large(Wire::read_ahead + 5, 'x');
  peer_sends(large);
  EXPECT_EQ(receive(large.size()), large);
  EXPECT_FALSE(wire.has_input());
}

TEST_F(AWire, KeepsSmallWritesUntilItIsFlushed) {
  EXPECT_EQ(send("one "), 4);
  EXPECT_EQ(send("two"), 3);
  EXPECT_EQ(peer_reads(), "");
  EXPECT_TRUE(wire.flush());
  EXPECT_EQ(peer_reads(), "one two");
  EXPECT_TRUE(wire.flush());
  EXPECT_EQ(peer_reads(), "");
}

TEST_F(AWire, WritesByItselfBeforeItKeepsMuch) {
  std::string sent;
  while (sent.size() < Wire::most_kept) {
    const std::string one(1'000, static_cast<char>('a' + sent.size() % 26));
    ASSERT_EQ(send(one), 1'000);
    sent += one;
  }
  std::string got = peer_reads();
  EXPECT_GE(got.size(), Wire::most_kept / 2);
  wire.flush();
  got += peer_reads();
  EXPECT_EQ(got, sent);
}

TEST_F(AWire, KeepsTheOrderOfSmallAndLargeWrites) {
  std::string sent;
  std::string got;
  for (int i = 0; i < 20; ++i) {
    const std::string small = std::to_string(i);
    const std::string large(Wire::read_ahead + static_cast<std::size_t>(i), static_cast<char>('a' + i));
    ASSERT_EQ(send(small), static_cast<ssize_t>(small.size()));
    ASSERT_EQ(send(large), static_cast<ssize_t>(large.size()));
    sent += small + large;
    got += peer_reads();
  }
  wire.flush();
  got += peer_reads();
  EXPECT_TRUE(got == sent);
}

TEST_F(AWire, WhosePeerDoesNotReadKeepsSomeAndThenSaysSo) {
  std::string sent = fill();
  EXPECT_TRUE(wire.takes_output()) << "there is room in its own buffer";
  ssize_t result = 0;
  const std::string more(1'000, 'x');
  while ((result = send(more)) > 0) {
    ASSERT_EQ(result, 1'000);
    sent += more;
  }
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_FALSE(wire.takes_output());
  EXPECT_FALSE(wire.flush());
  EXPECT_EQ(send(std::string(Wire::read_ahead, 'y')), -1) << "nothing overtakes what is kept";

  std::string got;
  while (got.size() < sent.size()) {
    const std::string part = peer_reads();
    ASSERT_FALSE(part.empty());
    got += part;
    wire.unblock();
  }
  EXPECT_TRUE(got == sent);
  EXPECT_TRUE(wire.takes_output());
  EXPECT_EQ(send("again"), 5);
  wire.flush();
  EXPECT_EQ(peer_reads(), "again");
}

TEST_F(AWire, TellsHowMuchOfALargeWriteTheKernelTook) {
  const std::string large(std::size_t{8} << 20, 'x');
  const ssize_t taken = send(large);
  ASSERT_GT(taken, 0);
  ASSERT_LT(taken, static_cast<ssize_t>(large.size()));
  EXPECT_FALSE(wire.takes_output()) << "the rest comes first";
  EXPECT_EQ(peer_reads().size(), static_cast<std::size_t>(taken));
  wire.unblock();
  EXPECT_TRUE(wire.takes_output());
}

TEST_F(AWire, WhoseConnectionBreaksTakesAllAndLetsTheReaderSeeTheEnd) {
  ::close(ends[1]);
  ends[1] = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  EXPECT_EQ(send("lost"), 4);
  EXPECT_TRUE(wire.flush());
  EXPECT_EQ(send("lost too"), 8);
  const std::string large(Wire::read_ahead * 2, 'x');
  EXPECT_EQ(send(large), static_cast<ssize_t>(large.size()));
  char byte = 0;
  EXPECT_LE(wire.receive(&byte, 1), 0);
}

TEST_F(AWire, WritesWhatItKeepsWhenItIsClosed) {
  send("goodbye");
  wire.close();
  EXPECT_EQ(peer_reads(), "goodbye");
  EXPECT_FALSE(wire.is_open());
}

TEST_F(AWire, KnowsNothingOfTheConnectionBefore) {
  peer_sends("of the old one");
  receive(1);
  fill();
  wire.close();
  for (const int fd : ends) ::close(fd);
  const int old = ends[0];
  connect();
  EXPECT_EQ(ends[0], old) << "the number comes again";
  EXPECT_FALSE(wire.has_input());
  EXPECT_FALSE(wire.blocked());
  peer_sends("new");
  EXPECT_EQ(receive(10), "new");
  send("new too");
  wire.flush();
  EXPECT_EQ(peer_reads(), "new too");
}

TEST_F(AWire, CarriesTwoWritersAndAReaderAtATime) {
  constexpr int each = 20'000;
  const auto write = [&](char mark) {
    for (int i = 0; i < each;) {
      std::string line = mark + std::to_string(i) + '\n';
      const iovec part{line.data(), line.size()};
      const ssize_t taken = wire.send(&part, 1);
      if (taken > 0) {
        ASSERT_EQ(taken, static_cast<ssize_t>(line.size()));
        ++i;
      } else {
        wire.unblock();
        std::this_thread::yield();
      }
    }
    wire.flush();
  };
  std::thread first(write, 'a');
  std::thread second(write, 'b');
  std::string all;
  int lines = 0;
  while (lines < 2 * each) {
    const std::string part = peer_reads(65'536);
    lines += static_cast<int>(std::ranges::count(part, '\n'));
    all += part;
    if (part.empty()) wire.unblock();
  }
  first.join();
  second.join();
  int next[2] = {0, 0};
  for (std::size_t at = 0; at < all.size(); at = all.find('\n', at) + 1) {
    int& expected = next[all[at] - 'a'];
    ASSERT_EQ(std::stoi(all.substr(at + 1, 8)), expected);
    ++expected;
  }
}

}  // namespace
}  // namespace tidegate::mqtt
