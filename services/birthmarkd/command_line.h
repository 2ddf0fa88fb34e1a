// CommandLine is what birthmarkd was asked to do.

#ifndef BIRTHMARK_SERVICES_BIRTHMARKD_COMMAND_LINE_H_
#define BIRTHMARK_SERVICES_BIRTHMARKD_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark::birthmarkd {

enum class Command { kServe, kMigrate, kHelp, kVersion };

struct CommandLine {
  Command command = Command::kHelp;
  std::string config_path;    // kServe and kMigrate
  bool check_config = false;  // kServe
  std::string help;           // kHelp: what to print
};

// ParseCommandLine reads the arguments after the program's name.
// kInvalidArgument; the text says what to write instead.
absl::StatusOr<CommandLine> ParseCommandLine(
    const std::vector<std::string>& arguments);

// UsageHint is the line that follows an error of ParseCommandLine.
absl::string_view UsageHint();

}  // namespace birthmark::birthmarkd

#endif  // BIRTHMARK_SERVICES_BIRTHMARKD_COMMAND_LINE_H_
