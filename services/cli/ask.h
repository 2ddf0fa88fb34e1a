// Ask puts a yes-or-no question to the person at the terminal.

#ifndef BIRTHMARK_SERVICES_CLI_ASK_H_
#define BIRTHMARK_SERVICES_CLI_ASK_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/cli/context.h"

namespace birthmark::cli {

// Ask returns OK for "y" or "yes". CANCELLED / INTERRUPTED for anything else;
// INVALID_ARGUMENT / USAGE if nobody is there to answer, since a script must
// say --yes.
absl::Status Ask(absl::string_view question, Context& context);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_ASK_H_
