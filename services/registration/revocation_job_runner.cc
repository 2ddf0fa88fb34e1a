#include "services/registration/revocation_job_runner.h"

#include <algorithm>
#include <optional>
#include <utility>

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

// What operators are told: the texts of these are for the log alone.
std::string PublicText(const absl::Status& status) {
  const bool hidden = status.code() == absl::StatusCode::kInternal ||
                      status.code() == absl::StatusCode::kUnknown;
  return hidden ? "internal error: see the server's log"
                : std::string(status.message());
}

}  // namespace

RevocationJobRunner::RevocationJobRunner(storage::RevocationJobStore& jobs,
                                         Clock& clock, Metrics& metrics)
    : jobs_(jobs), clock_(clock), metrics_(metrics) {
  thread_ = std::thread([this] { Work(); });
}

RevocationJobRunner::~RevocationJobRunner() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void RevocationJobRunner::Wake() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
  }
  wake_.notify_all();
}

void RevocationJobRunner::Work() {
  while (true) {
    const bool busy = Step();
    const absl::Duration rest = busy ? absl::ZeroDuration() : IdleTime();
    std::unique_lock<std::mutex> lock(mutex_);
    if (!busy) {
      wake_.wait_for(lock, absl::ToChronoNanoseconds(rest),
                     [this] { return woken_ || stopped_; });
    }
    woken_ = false;
    if (stopped_) {
      return;
    }
  }
}

absl::Duration RevocationJobRunner::IdleTime() {
  const absl::Time now = clock_.Now();
  absl::Duration rest = kIdleTime;
  for (auto it = due_.begin(); it != due_.end();) {
    if (it->second <= now) {
      // Somebody else is at it, or it does not run any more.
      it = due_.erase(it);
    } else {
      rest = std::min(rest, it->second - now);
      ++it;
    }
  }
  metrics_.revocation_jobs.Set(static_cast<double>(due_.size()));
  return rest;
}

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
  failures_.erase(job_id);
  metrics_.job_revocations.Increment(revoked);
  if ((*job)->state == storage::RevocationJobState::kDone) {
    due_.erase(job_id);
    telemetry::Log(telemetry::Level::kInfo, "revocation_job_done",
                   {{"job", Name(**job)},
                    {"revoked", (*job)->revoked},
                    {"already_revoked", (*job)->already_revoked},
                    {"expired", (*job)->expired}});
  } else {
    due_[job_id] = (*job)->next_step_time;
  }
  metrics_.revocation_jobs.Set(static_cast<double>(due_.size()));
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
  const int times = std::min(failures_[job_id]++, 10);
  const absl::Duration backoff =
      std::min(kFirstBackoff * (1 << times), kLongestBackoff);
  const absl::Time until = clock_.Now() + backoff;
  const absl::Status postponed =
      jobs_.Postpone(job_id, PublicText(status), until);
  if (postponed.ok()) {
    due_[job_id] = until;
  }
}

}  // namespace birthmark::registration
