// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/cli/gpio/our_lines.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <fmt/format.h>

#include <tidegate/error.hpp>
#include <tidegate/paths.hpp>

#include "gateway/cli/remote.hpp"
#include "gateway/plugins.hpp"

namespace tidegate::cli {
namespace {

/// What the running gateway has read, else what one would read.
std::optional<std::filesystem::path> usual_file() {
  try {
    std::string file = Remote{}.ask("status").at("gateway").value("configuration", "");
    if (!file.empty()) return file;
  } catch (const std::exception&) {
    // None runs, or it may not be asked.
  }
  return config::default_file();
}

}  // namespace

void OurLines::add_options(CLI::App& command) {
  command.add_option("--config", file_,
                     "Configuration that gives lines their names (default: that of the running gateway)");
}

void OurLines::load() {
  try {
    std::vector<std::string> names = gateway::plugin_names();
    if (std::find(names.begin(), names.end(), "gpio") == names.end()) names.emplace_back("gpio");
    config_ = config::load(file_ ? file_ : usual_file(), names);
  } catch (const Error& error) {
    const std::string what = error.what();
    fmt::print(stderr, "tidegate: the configuration cannot be used, so our names are not known: {}\n",
               what.substr(0, what.find('\n')));
    return;
  }
  all_ = gateway::named_lines(*config_);
}

const OurLine* OurLines::named(std::string_view name) const {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const OurLine& one) { return one.name == name; });
  return found == all_.end() ? nullptr : &*found;
}

const OurLine* OurLines::of(const gpio::LineInfo& line, const gpio::Chips& chips) const {
  for (const OurLine& one : all_) {
    try {
      const gpio::LineInfo info = gpio::find_line(one.line, chips);
      if (info.chip == line.chip && info.offset == line.offset) return &one;
    } catch (const Error&) {
      // A line that is not there is no line of anybody's.
    }
  }
  return nullptr;
}

ClientOptions OurLines::client_options() const {
  ClientOptions options;
  if (config_) {
    std::ifstream told(config_->gateway.runtime / "broker.url");
    if (std::getenv("TIDEGATE_BROKER") == nullptr) std::getline(told, options.url);
    options.username = config_->broker.username;
    options.password = config_->broker.password;
  }
  if (options.url.empty()) options.url = local_broker_url();
  return options;
}

}  // namespace tidegate::cli
