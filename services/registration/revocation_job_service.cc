#include "services/registration/revocation_job_service.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/etag.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/idempotency.h"
#include "lib/rpc/read_page.h"
#include "lib/rpc/serve.h"
#include "services/registration/certificate_selector.h"
#include "services/registration/convert.h"
#include "services/registration/revocation_fields.h"

namespace birthmark::registration {
namespace {

namespace pb = revocation::v1;

using storage::RevocationJobRow;
using storage::RevocationJobState;

constexpr char kJobPattern[] = "revocationJobs/{job}";

std::string StateName(RevocationJobState state) {
  // As stored.
  return pb::RevocationJobState_Name(
      static_cast<pb::RevocationJobState>(state));
}

// WrongState says what the job's state does not allow.
absl::Status WrongState(const RevocationJobRow& row, absl::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   reasons::kRevocationJobState,
                   absl::StrCat("the mass revocation ", what),
                   {{"resource", FormatName(kJobPattern, {row.job_id})},
                    {"state", StateName(row.state)}});
}

absl::StatusOr<RevocationJobRow> RowOf(
    const pb::CreateRevocationJobRequest& request, absl::Time now) {
  RevocationJobRow row;
  if (!request.validate_only()) {
    BIRTHMARK_RETURN_IF_ERROR(rpc::CheckId(request.job_id(), "job_id"));
    row.job_id = request.job_id();
  }
  BIRTHMARK_ASSIGN_OR_RETURN(row.selector,
                             ParseSelector(request.job().selector()));
  BIRTHMARK_ASSIGN_OR_RETURN(row.reason,
                             ParseReason(request.job().reason(), "job.reason"));
  if (request.job().has_invalidity_time()) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        row.invalidity_time,
        ParseInvalidityTime(request.job().invalidity_time(),
                            "job.invalidity_time", now));
  }
  row.rate = request.job().rate();
  if (row.rate < 0 || row.rate > RevocationJobService::kMaxRate) {
    return rpc::InvalidField(
        "job.rate",
        absl::StrCat("must be 0 to ", RevocationJobService::kMaxRate));
  }
  if (row.rate == 0) {
    row.rate = RevocationJobService::kDefaultRate;
  }
  row.create_time = now;
  row.update_time = now;
  // Times of certificates are cut to seconds: those of this second, too.
  row.issued_before = now + absl::Seconds(1);
  row.next_step_time = row.issued_before + RevocationJobService::kRecordingTime;
  return row;
}

}  // namespace

void RevocationJobService::Register(rpc::Router& router) {
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(
        router,
        absl::StrCat("birthmark.revocation.v1.RevocationService.", name), this,
        method);
  };
  serve("CreateRevocationJob", &RevocationJobService::CreateRevocationJob);
  serve("GetRevocationJob", &RevocationJobService::GetRevocationJob);
  serve("ListRevocationJobs", &RevocationJobService::ListRevocationJobs);
  serve("ApproveRevocationJob", &RevocationJobService::ApproveRevocationJob);
  serve("PauseRevocationJob", &RevocationJobService::PauseRevocationJob);
  serve("ResumeRevocationJob", &RevocationJobService::ResumeRevocationJob);
  serve("CancelRevocationJob", &RevocationJobService::CancelRevocationJob);
}

absl::Status RevocationJobService::FillExpected(RevocationJobRow& row) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const storage::RevocationJobStore::Preview preview,
      with_.revocation_jobs.Count(row.selector, row.issued_before));
  row.expected = preview.certificates;
  row.expected_entries = preview.crl_entries;
  row.expected_shards = preview.shards;
  return absl::OkStatus();
}

absl::StatusOr<pb::RevocationJob> RevocationJobService::CreateRevocationJob(
    const rpc::CallContext& context,
    const pb::CreateRevocationJobRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(RevocationJobRow row,
                             RowOf(request, NowSeconds(with_.clock)));
  row.create_actor = context.caller().actor;
  if (request.validate_only()) {
    BIRTHMARK_RETURN_IF_ERROR(FillExpected(row));
    return ToProto(row);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      pb::RevocationJob created,
      rpc::RunOnce<pb::RevocationJob>(
          with_.requests, context, request,
          [&](const rpc::Recorder& record)
              -> absl::StatusOr<pb::RevocationJob> {
            BIRTHMARK_RETURN_IF_ERROR(FillExpected(row));
            if (row.expected > approval_threshold_) {
              row.state = RevocationJobState::kPendingApproval;
            }
            const pb::RevocationJob answer = ToProto(row);
            storage::Mutation mutation;
            mutation.audit.push_back(audit::NewEntry(
                with_.clock, row.create_actor, "revocation_job.create",
                answer.name(),
                {{"selector", answer.selector().ShortDebugString()},
                 {"reason",
                  certificate::v1::RevocationReason_Name(answer.reason())},
                 {"expected", absl::StrCat(row.expected)},
                 {"state", StateName(row.state)}}));
            mutation.request = record(answer);
            BIRTHMARK_RETURN_IF_ERROR(
                with_.revocation_jobs.Create(row, mutation));
            return answer;
          }));
  wake_();
  return created;
}

absl::StatusOr<pb::RevocationJob> RevocationJobService::GetRevocationJob(
    const rpc::CallContext&, const pb::GetRevocationJobRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseName(kJobPattern, request.name(), "name"));
  BIRTHMARK_ASSIGN_OR_RETURN(const RevocationJobRow row,
                             with_.revocation_jobs.Get(ids[0]));
  return ToProto(row);
}

absl::StatusOr<pb::ListRevocationJobsResponse>
RevocationJobService::ListRevocationJobs(
    const rpc::CallContext&, const pb::ListRevocationJobsRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<RevocationJobRow> page,
      rpc::ReadPage<RevocationJobRow>(
          with_.page_tokens, request,
          [&](const std::string& text,
              int limit) -> absl::StatusOr<std::vector<RevocationJobRow>> {
            std::optional<storage::JobCursor> after;
            if (!text.empty()) {
              BIRTHMARK_ASSIGN_OR_RETURN(rpc::Cursor cursor,
                                         rpc::DecodeCursor(text, 1));
              after = storage::JobCursor{cursor.time, cursor.keys[0]};
            }
            return with_.revocation_jobs.List(after, limit);
          },
          [](const RevocationJobRow& row) {
            return rpc::EncodeCursor({row.create_time, {row.job_id}});
          }));
  pb::ListRevocationJobsResponse response;
  for (const RevocationJobRow& row : page.rows) {
    *response.add_revocation_jobs() = ToProto(row);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

template <typename Request>
absl::StatusOr<pb::RevocationJob> RevocationJobService::Move(
    const rpc::CallContext& context, const Request& request,
    absl::string_view action,
    const storage::RevocationJobStore::Change& change) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseName(kJobPattern, request.name(), "name"));
  BIRTHMARK_ASSIGN_OR_RETURN(
      pb::RevocationJob moved,
      rpc::RunOnce<pb::RevocationJob>(
          with_.requests, context, request,
          [&](const rpc::Recorder& record)
              -> absl::StatusOr<pb::RevocationJob> {
            BIRTHMARK_ASSIGN_OR_RETURN(
                const RevocationJobRow row,
                with_.revocation_jobs.Move(
                    ids[0],
                    [&](RevocationJobRow& job) -> absl::Status {
                      BIRTHMARK_RETURN_IF_ERROR(change(job));
                      job.update_time = NowSeconds(with_.clock);
                      return absl::OkStatus();
                    },
                    [&](const RevocationJobRow& job) {
                      storage::Mutation mutation;
                      mutation.audit.push_back(audit::NewEntry(
                          with_.clock, context.caller().actor, action,
                          request.name(),
                          {{"revoked", absl::StrCat(job.revoked)}}));
                      mutation.request = record(ToProto(job));
                      return mutation;
                    }));
            return ToProto(row);
          }));
  wake_();
  return moved;
}

absl::StatusOr<pb::RevocationJob> RevocationJobService::ApproveRevocationJob(
    const rpc::CallContext& context,
    const pb::ApproveRevocationJobRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const int64_t version,
                             rpc::ParseEtag(request.etag()));
  const std::string& actor = context.caller().actor;
  return Move(context, request, "revocation_job.approve",
              [&](RevocationJobRow& job) -> absl::Status {
                if (job.state != RevocationJobState::kPendingApproval) {
                  return WrongState(job, "waits for no approval");
                }
                if (job.create_actor == actor) {
                  return MakeError(
                      absl::StatusCode::kPermissionDenied,
                      reasons::kSecondOperatorNeeded,
                      "whoever created a mass revocation may not approve it",
                      {{"resource", request.name()}});
                }
                if (job.version != version) {
                  return MakeError(absl::StatusCode::kAborted,
                                   reasons::kEtagMismatch,
                                   "the mass revocation has changed",
                                   {{"resource", request.name()}});
                }
                job.state = RevocationJobState::kRunning;
                job.approve_actor = actor;
                return absl::OkStatus();
              });
}

absl::StatusOr<pb::RevocationJob> RevocationJobService::PauseRevocationJob(
    const rpc::CallContext& context,
    const pb::PauseRevocationJobRequest& request) {
  return Move(context, request, "revocation_job.pause",
              [](RevocationJobRow& job) -> absl::Status {
                if (job.state != RevocationJobState::kRunning &&
                    job.state != RevocationJobState::kPaused) {
                  return WrongState(job, "does not run");
                }
                job.state = RevocationJobState::kPaused;
                return absl::OkStatus();
              });
}

absl::StatusOr<pb::RevocationJob> RevocationJobService::ResumeRevocationJob(
    const rpc::CallContext& context,
    const pb::ResumeRevocationJobRequest& request) {
  return Move(context, request, "revocation_job.resume",
              [](RevocationJobRow& job) -> absl::Status {
                if (job.state != RevocationJobState::kRunning &&
                    job.state != RevocationJobState::kPaused) {
                  return WrongState(job, "is not paused");
                }
                job.state = RevocationJobState::kRunning;
                return absl::OkStatus();
              });
}

absl::StatusOr<pb::RevocationJob> RevocationJobService::CancelRevocationJob(
    const rpc::CallContext& context,
    const pb::CancelRevocationJobRequest& request) {
  const absl::Time now = NowSeconds(with_.clock);
  return Move(context, request, "revocation_job.cancel",
              [now](RevocationJobRow& job) -> absl::Status {
                if (job.state == RevocationJobState::kDone) {
                  return WrongState(job, "is done");
                }
                if (job.state != RevocationJobState::kCancelled) {
                  job.end_time = now;
                }
                job.state = RevocationJobState::kCancelled;
                return absl::OkStatus();
              });
}

}  // namespace birthmark::registration
