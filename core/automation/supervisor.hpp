// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <tidegate/loop.hpp>

#include "automation/folder.hpp"
#include "automation/script.hpp"
#include "config/config.hpp"

namespace tidegate::automation {

/// Runs every script of a folder, each as a process of its own, for as long as its file is there. Thread: loop.
class Supervisor final {
 public:
  /// changed is told the new state of a script, "gone" at last. identify: as in Surroundings. config outlives this.
  Supervisor(Loop& loop, const config::Config& config, std::function<void(const Script&)> changed,
             std::function<Identity(const std::string&, const config::AutomationOptions&)> identify);
  ~Supervisor();  ///< kills what runs
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Ends what a predecessor that was killed has left, and starts what is there. Throws SystemError when the folder
  /// cannot be watched.
  void start();
  /// The configuration is another now: scripts that it has run otherwise are started again, the others go on; in
  /// another folder all begin anew. before: the one that it was.
  void reload(const config::Automations& before);
  /// Scripts that were told where the local broker is are told anew: they are started again.
  void broker_moved();
  /// Stops all of them, and calls done when the last has ended.
  void stop(std::function<void()> done);

  /// By name.
  [[nodiscard]] const std::map<std::string, std::unique_ptr<Script>>& scripts() const noexcept { return scripts_; }
  /// Throws Error that says which there are.
  [[nodiscard]] Script& find(const std::string& name) const;

 private:
  void watch();
  void look(const std::set<std::string>& files);
  void look_at(const std::string& file);
  void tell(const Script& script);
  void finish();

  Loop& loop_;
  const config::Config& config_;
  const std::function<void(const Script&)> changed_;
  Surroundings surroundings_;
  std::map<std::string, std::string> versions_;  ///< of the files, as they were last seen
  std::map<std::string, std::unique_ptr<Script>> scripts_;
  std::optional<Folder> folder_;  ///< none while the scripts of another one end
  std::function<void()> done_;
};

}  // namespace tidegate::automation
