#include "services/registration/revocation_job_runner.h"

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "birthmark/certificate/v1/certificate_service.pb.h"
#include "lib/audit/new_entry.h"
#include "lib/telemetry/log.h"
#include "services/registration/convert.h"

namespace birthmark::registration {
namespace {

using storage::RevocationJobRow;

std::string Name(const RevocationJobRow& job) {
  return absl::StrCat("revocationJobs/", job.job_id);
}

}  // namespace

RevocationJobRunner::RevocationJobRunner(storage::RevocationJobStore& jobs,
                                         Clock& clock, Metrics& metrics)
    : jobs_(jobs), clock_(clock), metrics_(metrics), thread_([this] {
        const bool busy = Step();
        const absl::Duration rest =
            busy ? absl::ZeroDuration() : schedule_.Rest(clock_.Now());
        metrics_.revocation_jobs.Set(static_cast<double>(schedule_.size()));
        return rest;
      }) {}

bool RevocationJobRunner::Step() {
  int revoked = 0;
  std::string job_id;
  const absl::StatusOr<std::optional<RevocationJobRow>> job = jobs_.Step(
      clock_.Now(), kStepSize,
      [&](const RevocationJobRow& of, const storage::RevocationRow& row) {
        ++revoked;
        return audit::NewEntry(
            clock_, of.create_actor, "certificate.revoke", CertificateName(row),
            {{"job", Name(of)},
             {"reason", certificate::v1::RevocationReason_Name(
                            static_cast<certificate::v1::RevocationReason>(
                                row.reason))}});
      },
      [&](const RevocationJobRow& done) {
        return audit::NewEntry(
            clock_, done.create_actor, "revocation_job.finish", Name(done),
            {{"revoked", absl::StrCat(done.revoked)},
             {"already_revoked", absl::StrCat(done.already_revoked)},
             {"expired", absl::StrCat(done.expired)}});
      },
      job_id);
  if (!job.ok()) {
    NoteFailure(job_id, job.status());
    return false;
  }
  if (!job->has_value()) {
    return false;
  }
  metrics_.job_revocations.Increment(revoked);
  if ((*job)->state == storage::RevocationJobState::kDone) {
    schedule_.Ended(job_id);
    telemetry::Log(telemetry::Level::kInfo, "revocation_job_done",
                   {{"job", Name(**job)},
                    {"revoked", (*job)->revoked},
                    {"already_revoked", (*job)->already_revoked},
                    {"expired", (*job)->expired}});
  } else {
    schedule_.Went(job_id, (*job)->next_step_time);
  }
  return true;
}

void RevocationJobRunner::NoteFailure(const std::string& job_id,
                                      const absl::Status& status) {
  metrics_.job_errors.Increment();
  telemetry::Log(telemetry::Level::kWarning, "revocation_job_failed",
                 {{"job", job_id}, {"error", status.ToString()}});
  if (job_id.empty()) {
    return;
  }
  const absl::Time until = clock_.Now() + schedule_.Backoff(job_id);
  if (jobs_.Postpone(job_id, JobErrorText(status), until).ok()) {
    schedule_.Postponed(job_id, until);
  }
}

}  // namespace birthmark::registration
