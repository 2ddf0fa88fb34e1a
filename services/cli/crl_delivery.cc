#include "services/cli/crl_delivery.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "services/cli/error_report.h"
#include "services/cli/reasons.h"

extern char** environ;

namespace birthmark::cli {
namespace {

constexpr size_t kPidFileLimit = 64;
constexpr absl::Duration kLook = absl::Milliseconds(10);

absl::Status NotNotified(absl::string_view text) {
  return MakeError(absl::StatusCode::kUnavailable, reasons::kNotNotified, text);
}

// Starts a program without standard input whose output goes to standard error,
// in a process group of its own, so that its children end with it.
absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  for (const std::string& word : command) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY,
                                   0);
  posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // What this program ignores or blocks, the command does not.
  sigset_t none;
  sigemptyset(&none);
  sigset_t usual;
  sigemptyset(&usual);
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP}) {
    sigaddset(&usual, number);
  }
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP |
                                            POSIX_SPAWN_SETSIGMASK |
                                            POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  const int error =
      posix_spawnp(&pid, argv[0], &files, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) {
    return NotNotified(
        absl::StrCat("cannot run ", command[0], ": ", std::strerror(error)));
  }
  return pid;
}

}  // namespace

CrlDelivery::CrlDelivery(Options options, Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

absl::Status CrlDelivery::Write(absl::string_view pem) {
  return FileError(WriteFileAtomically(options_.path, pem, options_.mode),
                   options_.path);
}

absl::Status CrlDelivery::Notify() {
  const absl::Status signalled = Signal();
  const absl::Status run = Run();
  return signalled.ok() ? run : signalled;
}

absl::Status CrlDelivery::Signal() {
  if (options_.pid_file.empty()) {
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> text =
      ReadFile(options_.pid_file, kPidFileLimit);
  if (!text.ok()) {
    return NotNotified(
        absl::StrCat("nobody to signal: ", text.status().message()));
  }
  pid_t pid = 0;
  // 1 is nobody's broker, and 0 and below are groups of processes.
  if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &pid) || pid <= 1) {
    return NotNotified(absl::StrCat(options_.pid_file, " holds no process id"));
  }
  if (kill(pid, options_.signal) != 0) {
    return NotNotified(absl::StrCat("cannot signal process ", pid, " of ",
                                    options_.pid_file, ": ",
                                    std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status CrlDelivery::Run() {
  if (options_.command.empty()) {
    return absl::OkStatus();
  }
  const absl::StatusOr<pid_t> pid = Spawn(options_.command);
  if (!pid.ok()) {
    return pid.status();
  }
  const absl::Duration begin = clock_.MonotonicNow();
  int status = 0;
  while (true) {
    const pid_t ended = waitpid(*pid, &status, WNOHANG);
    if (ended == *pid) {
      break;
    }
    if (ended < 0 && errno != EINTR) {
      return NotNotified(absl::StrCat("cannot wait for ", options_.command[0],
                                      ": ", std::strerror(errno)));
    }
    if (clock_.MonotonicNow() - begin >= options_.command_timeout) {
      kill(-*pid, SIGKILL);
      waitpid(*pid, &status, 0);
      return NotNotified(absl::StrCat(
          options_.command[0], " took longer than ",
          absl::FormatDuration(options_.command_timeout), " and was killed"));
    }
    absl::SleepFor(kLook);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    return absl::OkStatus();
  }
  return NotNotified(
      WIFEXITED(status)
          ? absl::StrCat(options_.command[0], " ended with exit code ",
                         WEXITSTATUS(status))
          : absl::StrCat(options_.command[0], " was ended by signal ",
                         WTERMSIG(status)));
}

absl::StatusOr<int> ParseSignal(absl::string_view text) {
  const absl::string_view name = absl::StripPrefix(text, "SIG");
  if (name == "HUP") {
    return SIGHUP;
  }
  if (name == "USR1") {
    return SIGUSR1;
  }
  if (name == "USR2") {
    return SIGUSR2;
  }
  return UsageError("--signal must be HUP, USR1 or USR2");
}

}  // namespace birthmark::cli
