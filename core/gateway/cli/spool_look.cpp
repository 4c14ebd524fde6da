// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
// spool peek, export and verify: looking into a spool as it is on disk, whether a gateway has it or not.
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include <tidegate/error.hpp>

#include "gateway/cli/spool_commands.hpp"
#include "gateway/cli/spool_record.hpp"
#include "gateway/cli/table.hpp"

namespace tidegate::cli {
namespace {

using Which = spool::Inspector::Which;

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

// ---------------------------------------------------------------------------------------------------------------- peek

struct Peek {
  SpoolPlace place;
  std::string lane;
  std::size_t count = 10;
  bool settled = false;
};

Exit peek(Peek& asked) {
  asked.place.find();
  Table table({">MESSAGE", "ACCEPTED", "TOPIC", ">QOS", ">SIZE", "PAYLOAD"});
  std::size_t count = 0;
  for (const auto& lane : asked.place.lane(asked.lane)) {
    const auto show = [&](const spool::Seen& seen) {
      const auto& message = seen.record.message;
      if (asked.place.json()) {
        fmt::print("{}", line_of(record_json(lane, seen)));
      } else {
        table.add({fmt::format("{}{}{}", seen.record.sequence, lane.stand_in ? " (in memory)" : "",
                               asked.settled && seen.waiting ? " waits" : ""),
                   show_accepted(seen.record, *lane.inspector), harmless(message.topic),
                   fmt::format("{}{}", static_cast<int>(message.qos), message.retain ? " retained" : ""),
                   show_bytes(message.payload.size()), show_payload(message.payload)});
      }
      return ++count < asked.count;
    };
    if (count < asked.count) lane.inspector->walk(lane.name, asked.settled ? Which::all : Which::waiting, show);
  }
  if (asked.place.json()) return Exit::ok;
  fmt::print("{}", table.empty() ? fmt::format("Nothing waits in {}.\n", asked.lane) : table.text());
  return Exit::ok;
}

// -------------------------------------------------------------------------------------------------------------- export

struct Export {
  SpoolPlace place;
  std::string lane;
  std::optional<std::filesystem::path> file;
  bool settled = false;
};

Exit write_out(Export& asked) {
  asked.place.find();
  const auto lanes = asked.place.lane(asked.lane);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(
      asked.file ? std::fopen(asked.file->c_str(), "we") : nullptr,
      [](std::FILE* file) { return file == nullptr ? 0 : std::fclose(file); });
  if (asked.file && !opened) throw SystemError(errno, "cannot write " + asked.file->string());
  std::FILE* const out = opened ? opened.get() : stdout;
  std::uint64_t count = 0;
  bool sound = true;
  for (const auto& lane : lanes) {
    if (!sound) break;
    lane.inspector->walk(lane.name, asked.settled ? Which::all : Which::waiting, [&](const spool::Seen& seen) {
      const auto line = line_of(record_json(lane, seen));
      errno = 0;
      sound = std::fwrite(line.data(), 1, line.size(), out) == line.size();
      if (sound) ++count;
      return sound;
    });
  }
  if (!sound || std::fflush(out) != 0) {
    if (errno == EPIPE) return Exit::ok;
    throw SystemError(errno, "cannot write " + (asked.file ? asked.file->string() : "the output"));
  }
  if (asked.file && !asked.place.json())
    fmt::print("{} messages of {} are in {}\n", count, asked.lane, asked.file->string());
  return Exit::ok;
}

// -------------------------------------------------------------------------------------------------------------- verify

struct Verify {
  SpoolPlace place;
  std::optional<std::string> lane;
};

Json finding_json(const spool::Finding& finding) {
  Json json{{"file", finding.file}, {"damage", finding.damage}, {"what", finding.what}};
  if (finding.bytes != 0 || finding.offset != 0) {
    json["offset"] = finding.offset;
    json["bytes"] = finding.bytes;
  }
  if (finding.first != 0) {
    json["first"] = finding.first;
    json["last"] = finding.last;
    json["lost"] = finding.lost;
  }
  return json;
}

std::string finding_text(const spool::Finding& finding) {
  std::string text = (finding.damage ? "" : "note: ") + harmless(finding.file);
  if (finding.bytes != 0) {
    text += fmt::format(" at {}, {}", finding.offset, show_bytes(finding.bytes));
  } else if (finding.offset != 0) {
    text += fmt::format(" at {}", finding.offset);
  }
  text += ": " + finding.what;
  if (finding.first == 0) return text;
  return text + (finding.first == finding.last ? fmt::format(" (message {})", finding.first)
                                               : fmt::format(" (messages {} to {})", finding.first, finding.last));
}

Exit verify(Verify& asked) {
  asked.place.find();
  const auto& inspector = asked.place.inspector();
  const auto lanes = asked.lane ? asked.place.lane(*asked.lane) : asked.place.lanes();
  std::uint64_t damage = 0;
  const auto tell = [&](const std::vector<spool::Finding>& findings) {
    for (const auto& finding : findings) {
      damage += finding.damage ? 1U : 0U;
      fmt::print("{}", asked.place.json() ? line_of(finding_json(finding)) : finding_text(finding) + '\n');
    }
  };
  if (!asked.lane) tell(inspector.verify());
  for (const auto& lane : lanes) {
    auto findings = lane.inspector->verify(lane.name);
    for (auto& finding : findings) finding.file += lane.stand_in ? " (in memory)" : "";
    tell(findings);
  }
  if (!asked.place.json() && damage == 0)
    fmt::print("{} is sound.\n", asked.lane ? *asked.lane : asked.place.folder().string());
  return damage == 0 ? Exit::ok : Exit::failure;
}

}  // namespace

void add_spool_peek(CLI::App& spool, Run& run) {
  const auto asked = std::make_shared<Peek>();
  CLI::App* command = spool.add_subcommand("peek", "Show the next messages of a lane");
  command->add_option("lane", asked->lane, "Lane, as UPSTREAM/LANE")->required();
  command->add_option("-n,--count", asked->count, "How many at most (default 10)");
  command->add_flag("--settled", asked->settled, "Those too that have left the lane and are still on disk");
  asked->place.add_options(*command);
  command->callback([asked, &run] { run = [asked] { return peek(*asked); }; });
}

void add_spool_export(CLI::App& spool, Run& run) {
  const auto asked = std::make_shared<Export>();
  CLI::App* command = spool.add_subcommand("export", "Write what waits in a lane, one JSON object a line");
  command->add_option("lane", asked->lane, "Lane, as UPSTREAM/LANE")->required();
  command->add_option("-o,--output", asked->file, "File to write (default: standard output)");
  command->add_flag("--settled", asked->settled, "Those too that have left the lane and are still on disk");
  asked->place.add_options(*command);
  command->callback([asked, &run] { run = [asked] { return write_out(*asked); }; });
}

void add_spool_verify(CLI::App& spool, Run& run) {
  const auto asked = std::make_shared<Verify>();
  CLI::App* command = spool.add_subcommand(
      "verify", "Read every segment through, and name what is damaged; the exit status is 1 when anything is");
  command->add_option("lane", asked->lane, "Lane, as UPSTREAM/LANE (default: all)");
  asked->place.add_options(*command);
  command->callback([asked, &run] { run = [asked] { return verify(*asked); }; });
}

}  // namespace tidegate::cli
