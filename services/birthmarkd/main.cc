// birthmarkd hosts the roles of Birthmark, and migrates their database.

#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "lib/base/clock.h"
#include "services/birthmarkd/command_line.h"
#include "services/birthmarkd/hardening.h"
#include "services/birthmarkd/migrate.h"
#include "services/birthmarkd/serve.h"
#include "services/birthmarkd/version.h"

namespace birthmark::birthmarkd {
namespace {

absl::Status Run(const CommandLine& line) {
  switch (line.command) {
    case Command::kHelp:
      std::cout << line.help;
      return absl::OkStatus();
    case Command::kVersion:
      std::cout << "birthmarkd " << kVersion << "\n";
      return absl::OkStatus();
    case Command::kMigrate:
      return Migrate(line.config_path, Clock::Real(), std::cout);
    case Command::kServe:
      return line.check_config ? CheckConfig(line.config_path)
                               : Serve(line.config_path, Clock::Real());
  }
  return absl::InternalError("unknown command");
}

int Main(const std::vector<std::string>& arguments) {
  const auto line = ParseCommandLine(arguments);
  if (!line.ok()) {
    std::cerr << "birthmarkd: " << line.status().message() << "\n"
              << UsageHint() << "\n";
    return 2;
  }
  absl::Status status = HardenProcess();
  if (status.ok()) {
    status = Run(*line);
  }
  if (!status.ok()) {
    // libpq explains itself in several lines.
    std::cerr << "birthmarkd: "
              << absl::StrReplaceAll(status.message(), {{"\n", " "}}) << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace birthmark::birthmarkd

int main(int argc, char** argv) {
  return birthmark::birthmarkd::Main({argv + 1, argv + argc});
}
