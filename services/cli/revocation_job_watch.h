// WatchRevocationJob follows a mass revocation until it is over.

#ifndef BIRTHMARK_SERVICES_CLI_REVOCATION_JOB_WATCH_H_
#define BIRTHMARK_SERVICES_CLI_REVOCATION_JOB_WATCH_H_

#include <string>

#include "absl/status/statusor.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/rpc/channel.h"
#include "services/cli/context.h"
#include "services/cli/job_watch.h"

namespace birthmark::cli {

// WatchRevocationJob is WatchJob of the job `name`; it returns the job when it
// is done or cancelled. Fails as GetRevocationJob does.
absl::StatusOr<revocation::v1::RevocationJob> WatchRevocationJob(
    rpc::Channel& channel, const std::string& name, const WatchOptions& options,
    Context& context);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_REVOCATION_JOB_WATCH_H_
