// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <type_traits>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <tidegate/descriptor.hpp>

namespace tidegate {
namespace {

static_assert(!std::is_copy_constructible_v<Descriptor> && !std::is_copy_assignable_v<Descriptor>);
static_assert(std::is_nothrow_move_constructible_v<Descriptor> && std::is_nothrow_move_assignable_v<Descriptor>);

Descriptor opened() {
  return Descriptor(::eventfd(0, EFD_CLOEXEC));
}

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) != -1;
}

TEST(ADescriptor, IsClosedWhenItGoes) {
  int number = -1;
  {
    const Descriptor one = opened();
    number = one.get();
    EXPECT_TRUE(one);
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(ADescriptor, OfAFailedCallIsNone) {
  const Descriptor none(::open("/nowhere", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(errno, ENOENT);
  EXPECT_FALSE(none);
  EXPECT_FALSE(Descriptor());
}

TEST(ADescriptor, MovesWithWhatItOwns) {
  Descriptor one = opened();
  const int number = one.get();
  Descriptor other(std::move(one));
  EXPECT_FALSE(one);
  EXPECT_EQ(other.get(), number);
  EXPECT_TRUE(is_open(number));
}

TEST(ADescriptor, ClosesWhatItHadWhenItGetsAnother) {
  Descriptor one = opened();
  Descriptor other = opened();
  const int before = one.get();
  const int after = other.get();
  one = std::move(other);
  EXPECT_FALSE(is_open(before));
  EXPECT_TRUE(is_open(after));
  EXPECT_EQ(one.get(), after);
  EXPECT_FALSE(other);
  one = Descriptor();
  EXPECT_FALSE(is_open(after));
}

TEST(ADescriptor, GetsItselfUnharmed) {
  Descriptor one = opened();
  const int number = one.get();
  Descriptor& same = one;
  one = std::move(same);
  EXPECT_EQ(one.get(), number);
  EXPECT_TRUE(is_open(number));
}

TEST(ADescriptor, IsNotClosedWhenItWasGivenAway) {
  int number = -1;
  {
    Descriptor one = opened();
    number = one.release();
    EXPECT_FALSE(one);
  }
  EXPECT_TRUE(is_open(number));
  ::close(number);
}

}  // namespace
}  // namespace tidegate
