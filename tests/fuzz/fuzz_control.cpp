// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "control/control.hpp"

using namespace tidegate;
using control::Json;

namespace {

[[noreturn]] void fail(const char* what, const std::string& answer) {
  std::fprintf(stderr, "fuzz: %s: %s\n", what, answer.c_str());
  std::abort();
}

/// Verbs that take what they are given as those of the gateway do.
control::Control verbs() {
  control::Control control;
  control.add("status", [](const Json&) { return Json{{"ok", "or not"}}; });
  control.add("text", [](const Json& request) { return Json(request.value("topic", "")); });
  control.add("show", [](const Json& request) { return Json(request.at("what").dump()); });
  control.add("back", [](const Json& request) { return request; });
  control.add("number", [](const Json& request) {
    const auto found = request.find("count");
    if (found == request.end() || !found->is_number_unsigned())
      throw control::Refusal(control::Refusal::Kind::argument, "count must be a number, not " + request.dump());
    return Json(found->get<std::uint64_t>());
  });
  control.add("flag", [](const Json& request) { return Json(request.value("stand_in", false)); });
  control.add("fail", [](const Json& request) -> Json { throw Error(request.at("why").get<std::string>()); });
  return control;
}

}  // namespace

/// Lines as a client sends them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto control = verbs();
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    const auto answer = control.call_line(line);
    if (answer.find('\n') != answer.npos) fail("more than one line", answer);
    const auto read = Json::parse(answer, nullptr, false);
    if (!read.is_object() || !read.contains("ok") || !read["ok"].is_boolean()) fail("no answer", answer);
    if (read["ok"] == true && !read.contains("result")) fail("no result", answer);
    if (read["ok"] == false &&
        !(read.contains("error") && read["error"].is_string() && !read["kind"].get<std::string>().empty()))
      fail("no reason", answer);
  }
  return 0;
}
