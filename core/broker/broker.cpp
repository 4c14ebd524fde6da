// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "broker/broker.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <pwd.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <tidegate/clock.hpp>
#include <tidegate/descriptor.hpp>
#include <tidegate/error.hpp>
#include <tidegate/log.hpp>

#include "base/events.hpp"
#include "broker/database.hpp"
#include "broker/door.hpp"
#include "broker/doorkeeper.hpp"
#include "broker/version.hpp"

namespace tidegate::broker {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::uint16_t usual_port = 1883;
constexpr std::uintmax_t log_cap = 1U << 20;
constexpr auto upkeep_interval = 10min;
constexpr auto first_backoff = 100ms;
constexpr auto most_backoff = 30s;
constexpr auto steady_after = 30s;  ///< up for so long, the next failure is the first of its row
constexpr auto slow_after = 10s;
constexpr auto outdated_patience = 10s;
constexpr auto question_patience = 2s;
constexpr std::uintmax_t least_space = 64U << 10;  ///< beside the database that is there
constexpr int most_bad_starts = 2;                 ///< then the database is suspected
constexpr auto follow_interval = 1s;
constexpr auto apps_interval = 500ms;  ///< looks at what is told of the automations' accounts
constexpr std::size_t apps_cap = 1U << 20;
constexpr auto follow_soon = 100ms;  ///< while it is not there, at first
constexpr int follow_patience = 30;  ///< looks that soon; only then is it told

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A file of another user's, who may have put anything there; empty when there is none.
std::string read_foreign(const fs::path& path) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (!fd) return {};
  struct stat about{};
  std::string text;
  if (fstat(fd.get(), &about) == 0 && S_ISREG(about.st_mode)) {
    text.resize(std::min(apps_cap, static_cast<std::size_t>(about.st_size)));
    const auto size = read(fd.get(), text.data(), text.size());
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  }
  return text;
}

/// A reader sees the old text or the new one.
void write_file(const fs::path& path, std::string_view text, mode_t mode) {
  const fs::path next = path.string() + ".new";
  std::ofstream file(next, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  if (!file || chmod(next.c_str(), mode) < 0 || std::rename(next.c_str(), path.c_str()) < 0) {
    throw SystemError(errno, "cannot write " + path.string());
  }
}

void make_private(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) fs::permissions(folder, fs::perms::owner_all, error);
  if (error) throw SystemError(error.value(), "the local broker needs the folder " + folder.string());
}

/// 0 when a file can be made in the folder, else the errno.
int creation_error(const fs::path& folder) {
  const std::string probe = (folder / "probe").string();
  const Descriptor made(open(probe.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!made) return errno;
  unlink(probe.c_str());
  return 0;
}

std::string current_user() {
  const uid_t user = geteuid();
  if (user == 0) return "root";
  const passwd* entry = getpwuid(user);
  return entry != nullptr ? entry->pw_name : "";
}

std::string find_program(const std::string& name) {
  if (auto found = event::find_program(name, "/usr/local/sbin:/usr/sbin:/sbin"))
    return *found;  // where Debian keeps servers
  throw UnavailableError(fmt::format(
      "the local broker cannot start: there is no program '{}'. Install it with: apt-get install mosquitto   "
      "(or name its path in [broker] program, or use a broker that is there with [broker] url)",
      name));
}

}  // namespace

const char* to_string(Broker::State state) noexcept {
  switch (state) {
    case Broker::State::stopped:
      return "stopped";
    case Broker::State::starting:
      return "starting";
    case Broker::State::up:
      return "up";
    case Broker::State::waiting:
      return "waiting";
  }
  return "?";
}

Broker::Broker(Loop& loop, config::Broker settings, config::Gateway gateway, fs::path apps, std::string reload)
    : loop_(loop),
      settings_(std::move(settings)),
      gateway_(std::move(gateway)),
      apps_(std::move(apps)),
      doorkeeper_(find_doorkeeper()),
      reload_(std::move(reload)) {}

Broker::~Broker() {
  question_.signal(SIGKILL);
}

void Broker::start() {
  state_ = State::starting;
  next_ = loop_.after(0ns, [this] { attempt(); });
}

void Broker::stop(std::chrono::milliseconds timeout) noexcept {
  const bool ours = static_cast<bool>(process_);
  if (ours) {
    process_.signal(SIGTERM);
    if (!process_.wait(timeout)) {
      log::warning("the local broker (process {}) did not stop within {} ms and is killed", process_.pid(),
                   timeout.count());
      process_.signal(SIGKILL);
      static_cast<void>(process_.wait(1s));
    }
  }
  let_go();
  next_ = {};
  answer_ = {};
  deadline_ = {};
  if (question_) {
    question_.signal(SIGKILL);
    static_cast<void>(question_.wait(1s));
    question_.reap();
  }
  state_ = State::stopped;
  held_ = {};
  failure_.clear();
  try {
    if (ours) {
      process_.reap();
      write_record({0, 0, port_, {}, {}});
    }
    if (suspect_) put_back();  // nobody knows yet whether it starts without
  } catch (const std::exception& error) {
    log::warning("{}", error.what());
  }
}

/// Nothing that was known about a running broker holds any more.
void Broker::let_go() noexcept {
  probe_ = {};
  end_ = {};
  kill_ = {};
  upkeep_ = {};
  apps_look_ = {};
  url_.clear();
  adopted_ = false;
  outdated_ = false;
  announced_ = false;
  std::error_code ignored;
  fs::remove(in_runtime("broker.url"), ignored);
  fs::remove(in_runtime(app_answer_file), ignored);
}

void Broker::attempt() {
  state_ = State::starting;
  try {
    begin();
  } catch (const std::exception& error) {
    failed(error.what());
  }
}

void Broker::begin() {
  const Record record = read_record();
  auto left = event::Process::find(record.pid, record.started, in_runtime("broker/mosquitto.conf").string());
  if (settings_.url || !settings_.folder.empty()) {
    if (left) {
      log::notice("the local broker of an older configuration (process {}) is stopped", left->pid());
      left->signal(SIGTERM);
    }
    return settings_.url ? accepted(*settings_.url) : follow();
  }
  make_folders();
  set_door_problem(look_at_door());
  if (!apps_.empty()) take_apps();
  if (left) {
    adopt(std::move(*left), record);
  } else {
    ask_version(record.port);
  }
}

/// Its file is there from when it accepts connections until it ends, and is looked for once a second: sessions notice
/// an end by themselves, and connect again unless the URL is another.
void Broker::follow() {
  const fs::path file = settings_.folder / "broker.url";
  std::string url = read_file(file);
  url.erase(std::min(url.find('\n'), url.size()));
  if (state_ == State::up && url != url_) {
    let_go();
    state_ = State::waiting;
  }
  if (url.empty()) {
    if (++missed_ == follow_patience) {
      failure_ = fmt::format(
          "there is no local broker: {} is not there. Start it: systemctl start tidegate-broker   (its log says why it "
          "is not up: journalctl -u tidegate-broker)",
          file.string());
      log::error("{}", failure_);
      if (on_down_) on_down_(failure_);
    }
  } else {
    missed_ = 0;
    if (state_ != State::up) accepted(url);
  }
  next_ = loop_.after(url.empty() && missed_ < follow_patience ? Loop::Duration(follow_soon) : follow_interval,
                      [this] { follow(); });
}

void Broker::adopt(event::Process left, const Record& record) {
  process_ = std::move(left);
  port_ = record.port;
  const bool could_be = persistent_;
  if (record.configuration == digest(record.port, !could_be)) {
    // It is better to have what it holds, and would lose by being started again, than another setting.
    persistent_ = !could_be;
    if (could_be) {
      warn(persistence_warning_,
           fmt::format("the local broker runs without a database, because {} could not be written when it was started: "
                       "sessions and retained messages are lost when it ends. Stop the gateway and start it again",
                       in_state("").string()));
    }
  }
  log_from_ = log_size();
  set_version(record.version);
  const bool port_kept = settings_.port.value_or(0) == 0 || *settings_.port == record.port;
  outdated_ = !port_kept || record.configuration != digest(record.port, persistent_);
  watch();
  if (outdated_) {
    restart_outdated("runs with an older configuration");
  } else {
    log::notice("adopted the local broker that was running (process {}, port {})", process_.pid(), port_);
    adopted_ = true;
    probe(0ms, 0ms);
  }
}

void Broker::restart_outdated(const char* why) {
  outdated_ = true;
  log::notice("the local broker (process {}) {} and is restarted", process_.pid(), why);
  process_.signal(SIGTERM);
  kill_ = loop_.after(outdated_patience, [this] { process_.signal(SIGKILL); });
}

/// What nobody can be asked for is refused to all: the door stays closed, and this machine's own clients are served.
/// Returns why it has to, in words; empty when it can be open.
std::string Broker::look_at_door() {
  nobody_ = false;
  if (!settings_.listener) return {};
  Door door = read_door(*settings_.listener);
  nobody_ = door.nobody;
  if (nobody_ || door.problem.empty()) network_ = std::move(door.users);
  if (!door.problem.empty()) return door.problem;
  if (asks_for_names(settings_.listener) && doorkeeper_.empty())
    return "there is no lib/tidegate/doorkeeper.so beside this program, which asks clients for their names; install "
           "Tidegate again";
  if (!door_failure_.empty()) return fmt::format("{} says: {}", settings_.program, door_failure_);
  look_for_oddities();
  return {};
}

void Broker::look_for_oddities() {
  if (!settings_.listener) return;
  auto found = door_oddities(*settings_.listener, machine_clock().wall(), reload_);
  for (const auto& one : found) {
    if (std::ranges::find(oddities_, one) == oddities_.end()) log::warning("{}", one);
  }
  oddities_ = std::move(found);
}

/// The same of its port, while the broker does not have it.
std::string Broker::look_at_port() const {
  const auto& door = settings_.listener;
  const int error = door ? listen_error(door->port, door->address) : 0;
  if (error == 0) return {};
  const bool distributions = error == EADDRINUSE && door->port == usual_port;
  return fmt::format(
      "it cannot have port {} of {}: {}; give [broker.listener] another port or address, or end what has "
      "it{}",
      door->port, door->address.empty() ? "this machine" : door->address, std::strerror(error),
      distributions ? " (the distribution's own broker: systemctl disable --now mosquitto)" : "");
}

void Broker::set_door_problem(const std::string& why) {
  stale_warning_.clear();
  if (why.empty()) return door_warning_.clear();
  warn(door_warning_, fmt::format("the local broker does not listen to the network: {}; then: {}", why, reload_));
}

/// Reads what there is of the automations' accounts. True when that is not what it was before.
bool Broker::take_apps() {
  std::string told = read_foreign(apps_ / app_accounts_file);
  if (apps_told_ == told) return false;
  try {
    app_accounts_.clear();
    if (!told.empty()) app_accounts_ = parse_app_accounts(told);
    apps_named_ = !app_accounts_.empty();
    apps_warning_.clear();
  } catch (const ConfigError& error) {
    apps_named_ = true;
    warn(apps_warning_, fmt::format("no automation gets the rights that it names: {} is not what tidegate-apps writes "
                                    "({}); restart tidegate-apps",
                                    (apps_ / app_accounts_file).string(), error.what()));
  }
  apps_told_ = std::move(told);
  return true;
}

/// What Mosquitto reads when it starts, and when it is told to.
void Broker::write_rules() const {
  const auto& door = settings_.listener;
  write_file(in_runtime("broker/users"), users(network_, app_accounts_), 0600);
  write_file(in_runtime("broker/rights"), rights(door ? door->accounts : std::vector<config::Account>(), app_accounts_),
             0600);
  write_file(in_runtime("broker/mosquitto.conf"), text(port_, persistent_, apps_named_), 0600);
}

void Broker::tell_rules() {
  write_rules();
  process_.signal(SIGHUP);
}

void Broker::follow_apps() {
  try {
    if (!take_apps()) return;
    tell_rules();
    if (announced_) announce();
  } catch (const std::exception& error) {
    warn(apps_warning_, fmt::format("no automation gets the rights that it names: {}", error.what()));
  }
}

void Broker::reload() {
  if (settings_.url) throw UnavailableError("[broker] url names a broker that is not ours: have its owner reload it");
  if (!settings_.folder.empty())
    throw UnavailableError(
        "tidegate-broker keeps the local broker; have it read its files again with: systemctl reload "
        "tidegate-broker");
  if (state_ != State::up) throw UnavailableError("the local broker is not up; it reads everything when it starts");
  const bool was_closed = !door_warning_.empty();
  door_failure_.clear();
  std::string why = look_at_door();
  if (was_closed && why.empty()) why = look_at_port();
  if (was_closed && why.empty()) return restart_outdated("opens its door to the network");
  if (was_closed) {
    set_door_problem(why);
    throw ConfigError(door_warning_);
  }
  if (nobody_) return restart_outdated("closes its door to the network, which is for nobody,");
  if (!why.empty()) {
    stale_warning_ =
        fmt::format("the local broker's door to the network knows whom it knew before: {}; then: {}", why, reload_);
    throw ConfigError(stale_warning_);
  }
  stale_warning_.clear();
  tell_rules();
}

void Broker::ask_version(std::uint16_t last_port) {
  const std::string program = find_program(settings_.program);
  const fs::path answer = in_runtime("broker/version");
  std::error_code ignored;
  fs::remove(answer, ignored);
  question_ = event::Process::start({program, "-h"}, answer, [](const event::Process&) {});
  answer_ = loop_.watch(question_.descriptor(), EPOLLIN,
                        [this, program, last_port](std::uint32_t) { answered(program, last_port); });
  deadline_ = loop_.after(question_patience, [this] { question_.signal(SIGKILL); });
}

void Broker::answered(const std::string& program, std::uint16_t last_port) {
  answer_ = {};  // before its descriptor is closed: a child of this process may have that open, and epoll goes on then
  question_.reap();
  deadline_ = {};
  try {
    const auto version = parse_version(read_file(in_runtime("broker/version")));
    set_version(version ? to_string(*version) : "");
    launch(program, last_port);
  } catch (const std::exception& error) {
    failed(error.what());
  }
}

void Broker::set_version(const std::string& text) {
  std::vector<std::string> found;
  if (const auto version = parse_version(text)) found = known_defects(*version);
  if (found != version_warnings_) {
    for (const std::string& defect : found) log::warning("{}", defect);
  }
  version_ = text;
  version_warnings_ = std::move(found);
}

void Broker::launch(const std::string& program, std::uint16_t last_port) {
  port_ = choose_port(last_port);
  if (door_warning_.empty()) set_door_problem(look_at_port());
  const fs::path file = in_runtime("broker/mosquitto.conf");
  const fs::path log = log_file();
  check_database();
  trim_log();
  write_rules();
  log_from_ = log_size();
  process_ = event::Process::start({program, "-c", file.string()}, log, [&](const event::Process& process) {
    write_record({process.pid(), process.started(), port_, digest(port_, persistent_), version_});
  });
  watch();
  probe(0ms, 0ms);
}

void Broker::watch() {
  end_ = loop_.watch(process_.descriptor(), EPOLLIN, [this](std::uint32_t) { ended(); });
  upkeep_ = loop_.every(upkeep_interval, [this] {
    trim_log();
    look_for_oddities();
  });
}

void Broker::probe(std::chrono::milliseconds pause, std::chrono::milliseconds waited) {
  // Soon at first: it is there within milliseconds, unless it has a large database to read.
  probe_ = loop_.after(pause, [this, pause, waited] {
    if (accepts(port_) && !process_.wait(0ms)) return accepted(fmt::format("mqtt://127.0.0.1:{}", port_));
    if (waited < slow_after && waited + pause >= slow_after) {
      log::warning("the local broker (process {}) has not accepted connections on port {} for {} s", process_.pid(),
                   port_, std::chrono::seconds(slow_after).count());
    }
    probe(std::min<std::chrono::milliseconds>(pause + 5ms, 250ms), waited + pause);
  });
}

void Broker::announce() noexcept {
  if (state_ != State::up) return;
  try {
    fs::create_directories(gateway_.runtime);
    write_file(in_runtime("broker.url"), url_ + '\n', 0644);
    announced_ = true;
    if (apps_told_) write_file(in_runtime(app_answer_file), fmt::format("{}\n{}\n", url_, mark_of(*apps_told_)), 0644);
  } catch (const std::exception& error) {
    log::warning("programs on this machine do not find the local broker: {}", error.what());
  }
}

std::vector<std::string> Broker::servers() const {
  if (state_ != State::up) return {};
  const fs::path file = settings_.url ? fs::path() : socket_file();
  if (file.empty() || ::access(file.c_str(), W_OK) != 0) return {url_};
  return {"unix:" + file.string(), url_};
}

fs::path Broker::socket_file() const {
  fs::path file = (settings_.folder.empty() ? gateway_.runtime : settings_.folder) / "broker.sock";
  // Of a path with a blank Mosquitto takes what is before it.
  const bool fits =
      file.native().size() < sizeof(sockaddr_un::sun_path) && file.native().find(' ') == std::string::npos;
  return fits ? file : fs::path();
}

void Broker::accepted(const std::string& url) {
  probe_ = {};
  state_ = State::up;
  url_ = url;
  failure_.clear();
  bad_starts_ = 0;
  tried_without_ = false;
  suspect_.reset();
  up_since_ = std::chrono::steady_clock::now();
  // Another service's user may be the gateway. All of this machine may come by the loopback, too.
  if (process_) ::chmod(socket_file().c_str(), 0666);
  try {
    if (adopted_) tell_rules();  // it was told them by another
  } catch (const SystemError& error) {
    log::warning("{}; the local broker goes by what it was told before", error.what());
  }
  if (process_ && !apps_.empty()) apps_look_ = loop_.every(apps_interval, [this] { follow_apps(); });
  if (!adopted_ && process_) log::info("the local broker is up at {} (process {})", url_, process_.pid());
  if (on_up_) on_up_(url);
}

void Broker::ended() {
  const pid_t pid = process_.pid();
  const bool was_up = state_ == State::up;
  const bool was_outdated = outdated_;
  end_ = {};  // as in answered()
  const std::string how = event::show_end(process_.reap());
  const std::vector<std::string> said = errors();
  let_go();
  if (was_outdated) return attempt();
  if (was_up) {
    if (std::chrono::steady_clock::now() - up_since_ >= steady_after) failures_ = 0;
  } else {
    const auto told = [&](std::string_view words) {
      return std::any_of(said.begin(), said.end(), [&](const auto& line) { return line.find(words) != line.npos; });
    };
    if (told(std::strerror(EADDRINUSE))) return failed(taken(port_));
    if (const auto& door = settings_.listener; door && door_warning_.empty()) {
      for (const auto* file :
           {&doorkeeper_, &door->cert_file, &door->key_file, &door->client_ca_file, &door->psk_file}) {
        if (file->empty() || !told(file->string())) continue;
        door_failure_ = said.front();
        return attempt();
      }
    }
    try {
      if (!told(std::strerror(EACCES))) suspect_database(told("open database"));
    } catch (const SystemError& error) {
      return failed(error.what());
    }
  }
  failed(fmt::format("the local broker (mosquitto, process {}) is gone: {}{}{}. Its log is {}", pid, how,
                     was_up || said.empty() ? "" : "; it said: ", was_up || said.empty() ? "" : said.front(),
                     log_file().string()));
}

void Broker::failed(const std::string& reason) {
  const auto delay = std::min<std::chrono::milliseconds>(first_backoff * (1 << std::min(failures_, 16)), most_backoff);
  ++failures_;
  state_ = State::waiting;
  next_ = loop_.after(delay, [this] { attempt(); });
  if (reason == failure_) return;
  failure_ = reason;
  const log::Field event(log::events::field, log::events::broker_gone);
  log::error("{}", reason);
  if (on_down_) on_down_(reason);
}

Broker::Record Broker::read_record() const {
  const auto json = nlohmann::json::parse(read_file(in_runtime("broker.json")), nullptr, false);
  try {
    return {json.at("pid").get<pid_t>(), json.at("started").get<std::uint64_t>(), json.at("port").get<std::uint16_t>(),
            json.at("configuration").get<std::string>(), json.value("version", std::string())};
  } catch (const nlohmann::json::exception&) {
    return {};
  }
}

void Broker::write_record(const Record& record) const {
  const nlohmann::ordered_json json = {{"pid", record.pid},
                                       {"started", record.started},
                                       {"port", record.port},
                                       {"configuration", record.configuration},
                                       {"version", record.version}};
  write_file(in_runtime("broker.json"), json.dump() + '\n', 0644);
}

std::string Broker::text(std::uint16_t port, bool persistent, bool named) const {
  Settings made{port, gateway_.state / "broker", gateway_.payload_cap, current_user(), persistent};
  made.log_topics = settings_.log_topics;
  made.socket = socket_file();
  if (door_warning_.empty()) made.listener = settings_.listener;
  made.named = named;
  made.users = in_runtime("broker/users");
  made.rights = in_runtime("broker/rights");
  made.doorkeeper = doorkeeper_;
  return configuration(made);
}

std::string Broker::digest(std::uint16_t port, bool persistent) const {
  return mark_of(settings_.program + '\n' + text(port, persistent, false));
}

std::uint16_t Broker::choose_port(std::uint16_t last) {
  if (const std::uint16_t port = settings_.port.value_or(0); port != 0) {
    const int error = listen_error(port);
    if (error == EADDRINUSE) throw UnavailableError(taken(port));
    if (error != 0) {
      throw SystemError(error, fmt::format("the local broker cannot listen on 127.0.0.1:{} ([broker] port = 0 takes a "
                                           "free port)",
                                           port));
    }
    return port;
  }
  if (last != 0 && !is_doors(last) && listen_error(last) == 0) {
    if (last != held_.number() && last != usual_port) held_ = HeldPort(last);
    return last;
  }
  held_ = {};
  if (!settings_.port && !is_doors(usual_port) && listen_error(usual_port) == 0) return usual_port;
  do {
    held_ = HeldPort(0);
  } while (is_doors(held_.number()));
  return held_.number();
}

bool Broker::is_doors(std::uint16_t port) const noexcept {
  return settings_.listener && settings_.listener->port == port;
}

std::string Broker::taken(std::uint16_t port) const {
  return fmt::format(
      "the local broker cannot start: port {0} of 127.0.0.1 is taken by another program. Set [broker] port = 0 for a "
      "free port, or another number; or, if that is a broker to use, [broker] url = \"mqtt://127.0.0.1:{0}\"",
      port);
}

std::uintmax_t Broker::log_size() const noexcept {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(log_file(), error);
  return error ? 0 : size;
}

/// What Mosquitto complained of in this life, without time and "Error:".
std::vector<std::string> Broker::errors() const {
  constexpr std::string_view mark = ": Error: ";
  std::ifstream file(log_file(), std::ios::binary);
  file.seekg(static_cast<std::streamoff>(log_from_));
  std::vector<std::string> found;
  for (std::string line; std::getline(file, line);) {
    const std::size_t at = line.find(mark);
    if (at == std::string::npos) continue;
    if (line.ends_with('.')) line.pop_back();
    found.push_back(line.substr(at + mark.size()));
  }
  return found;
}

fs::path Broker::log_file() const {
  return persistent_ ? in_state("mosquitto.log") : in_runtime("broker/mosquitto.log");
}

const std::string& Broker::door_problem() const noexcept {
  if (!door_warning_.empty()) return door_warning_;
  return stale_warning_.empty() && !oddities_.empty() ? oddities_.front() : stale_warning_;
}

std::optional<bool> Broker::door_open() const noexcept {
  if (settings_.url || !settings_.folder.empty()) return std::nullopt;
  return settings_.listener && state_ == State::up && door_warning_.empty();
}

std::vector<std::string> Broker::warnings() const {
  std::vector<std::string> all;
  for (const std::string* warning :
       {&persistence_warning_, &space_warning_, &database_warning_, &door_warning_, &stale_warning_, &apps_warning_}) {
    if (!warning->empty()) all.push_back(*warning);
  }
  all.insert(all.end(), oddities_.begin(), oddities_.end());
  all.insert(all.end(), version_warnings_.begin(), version_warnings_.end());
  return all;
}

void Broker::warn(std::string& place, std::string what) {
  if (place == what) return;
  log::warning("{}", what);
  place = std::move(what);
}

/// A broker without a database is better than none.
void Broker::make_folders() {
  make_private(gateway_.runtime / "broker");
  const fs::path folder = gateway_.state / "broker";
  std::string why;
  try {
    make_private(folder);
    if (const int error = creation_error(folder)) why = folder.string() + ": " + std::strerror(error);
  } catch (const SystemError& error) {
    why = error.what();
  }
  persistent_ = why.empty();
  if (!persistent_) {
    space_warning_.clear();
    return warn(persistence_warning_,
                fmt::format("the local broker runs without a database, and what it keeps for clients that are away and "
                            "retained messages are lost when it ends ({}). Let this user write there",
                            why));
  }
  persistence_warning_.clear();
  check_space();
}

/// Mosquitto starts on a full disk, with what is there. But what it then saves may be an empty file in place of a small
/// database: 2.0.11 does not see that its buffer was not written.
void Broker::check_space() {
  const fs::path database = in_state("mosquitto.db");
  std::error_code error;
  const fs::space_info space = fs::space(gateway_.state, error);
  std::error_code absent;
  const std::uintmax_t size = fs::file_size(database, absent);
  if (error || space.available >= least_space + (absent ? 0 : size)) return space_warning_.clear();
  std::string kept;
  try {
    if (look_at(database) == Database::sound) kept = "; what it has now is kept as " + keep_aside(database).string();
  } catch (const SystemError& refused) {
    kept = fmt::format(" ({})", refused.what());
  }
  warn(space_warning_, fmt::format("the disk of {} is full: the local broker cannot save its sessions and retained "
                                   "messages until there is room{}",
                                   gateway_.state.string(), kept));
}

/// Mosquitto refuses to start with a database that it does not recognise, and a power cut leaves such files behind:
/// empty, or all NUL. With one that is only damaged further on it may start, silently without what follows.
void Broker::check_database() {
  if (!persistent_) return;
  const fs::path database = in_state("mosquitto.db");
  const Database found = look_at(database);
  if (found == Database::unreadable) {
    const fs::path aside = set_aside(database);
    warn(database_warning_,
         fmt::format(
             "{} is no Mosquitto database any more and was set aside as {}: the sessions of clients, what waited "
             "for them, and retained messages start empty",
             database.string(), aside.string()));
  } else if (found == Database::damaged) {
    std::string kept;
    try {
      kept = " and is kept as " + keep_aside(database).string();
    } catch (const SystemError& error) {
      kept = fmt::format(" ({})", error.what());
    }
    warn(database_warning_,
         fmt::format("{} is damaged{}: the local broker starts with what it can read of it, and some sessions, what "
                     "waited in them, and retained messages may be gone",
                     database.string(), kept));
  }
}

/// The broker ended before it was up. certain: it said that it cannot read its database.
void Broker::suspect_database(bool certain) {
  ++bad_starts_;
  const fs::path database = in_state("mosquitto.db");
  std::error_code error;
  const bool there = persistent_ && fs::exists(database, error);
  if (there && (certain || (bad_starts_ >= most_bad_starts && !tried_without_))) {
    // What is in it is worth less than a broker.
    const fs::path aside = set_aside(database);
    tried_without_ = true;
    if (!certain) suspect_ = aside;
    warn(
        database_warning_,
        fmt::format("the local broker does not start with {}, which was set aside as {}: the sessions of clients, what "
                    "waited for them, and retained messages start empty",
                    database.string(), aside.string()));
  } else if (suspect_ && !there) {
    put_back();
    log::notice("the local broker does not start without its database either; it was put back as {}",
                database.string());
  }
}

void Broker::put_back() {
  const fs::path database = in_state("mosquitto.db");
  std::error_code error;
  fs::rename(*suspect_, database, error);
  if (error) throw SystemError(error.value(), "cannot put back " + database.string());
  suspect_.reset();
  database_warning_.clear();
}

/// The file is open in the broker, so it is copied and cut, not renamed; it appends, so it goes on at the start.
void Broker::trim_log() const noexcept {
  const fs::path file = log_file();
  std::error_code error;
  if (fs::file_size(file, error) <= log_cap || error) return;
  fs::copy_file(file, file.string() + ".1", fs::copy_options::overwrite_existing, error);
  if (!error) fs::resize_file(file, 0, error);
  if (error) log::warning("cannot cut {}: {}", file.string(), error.message());
}

}  // namespace tidegate::broker
