// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "plugins/gpio/sysfs_pwm.hpp"

#include <fstream>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tidegate/error.hpp>

#include "support/scratch_folder.hpp"

namespace tidegate::plugins::gpio {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

/// A fake /sys with one PWM chip of the shape that a Raspberry Pi 4 shows: no kernel at hand has one. Its channel comes
/// when "export" is written, as the kernel makes it.
class AFakePwmChip : public testing::Test {
 protected:
  AFakePwmChip() {
    fs::create_directories(device);
    fs::create_directories(root / "sys/class/pwm");
    fs::create_directory_symlink(device, root / "sys/class/pwm/pwmchip0");
    fs::create_directory_symlink("../..", device / "device");
    for (const auto* file : {"export", "unexport", "npwm"}) std::ofstream(device / file).put('\n');
  }

  /// Makes the channel once it is exported.
  void answer() {
    kernel = std::thread([this] {
      while (read("export").find('1') == std::string::npos) std::this_thread::sleep_for(1ms);
      fs::create_directories(device / "making");
      for (const auto* file : {"period", "polarity", "enable", "duty_cycle"})
        std::ofstream(device / "making" / file).put('\n');
      fs::rename(device / "making", device / "pwm1");  // nothing is written to what is there already
    });
  }
  ~AFakePwmChip() override {
    if (kernel.joinable()) kernel.join();
  }
  [[nodiscard]] std::string read(const std::string& file) const {
    std::ifstream stream(device / file);
    std::string text;
    std::getline(stream, text);
    return text;
  }

  test::ScratchFolder scratch;
  const fs::path root = scratch.path();
  const fs::path device = root / "sys/devices/platform/soc/fe20c000.pwm/pwm/pwmchip0";
  std::thread kernel;
};

TEST_F(AFakePwmChip, IsFoundByItsDeviceAndDriven) {
  answer();
  {
    SysfsPwm pwm("fe20c000.pwm:1", 1ms, true, root);
    EXPECT_EQ(read("pwm1/period"), "1000000");
    EXPECT_EQ(read("pwm1/polarity"), "inversed");
    EXPECT_EQ(read("pwm1/enable"), "1");
    pwm.set_share(0.25);
    EXPECT_EQ(read("pwm1/duty_cycle"), "250000");
    pwm.set(5ms);
    EXPECT_EQ(read("pwm1/duty_cycle"), "1000000") << "never more than the period";
    pwm.check();
    fs::remove_all(device / "pwm1");
    EXPECT_THROW(pwm.check(), SystemError);
  }
  EXPECT_EQ(read("unexport"), "1");
}

TEST_F(AFakePwmChip, IsTakenByItsNumberWhereItIsTheOnlyOne) {
  answer();
  const SysfsPwm pwm("pwmchip0:1", 1ms, false, root);
  EXPECT_EQ(read("pwm1/polarity"), "normal");
}

TEST_F(AFakePwmChip, NamesTheChipsThatThereAreWhenThereIsNoSuchOne) {
  try {
    const SysfsPwm pwm("1f00098000.pwm:0", 1ms, false, root);
    FAIL() << "it was found";
  } catch (const UnavailableError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("1f00098000.pwm:0"), HasSubstr("fe20c000.pwm")));
  }
}

TEST_F(AFakePwmChip, IsNotTakenFromWhoeverHasExportedIt) {
  fs::create_directories(device / "pwm1");
  try {
    const SysfsPwm pwm("fe20c000.pwm:1", 1ms, false, root);
    FAIL() << "it was taken";
  } catch (const SystemError& error) {
    EXPECT_EQ(error.code(), EBUSY);
    EXPECT_THAT(error.what(), HasSubstr("unexport"));
  }
}

TEST(AMachineWithoutPwm, SaysWhatToAdd) {
  const test::ScratchFolder scratch;
  try {
    const SysfsPwm pwm("fe20c000.pwm:0", 1ms, false, scratch.path());
    FAIL() << "it was found";
  } catch (const UnavailableError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("dtoverlay=pwm"), HasSubstr("line")));
  }
}

TEST(APwmName, IsAChipAndAChannel) {
  SysfsPwm::check_name("fe20c000.pwm:0");
  for (const auto* bad : {"", "0", "pwmchip0", "pwmchip0:", ":0", "pwmchip0:x"})
    EXPECT_THROW(SysfsPwm::check_name(bad), ConfigError) << bad;
}

}  // namespace
}  // namespace tidegate::plugins::gpio
