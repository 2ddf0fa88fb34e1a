#include "services/inventory/finding_service.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "lib/rpc/etag.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/idempotency.h"
#include "lib/rpc/read_page.h"
#include "lib/rpc/serve.h"
#include "lib/rpc/timestamp.h"

namespace birthmark::inventory {
namespace {

namespace pb = device::v1;

using storage::FindingRow;
using storage::FindingState;

constexpr char kFindingPattern[] = "fleets/{fleet}/findings/{finding}";
constexpr char kDevicePattern[] = "fleets/{fleet}/devices/{device}";
constexpr size_t kMaxNote = 500;

pb::Finding ToProto(const FindingRow& row) {
  pb::Finding finding;
  finding.set_name(FormatName(kFindingPattern, {row.fleet_id, row.finding_id}));
  // As stored.
  finding.set_kind(static_cast<pb::FindingKind>(row.kind));
  finding.set_state(static_cast<pb::FindingState>(row.state));
  finding.set_effect(static_cast<pb::FindingEffect>(row.effect));
  finding.set_device(
      FormatName(kDevicePattern, {row.fleet_id, row.device_uid}));
  finding.set_subject(row.subject);
  for (const auto& [name, value] : row.details) {
    (*finding.mutable_details())[name] = value;
  }
  finding.set_times(row.times);
  *finding.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  *finding.mutable_last_time() = rpc::ToTimestamp(row.last_time);
  finding.set_acknowledge_actor(row.acknowledge_actor);
  if (row.acknowledge_time.has_value()) {
    *finding.mutable_acknowledge_time() =
        rpc::ToTimestamp(*row.acknowledge_time);
  }
  finding.set_close_actor(row.close_actor);
  if (row.close_time.has_value()) {
    *finding.mutable_close_time() = rpc::ToTimestamp(*row.close_time);
  }
  finding.set_note(row.note);
  finding.set_etag(rpc::MakeEtag(row.version));
  return finding;
}

// Apply makes of `row` what it is in `state`.
absl::Status Apply(FindingState state, const std::string& actor,
                   const std::string& note, absl::Time now, FindingRow& row) {
  if (row.state == state) {
    return absl::OkStatus();
  }
  if (row.state == FindingState::kClosed) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, reasons::kFindingState,
        "the finding is closed; found again, it is another one",
        {{"resource",
          FormatName(kFindingPattern, {row.fleet_id, row.finding_id})},
         {"state", "CLOSED"}});
  }
  row.state = state;
  row.note = note;
  if (state == FindingState::kClosed) {
    row.close_actor = actor;
    row.close_time = now;
  } else {
    row.acknowledge_actor = actor;
    row.acknowledge_time = now;
  }
  return absl::OkStatus();
}

storage::FindingCursor ToCursor(const rpc::Cursor& cursor) {
  return {cursor.time, cursor.keys[0]};
}

// ReadFilter reads whose findings `request` is about.
absl::StatusOr<storage::FindingFilter> ReadFilter(
    const pb::ListFindingsRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> parent,
                             ParseParent("fleets/{fleet}", request.parent()));
  storage::FindingFilter filter;
  filter.fleet_id = parent[0] == "-" ? "" : parent[0];
  filter.closed = request.show_closed();
  if (request.device().empty()) {
    return filter;
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> device,
      ParseName(kDevicePattern, request.device(), "device"));
  if (!filter.fleet_id.empty() && filter.fleet_id != device[0]) {
    return rpc::InvalidField("device", "is of another fleet than parent");
  }
  filter.fleet_id = device[0];
  filter.device_uid = device[1];
  return filter;
}

}  // namespace

void FindingServiceImpl::Register(rpc::Router& router) {
  router.AddService(
      *pb::Finding::descriptor()->file()->FindServiceByName("FindingService"));
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(router,
                    absl::StrCat("birthmark.device.v1.FindingService.", name),
                    this, method);
  };
  serve("GetFinding", &FindingServiceImpl::GetFinding);
  serve("ListFindings", &FindingServiceImpl::ListFindings);
  serve("AcknowledgeFinding", &FindingServiceImpl::AcknowledgeFinding);
  serve("CloseFinding", &FindingServiceImpl::CloseFinding);
}

absl::StatusOr<pb::Finding> FindingServiceImpl::GetFinding(
    const rpc::CallContext&, const pb::GetFindingRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      ParseName(kFindingPattern, request.name(), "name"));
  BIRTHMARK_ASSIGN_OR_RETURN(const FindingRow row,
                             with_.findings.Get(ids[0], ids[1]));
  return ToProto(row);
}

absl::StatusOr<pb::ListFindingsResponse> FindingServiceImpl::ListFindings(
    const rpc::CallContext&, const pb::ListFindingsRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::FindingFilter filter,
                             ReadFilter(request));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<FindingRow> page,
      rpc::ReadPage<FindingRow>(
          with_.page_tokens, request,
          [&](const std::string& text,
              int limit) -> absl::StatusOr<std::vector<FindingRow>> {
            std::optional<storage::FindingCursor> after;
            if (!text.empty()) {
              BIRTHMARK_ASSIGN_OR_RETURN(const rpc::Cursor cursor,
                                         rpc::DecodeCursor(text, 1));
              after = ToCursor(cursor);
            }
            return with_.findings.List(filter, after, limit);
          },
          [](const FindingRow& row) {
            return rpc::EncodeCursor({row.create_time, {row.finding_id}});
          }));
  pb::ListFindingsResponse response;
  for (const FindingRow& row : page.rows) {
    *response.add_findings() = ToProto(row);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

template <typename Request>
absl::StatusOr<pb::Finding> FindingServiceImpl::Move(
    const rpc::CallContext& context, const Request& request, FindingState state,
    const std::string& action) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      ParseName(kFindingPattern, request.name(), "name"));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::optional<int64_t> version,
                             rpc::ParseOptionalEtag(request.etag()));
  const std::string& actor = context.caller().actor;
  const absl::Time now = NowSeconds(with_.clock);
  return rpc::RunOnce<pb::Finding>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record) -> absl::StatusOr<pb::Finding> {
        BIRTHMARK_ASSIGN_OR_RETURN(
            const FindingRow row,
            with_.findings.Move(
                ids[0], ids[1], version.value_or(0),
                crypto::NewUid(with_.clock),
                [&](FindingRow& changed) {
                  return Apply(state, actor, request.note(), now, changed);
                },
                [&](const FindingRow& stored) {
                  storage::Mutation mutation;
                  mutation.audit.push_back(audit::NewEntry(
                      with_.clock, actor, action, request.name(),
                      {{"device",
                        FormatName(kDevicePattern,
                                   {stored.fleet_id, stored.device_uid})},
                       {"note", request.note()}}));
                  mutation.request = record(ToProto(stored));
                  return mutation;
                }));
        return ToProto(row);
      });
}

absl::StatusOr<pb::Finding> FindingServiceImpl::AcknowledgeFinding(
    const rpc::CallContext& context,
    const pb::AcknowledgeFindingRequest& request) {
  BIRTHMARK_RETURN_IF_ERROR(
      rpc::CheckText(request.note(), "note", 0, kMaxNote));
  return Move(context, request, FindingState::kAcknowledged,
              "finding.acknowledge");
}

absl::StatusOr<pb::Finding> FindingServiceImpl::CloseFinding(
    const rpc::CallContext& context, const pb::CloseFindingRequest& request) {
  BIRTHMARK_RETURN_IF_ERROR(
      rpc::CheckText(request.note(), "note", 1, kMaxNote));
  return Move(context, request, FindingState::kClosed, "finding.close");
}

}  // namespace birthmark::inventory
