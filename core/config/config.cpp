// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "config/config.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "config/document.hpp"
#include "config/echo.hpp"
#include "config/paths.hpp"
#include "config/server.hpp"

namespace tidegate::config {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::uint64_t most_payload = 4ULL << 20;       // half a segment of the spool
constexpr std::uint64_t least_capacity = 24ULL << 20;    // three segments
constexpr std::chrono::seconds most_expiry{4294967295};  // MQTT 5 has 32 bits for it
constexpr std::chrono::seconds default_expiry = std::chrono::hours(24 * 31);

const char* const name_rule = "1 to 64 letters, digits, '-', '_' and '.', not starting with '.'";

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' &&
         name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == name.npos;
}

std::chrono::milliseconds milliseconds(const Block& block, std::string_view key, std::chrono::milliseconds fallback,
                                       std::chrono::milliseconds least, std::chrono::milliseconds most) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(block.duration(key, fallback, least, most));
}

std::chrono::seconds seconds(const Block& block, std::string_view key, std::chrono::seconds fallback,
                             std::chrono::seconds least, std::chrono::seconds most) {
  const auto exact = block.duration(key, fallback, least, most);
  const auto whole = std::chrono::floor<std::chrono::seconds>(exact);
  if (whole != exact) block.complain(key, fmt::format("MQTT counts whole seconds here; write \"{}s\"", whole.count()));
  return whole;
}

Qos qos(const Block& block, Qos fallback) {
  return static_cast<Qos>(block.integer("qos", static_cast<std::int64_t>(fallback), 0, 2));
}

std::optional<Server> server(const Block& block, std::string_view key, std::string_view url) {
  try {
    return parse_server(url);
  } catch (const ConfigError& error) {
    block.complain(key, error.what());
    return {};
  }
}

log::Level log_level(const Block& block) {
  static constexpr std::pair<std::string_view, log::Level> levels[] = {{"error", log::Level::error},
                                                                       {"warning", log::Level::warning},
                                                                       {"notice", log::Level::notice},
                                                                       {"info", log::Level::info},
                                                                       {"debug", log::Level::debug}};
  std::vector<std::string_view> words;
  for (const auto& [word, level] : levels) words.push_back(word);
  const auto given = block.word("log_level", "info", words);
  return std::find_if(std::begin(levels), std::end(levels), [&](const auto& one) { return one.first == given; })
      ->second;
}

/// A user name and password, whichever are there.
void credentials(const Block& block, std::optional<std::string>& username, std::optional<std::string>& password) {
  if (block.has("username")) username = block.required_text("username");
  password = block.secret("password");
}

Gateway read_gateway(const Block& block) {
  Gateway gateway;
  gateway.id = block.topic("id", default_id());
  if (gateway.id.size() > 64 || gateway.id.front() == '$' || gateway.id.find('/') != std::string::npos) {
    block.complain("id", "is not one level of a topic: at most 64 bytes, no '/', no '$' in front");
  }
  gateway.base = block.topic("base", gateway.base);
  if (gateway.base.front() == '$' || gateway.base.front() == '/' || gateway.base.back() == '/') {
    block.complain("base", "may not begin with '$', nor begin or end with '/'");
  }
  gateway.state = block.path("state", default_state());
  gateway.runtime = block.path("runtime", default_runtime());
  if (gateway.state.lexically_normal() == gateway.runtime.lexically_normal())
    block.complain(block.has("runtime") ? "runtime" : "state",
                   "is the same folder for state and runtime; give the two different ones");
  gateway.log_level = log_level(block);
  gateway.stop_timeout = milliseconds(block, "stop_timeout", gateway.stop_timeout, 0ms, 1h);
  gateway.payload_cap = block.size("payload_cap", gateway.payload_cap, 1, most_payload);
  block.finish();
  return gateway;
}

Broker read_broker(const Block& block) {
  Broker broker;
  if (block.has("url")) {
    if (const auto address = server(block, "url", block.required_text("url"))) broker.url = address->url();
    for (const auto* ours : {"port", "program", "listener", "log_topics"}) {
      if (block.has(ours))
        block.complain(ours, "is about a broker that we start, but url names one that runs already; leave one out");
    }
  }
  if (block.has("port")) broker.port = static_cast<std::uint16_t>(block.integer("port", 0, 0, 65535));
  if (block.has("program")) broker.program = block.required_text("program");
  if (block.has("listener")) broker.listener = read_listener(block.table("listener"), broker.port.value_or(0));
  broker.log_topics = block.boolean("log_topics", false);
  credentials(block, broker.username, broker.password);
  if (!block.has("url")) {
    for (const auto* theirs : {"username", "password"}) {
      if (block.has(theirs))
        block.complain(theirs, "goes with url; our own broker listens on the loopback alone and asks for none");
    }
  }
  block.finish();
  return broker;
}

Spool read_spool(const Block& block) {
  Spool spool;
  if (block.has("capacity")) spool.capacity = block.size("capacity", 0, least_capacity, 1ULL << 50);
  block.finish();
  return spool;
}

Dbus read_dbus(const Block& block) {
  Dbus dbus;
  const auto word = block.word("bus", default_bus(), {"system", "session", "off"});
  dbus.bus = word == "system" ? MessageBus::system : word == "session" ? MessageBus::session : MessageBus::off;
  dbus.services = block.boolean("services", dbus.services);
  block.finish();
  return dbus;
}

Rate rate(const Block& block, Rate fallback) {
  if (!block.has("rate")) return fallback;
  try {
    return parse_rate(block.required_text("rate"));
  } catch (const ConfigError& error) {
    block.complain("rate", error.what());
    return fallback;
  }
}

template <class Choice>
Choice choice(const Block& block, std::string_view key, Choice fallback,
              const std::vector<std::pair<std::string_view, Choice>>& choices) {
  std::vector<std::string_view> words;
  for (const auto& [word, value] : choices) words.push_back(word);
  const auto usual = std::ranges::find(choices, fallback, &std::pair<std::string_view, Choice>::second)->first;
  const auto given = block.word(key, usual, words);
  return std::ranges::find(choices, given, &std::pair<std::string_view, Choice>::first)->second;
}

/// Everything below reads one [[upstream]] and may warn.
class UpstreamReader {
 public:
  /// lenient: certificates that cannot be read are no complaint.
  UpstreamReader(const Gateway& gateway, const Broker& broker, bool lenient, std::vector<Complaint>& warnings)
      : gateway_(gateway), broker_(broker), lenient_(lenient), warnings_(warnings) {}

  Upstream read(const Block& block) {
    Upstream upstream;
    upstream.where = block.where();
    upstream.name = name(block, block.required_text("name"), "local");
    read_servers(block, upstream);
    const auto version = block.word("version", "5", {"5", "3.1.1"});
    upstream.version = version == "5" ? Version::v5 : Version::v3_1_1;
    upstream.client_id = block.text("client_id", fmt::format("tidegate-{}-{}", gateway_.id, upstream.name));
    if (upstream.client_id.empty() || upstream.client_id.size() > 65535) {
      block.complain("client_id", "has to have 1 to 65535 bytes; leave it out for the default");
    }
    credentials(block, upstream.username, upstream.password);
    if (upstream.version == Version::v3_1_1 && block.has("password") && !block.has("username")) {
      block.complain("password", "MQTT 3.1.1 has no password without a user name; add username");
    }
    read_tls(block, upstream);
    upstream.keep_alive = seconds(block, "keep_alive", upstream.keep_alive, 1s, 65535s);
    upstream.qos = qos(block, upstream.qos);
    upstream.window = static_cast<std::uint16_t>(block.integer("window", upstream.window, 1, 65535));
    upstream.backoff_first = milliseconds(block, "backoff_first", upstream.backoff_first, 10ms, 1h);
    upstream.backoff_most =
        milliseconds(block, "backoff_most", std::max(upstream.backoff_most, upstream.backoff_first), 10ms, 24h);
    upstream.return_after = milliseconds(block, "return_after", upstream.return_after, 0ms, 24h);
    upstream.rate = rate(block, upstream.rate);
    if (upstream.backoff_most < upstream.backoff_first) block.complain("backoff_most", "is less than backoff_first");

    std::map<std::string, std::string> lanes;  // name → where
    for (const auto& forward : block.tables("forward")) {
      upstream.forwards.push_back(read_forward(forward));
      const auto& lane = upstream.forwards.back().lane;
      const auto [other, fresh] = lanes.emplace(lane, forward.where());
      if (!fresh) {
        forward.complain("name",
                         fmt::format("the lane \"{}\" is that of the block at {} already; give it a name of its own: "
                                     "name = \"…\"",
                                     lane, other->second));
      }
    }
    for (const auto& receive : block.tables("receive")) upstream.receives.push_back(read_receive(receive));
    block.finish();

    if (upstream.forwards.empty() && upstream.receives.empty()) {
      warn(block,
           fmt::format(
               "upstream {} has neither [[upstream.forward]] nor [[upstream.receive]]: no message goes either way",
               upstream.name));
    }
    return upstream;
  }

  /// Rules that would send messages in circles. Apart from read(): it needs to be asked only of rules that are valid.
  void check_circles(const Block& block, const Upstream& upstream) {
    const auto forwards = block.tables("forward");
    const auto receives = block.tables("receive");
    if (const auto echo = find_echo(upstream)) {
      const auto& receive = receives[static_cast<std::size_t>(echo->receive - upstream.receives.data())];
      receive.complain(
          {},
          fmt::format("brings back what the forward block at {} sends: \"{}\" goes up as \"{}\", and would come back "
                      "as \"{}\"; give one of the two another prefix, or other topics",
                      echo->forward->where, echo->local, echo->remote, echo->local));
    }
    if (!broker_.url ||
        std::find(upstream.servers.begin(), upstream.servers.end(), *broker_.url) == upstream.servers.end())
      return;
    const auto itself = [&](const Block& rule, const std::vector<std::string>& topics, const Rewrite& rewrite) {
      for (const auto& filter : topics) {
        if (const auto topic = unchanged(filter, rewrite)) {
          rule.complain(
              {}, fmt::format(
                      "maps \"{}\" onto itself, for this upstream is the local broker ([broker] url); give it a prefix",
                      *topic));
          return;
        }
      }
    };
    for (std::size_t at = 0; at < forwards.size(); ++at)
      itself(forwards[at], upstream.forwards[at].topics, upstream.forwards[at].rewrite);
    for (std::size_t at = 0; at < receives.size(); ++at)
      itself(receives[at], upstream.receives[at].topics, upstream.receives[at].rewrite);
  }

 private:
  void warn(const Block& block, std::string what) { warnings_.push_back({block.where(), std::move(what)}); }

  /// reserved: what the spool calls something else in the same folder.
  static std::string name(const Block& block, std::string given, std::string_view reserved) {
    if (!given.empty() && !is_name(given))
      block.complain("name", fmt::format("\"{}\" cannot be a name: {}", given, name_rule));
    if (given == reserved)
      block.complain("name", fmt::format("\"{}\" is taken: tidegate uses it in the spool; choose another", given));
    return given;
  }

  void read_servers(const Block& block, Upstream& upstream) {
    const bool given = block.has("servers");
    const auto urls = block.texts("servers");
    if (!given) block.complain({}, "has no servers; add servers = [\"mqtts://broker.example.com:8883\"]");
    if (given && urls.empty())
      block.complain("servers", "needs at least one, like [\"mqtts://broker.example.com:8883\"]");
    for (const auto& url : urls) {
      const auto address = server(block, "servers", url);
      if (!address) continue;
      if (!address->tls && !address->loopback() && block.has("password")) {
        warn(block, fmt::format("the password travels in clear text to {}; use mqtts:// if the broker has TLS",
                                address->url()));
      }
      upstream.servers.push_back(address->url());
    }
  }

  static void read_psk(const Block& table, Tls& tls) {
    if (table.has("psk_identity") != table.has("psk_key"))
      table.complain(table.has("psk_key") ? "psk_key" : "psk_identity",
                     "psk_identity and psk_key go together: one is missing");
    if (!table.has("psk_identity")) return;
    tls.psk_identity = table.required_text("psk_identity");
    if (tls.psk_identity.size() > 127 || tls.psk_identity.find('\0') != std::string::npos)
      table.complain("psk_identity", "has 1 to 127 bytes, and no NUL");
    const auto digits = table.secret("psk_key").value_or("");
    const bool hex = digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
    if (!digits.empty() && (!hex || digits.size() < 32 || digits.size() > 512 || digits.size() % 2 != 0))
      table.complain(
          "psk_key",
          "is a key of 32 to 512 hexadecimal digits, an even number; one is made with: openssl rand -hex 32");
    for (std::size_t at = 0; hex && at + 1 < digits.size(); at += 2)
      tls.psk_key += static_cast<char>(std::stoi(digits.substr(at, 2), nullptr, 16));
    for (const auto* other : {"ca_file", "cert_file", "key_file", "verify"}) {
      if (table.has(other))
        table.complain(
            other, "is about certificates, and psk_identity stands beside it, which takes their place; leave one out");
    }
  }

  void read_tls(const Block& block, Upstream& upstream) {
    const bool given = block.has("tls");
    const auto table = block.table("tls");
    const auto file = [&](std::string_view key) {
      auto path = table.path(key);
      if (!path.empty() && !lenient_ && (::access(path.c_str(), R_OK) != 0 || fs::is_directory(path))) {
        table.complain(key, fmt::format("cannot read {}: {}; name a PEM file that this user can read", path.string(),
                                        fs::is_directory(path) ? "it is a folder" : std::strerror(errno)));
      }
      return path;
    };
    upstream.tls.ca_file = file("ca_file");
    upstream.tls.cert_file = file("cert_file");
    upstream.tls.key_file = file("key_file");
    upstream.tls.verify = table.boolean("verify", true);
    upstream.tls.alpn = table.texts("alpn");
    if (std::ranges::any_of(upstream.tls.alpn, [](const auto& name) { return name.empty() || name.size() > 255; }))
      table.complain("alpn", "a protocol's name has 1 to 255 bytes, like \"mqtt\" or \"x-amzn-mqtt-ca\"");
    read_psk(table, upstream.tls);
    if (table.has("key_file") && !table.has("cert_file"))
      table.complain("key_file", "is the key of a certificate; add cert_file");
    const bool any = std::any_of(upstream.servers.begin(), upstream.servers.end(),
                                 [](const auto& url) { return url.starts_with("mqtts:"); });
    if (given && !any && !upstream.servers.empty()) {
      table.complain({}, "is for mqtts:// servers, and this upstream has none; write mqtts://, or leave the table out");
    } else if (!upstream.tls.verify) {
      warn(table, fmt::format("upstream {} is not verified: anybody in between can read and change its messages",
                              upstream.name));
    }
  }

  /// topics, strip and prefix, which forward and receive have in common.
  void read_rule(const Block& block, std::vector<std::string>& topics, Rewrite& rewrite) {
    const bool given = block.has("topics");
    const auto complaints = block.complaints().size();
    topics = block.filters("topics");
    if (!given) block.complain({}, "has no topics; add topics = [\"some/topic/#\"]");
    if (given && topics.empty() && block.complaints().size() == complaints)
      block.complain("topics", "needs at least one, like [\"some/topic/#\"]");
    for (const auto& filter : topics) {
      if (filter.starts_with("$share/"))
        block.complain("topics", fmt::format("\"{}\" is a shared subscription; write what follows its group", filter));
    }
    if (block.has("strip")) rewrite.strip = front(block, "strip");
    if (block.has("prefix")) rewrite.prefix = front(block, "prefix");
    if (rewrite.strip.empty() && rewrite.prefix.empty()) return;
    if (rewrite.strip == rewrite.prefix) {
      block.complain("prefix",
                     "is what strip takes away: the rule maps topics onto themselves; leave both out, or change one");
      return;
    }
    for (const auto& filter : topics) {
      const bool all = filter == rewrite.strip || (!rewrite.strip.ends_with('/') && matches(filter, rewrite.strip));
      if (rewrite.prefix.empty() && !rewrite.strip.empty() && all) {
        block.complain("strip",
                       fmt::format("leaves nothing of the topic \"{}\"; add a prefix, or strip less", rewrite.strip));
        continue;
      }
      try {
        check_filter(rewrite.apply(filter));
      } catch (const TopicError& error) {
        block.complain("topics", fmt::format("\"{}\" cannot be rewritten: {}", filter.substr(0, 60), error.what()));
      }
    }
    if (!rewrite.strip.empty() && !topics.empty() &&
        std::none_of(topics.begin(), topics.end(),
                     [&](const auto& filter) { return can_begin(filter, rewrite.strip); })) {
      warnings_.push_back(
          {block.where("strip"),
           fmt::format("no topic of this block begins with \"{}\": strip does nothing", rewrite.strip)});
    }
  }

  /// The front of a topic, or nothing.
  static std::string front(const Block& block, std::string_view key) {
    return block.text(key, "").empty() ? std::string{} : block.topic(key, "");
  }

  Forward read_forward(const Block& block) {
    Forward forward;
    forward.where = block.where();
    if (block.has("name")) forward.lane = name(block, block.required_text("name"), "dead-letter");
    read_rule(block, forward.topics, forward.rewrite);
    if (block.has("qos")) forward.qos = qos(block, Qos::at_least_once);
    forward.expiry = seconds(block, "expiry", default_expiry, 1s, most_expiry);
    forward.priority =
        choice<Priority>(block, "priority", forward.priority,
                         {{"high", Priority::high}, {"normal", Priority::normal}, {"low", Priority::low}});
    forward.backlog = choice<Backlog>(block, "backlog", forward.backlog,
                                      {{"in-order", Backlog::in_order}, {"interleave", Backlog::interleave}});
    forward.capacity = block.size("capacity", forward.capacity, least_capacity, 1ULL << 50);
    forward.capacity_messages =
        static_cast<std::uint64_t>(block.integer("capacity_messages", 0, 1, std::numeric_limits<std::int64_t>::max()));
    forward.when_full = choice<WhenFull>(
        block, "when_full", forward.when_full,
        {{"drop-oldest", WhenFull::drop_oldest}, {"reject", WhenFull::reject}, {"keep-latest", WhenFull::keep_latest}});
    forward.retain =
        choice<Retain>(block, "retain", forward.retain,
                       {{"as-published", Retain::as_published}, {"never", Retain::never}, {"always", Retain::always}});
    forward.envelope = block.word("envelope", "none", {"none", "json"}) == "json";
    if (block.is("sync", "each")) {
      forward.sync = Sync::each;
    } else if (block.is("sync", "off")) {
      forward.sync = Sync::off;
    } else {
      forward.sync_interval = milliseconds(block, "sync", forward.sync_interval, 1ms, 1min);
    }
    return forward;
  }

  Receive read_receive(const Block& block) {
    Receive receive;
    receive.where = block.where();
    read_rule(block, receive.topics, receive.rewrite);
    receive.qos = qos(block, receive.qos);
    return receive;
  }

  const Gateway& gateway_;
  const Broker& broker_;
  const bool lenient_;
  std::vector<Complaint>& warnings_;
};

void check_upstreams(const std::vector<Block>& blocks, const std::vector<Upstream>& upstreams) {
  for (std::size_t at = 0; at < upstreams.size(); ++at) {
    for (std::size_t before = 0; before < at; ++before) {
      const auto& one = upstreams[before];
      const auto& other = upstreams[at];
      if (!other.name.empty() && one.name == other.name) {
        blocks[at].complain(
            "name", fmt::format("there is an upstream \"{}\" at {} already; give this one a name of its own", one.name,
                                one.where));
        continue;
      }
      const bool shared = std::any_of(one.servers.begin(), one.servers.end(), [&](const auto& url) {
        return std::find(other.servers.begin(), other.servers.end(), url) != other.servers.end();
      });
      if (shared && one.client_id == other.client_id) {
        blocks[at].complain(
            "client_id",
            fmt::format("is that of upstream \"{}\" too, on the same server: each would throw the other out; "
                        "give them different ones",
                        one.name));
      }
    }
  }
}

Config interpret(const std::shared_ptr<Document>& document, const std::vector<std::string>& plugin_names,
                 const std::set<std::string>& default_plugins, const ReadPlugins& read_plugins) {
  const auto root = std::make_shared<Block::Impl>(
      Block::Impl{document, &document->root(), {}, {}, document->root().source(), {}, {}, {}});
  const Block top(root);
  Config config;
  config.files = document->files();
  config.gateway = read_gateway(top.table("gateway"));
  config.broker = read_broker(top.table("broker"));
  config.spool = read_spool(top.table("spool"));
  config.dbus = read_dbus(top.table("dbus"));

  UpstreamReader reader(config.gateway, config.broker, document->lenient(), config.warnings);
  const auto upstreams = top.tables("upstream");
  for (const auto& block : upstreams) config.upstreams.push_back(reader.read(block));
  check_upstreams(upstreams, config.upstreams);
  for (std::size_t at = 0; at < upstreams.size(); ++at) reader.check_circles(upstreams[at], config.upstreams[at]);
  if (std::all_of(config.upstreams.begin(), config.upstreams.end(),
                  [](const auto& one) { return one.forwards.empty(); })) {
    config.warnings.insert(config.warnings.begin(),
                           {document->where({}), "nothing is forwarded: there is no [[upstream.forward]]"});
  }

  const auto folder = config.files.empty() ? default_folder() : fs::absolute(config.files.front()).parent_path();
  config.automations = read_automations(top.table("automations"), top.tables("automation"), folder / "automations");
  config.automations.configured |= top.has("automations");

  for (const auto& plugin : plugin_names) {
    if (top.has(plugin) || default_plugins.contains(plugin)) {
      config.plugins.push_back({plugin, top.table(plugin)});
    }
  }
  root->finish_own();
  if (read_plugins) {
    read_plugins(config);
    for (const auto& plugin : config.plugins) plugin.block.finish();
  }
  document->check();
  return config;
}

/// *.toml in a folder that need not be there, in lexical order.
std::vector<fs::path> drop_ins(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const auto name = at->path().filename().string();
    if (name.ends_with(".toml") && name.front() != '.') files.push_back(at->path());
  }
  if (error && error.value() != ENOENT && error.value() != ENOTDIR) {
    throw SystemError(
        error.value(),
        fmt::format("cannot list the folder {} (let this user read it, with chmod or chown)", folder.string()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Config load(const std::optional<fs::path>& file, const std::vector<std::string>& plugin_names,
            const ReadPlugins& read_plugins, Reader reader) {
  const auto document = std::make_shared<Document>(reader == Reader::other);
  if (!file) return interpret(document, plugin_names, {"sysstat"}, read_plugins);
  document->read(*file);
  for (const auto& drop_in : drop_ins(file->parent_path() / "conf.d")) document->read(drop_in);
  document->check();
  return interpret(document, plugin_names, {}, read_plugins);
}

Config parse(std::string_view text, const std::string& name, const std::vector<std::string>& plugin_names) {
  const auto document = std::make_shared<Document>();
  document->add(text, name);
  document->check();
  return interpret(document, plugin_names, {}, {});
}

void check_plugins(const Config& config) {
  std::string all;
  for (const auto& plugin : config.plugins) plugin.block.finish();
  if (config.plugins.empty()) return;
  for (const auto& [where, what] : config.plugins.front().block.complaints()) {
    if (!all.empty()) all += '\n';
    all += where + ": " + what;
  }
  if (!all.empty()) throw ConfigError(all);
}

}  // namespace tidegate::config
