// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/app_identities.hpp"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/random.h>
#include <sys/stat.h>

#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

#include "broker/accounts.hpp"

namespace tidegate::gateway {
namespace {

using namespace std::chrono_literals;
using Filters = std::vector<std::string>;

constexpr auto look_interval = 2s;

std::string random_password() {
  unsigned char bytes[32];
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) throw SystemError(errno, "no random bytes for a password");
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

/// The automation's own and those that every App needs: to tell its errors, and to hear who the gateway is.
config::Account account_of(const std::string& name, const config::AutomationOptions& options,
                           const config::Gateway& gateway) {
  const auto all = [](const std::optional<Filters>& named) { return named.value_or(Filters{"#", "$SYS/#"}); };
  config::Account account{name, all(options.publish), all(options.subscribe)};
  account.publish.push_back(gateway.topic("app/" + name + "/error"));
  account.subscribe.push_back(gateway.base + "/+/info");
  return account;
}

struct Answer {
  std::string url, mark;
};

Answer answer_of(const std::filesystem::path& broker) {
  std::ifstream file(broker / broker::app_answer_file);
  Answer answer;
  std::getline(file, answer.url);
  std::getline(file, answer.mark);
  return answer;
}

}  // namespace

AppIdentities::AppIdentities(Loop& loop, const config::Config& config, std::filesystem::path broker,
                             std::function<void()> moved)
    : loop_(loop), config_(config), broker_(std::move(broker)), moved_(std::move(moved)) {
  std::error_code ignored;
  std::filesystem::remove(file(), ignored);  // of one that was killed
}

automation::Identity AppIdentities::identify(const std::string& name, const config::AutomationOptions& options) {
  if (!options.has_rights()) {
    forget(name);
    return {};
  }
  if (const auto why = config::account_name_problem(name); !why.empty())
    throw ConfigError(fmt::format("it has rights at the local broker, as a user; rename its file: {}", why));
  if (config_.broker.url || std::getenv("TIDEGATE_BROKER") != nullptr)
    throw ConfigError(fmt::format(
        "its publish and subscribe are kept by the broker that Tidegate starts, but {} names another; leave "
        "them out, and give it a user with rights there",
        config_.broker.url ? "[broker] url" : "$TIDEGATE_BROKER"));
  auto wanted = account_of(name, options, config_.gateway);
  const auto found = known_.find(name);
  if (found == known_.end() || found->second.account.rights != wanted) {
    auto password = random_password();
    auto hash = broker::hash_password(name, password);
    known_[name] = {{std::move(wanted), std::move(hash)}, std::move(password)};
    tell();
  }
  const auto answer = answer_of(broker_);
  if (answer.url.empty())
    return {{},
            fmt::format("it waits for the local broker to know its rights: there is no {}. It comes "
                        "with the broker; if that is up, restart the program that keeps it",
                        (broker_ / broker::app_answer_file).string())};
  if (answer.mark != mark_) return {{}, "it waits for the local broker to know its rights"};
  url_ = answer.url;
  if (!look_) look_ = loop_.every(look_interval, [this] { look(); });
  const auto show = [](const std::optional<Filters>& named) { return nlohmann::json(named.value()).dump(); };
  automation::Identity identity;
  identity.environment = {{"TIDEGATE_BROKER", url_},
                          {"TIDEGATE_USER", broker::app_user(name)},
                          {"TIDEGATE_PASSWORD", known_.at(name).password}};
  if (options.publish) identity.environment.emplace_back("TIDEGATE_PUBLISH", show(options.publish));
  if (options.subscribe) identity.environment.emplace_back("TIDEGATE_SUBSCRIBE", show(options.subscribe));
  return identity;
}

void AppIdentities::forget(const std::string& name) {
  if (known_.erase(name) == 0) return;
  if (known_.empty()) look_ = {};
  try {
    tell();
  } catch (const std::exception& error) {
    log::warning("the local broker is not told that {} has no rights any more: {}", name, error.what());
  }
}

void AppIdentities::tell() {
  std::vector<broker::AppAccount> all;
  for (const auto& [name, known] : known_) all.push_back(known.account);
  const auto text = broker::show_app_accounts(all);
  const auto next = file().string() + ".new";
  std::ofstream stream(next, std::ios::binary | std::ios::trunc);
  stream << text << std::flush;
  if (!stream || chmod(next.c_str(), 0644) < 0 || std::rename(next.c_str(), file().c_str()) < 0)
    throw SystemError(errno, "cannot write " + file().string());
  mark_ = broker::mark_of(text);
}

void AppIdentities::look() {
  const auto answer = answer_of(broker_);
  if (answer.url.empty() || answer.url == url_) return;
  url_ = answer.url;
  moved_();
}

}  // namespace tidegate::gateway
