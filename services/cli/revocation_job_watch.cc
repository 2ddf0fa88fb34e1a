#include "services/cli/revocation_job_watch.h"

#include "lib/base/status_macros.h"
#include "services/cli/revocation_job_text.h"

namespace birthmark::cli {
namespace {

using revocation::v1::GetRevocationJobRequest;
using revocation::v1::RevocationJob;

JobView ViewOf(const RevocationJob& job) {
  return {
      .state = JobStateText(job),
      .is_running = job.state() == revocation::v1::REVOCATION_JOB_STATE_RUNNING,
      .is_over = JobIsOver(job),
      .done = job.revoked_count(),
      .expected = job.expected_count(),
      .done_word = "revoked",
      .last_error = job.last_error(),
      .next_step = NextStep(job)};
}

}  // namespace

absl::StatusOr<RevocationJob> WatchRevocationJob(rpc::Channel& channel,
                                                 const std::string& name,
                                                 const WatchOptions& options,
                                                 Context& context) {
  GetRevocationJobRequest request;
  request.set_name(name);
  RevocationJob job;
  BIRTHMARK_RETURN_IF_ERROR(WatchJob(
      [&]() -> absl::StatusOr<JobView> {
        BIRTHMARK_ASSIGN_OR_RETURN(
            job, channel.Unary<RevocationJob>(
                     "birthmark.revocation.v1.RevocationService."
                     "GetRevocationJob",
                     request));
        return ViewOf(job);
      },
      options, context));
  return job;
}

}  // namespace birthmark::cli
