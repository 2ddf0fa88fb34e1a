#include "services/inventory/fleet_service.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/audit/new_entry.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/etag.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/idempotency.h"
#include "lib/rpc/read_page.h"
#include "lib/rpc/serve.h"
#include "services/inventory/convert.h"
#include "services/inventory/fleet_update.h"

namespace birthmark::inventory {

namespace pb = fleet::v1;
namespace {

std::map<std::string, std::string> DetailsOf(const storage::FleetRow& row) {
  const auto policy = [](storage::FindingPolicy value) {
    return absl::StrCat(static_cast<int>(value));
  };
  return {{"idevid_profile", row.idevid_profile},
          {"ldevid_profile", row.ldevid_profile},
          {"firmware_rollback_policy", policy(row.firmware_rollback)},
          {"firmware_digest_policy", policy(row.firmware_digest)},
          {"shared_prime_policy", policy(row.shared_prime)},
          {"wipe_timeout", absl::FormatDuration(row.wipe_timeout)}};
}

}  // namespace

void FleetServiceImpl::Register(rpc::Router& router) {
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(router,
                    absl::StrCat("birthmark.fleet.v1.FleetService.", name),
                    this, method);
  };
  serve("GetFleet", &FleetServiceImpl::GetFleet);
  serve("ListFleets", &FleetServiceImpl::ListFleets);
  serve("CreateFleet", &FleetServiceImpl::CreateFleet);
  serve("UpdateFleet", &FleetServiceImpl::UpdateFleet);
}

absl::StatusOr<pb::Fleet> FleetServiceImpl::GetFleet(
    const rpc::CallContext&, const pb::GetFleetRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseName(kFleetPattern, request.name()));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::FleetRow row,
                             with_.fleets.Get(ids[0]));
  return ToProto(row);
}

absl::StatusOr<pb::ListFleetsResponse> FleetServiceImpl::ListFleets(
    const rpc::CallContext&, const pb::ListFleetsRequest& request) {
  const auto fetch =
      [this](const std::string& text,
             int limit) -> absl::StatusOr<std::vector<storage::FleetRow>> {
    std::optional<storage::FleetCursor> after;
    if (!text.empty()) {
      BIRTHMARK_ASSIGN_OR_RETURN(const rpc::Cursor cursor,
                                 rpc::DecodeCursor(text, 1));
      after = storage::FleetCursor{cursor.time, cursor.keys[0]};
    }
    return with_.fleets.List(after, limit);
  };
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<storage::FleetRow> page,
      rpc::ReadPage<storage::FleetRow>(
          with_.page_tokens, request, fetch, [](const storage::FleetRow& row) {
            return rpc::EncodeCursor({row.create_time, {row.fleet_id}});
          }));
  pb::ListFleetsResponse response;
  for (const storage::FleetRow& row : page.rows) {
    *response.add_fleets() = ToProto(row);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

absl::StatusOr<pb::Fleet> FleetServiceImpl::CreateFleet(
    const rpc::CallContext& context, const pb::CreateFleetRequest& request) {
  BIRTHMARK_RETURN_IF_ERROR(rpc::CheckId(request.fleet_id(), "fleet_id"));
  storage::FleetRow row;
  row.fleet_id = request.fleet_id();
  google::protobuf::FieldMask all;
  all.add_paths("*");
  BIRTHMARK_RETURN_IF_ERROR(ApplyFleet(request.fleet(), all, row));
  row.create_time = NowSeconds(with_.clock);
  row.update_time = row.create_time;
  const pb::Fleet fleet = ToProto(row);
  return rpc::RunOnce<pb::Fleet>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record) -> absl::StatusOr<pb::Fleet> {
        storage::Mutation mutation;
        mutation.audit.push_back(
            audit::NewEntry(with_.clock, context.caller().actor, "fleet.create",
                            fleet.name(), DetailsOf(row)));
        mutation.request = record(fleet);
        BIRTHMARK_RETURN_IF_ERROR(with_.fleets.Create(row, mutation));
        return fleet;
      });
}

absl::StatusOr<pb::Fleet> FleetServiceImpl::UpdateFleet(
    const rpc::CallContext& context, const pb::UpdateFleetRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      ParseName(kFleetPattern, request.fleet().name(), "fleet.name"));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::optional<int64_t> version,
      rpc::ParseOptionalEtag(request.fleet().etag(), "fleet.etag"));
  storage::FleetRow checked;
  BIRTHMARK_RETURN_IF_ERROR(
      ApplyFleet(request.fleet(), request.update_mask(), checked));
  return rpc::RunOnce<pb::Fleet>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record) -> absl::StatusOr<pb::Fleet> {
        BIRTHMARK_ASSIGN_OR_RETURN(storage::FleetRow row,
                                   with_.fleets.Get(ids[0]));
        BIRTHMARK_RETURN_IF_ERROR(
            ApplyFleet(request.fleet(), request.update_mask(), row));
        row.version = version.value_or(row.version);
        row.update_time = NowSeconds(with_.clock);
        // The answer is recorded with the change: the row as it will be.
        storage::FleetRow updated = row;
        ++updated.version;
        storage::Mutation mutation;
        mutation.audit.push_back(
            audit::NewEntry(with_.clock, context.caller().actor, "fleet.update",
                            request.fleet().name(), DetailsOf(row)));
        mutation.request = record(ToProto(updated));
        BIRTHMARK_ASSIGN_OR_RETURN(const storage::FleetRow stored,
                                   with_.fleets.Update(row, mutation));
        return ToProto(stored);
      });
}

}  // namespace birthmark::inventory
