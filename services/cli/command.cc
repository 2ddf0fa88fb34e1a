#include "services/cli/command.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lib/base/status_macros.h"
#include "services/cli/error_report.h"

namespace birthmark::cli {
namespace {

constexpr absl::string_view kAbout =
    "Gives devices their identity and looks after it.";
constexpr absl::string_view kFooter =
    "`birthmark COMMAND --help` explains a command; `birthmark help "
    "exit-codes` "
    "lists the exit codes.";

// A hundred years: beyond that a time span is a slip.
constexpr int64_t kMaxDays = 36525;

bool IsPosition(const Param& param) {
  return !absl::StartsWith(param.name, "-");
}

// Holder keeps the raw values that CLI11 writes to while it parses.
struct Holder {
  const Command* command = nullptr;
  CLI::App* app = nullptr;
  std::vector<std::unique_ptr<std::string>> texts;
  std::vector<std::unique_ptr<std::vector<std::string>>> lists;
  std::vector<std::unique_ptr<bool>> switches;
  std::vector<CLI::Option*> options;  // one per Param, owned by `app`
  bool json = false;
};

void AddParam(const Param& param, Holder& holder) {
  holder.texts.push_back(std::make_unique<std::string>());
  holder.lists.push_back(std::make_unique<std::vector<std::string>>());
  holder.switches.push_back(std::make_unique<bool>(false));
  CLI::App& app = *holder.app;
  if (param.kind == ParamKind::kTexts) {
    // One value each time, or it would take the positions that follow.
    holder.options.push_back(
        app.add_option(param.name, *holder.lists.back(), param.help)
            ->required(param.required)
            ->allow_extra_args(false));
    return;
  }
  if (param.kind == ParamKind::kSwitch) {
    holder.options.push_back(
        app.add_flag(param.name, *holder.switches.back(), param.help));
    return;
  }
  holder.options.push_back(
      app.add_option(param.name, *holder.texts.back(), param.help)
          ->required(param.required));
}

// HelpText lays out help from the table: the form of CLI11 does not show
// examples and wraps nothing.
std::string HelpText(const Command& command) {
  std::string usage = absl::StrCat("birthmark ", command.path);
  std::string positions;
  std::string options;
  const auto add_line = [](std::string& to, const std::string& left,
                           const std::string& right) {
    std::string line = absl::StrCat("  ", left);
    line.resize(std::max<size_t>(line.size() + 2, 30), ' ');
    absl::StrAppend(&to, line, right, "\n");
  };
  for (const Param& param : command.params) {
    std::string help = param.help;
    if (!param.default_value.empty()) {
      absl::StrAppend(&help, " [default: ", param.default_value, "]");
    }
    if (IsPosition(param)) {
      absl::StrAppend(&usage, param.required ? " " : " [", param.name,
                      param.required ? "" : "]");
      add_line(positions, param.name, help);
      continue;
    }
    const std::string left = param.value.empty()
                                 ? param.name
                                 : absl::StrCat(param.name, " ", param.value);
    absl::StrAppend(&usage, param.required ? " " : " [", left,
                    param.required ? "" : "]",
                    param.kind == ParamKind::kTexts ? "..." : "");
    add_line(options, left, help);
  }
  add_line(options, "--json", "print JSON for machines");
  add_line(options, "--help", "print this");
  std::string text = absl::StrCat(command.summary, "\n\nUsage: ", usage, "\n");
  if (!command.details.empty()) {
    absl::StrAppend(&text, "\n", command.details, "\n");
  }
  if (!positions.empty()) {
    absl::StrAppend(&text, "\nArguments:\n", positions);
  }
  absl::StrAppend(&text, "\nOptions:\n", options, "\nExample:\n");
  for (const absl::string_view example :
       absl::StrSplit(command.examples, '\n', absl::SkipEmpty())) {
    absl::StrAppend(&text, "  ", example, "\n");
  }
  return text;
}

// ListText lists the commands that start with `prefix`.
std::string ListText(absl::Span<const Command> commands,
                     absl::string_view prefix) {
  size_t width = 0;
  for (const Command& command : commands) {
    width = std::max(width, command.path.size());
  }
  std::string text =
      absl::StrCat(kAbout, "\n\nUsage: birthmark ", prefix,
                   "COMMAND [--json] [--help]\n\n", "Commands:\n");
  for (const Command& command : commands) {
    if (absl::StartsWith(command.path, prefix)) {
      absl::StrAppend(&text, "  ", command.path,
                      std::string(width - command.path.size() + 2, ' '),
                      command.summary, "\n");
    }
  }
  return absl::StrCat(text, "\n", kFooter, "\n");
}

absl::Status CheckValue(const Param& param, const std::string& value) {
  int64_t number = 0;
  absl::Duration duration;
  switch (param.kind) {
    case ParamKind::kInteger:
      if (!absl::SimpleAtoi(value, &number) || number < 0) {
        return UsageError(
            absl::StrCat(param.name, " wants a number, not '", value, "'"));
      }
      break;
    case ParamKind::kDuration:
      if (!ParseSpan(value, &duration)) {
        return UsageError(absl::StrCat(
            param.name, " wants a time such as 90s, 10m, 1h or 30d, not '",
            value, "'"));
      }
      break;
    case ParamKind::kText:
    case ParamKind::kTexts:
    case ParamKind::kSwitch:
      break;
  }
  return absl::OkStatus();
}

absl::StatusOr<Arguments> Collect(const Holder& holder) {
  Arguments args;
  const std::vector<Param>& params = holder.command->params;
  for (size_t i = 0; i < params.size(); ++i) {
    const Param& param = params[i];
    if (param.kind == ParamKind::kSwitch) {
      if (*holder.switches[i]) {
        args.Set(param.name, "true");
      }
      continue;
    }
    if (param.kind == ParamKind::kTexts) {
      for (const std::string& value : *holder.lists[i]) {
        args.Add(param.name, value);
      }
      continue;
    }
    const bool given = holder.options[i]->count() > 0;
    const std::string& value = given ? *holder.texts[i] : param.default_value;
    if (!given && value.empty()) {
      continue;
    }
    BIRTHMARK_RETURN_IF_ERROR(CheckValue(param, value));
    args.Set(param.name, value);
  }
  return args;
}

// Words that ask for help end the parsing: "--help" must work on a line that
// lacks required arguments.
std::string HelpFor(absl::Span<const Command> commands,
                    const std::vector<std::string>& words) {
  std::string path;
  for (const std::string& word : words) {
    if (absl::StartsWith(word, "-")) {
      break;
    }
    const std::string longer =
        path.empty() ? word : absl::StrCat(path, " ", word);
    const bool known = std::any_of(
        commands.begin(), commands.end(), [&](const Command& command) {
          return command.path == longer ||
                 absl::StartsWith(command.path, absl::StrCat(longer, " "));
        });
    if (!known) {
      break;
    }
    path = longer;
  }
  for (const Command& command : commands) {
    if (command.path == path) {
      return HelpText(command);
    }
  }
  return ListText(commands, path.empty() ? "" : absl::StrCat(path, " "));
}

absl::StatusOr<ParsedLine> ParseWithCli11(
    absl::Span<const Command> commands, const std::vector<std::string>& words) {
  CLI::App root(std::string(kAbout), "birthmark");
  root.require_subcommand(1);
  root.set_help_flag();
  std::map<std::string, CLI::App*> groups;
  std::vector<Holder> holders(commands.size());
  for (size_t i = 0; i < commands.size(); ++i) {
    const std::vector<std::string> path = absl::StrSplit(commands[i].path, ' ');
    CLI::App* parent = &root;
    if (path.size() == 2) {
      CLI::App*& group = groups[path[0]];
      if (group == nullptr) {
        group = root.add_subcommand(path[0], "");
        group->require_subcommand(1);
        group->set_help_flag();
      }
      parent = group;
    }
    Holder& holder = holders[i];
    holder.command = &commands[i];
    holder.app = parent->add_subcommand(path.back(), commands[i].summary);
    holder.app->set_help_flag();
    for (const Param& param : commands[i].params) {
      AddParam(param, holder);
    }
    holder.app->add_flag("--json", holder.json, "");
  }
  // CLI11 takes the words from the back.
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  root.parse(std::move(reversed));
  for (const Holder& holder : holders) {
    if (holder.app->parsed()) {
      ParsedLine line;
      line.command = holder.command;
      line.json = holder.json;
      BIRTHMARK_ASSIGN_OR_RETURN(line.args, Collect(holder));
      return line;
    }
  }
  return UsageError("no command");
}

// What a foreign library may throw ends here, as a fault of this program.
absl::StatusOr<int> RunCommand(const ParsedLine& line, Context& context) {
  try {
    return line.command->run(line.args, context);
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  }
}

}  // namespace

std::string Arguments::Text(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? "" : found->second;
}

int64_t Arguments::Integer(const std::string& name) const {
  int64_t number = 0;
  return absl::SimpleAtoi(Text(name), &number) ? number : 0;
}

absl::Duration Arguments::Duration(const std::string& name) const {
  absl::Duration duration;
  return ParseSpan(Text(name), &duration) ? duration : absl::ZeroDuration();
}

std::vector<std::string> Arguments::Texts(const std::string& name) const {
  const auto found = texts_.find(name);
  return found == texts_.end() ? std::vector<std::string>() : found->second;
}

bool ParseSpan(absl::string_view text, absl::Duration* span) {
  int64_t days = 0;
  const size_t end = text.find('d');
  if (end != absl::string_view::npos) {
    if (end == 0 || !absl::ascii_isdigit(static_cast<unsigned char>(text[0])) ||
        !absl::SimpleAtoi(text.substr(0, end), &days) || days > kMaxDays) {
      return false;
    }
    text.remove_prefix(end + 1);
  }
  absl::Duration rest = absl::ZeroDuration();
  if ((end == absl::string_view::npos || !text.empty()) &&
      (!absl::ParseDuration(text, &rest) || rest < absl::ZeroDuration() ||
       rest == absl::InfiniteDuration())) {
    return false;
  }
  *span = absl::Hours(24 * days) + rest;
  return true;
}

absl::StatusOr<ParsedLine> ParseLine(absl::Span<const Command> commands,
                                     const std::vector<std::string>& words) {
  ParsedLine help;
  if (words == std::vector<std::string>{"help", "exit-codes"}) {
    help.help = std::string(ExitCodesHelp());
    return help;
  }
  if (words.empty() || words.front() == "help") {
    help.help = HelpFor(commands,
                        {words.begin() + (words.empty() ? 0 : 1), words.end()});
    return help;
  }
  for (const std::string& word : words) {
    if (word == "--") {
      break;
    }
    if (word == "--help" || word == "-h") {
      help.help = HelpFor(commands, words);
      return help;
    }
  }
  try {
    return ParseWithCli11(commands, words);
  } catch (const CLI::Error& error) {
    std::vector<std::string> path;
    for (const std::string& word : words) {
      if (absl::StartsWith(word, "-") || path.size() == 2) {
        break;
      }
      path.push_back(word);
    }
    return UsageError(absl::StrCat(error.what(), "; see `birthmark ",
                                   absl::StrJoin(path, " "), " --help`"));
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  }
}

int RunLine(absl::Span<const Command> commands,
            const std::vector<std::string>& words, Context& context) {
  absl::StatusOr<ParsedLine> line = ParseLine(commands, words);
  absl::Status status = line.status();
  if (line.ok()) {
    if (line->command == nullptr) {
      context.out << line->help;
      return kExitOk;
    }
    context.json = line->json;
    const absl::StatusOr<int> code = RunCommand(*line, context);
    if (code.ok()) {
      return *code;
    }
    status = code.status();
  }
  context.out.flush();
  if (context.json) {
    context.out << ErrorJson(status) << '\n';
  }
  context.err << "error: " << ErrorLine(status) << '\n';
  const std::string hint = FixHint(status);
  if (!hint.empty()) {
    context.err << "fix: " << hint << '\n';
  }
  return ExitCodeFor(status);
}

}  // namespace birthmark::cli
