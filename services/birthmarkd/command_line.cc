#include "services/birthmarkd/command_line.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace birthmark::birthmarkd {
namespace {

constexpr char kHelp[] = R"(birthmarkd - the Birthmark server

usage: birthmarkd serve --config FILE [--check_config]
       birthmarkd migrate --config FILE
       birthmarkd help [COMMAND]
       birthmarkd version

serve    Hosts the roles (ca, registration, inventory) that FILE has a section
         for, until SIGTERM or SIGINT.
migrate  Brings the database to the schema of this release, and records the
         certificates that were issued before there was a database.

`birthmark init DIR` writes the configuration files.
)";

constexpr char kServeHelp[] =
    R"(usage: birthmarkd serve --config FILE [--check_config]

Hosts the roles that FILE has a section for. FILE is a ServerConfig of
proto/birthmark/config/v1/server_config.proto, in protobuf text format.

  --config FILE    the configuration
  --check_config   says whether the configuration and the files that it names
                   are good, and ends; opens no database and no port

Logs go to standard error, one JSON object a line; "serving" says that calls
are taken. SIGTERM or SIGINT: no new calls, those in flight are finished within
limits.drain_timeout; a second signal ends the process at once.

Exit codes: 0 after a shutdown by signal, 1 if it could not start or serve,
2 if the command line was wrong.
)";

constexpr char kMigrateHelp[] = R"(usage: birthmarkd migrate --config FILE

Applies the migrations that the database lacks, one transaction each, and
records the certificates that FILE names. Twice is as good as once. FILE is a
MigrateConfig of proto/birthmark/config/v1/server_config.proto, in protobuf text
format; its database is opened as the owner.

  --config FILE    the configuration

Exit codes: 0 if the database is as it should be, 1 if not, 2 if the command
line was wrong.
)";

absl::Status Wrong(absl::string_view text) {
  return absl::InvalidArgumentError(text);
}

bool IsHelp(absl::string_view argument) {
  return argument == "--help" || argument == "-h" || argument == "help";
}

absl::StatusOr<std::string> HelpOn(absl::string_view topic) {
  if (topic.empty()) {
    return std::string(kHelp);
  }
  if (topic == "serve") {
    return std::string(kServeHelp);
  }
  if (topic == "migrate") {
    return std::string(kMigrateHelp);
  }
  return Wrong(absl::StrCat("there is no command \"", topic, "\""));
}

absl::StatusOr<CommandLine> ParseHelp(
    const std::vector<std::string>& arguments) {
  const auto help = HelpOn(arguments.size() > 1 ? arguments[1] : "");
  if (!help.ok()) {
    return help.status();
  }
  CommandLine line;
  line.help = *help;
  return line;
}

// The switches of serve and migrate.
absl::StatusOr<CommandLine> ParseSwitches(
    CommandLine line, const std::vector<std::string>& arguments) {
  for (size_t i = 1; i < arguments.size(); ++i) {
    absl::string_view argument = arguments[i];
    if (IsHelp(argument)) {
      return ParseHelp({"help", arguments[0]});
    }
    if (argument == "--check_config" && line.command == Command::kServe) {
      line.check_config = true;
    } else if (absl::ConsumePrefix(&argument, "--config=")) {
      line.config_path = std::string(argument);
    } else if (argument == "--config" && i + 1 < arguments.size()) {
      line.config_path = arguments[++i];
    } else if (argument == "--config") {
      return Wrong("--config needs a file");
    } else {
      return Wrong(absl::StrCat("unknown argument \"", argument, "\""));
    }
  }
  if (line.config_path.empty()) {
    return Wrong("--config FILE is required");
  }
  return line;
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(
    const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    return Wrong("a command is required");
  }
  const std::string& command = arguments[0];
  CommandLine line;
  if (IsHelp(command)) {
    return ParseHelp(arguments);
  }
  if (command == "version" || command == "--version") {
    line.command = Command::kVersion;
    return line;
  }
  if (command == "serve") {
    line.command = Command::kServe;
    return ParseSwitches(std::move(line), arguments);
  }
  if (command == "migrate") {
    line.command = Command::kMigrate;
    return ParseSwitches(std::move(line), arguments);
  }
  return Wrong(absl::StrCat("there is no command \"", command, "\""));
}

absl::string_view UsageHint() {
  return "usage: birthmarkd serve|migrate --config FILE, or birthmarkd help";
}

}  // namespace birthmark::birthmarkd
