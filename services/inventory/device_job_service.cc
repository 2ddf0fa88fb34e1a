#include "services/inventory/device_job_service.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/idempotency.h"
#include "lib/rpc/page.h"
#include "lib/rpc/read_page.h"
#include "lib/rpc/serve.h"
#include "services/inventory/convert.h"
#include "services/inventory/device_filter.h"
#include "services/inventory/device_job_convert.h"

namespace birthmark::inventory {
namespace {

namespace pb = device::v1;

using storage::DeviceJobRow;
using storage::DeviceJobState;

constexpr size_t kMaxReason = 500;
constexpr size_t kMaxPlaybook = 200;

// WrongState says what the job's state does not allow.
absl::Status WrongState(const DeviceJobRow& row, absl::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   reasons::kDeviceJobState, absl::StrCat("the job ", what),
                   {{"resource", DeviceJobName(row)},
                    {"state", DeviceJobStateName(row.state)}});
}

bool IsAction(pb::DeviceJobAction action) {
  return action == pb::DEVICE_JOB_ACTION_QUARANTINE ||
         action == pb::DEVICE_JOB_ACTION_RELEASE ||
         action == pb::DEVICE_JOB_ACTION_DECOMMISSION;
}

absl::StatusOr<DeviceJobRow> RowOf(const pb::CreateDeviceJobRequest& request,
                                   absl::Time now) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      ParseName(kFleetPattern, request.parent(), "parent"));
  const pb::DeviceJob& job = request.device_job();
  DeviceJobRow row;
  row.fleet_id = ids[0];
  if (!request.validate_only()) {
    BIRTHMARK_RETURN_IF_ERROR(
        rpc::CheckId(request.device_job_id(), "device_job_id"));
    row.job_id = request.device_job_id();
  }
  if (!IsAction(job.action())) {
    return rpc::InvalidField("device_job.action", "must be one of the actions");
  }
  row.action = static_cast<storage::DeviceActKind>(job.action());
  row.filter = job.filter();
  if (row.filter.empty() && request.validate_only()) {
    return rpc::InvalidField("device_job.filter",
                             "is needed for a preview: a list says itself what "
                             "is on it");
  }
  BIRTHMARK_RETURN_IF_ERROR(
      ParseDeviceFilter(row.filter, row.fleet_id).status());
  BIRTHMARK_RETURN_IF_ERROR(
      rpc::CheckText(job.reason(), "device_job.reason", 1, kMaxReason));
  row.reason = job.reason();
  BIRTHMARK_RETURN_IF_ERROR(
      rpc::CheckText(job.playbook(), "device_job.playbook", 0, kMaxPlaybook));
  if (!job.playbook().empty() &&
      job.action() != pb::DEVICE_JOB_ACTION_QUARANTINE) {
    return rpc::InvalidField("device_job.playbook", "is for quarantines");
  }
  row.playbook = job.playbook();
  if (job.rate() < 0 || job.rate() > DeviceJobServiceImpl::kMaxRate) {
    return rpc::InvalidField(
        "device_job.rate",
        absl::StrCat("must be 0 to ", DeviceJobServiceImpl::kMaxRate));
  }
  row.rate = job.rate();
  row.create_time = now;
  row.update_time = now;
  row.next_step_time = now;
  return row;
}

}  // namespace

void DeviceJobServiceImpl::Register(rpc::Router& router) {
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(router,
                    absl::StrCat("birthmark.device.v1.DeviceJobService.", name),
                    this, method);
  };
  serve("CreateDeviceJob", &DeviceJobServiceImpl::CreateDeviceJob);
  serve("AddDeviceJobItems", &DeviceJobServiceImpl::AddDeviceJobItems);
  serve("StartDeviceJob", &DeviceJobServiceImpl::StartDeviceJob);
  serve("GetDeviceJob", &DeviceJobServiceImpl::GetDeviceJob);
  serve("ListDeviceJobs", &DeviceJobServiceImpl::ListDeviceJobs);
  serve("ListDeviceJobItems", &DeviceJobServiceImpl::ListDeviceJobItems);
  serve("ApproveDeviceJob", &DeviceJobServiceImpl::ApproveDeviceJob);
  serve("PauseDeviceJob", &DeviceJobServiceImpl::PauseDeviceJob);
  serve("ResumeDeviceJob", &DeviceJobServiceImpl::ResumeDeviceJob);
  serve("CancelDeviceJob", &DeviceJobServiceImpl::CancelDeviceJob);
}

absl::StatusOr<pb::DeviceJob> DeviceJobServiceImpl::Preview(
    const DeviceJobRow& row) {
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::DeviceFilter filter,
                             ParseDeviceFilter(row.filter, row.fleet_id));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::DeviceJobStore::Preview preview,
                             jobs_.Count(filter, row.action));
  pb::DeviceJob job = ToProto(row);
  job.clear_name();
  job.clear_etag();
  SetPreview(preview, approval_threshold_, job);
  return job;
}

absl::StatusOr<pb::DeviceJob> DeviceJobServiceImpl::CreateDeviceJob(
    const rpc::CallContext& context,
    const pb::CreateDeviceJobRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(DeviceJobRow row,
                             RowOf(request, NowSeconds(with_.clock)));
  BIRTHMARK_RETURN_IF_ERROR(with_.fleets.Get(row.fleet_id).status());
  row.create_actor = context.caller().actor;
  if (request.validate_only()) {
    return Preview(row);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      pb::DeviceJob created,
      rpc::RunOnce<pb::DeviceJob>(
          with_.requests, context, request,
          [&](const rpc::Recorder& record) -> absl::StatusOr<pb::DeviceJob> {
            const pb::DeviceJob answer = ToProto(row);
            storage::Mutation mutation;
            mutation.audit.push_back(audit::NewEntry(
                with_.clock, row.create_actor, "device_job.create",
                answer.name(),
                {{"action", pb::DeviceJobAction_Name(answer.action())},
                 {"reason", row.reason},
                 {"by", row.filter.empty() ? "list" : "filter"}}));
            mutation.request = record(answer);
            BIRTHMARK_RETURN_IF_ERROR(jobs_.Create(row, mutation));
            return answer;
          }));
  wake_();
  return created;
}

absl::StatusOr<pb::DeviceJob> DeviceJobServiceImpl::AddDeviceJobItems(
    const rpc::CallContext&, const pb::AddDeviceJobItemsRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      ParseName(kDeviceJobPattern, request.name(), "name"));
  if (request.device_uids().empty() || request.device_uids_size() > kMaxItems) {
    return rpc::InvalidField("device_uids",
                             absl::StrCat("must be 1 to ", kMaxItems));
  }
  for (int i = 0; i < request.device_uids_size(); ++i) {
    if (!IsUid(request.device_uids(i))) {
      return rpc::InvalidField(absl::StrCat("device_uids[", i, "]"),
                               "must be a uid, a lower-case UUID");
    }
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceJobRow row,
      jobs_.Add(ids[0], ids[1],
                std::vector<std::string>(request.device_uids().begin(),
                                         request.device_uids().end()),
                NowSeconds(with_.clock)));
  return ToProto(row);
}

absl::StatusOr<pb::DeviceJob> DeviceJobServiceImpl::GetDeviceJob(
    const rpc::CallContext&, const pb::GetDeviceJobRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      ParseName(kDeviceJobPattern, request.name(), "name"));
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceJobRow row, jobs_.Get(ids[0], ids[1]));
  return ToProto(row);
}

absl::StatusOr<pb::ListDeviceJobsResponse> DeviceJobServiceImpl::ListDeviceJobs(
    const rpc::CallContext&, const pb::ListDeviceJobsRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      ParseParent(kFleetPattern, request.parent(), "parent"));
  const std::string fleet_id = ids[0] == "-" ? "" : ids[0];
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<DeviceJobRow> page,
      rpc::ReadPage<DeviceJobRow>(
          with_.page_tokens, request,
          [&](const std::string& text,
              int limit) -> absl::StatusOr<std::vector<DeviceJobRow>> {
            std::optional<storage::DeviceJobCursor> after;
            if (!text.empty()) {
              BIRTHMARK_ASSIGN_OR_RETURN(rpc::Cursor cursor,
                                         rpc::DecodeCursor(text, 2));
              after = storage::DeviceJobCursor{cursor.time, cursor.keys[0],
                                               cursor.keys[1]};
            }
            return jobs_.List(fleet_id, after, limit);
          },
          [](const DeviceJobRow& row) {
            return rpc::EncodeCursor(
                {row.create_time, {row.fleet_id, row.job_id}});
          }));
  pb::ListDeviceJobsResponse response;
  for (const DeviceJobRow& row : page.rows) {
    *response.add_device_jobs() = ToProto(row);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

absl::StatusOr<pb::ListDeviceJobItemsResponse>
DeviceJobServiceImpl::ListDeviceJobItems(
    const rpc::CallContext&, const pb::ListDeviceJobItemsRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      ParseName(kDeviceJobPattern, request.parent(), "parent"));
  std::optional<storage::DeviceJobOutcome> outcome;
  if (request.outcome() != pb::DEVICE_JOB_OUTCOME_UNSPECIFIED) {
    if (!pb::DeviceJobOutcome_IsValid(request.outcome())) {
      return rpc::InvalidField("outcome", "must be one of the outcomes");
    }
    outcome = static_cast<storage::DeviceJobOutcome>(request.outcome());
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const int size,
                             rpc::PageSize(request.page_size()));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string cursor,
                             with_.page_tokens.Open(request));
  int64_t after = 0;
  if (!cursor.empty() && !absl::SimpleAtoi(cursor, &after)) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, reasons::kPageTokenMismatch,
        "the page_token is not of this list", {{"field", "page_token"}});
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const storage::DeviceJobItemPage page,
      jobs_.ListItems(ids[0], ids[1], outcome, after, size));
  pb::ListDeviceJobItemsResponse response;
  for (const storage::DeviceJobItemRow& row : page.items) {
    *response.add_items() = ToProto(ids[0], row);
  }
  if (page.next > 0) {
    response.set_next_page_token(
        with_.page_tokens.Seal(absl::StrCat(page.next), request));
  }
  return response;
}

template <typename Request>
absl::StatusOr<pb::DeviceJob> DeviceJobServiceImpl::Move(
    const rpc::CallContext& context, const Request& request,
    absl::string_view action, const storage::DeviceJobStore::Change& change) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      ParseName(kDeviceJobPattern, request.name(), "name"));
  BIRTHMARK_ASSIGN_OR_RETURN(
      pb::DeviceJob moved,
      rpc::RunOnce<pb::DeviceJob>(
          with_.requests, context, request,
          [&](const rpc::Recorder& record) -> absl::StatusOr<pb::DeviceJob> {
            BIRTHMARK_ASSIGN_OR_RETURN(
                const DeviceJobRow row,
                jobs_.Move(
                    ids[0], ids[1],
                    [&](DeviceJobRow& job) -> absl::Status {
                      BIRTHMARK_RETURN_IF_ERROR(change(job));
                      job.update_time = NowSeconds(with_.clock);
                      return absl::OkStatus();
                    },
                    [&](const DeviceJobRow& job) {
                      storage::Mutation mutation;
                      mutation.audit.push_back(audit::NewEntry(
                          with_.clock, context.caller().actor, action,
                          request.name(), DeviceJobAccount(job)));
                      mutation.request = record(ToProto(job));
                      return mutation;
                    }));
            return ToProto(row);
          }));
  wake_();
  return moved;
}

absl::StatusOr<pb::DeviceJob> DeviceJobServiceImpl::StartDeviceJob(
    const rpc::CallContext& context, const pb::StartDeviceJobRequest& request) {
  return Move(context, request, "device_job.start",
              [&](DeviceJobRow& job) -> absl::Status {
                if (!job.filter.empty()) {
                  return WrongState(job, "has a filter and starts by itself");
                }
                if (job.state == DeviceJobState::kCancelled) {
                  return WrongState(job, "was cancelled");
                }
                if (job.state == DeviceJobState::kCollecting) {
                  job.needs_approval = job.items > approval_threshold_;
                  job.state = job.needs_approval
                                  ? DeviceJobState::kPendingApproval
                                  : DeviceJobState::kRunning;
                  job.next_step_time = with_.clock.Now();
                }
                return absl::OkStatus();
              });
}

absl::StatusOr<pb::DeviceJob> DeviceJobServiceImpl::ApproveDeviceJob(
    const rpc::CallContext& context,
    const pb::ApproveDeviceJobRequest& request) {
  const std::string& actor = context.caller().actor;
  return Move(context, request, "device_job.approve",
              [&](DeviceJobRow& job) -> absl::Status {
                if (job.state != DeviceJobState::kPendingApproval) {
                  return WrongState(job, "waits for no approval");
                }
                if (job.create_actor == actor) {
                  return MakeError(absl::StatusCode::kPermissionDenied,
                                   reasons::kSecondOperatorNeeded,
                                   "whoever created a job may not approve it",
                                   {{"resource", request.name()}});
                }
                job.state = DeviceJobState::kRunning;
                job.approve_actor = actor;
                job.next_step_time = with_.clock.Now();
                return absl::OkStatus();
              });
}

absl::StatusOr<pb::DeviceJob> DeviceJobServiceImpl::PauseDeviceJob(
    const rpc::CallContext& context, const pb::PauseDeviceJobRequest& request) {
  return Move(context, request, "device_job.pause",
              [](DeviceJobRow& job) -> absl::Status {
                if (job.state != DeviceJobState::kRunning &&
                    job.state != DeviceJobState::kPaused) {
                  return WrongState(job, "does not run");
                }
                job.state = DeviceJobState::kPaused;
                return absl::OkStatus();
              });
}

absl::StatusOr<pb::DeviceJob> DeviceJobServiceImpl::ResumeDeviceJob(
    const rpc::CallContext& context,
    const pb::ResumeDeviceJobRequest& request) {
  return Move(context, request, "device_job.resume",
              [&](DeviceJobRow& job) -> absl::Status {
                if (job.state != DeviceJobState::kRunning &&
                    job.state != DeviceJobState::kPaused) {
                  return WrongState(job, "is not paused");
                }
                if (job.state == DeviceJobState::kPaused) {
                  job.next_step_time = with_.clock.Now();
                }
                job.state = DeviceJobState::kRunning;
                return absl::OkStatus();
              });
}

absl::StatusOr<pb::DeviceJob> DeviceJobServiceImpl::CancelDeviceJob(
    const rpc::CallContext& context,
    const pb::CancelDeviceJobRequest& request) {
  const absl::Time now = NowSeconds(with_.clock);
  return Move(context, request, "device_job.cancel",
              [now](DeviceJobRow& job) -> absl::Status {
                if (job.state == DeviceJobState::kDone) {
                  return WrongState(job, "is done");
                }
                if (job.state != DeviceJobState::kCancelled) {
                  job.end_time = now;
                }
                job.state = DeviceJobState::kCancelled;
                return absl::OkStatus();
              });
}

}  // namespace birthmark::inventory
