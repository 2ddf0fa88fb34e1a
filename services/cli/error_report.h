// Errors as the command line shows them: one line, a hint, an exit code. Pure
// functions.

#ifndef BIRTHMARK_SERVICES_CLI_ERROR_REPORT_H_
#define BIRTHMARK_SERVICES_CLI_ERROR_REPORT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace birthmark::cli {

// ExitCode is what a script learns. `birthmark help exit-codes` lists them.
enum ExitCode {
  kExitOk = 0,
  kExitRefused = 1,      // the service refused, or some items failed
  kExitUsage = 2,        // the command line or an input file is wrong
  kExitUnavailable = 3,  // no service can be reached, or it is not ready
  kExitDenied = 4,       // the identity is not good, or not good enough
  kExitLocal = 5,        // a local file, or a full disk
  kExitFault = 6,        // a fault inside the service or this program
  kExitInterrupted = 130,
};

// ExitCodeFor returns the exit code of a command that ended with `status`.
ExitCode ExitCodeFor(const absl::Status& status);

// ExitCodesHelp is the text of `birthmark help exit-codes`.
absl::string_view ExitCodesHelp();

// ErrorLine returns "CODE / REASON: text", in one line whatever the text holds.
std::string ErrorLine(const absl::Status& status);

// FixHint returns what to do about `status`, "" if that is not known.
std::string FixHint(const absl::Status& status);

// ErrorJson returns {"error": {code, reason, message, metadata, fix}}.
std::string ErrorJson(const absl::Status& status);

// UsageError returns kInvalidArgument / USAGE.
absl::Status UsageError(absl::string_view text);

// FileError turns the status of a local file operation on `path`, which has no
// reason of its own, into one with FILE_UNUSABLE or DISK_FULL, so that it is
// not mistaken for an answer of a service. A status with a reason stays.
absl::Status FileError(const absl::Status& status, absl::string_view path);

// OneLine replaces control characters, so that no text from elsewhere moves
// the cursor or adds lines.
std::string OneLine(absl::string_view text);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_ERROR_REPORT_H_
