// SPDX-FileCopyrightText: 2026 The Tidegate authors
// SPDX-License-Identifier: Apache-2.0
#include "gateway/cli/words.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include <tidegate/version.hpp>

#include "gateway/cli/command.hpp"

namespace tidegate::cli {
namespace {

using Commands = std::vector<const CLI::App*>;
using Options = std::vector<const CLI::Option*>;

Commands below(const CLI::App& command) {
  Commands found;
  for (const auto* one : command.get_subcommands([](const CLI::App* app) { return !app->get_group().empty(); }))
    found.push_back(one);
  return found;
}

Options options_of(const CLI::App& command) {
  return command.get_options([](const CLI::Option* option) { return !option->get_group().empty(); });
}

/// "-t,--topic" -> "-t", "--topic"; nothing for what has no name.
std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

/// at: the words that lead to a command, each with a space before it; "" for the program.
void walk(const CLI::App& command, const std::string& at,
          const std::function<void(const CLI::App&, const std::string&)>& see) {
  see(command, at);
  for (const auto* one : below(command)) walk(*one, at + " " + one->get_name(), see);
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string quoted(std::string text) {
  for (std::size_t at = 0; (at = text.find('\'', at)) != text.npos; at += 4) text.replace(at, 1, "'\\''");
  return fmt::format("'{}'", text);
}

/// For fish a quote within quotes, and a backslash, have a backslash before them.
std::string quoted_for_fish(const std::string& text) {
  std::string made;
  for (const char c : text) made += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return fmt::format("'{}'", made);
}

/// The alternatives of a case, of every command below the program.
std::string all_places(const CLI::App& program, const char* between) {
  std::string places;
  walk(program, "", [&](const CLI::App&, const std::string& at) {
    if (!at.empty()) places += (places.empty() ? "" : between) + quoted(at);
  });
  return places;
}

std::string bash(const CLI::App& program) {
  const auto& name = program.get_name();
  const auto places = all_places(program, "|");
  std::string text = fmt::format("# bash completion of {0}\n_{0}() {{\n  local at= word words=\n", name);
  if (!places.empty())
    text += fmt::format(
        "  for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n    case \"$at $word\" in\n      {}) at=\"$at "
        "$word\" ;;\n"
        "    esac\n  done\n",
        places);
  text += "  case \"$at\" in\n";
  walk(program, "", [&](const CLI::App& command, const std::string& at) {
    std::string words;
    for (const auto* one : below(command)) words += one->get_name() + " ";
    for (const auto* option : options_of(command)) {
      for (const auto& word : names_of(*option)) words += word + " ";
    }
    if (!words.empty()) words.pop_back();
    text += fmt::format("    {}) words={} ;;\n", quoted(at), quoted(words));
  });
  return text + fmt::format(
                    "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"${{COMP_WORDS[COMP_CWORD]}}\"))\n}}\n"
                    "complete -o default -o bashdefault -F _{0} {0}\n",
                    name);
}

std::string zsh(const CLI::App& program) {
  const auto& name = program.get_name();
  const auto places = all_places(program, "|");
  std::string text = fmt::format("#compdef {0}\n_{0}() {{\n  local at= word\n  local -a found\n", name);
  if (!places.empty())
    text += fmt::format(
        "  for word in ${{words[2,CURRENT-1]}}; do\n    case \"$at $word\" in\n      {}) at=\"$at $word\" ;;\n    "
        "esac\n  done\n",
        places);
  text += "  case \"$at\" in\n";
  const auto item = [](const std::string& word, const std::string& what) {
    return fmt::format(" {}", quoted(fmt::format("{}:{}", word, first_line(what))));
  };
  walk(program, "", [&](const CLI::App& command, const std::string& at) {
    std::string words;
    for (const auto* one : below(command)) words += item(one->get_name(), one->get_description());
    for (const auto* option : options_of(command)) {
      for (const auto& word : names_of(*option)) words += item(word, option->get_description());
    }
    text += fmt::format("    {}) found=({}) ;;\n", quoted(at), words);
  });
  return text + fmt::format("  esac\n  _describe '{0}' found || _files\n}}\n_{0} \"$@\"\n", name);
}

std::string fish(const CLI::App& program) {
  const auto& name = program.get_name();
  std::string function = name;
  std::ranges::replace(function, '-', '_');
  const auto places = all_places(program, " ");
  std::string text = fmt::format("# fish completion of {}\nfunction __{}_at\n  set -l at ''\n", name, function);
  if (!places.empty())
    text += fmt::format(
        "  for word in (commandline -opc)[2..-1]\n    switch \"$at $word\"\n      case {}\n        set at \"$at "
        "$word\"\n"
        "    end\n  end\n",
        places);
  text += "  test \"$at\" = \"$argv[1]\"\nend\n";
  walk(program, "", [&](const CLI::App& command, const std::string& at) {
    const auto here = fmt::format("complete -c {} -n \"__{}_at '{}'\"", name, function, at);
    for (const auto* one : below(command))
      text += fmt::format("{} -f -a {} -d {}\n", here, one->get_name(),
                          quoted_for_fish(first_line(one->get_description())));
    for (const auto* option : options_of(command)) {
      std::string words;
      for (const auto& word : option->get_snames()) words += " -s " + word;
      for (const auto& word : option->get_lnames()) words += " -l " + word;
      if (words.empty()) continue;
      text += fmt::format("{}{}{} -d {}\n", here, words, option->get_expected_max() > 0 ? " -r" : "",
                          quoted_for_fish(first_line(option->get_description())));
    }
  });
  return text;
}

// ---- troff ----

std::string escaped(const std::string& text) {
  std::string made;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if ((at == 0 || text[at - 1] == '\n') && (c == '.' || c == '\'')) made += "\\&";
    if (c == '-') {
      made += "\\-";
    } else if (c == '\\') {
      made += "\\e";
    } else {
      made += c;
    }
  }
  return made;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string value_of(const CLI::Option& option) {
  return option.get_expected_max() == 0 ? "" : fmt::format(" \\fI{}\\fR", escaped(option.get_type_name()));
}

std::string synopsis(const CLI::App& command, const std::string& called) {
  std::string text = fmt::format("\\fB{}\\fR", escaped(called));
  bool has_options = false;
  std::string places;
  for (const auto* option : options_of(command)) {
    if (option->get_positional()) {
      const auto name = escaped(option->get_name(true));
      places += option->get_required() ? fmt::format(" \\fI{}\\fR", name) : fmt::format(" [\\fI{}\\fR]", name);
    } else {
      has_options = true;
    }
  }
  if (has_options) text += " [\\fIoption\\fR \\&...]";
  return text + places + (below(command).empty() ? "" : " \\fIcommand\\fR");
}

std::string option_list(const CLI::App& command) {
  std::string text;
  for (const auto* option : options_of(command)) {
    std::string names;
    for (const auto& name : names_of(*option))
      names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", escaped(name));
    if (option->get_positional()) names = fmt::format("\\fI{}\\fR", escaped(option->get_name(true)));
    text += fmt::format(".TP\n{}{}\n{}\n", names, option->get_positional() ? "" : value_of(*option),
                        escaped(option->get_description()));
  }
  return text;
}

}  // namespace

std::string completion(const CLI::App& program, const std::string& shell) {
  return shell == "bash" ? bash(program) : shell == "zsh" ? zsh(program) : fish(program);
}

std::string manual(const CLI::App& program, int section) {
  const auto& name = program.get_name();
  std::string about = program.get_description();
  std::string text =
      fmt::format(".TH {} {} \"\" \"Tidegate {}\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n{}\n.SH DESCRIPTION\n{}\n",
                  upper(escaped(name)), section, version, escaped(name),
                  escaped(about.substr(0, about.find_first_of(":."))), synopsis(program, name), escaped(about));
  text += ".SH OPTIONS\n" + option_list(program);
  bool first = true;
  walk(program, "", [&](const CLI::App& command, const std::string& at) {
    if (at.empty()) return;
    if (std::exchange(first, false)) text += ".SH COMMANDS\n";
    text += fmt::format(".SS {}\n{}\n.PP\n{}.\n{}", escaped(at.substr(1)), synopsis(command, name + at),
                        escaped(command.get_description()), option_list(command));
  });
  const bool daemon = section != 1;
  text += fmt::format(
      ".SH EXIT STATUS\n{}; 64 for a command line that is wrong; 66 for a file that is not there; 69 when a broker or "
      "the gateway is not; 71 for an error of the system; 77 when it is not allowed; 78 for a configuration that is "
      "wrong.\n",
      daemon ? "0 when it was told to stop; 1 when it failed"
             : "0 when it did what was asked; 1 when that failed; 27 when the time was over");
  text +=
      ".SH FILES\n/etc/tidegate/tidegate.toml and /etc/tidegate/conf.d/*.toml: the configuration.\n.SH SEE ALSO\n"
      "tidegate(1), tidegated(8), tidegate\\-broker(8), tidegate\\-apps(8)\n";
  return text;
}

void add_manual(CLI::App& program) {
  program.add_flag_callback(
      "--manual",
      [&program] {
        constexpr int of_daemons = 8;
        fmt::print("{}", manual(program, of_daemons));
        throw CLI::Success();
      },
      "Print the manual page, for man -l -");
}

void add_words(CLI::App& program, Run& run) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* command = program.add_subcommand("completion", "Print what a shell reads to complete this command line");
  command->add_option("shell", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &program, &run] {
    run = [shell, &program] {
      fmt::print("{}", completion(program, *shell));
      return Exit::ok;
    };
  });
  program.add_subcommand("manual", "Print the manual page, for man -l -")->callback([&program, &run] {
    run = [&program] {
      fmt::print("{}", manual(program, 1));
      return Exit::ok;
    };
  });
}

}  // namespace tidegate::cli
