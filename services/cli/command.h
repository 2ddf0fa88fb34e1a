// Command is one thing that `birthmark` can do. All commands stand in tables
// (see commands.h); parsing and help are made from these tables alone.

#ifndef BIRTHMARK_SERVICES_CLI_COMMAND_H_
#define BIRTHMARK_SERVICES_CLI_COMMAND_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/cli/context.h"

namespace birthmark::cli {

enum class ParamKind {
  kText,
  kInteger,   // not negative
  kDuration,  // 90s, 10m, 1h30m, 30d
  kSwitch,    // takes no value
  kTexts,     // by name only; may be given more than once
};

// Param is an argument by position ("DIR") or by name ("--out").
struct Param {
  std::string name;
  std::string value;  // how help shows the value; "" for positions, switches
  std::string help;
  ParamKind kind = ParamKind::kText;
  bool required = false;
  // "" means absent.
  std::string default_value;
};

// Arguments are the values of a command line, checked against the Params.
class Arguments {
 public:
  // Has tells whether there is a value, given or by default.
  bool Has(const std::string& name) const {
    return values_.count(name) > 0 || texts_.count(name) > 0;
  }
  // The following are "", 0 and false if there is none.
  std::string Text(const std::string& name) const;
  int64_t Integer(const std::string& name) const;
  absl::Duration Duration(const std::string& name) const;
  bool Switch(const std::string& name) const { return Has(name); }
  // Texts returns all values of a kTexts, in the order given.
  std::vector<std::string> Texts(const std::string& name) const;

  void Set(const std::string& name, std::string value) {
    values_[name] = std::move(value);
  }
  void Add(const std::string& name, std::string value) {
    texts_[name].push_back(std::move(value));
  }

 private:
  std::map<std::string, std::string> values_;
  std::map<std::string, std::vector<std::string>> texts_;
};

// ParseSpan reads a time span as people write it: what absl::ParseDuration
// takes, with days in front: 30d, 1d12h. False if it is none.
bool ParseSpan(absl::string_view text, absl::Duration* span);

struct Command {
  // One or two words: "init", "device get".
  std::string path;
  // One line for lists.
  std::string summary;
  // More for --help; may be empty.
  std::string details;
  // Command lines that work, one a line.
  std::string examples;
  std::vector<Param> params;
  // Returns the exit code. An error is printed by the caller.
  absl::StatusOr<int> (*run)(const Arguments& args, Context& context);
};

// ParsedLine is a command line that was understood: either text to print (help
// was asked for), or a command to run.
struct ParsedLine {
  std::string help;
  const Command* command = nullptr;
  Arguments args;
  bool json = false;
};

// ParseLine reads a command line, without the program's name. Every command
// takes --help and --json besides its own. INVALID_ARGUMENT / USAGE. The result
// points into `commands`.
absl::StatusOr<ParsedLine> ParseLine(absl::Span<const Command> commands,
                                     const std::vector<std::string>& words);

// RunLine parses, runs and reports; it returns the exit code.
int RunLine(absl::Span<const Command> commands,
            const std::vector<std::string>& words, Context& context);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_COMMAND_H_
