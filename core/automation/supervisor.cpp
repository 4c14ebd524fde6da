// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "automation/supervisor.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

#include "automation/strays.hpp"

namespace tidegate::automation {
namespace {

/// Another for every save; empty when there is no such file.
std::string version_of(const std::filesystem::path& file) {
  struct stat status{};
  if (stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return fmt::format("{}.{}.{}.{}", status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

}  // namespace

Supervisor::Supervisor(Loop& loop, const config::Config& config, std::function<void(const Script&)> changed,
                       std::function<Identity(const std::string&, const config::AutomationOptions&)> identify)
    : loop_(loop), config_(config), changed_(std::move(changed)), surroundings_{loop,
                                                                                machine_clock(),
                                                                                config.automations,
                                                                                {},
                                                                                {},
                                                                                [this](const Script& script) { tell(script); },
                                                                                std::move(identify),
                                                                                0} {}

Supervisor::~Supervisor() {
  folder_.reset();
}

void Supervisor::start() {
  const auto mark = fmt::format("TIDEGATE_RUN={}#", config_.gateway.runtime.string());
  surroundings_.mark = fmt::format("{}{}.", mark, getpid());
  if (const int left = end_strays(mark, false); left > 0) {
    log::notice("ended {} processes of automations that a supervisor that was killed has left", left);
  }
  surroundings_.groups = CgroupTree::find();
  if (surroundings_.groups) {
    log::info("automations run in control groups below {}", surroundings_.groups->path().string());
  }
  watch();
}

void Supervisor::watch() {
  log::info("automations: {}/*.py", config_.automations.folder.string());
  folder_.emplace(loop_, config_.automations.folder, [this](const std::set<std::string>& files) { look(files); });
}

void Supervisor::reload(const config::Automations& before) {
  if (before.folder == config_.automations.folder) {
    for (const auto& [name, script] : scripts_) script->settings_changed();
    return;
  }
  folder_.reset();
  versions_.clear();
  for (const auto& [name, script] : scripts_) script->remove();
  if (scripts_.empty()) watch();
}

void Supervisor::broker_moved() {
  for (const auto& [name, script] : scripts_) script->broker_moved();
}

void Supervisor::look(const std::set<std::string>& files) {
  for (const auto& file : files) look_at(file);
}

void Supervisor::look_at(const std::string& file) {
  const auto path = config_.automations.folder / file;
  const auto name = path.stem().string();
  const auto version = version_of(path);
  auto& known = versions_[file];
  const auto found = scripts_.find(name);
  if (version == known) return;
  known = version;
  if (version.empty()) {
    versions_.erase(file);
    if (found == scripts_.end()) return;
    log::notice("{}: its file was removed", name);
    return found->second->remove();
  }
  if (found == scripts_.end()) {
    scripts_.emplace(name, std::make_unique<Script>(surroundings_, path)).first->second->save();
  } else {
    log::notice("{}: its file was saved", name);
    found->second->save();
  }
}

void Supervisor::tell(const Script& script) {
  changed_(script);
  // Later: it is the script that calls.
  if (script.state() == Script::State::gone) {
    loop_.post([this, name = script.name()] {
      const auto found = scripts_.find(name);
      if (found != scripts_.end() && found->second->state() == Script::State::gone) scripts_.erase(found);
      if (scripts_.empty() && !folder_ && !done_) watch();
    });
  }
  if (done_) loop_.post([this] { finish(); });
}

void Supervisor::stop(std::function<void()> done) {
  folder_.reset();
  done_ = std::move(done);
  for (const auto& [name, script] : scripts_) script->stop();
  loop_.post([this] { finish(); });
}

void Supervisor::finish() {
  if (!done_ || std::ranges::any_of(scripts_, [](const auto& one) { return one.second->pid() != 0; })) return;
  std::exchange(done_, nullptr)();
}

Script& Supervisor::find(const std::string& name) const {
  if (const auto found = scripts_.find(name); found != scripts_.end()) return *found->second;
  std::string all;
  for (const auto& [known, script] : scripts_) all += (all.empty() ? "" : ", ") + known;
  throw Error(all.empty() ? fmt::format("there is no automation in {}", config_.automations.folder.string())
                          : fmt::format("there is no automation \"{}\"; there are {}", name, all));
}

}  // namespace tidegate::automation
