#include "services/cli/ask.h"

#include <string>

#include "absl/strings/ascii.h"
#include "lib/base/error.h"
#include "services/cli/error_report.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {

absl::Status Ask(absl::string_view question, Context& context) {
  if (!context.in_is_terminal) {
    return UsageError("this needs a confirmation: add --yes");
  }
  context.err << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(context.in, answer);
  const std::string plain =
      absl::AsciiStrToLower(absl::StripAsciiWhitespace(answer));
  if (plain == "y" || plain == "yes") {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kCancelled, reasons::kInterrupted,
                   "nothing was changed");
}

}  // namespace birthmark::cli
