// WatchRevocationJob follows a mass revocation until it is over.

#ifndef BIRTHMARK_SERVICES_CLI_REVOCATION_JOB_WATCH_H_
#define BIRTHMARK_SERVICES_CLI_REVOCATION_JOB_WATCH_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/rpc/channel.h"
#include "services/cli/context.h"

namespace birthmark::cli {

struct WatchOptions {
  // Between two looks.
  absl::Duration interval = absl::Seconds(1);
  // How long a service that does not answer is asked again.
  absl::Duration patience = absl::Minutes(5);
};

// WatchRevocationJob asks for the job `name` again and again, writes how far it
// is to context.err (one line that changes on a terminal, a line every few
// seconds and at each change of its state elsewhere), and returns it when it is
// done or cancelled. Fails as GetRevocationJob does.
absl::StatusOr<revocation::v1::RevocationJob> WatchRevocationJob(
    rpc::Channel& channel, const std::string& name, const WatchOptions& options,
    Context& context);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_REVOCATION_JOB_WATCH_H_
