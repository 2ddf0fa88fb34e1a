#include "services/inventory/transfer_service.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/idempotency.h"
#include "lib/rpc/read_page.h"
#include "lib/rpc/serve.h"
#include "lib/rpc/timestamp.h"
#include "services/inventory/convert.h"
#include "services/inventory/device_name.h"

namespace birthmark::inventory {
namespace {

namespace pb = device::v1;

constexpr size_t kMaxReason = 500;
constexpr char kTransferPattern[] = "transfers/{transfer}";
constexpr char kReplacementPattern[] =
    "fleets/{fleet}/replacements/{replacement}";

std::string NameOf(absl::string_view fleet_id, absl::string_view device_uid) {
  return FormatName(kDevicePattern, {fleet_id, device_uid});
}

// The values of the states are the same in the API and in storage.
pb::DeviceTransfer ToProto(const storage::TransferRow& row) {
  pb::DeviceTransfer transfer;
  transfer.set_name(FormatName(kTransferPattern, {row.transfer_id}));
  transfer.set_state(static_cast<pb::TransferState>(row.state));
  transfer.set_device(NameOf(row.from_fleet_id, row.device_uid));
  transfer.set_from_fleet(FormatName(kFleetPattern, {row.from_fleet_id}));
  transfer.set_to_fleet(FormatName(kFleetPattern, {row.to_fleet_id}));
  transfer.set_reason(row.reason);
  transfer.set_offer_actor(row.offer_actor);
  transfer.set_end_actor(row.end_actor);
  *transfer.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  if (row.end_time.has_value()) {
    *transfer.mutable_end_time() = rpc::ToTimestamp(*row.end_time);
  }
  return transfer;
}

pb::DeviceReplacement ToProto(const storage::ReplacementRow& row) {
  pb::DeviceReplacement replacement;
  replacement.set_name(
      FormatName(kReplacementPattern, {row.fleet_id, row.replacement_id}));
  replacement.set_state(static_cast<pb::ReplacementState>(row.state));
  replacement.set_old_device(NameOf(row.fleet_id, row.old_uid));
  replacement.set_new_device(NameOf(row.fleet_id, row.new_uid));
  replacement.set_reason(row.reason);
  replacement.set_create_actor(row.create_actor);
  replacement.set_end_actor(row.end_actor);
  *replacement.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  if (row.end_time.has_value()) {
    *replacement.mutable_end_time() = rpc::ToTimestamp(*row.end_time);
  }
  return replacement;
}

// Reads a name whose last part is a UUID; the parts in their order.
absl::StatusOr<std::vector<std::string>> ParseUidName(absl::string_view pattern,
                                                      absl::string_view name) {
  BIRTHMARK_ASSIGN_OR_RETURN(std::vector<std::string> ids,
                             ParseName(pattern, name));
  if (!IsUid(ids.back())) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     reasons::kBadResourceName,
                     absl::StrCat("the field name must be ", pattern,
                                  " with a lower-case UUID"),
                     {{"field", "name"}, {"expected", pattern}});
  }
  return ids;
}

absl::StatusOr<std::optional<storage::TransferCursor>> ReadCursor(
    const std::string& text) {
  std::optional<storage::TransferCursor> after;
  if (!text.empty()) {
    BIRTHMARK_ASSIGN_OR_RETURN(const rpc::Cursor cursor,
                               rpc::DecodeCursor(text, 1));
    after = storage::TransferCursor{cursor.time, cursor.keys[0]};
  }
  return after;
}

}  // namespace

void TransferServiceImpl::Register(rpc::Router& router) {
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(
        router,
        absl::StrCat("birthmark.device.v1.DeviceTransferService.", name), this,
        method);
  };
  serve("OfferDevice", &TransferServiceImpl::OfferDevice);
  serve("AcceptDevice", &TransferServiceImpl::AcceptDevice);
  serve("CancelTransfer", &TransferServiceImpl::CancelTransfer);
  serve("GetTransfer", &TransferServiceImpl::GetTransfer);
  serve("ListTransfers", &TransferServiceImpl::ListTransfers);
  serve("RequestReplacement", &TransferServiceImpl::RequestReplacement);
  serve("ApproveReplacement", &TransferServiceImpl::ApproveReplacement);
  serve("RejectReplacement", &TransferServiceImpl::RejectReplacement);
  serve("ListReplacements", &TransferServiceImpl::ListReplacements);
}

absl::StatusOr<pb::DeviceTransfer> TransferServiceImpl::OfferDevice(
    const rpc::CallContext& context, const pb::OfferDeviceRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceId id,
      ParseDevice(request.device(), "device", /*any_fleet=*/false));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::string to_fleet,
      ParseFleet(request.to_fleet(), "to_fleet", /*any_fleet=*/false));
  if (to_fleet == id.fleet) {
    return rpc::InvalidField("to_fleet", "has the device already");
  }
  BIRTHMARK_RETURN_IF_ERROR(
      rpc::CheckText(request.reason(), "reason", 1, kMaxReason));
  return rpc::RunOnce<pb::DeviceTransfer>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record) -> absl::StatusOr<pb::DeviceTransfer> {
        storage::TransferRow row;
        row.transfer_id = crypto::NewUid(with_.clock);
        row.device_uid = id.uid;
        row.from_fleet_id = id.fleet;
        row.to_fleet_id = to_fleet;
        row.reason = request.reason();
        row.offer_actor = context.caller().actor;
        row.create_time = NowSeconds(with_.clock);
        BIRTHMARK_ASSIGN_OR_RETURN(
            row, with_.transfers.Offer(
                     row, [this] { return crypto::NewUid(with_.clock); },
                     [&](const storage::TransferRow& offered) {
                       storage::Mutation mutation;
                       mutation.audit.push_back(audit::NewEntry(
                           with_.clock, row.offer_actor, "device.offer",
                           request.device(),
                           {{"transfer", offered.transfer_id},
                            {"to_fleet", offered.to_fleet_id}}));
                       mutation.request = record(ToProto(offered));
                       return mutation;
                     }));
        return ToProto(row);
      });
}

absl::StatusOr<pb::DeviceTransfer> TransferServiceImpl::AcceptDevice(
    const rpc::CallContext& context, const pb::AcceptDeviceRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseUidName(kTransferPattern, request.name()));
  return rpc::RunOnce<pb::DeviceTransfer>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record) -> absl::StatusOr<pb::DeviceTransfer> {
        const std::string& actor = context.caller().actor;
        BIRTHMARK_ASSIGN_OR_RETURN(
            const storage::TransferRow row,
            with_.transfers.Accept(
                ids[0], actor, NowSeconds(with_.clock),
                [this] { return crypto::NewUid(with_.clock); },
                [&](const storage::TransferRow& accepted) {
                  storage::Mutation mutation;
                  mutation.audit.push_back(audit::NewEntry(
                      with_.clock, actor, "device.accept",
                      NameOf(accepted.to_fleet_id, accepted.device_uid),
                      {{"transfer", accepted.transfer_id},
                       {"from_fleet", accepted.from_fleet_id}}));
                  mutation.request = record(ToProto(accepted));
                  return mutation;
                }));
        return ToProto(row);
      });
}

absl::StatusOr<pb::DeviceTransfer> TransferServiceImpl::CancelTransfer(
    const rpc::CallContext& context, const pb::CancelTransferRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseUidName(kTransferPattern, request.name()));
  return rpc::RunOnce<pb::DeviceTransfer>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record) -> absl::StatusOr<pb::DeviceTransfer> {
        const std::string& actor = context.caller().actor;
        BIRTHMARK_ASSIGN_OR_RETURN(
            const storage::TransferRow row,
            with_.transfers.Cancel(
                ids[0], actor, NowSeconds(with_.clock),
                [this] { return crypto::NewUid(with_.clock); },
                [&](const storage::TransferRow& cancelled) {
                  storage::Mutation mutation;
                  mutation.audit.push_back(audit::NewEntry(
                      with_.clock, actor, "transfer.cancel", request.name()));
                  mutation.request = record(ToProto(cancelled));
                  return mutation;
                }));
        return ToProto(row);
      });
}

absl::StatusOr<pb::DeviceTransfer> TransferServiceImpl::GetTransfer(
    const rpc::CallContext&, const pb::GetTransferRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseUidName(kTransferPattern, request.name()));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::TransferRow row,
                             with_.transfers.GetTransfer(ids[0]));
  return ToProto(row);
}

absl::StatusOr<pb::ListTransfersResponse> TransferServiceImpl::ListTransfers(
    const rpc::CallContext&, const pb::ListTransfersRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::string fleet_id,
      ParseFleet(request.parent(), "parent", /*any_fleet=*/true));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<storage::TransferRow> page,
      rpc::ReadPage<storage::TransferRow>(
          with_.page_tokens, request,
          [&](const std::string& text,
              int limit) -> absl::StatusOr<std::vector<storage::TransferRow>> {
            BIRTHMARK_ASSIGN_OR_RETURN(const auto after, ReadCursor(text));
            return with_.transfers.ListTransfers(fleet_id, after, limit);
          },
          [](const storage::TransferRow& row) {
            return rpc::EncodeCursor({row.create_time, {row.transfer_id}});
          }));
  pb::ListTransfersResponse response;
  for (const storage::TransferRow& row : page.rows) {
    *response.add_transfers() = ToProto(row);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

absl::StatusOr<pb::DeviceReplacement> TransferServiceImpl::RequestReplacement(
    const rpc::CallContext& context,
    const pb::RequestReplacementRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceId old_id,
      ParseDevice(request.old_device(), "old_device", /*any_fleet=*/false));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceId new_id,
      ParseDevice(request.new_device(), "new_device", /*any_fleet=*/false));
  if (old_id.fleet != new_id.fleet || old_id.uid == new_id.uid) {
    return rpc::InvalidField("new_device",
                             "must be another device of the same fleet");
  }
  BIRTHMARK_RETURN_IF_ERROR(
      rpc::CheckText(request.reason(), "reason", 1, kMaxReason));
  return rpc::RunOnce<pb::DeviceReplacement>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record)
          -> absl::StatusOr<pb::DeviceReplacement> {
        storage::ReplacementRow row;
        row.replacement_id = crypto::NewUid(with_.clock);
        row.fleet_id = old_id.fleet;
        row.old_uid = old_id.uid;
        row.new_uid = new_id.uid;
        row.reason = request.reason();
        row.create_actor = context.caller().actor;
        row.create_time = NowSeconds(with_.clock);
        BIRTHMARK_ASSIGN_OR_RETURN(
            row, with_.transfers.Request(
                     row, [this] { return crypto::NewUid(with_.clock); },
                     [&](const storage::ReplacementRow& pending) {
                       storage::Mutation mutation;
                       mutation.audit.push_back(audit::NewEntry(
                           with_.clock, row.create_actor, "replacement.request",
                           ToProto(pending).name(),
                           {{"old_device", pending.old_uid},
                            {"new_device", pending.new_uid}}));
                       mutation.request = record(ToProto(pending));
                       return mutation;
                     }));
        return ToProto(row);
      });
}

absl::StatusOr<pb::DeviceReplacement> TransferServiceImpl::ApproveReplacement(
    const rpc::CallContext& context,
    const pb::ApproveReplacementRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseUidName(kReplacementPattern, request.name()));
  return rpc::RunOnce<pb::DeviceReplacement>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record)
          -> absl::StatusOr<pb::DeviceReplacement> {
        const std::string& actor = context.caller().actor;
        BIRTHMARK_ASSIGN_OR_RETURN(
            const storage::ReplacementRow row,
            with_.transfers.Approve(
                ids[0], ids[1], actor, NowSeconds(with_.clock),
                [this] { return crypto::NewUid(with_.clock); },
                [&](const storage::ReplacementRow& approved) {
                  storage::Mutation mutation;
                  mutation.audit.push_back(audit::NewEntry(
                      with_.clock, actor, "replacement.approve", request.name(),
                      {{"old_device", approved.old_uid},
                       {"new_device", approved.new_uid}}));
                  mutation.audit.push_back(audit::NewEntry(
                      with_.clock, actor, "device.decommission",
                      NameOf(approved.fleet_id, approved.old_uid),
                      {{"replacement", approved.replacement_id}}));
                  mutation.request = record(ToProto(approved));
                  return mutation;
                }));
        return ToProto(row);
      });
}

absl::StatusOr<pb::DeviceReplacement> TransferServiceImpl::RejectReplacement(
    const rpc::CallContext& context,
    const pb::RejectReplacementRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseUidName(kReplacementPattern, request.name()));
  return rpc::RunOnce<pb::DeviceReplacement>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record)
          -> absl::StatusOr<pb::DeviceReplacement> {
        const std::string& actor = context.caller().actor;
        BIRTHMARK_ASSIGN_OR_RETURN(
            const storage::ReplacementRow row,
            with_.transfers.Reject(
                ids[0], ids[1], actor, NowSeconds(with_.clock),
                [&](const storage::ReplacementRow& rejected) {
                  storage::Mutation mutation;
                  mutation.audit.push_back(audit::NewEntry(with_.clock, actor,
                                                           "replacement.reject",
                                                           request.name()));
                  mutation.request = record(ToProto(rejected));
                  return mutation;
                }));
        return ToProto(row);
      });
}

absl::StatusOr<pb::ListReplacementsResponse>
TransferServiceImpl::ListReplacements(
    const rpc::CallContext&, const pb::ListReplacementsRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::string fleet_id,
      ParseFleet(request.parent(), "parent", /*any_fleet=*/true));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<storage::ReplacementRow> page,
      rpc::ReadPage<storage::ReplacementRow>(
          with_.page_tokens, request,
          [&](const std::string& text, int limit)
              -> absl::StatusOr<std::vector<storage::ReplacementRow>> {
            BIRTHMARK_ASSIGN_OR_RETURN(const auto after, ReadCursor(text));
            return with_.transfers.ListReplacements(fleet_id, after, limit);
          },
          [](const storage::ReplacementRow& row) {
            return rpc::EncodeCursor({row.create_time, {row.replacement_id}});
          }));
  pb::ListReplacementsResponse response;
  for (const storage::ReplacementRow& row : page.rows) {
    *response.add_replacements() = ToProto(row);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

}  // namespace birthmark::inventory
