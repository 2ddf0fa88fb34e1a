// birthmark: the command line of operators, lines and devices.

#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/telemetry/log.h"
#include "services/cli/command.h"
#include "services/cli/commands.h"
#include "services/cli/error_report.h"

namespace {

// Whether standard output is a pipe that nobody reads any more.
bool ReaderIsGone() {
  pollfd out{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  return poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0;
}

}  // namespace

int main(int argc, char** argv) {
  namespace cli = birthmark::cli;
  // A reader that goes away (`birthmark device list | head`) is no fault.
  std::signal(SIGPIPE, SIG_IGN);
  std::ios::sync_with_stdio(false);
  // What people should know is printed as errors; the rest is for servers.
  birthmark::telemetry::SetLogLevel(birthmark::telemetry::Level::kError);

  std::vector<cli::Command> commands;
  for (std::vector<cli::Command> family :
       {cli::InitCommands(),           cli::FleetCommands(),
        cli::LineCommands(),           cli::ProvisionCommands(),
        cli::DeviceIdentityCommands(), cli::DeviceWipeCommands(),
        cli::DeviceListCommands(),     cli::DeviceCommands(),
        cli::DeviceStreamCommands(),   cli::DeviceActCommands(),
        cli::DeviceEndCommands(),      cli::DeviceJobCommands(),
        cli::FindingCommands(),        cli::KeyCommands(),
        cli::TransferCommands(),       cli::ReplacementCommands(),
        cli::PrivacyCommands(),        cli::CertificateCommands(),
        cli::KeyCompromiseCommands(),  cli::RevocationCommands(),
        cli::RevocationJobCommands(),  cli::CrlCommands(),
        cli::OperatorCommands(),       cli::EnforcementPointCommands(),
        cli::SyncCrlCommands()}) {
    for (cli::Command& command : family) {
      commands.push_back(std::move(command));
    }
  }
  cli::Context context{.in = std::cin,
                       .out = std::cout,
                       .err = std::cerr,
                       .clock = birthmark::Clock::Real(),
                       .in_is_terminal = isatty(STDIN_FILENO) == 1,
                       .err_is_terminal = isatty(STDERR_FILENO) == 1};
  const int code = cli::RunLine(
      commands, std::vector<std::string>(argv + 1, argv + argc), context);
  std::cout.flush();
  if (!std::cout && code == cli::kExitOk) {
    if (!ReaderIsGone()) {
      std::cerr << "error: the output cannot be written" << std::endl;
    }
    return cli::kExitLocal;
  }
  return code;
}
