#include "services/inventory/device_service.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "lib/rpc/etag.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/idempotency.h"
#include "lib/rpc/read_page.h"
#include "lib/rpc/serve.h"
#include "services/inventory/convert.h"
#include "services/inventory/device_filter.h"

namespace birthmark::inventory {
namespace {

namespace pb = device::v1;

constexpr size_t kMaxReason = 500;
// A device has a handful of keys; GetDeviceKey looks through so many at once.
constexpr int kKeyPage = 100;

absl::Status BadDeviceName(absl::string_view field) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, reasons::kBadResourceName,
      absl::StrCat("the field ", field, " must be ", kDevicePattern,
                   " where {device} is the uid, a lower-case UUID"),
      {{"field", field}, {"expected", kDevicePattern}});
}

struct DeviceId {
  std::string fleet;  // empty: any
  std::string uid;
};

// Reads a device name; with `any_fleet`, fleets/- stands for all.
absl::StatusOr<DeviceId> ParseDevice(absl::string_view name,
                                     absl::string_view field, bool any_fleet) {
  auto ids = any_fleet ? ParseParent(kDevicePattern, name, field)
                       : ParseName(kDevicePattern, name, field);
  if (!ids.ok()) {
    return ids.status();
  }
  if (!IsUid((*ids)[1])) {
    return BadDeviceName(field);
  }
  return DeviceId{(*ids)[0] == "-" ? "" : (*ids)[0], (*ids)[1]};
}

}  // namespace

void DeviceServiceImpl::Register(rpc::Router& router) {
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(router,
                    absl::StrCat("birthmark.device.v1.DeviceService.", name),
                    this, method);
  };
  serve("GetDevice", &DeviceServiceImpl::GetDevice);
  serve("ListDevices", &DeviceServiceImpl::ListDevices);
  serve("DecommissionDevice", &DeviceServiceImpl::DecommissionDevice);
  serve("GetDeviceKey", &DeviceServiceImpl::GetDeviceKey);
  serve("ListDeviceKeys", &DeviceServiceImpl::ListDeviceKeys);
  serve("ListDeviceEvents", &DeviceServiceImpl::ListDeviceEvents);
}

absl::StatusOr<pb::Device> DeviceServiceImpl::GetDevice(
    const rpc::CallContext&, const pb::GetDeviceRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceId id,
      ParseDevice(request.name(), "name", /*any_fleet=*/true));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::DeviceRow row,
                             with_.devices.Get(id.fleet, id.uid));
  BIRTHMARK_ASSIGN_OR_RETURN(auto firmware, with_.devices.Firmware({id.uid}));
  return ToProto(row, firmware[id.uid]);
}

absl::StatusOr<pb::ListDevicesResponse> DeviceServiceImpl::ListDevices(
    const rpc::CallContext&, const pb::ListDevicesRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseParent(kFleetPattern, request.parent()));
  const std::string fleet_id = ids[0] == "-" ? "" : ids[0];
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::DeviceFilter filter,
                             ParseDeviceFilter(request.filter(), fleet_id));
  if (!fleet_id.empty()) {
    BIRTHMARK_RETURN_IF_ERROR(with_.fleets.Get(fleet_id).status());
  }
  const auto fetch =
      [&](const std::string& text,
          int limit) -> absl::StatusOr<std::vector<storage::DeviceRow>> {
    std::optional<storage::DeviceCursor> after;
    if (!text.empty()) {
      BIRTHMARK_ASSIGN_OR_RETURN(const rpc::Cursor cursor,
                                 rpc::DecodeCursor(text, 1));
      after = storage::DeviceCursor{cursor.time, cursor.keys[0]};
    }
    return with_.devices.List(filter, after, limit);
  };
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<storage::DeviceRow> page,
      rpc::ReadPage<storage::DeviceRow>(
          with_.page_tokens, request, fetch, [](const storage::DeviceRow& row) {
            return rpc::EncodeCursor({row.create_time, {row.device_uid}});
          }));
  std::vector<std::string> uids;
  uids.reserve(page.rows.size());
  for (const storage::DeviceRow& row : page.rows) {
    uids.push_back(row.device_uid);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(auto firmware, with_.devices.Firmware(uids));
  pb::ListDevicesResponse response;
  for (const storage::DeviceRow& row : page.rows) {
    *response.add_devices() = ToProto(row, firmware[row.device_uid]);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

absl::StatusOr<pb::Device> DeviceServiceImpl::DecommissionDevice(
    const rpc::CallContext& context,
    const pb::DecommissionDeviceRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceId id,
      ParseDevice(request.name(), "name", /*any_fleet=*/false));
  BIRTHMARK_RETURN_IF_ERROR(
      rpc::CheckText(request.reason(), "reason", 1, kMaxReason));
  BIRTHMARK_ASSIGN_OR_RETURN(const int64_t version,
                             rpc::ParseEtag(request.etag()));
  return rpc::RunOnce<pb::Device>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record) -> absl::StatusOr<pb::Device> {
        storage::DeviceEventRow event;
        event.device_uid = id.uid;
        event.event_id = crypto::NewUid(with_.clock);
        event.kind = "decommissioned";
        event.to_state = storage::DeviceState::kDecommissioned;
        event.actor = context.caller().actor;
        event.reason = request.reason();
        event.create_time = NowSeconds(with_.clock);
        // Read beforehand, since the answer is recorded with the change. A
        // device that is being retired reports nothing in between that counts.
        BIRTHMARK_ASSIGN_OR_RETURN(auto firmware,
                                   with_.devices.Firmware({id.uid}));
        const auto mutation_for = [&](const storage::DeviceRow& device) {
          storage::Mutation mutation;
          mutation.audit.push_back(
              audit::NewEntry(with_.clock, event.actor, "device.decommission",
                              request.name(), {{"event", event.event_id}}));
          mutation.request = record(ToProto(device, firmware[id.uid]));
          return mutation;
        };
        BIRTHMARK_ASSIGN_OR_RETURN(
            const storage::DeviceRow device,
            with_.devices.Decommission(id.fleet, id.uid, version, event,
                                       mutation_for));
        return ToProto(device, firmware[id.uid]);
      });
}

absl::StatusOr<pb::DeviceKey> DeviceServiceImpl::GetDeviceKey(
    const rpc::CallContext&, const pb::GetDeviceKeyRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseName(kKeyPattern, request.name()));
  if (!IsUid(ids[1]) || !IsKeyId(ids[2])) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     reasons::kBadResourceName,
                     absl::StrCat("the field name must be ", kKeyPattern,
                                  " where {key} is a lower-case hex SHA-256"),
                     {{"field", "name"}, {"expected", kKeyPattern}});
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::DeviceRow device,
                             with_.devices.Get(ids[0], ids[1]));
  std::string after;
  while (true) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        const std::vector<storage::KeyRow> keys,
        with_.devices.ListKeys(device.device_uid, after, kKeyPage));
    for (const storage::KeyRow& key : keys) {
      if (HexEncode(key.spki_sha256) == ids[2]) {
        return ToProto(key, device);
      }
    }
    if (keys.size() < static_cast<size_t>(kKeyPage)) {
      return MakeError(absl::StatusCode::kNotFound, reasons::kKeyNotFound,
                       absl::StrCat("there is no ", request.name()),
                       {{"resource", request.name()}});
    }
    after = keys.back().spki_sha256;
  }
}

absl::StatusOr<pb::ListDeviceKeysResponse> DeviceServiceImpl::ListDeviceKeys(
    const rpc::CallContext&, const pb::ListDeviceKeysRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceId id,
      ParseDevice(request.parent(), "parent", /*any_fleet=*/false));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::DeviceRow device,
                             with_.devices.Get(id.fleet, id.uid));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<storage::KeyRow> page,
      rpc::ReadPage<storage::KeyRow>(
          with_.page_tokens, request,
          [&](const std::string& after, int limit) {
            return with_.devices.ListKeys(id.uid, after, limit);
          },
          [](const storage::KeyRow& row) { return row.spki_sha256; }));
  pb::ListDeviceKeysResponse response;
  for (const storage::KeyRow& row : page.rows) {
    *response.add_keys() = ToProto(row, device);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

absl::StatusOr<pb::ListDeviceEventsResponse>
DeviceServiceImpl::ListDeviceEvents(
    const rpc::CallContext&, const pb::ListDeviceEventsRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceId id,
      ParseDevice(request.parent(), "parent", /*any_fleet=*/false));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::DeviceRow device,
                             with_.devices.Get(id.fleet, id.uid));
  const auto fetch =
      [&](const std::string& text,
          int limit) -> absl::StatusOr<std::vector<storage::DeviceEventRow>> {
    std::optional<storage::EventCursor> after;
    if (!text.empty()) {
      BIRTHMARK_ASSIGN_OR_RETURN(const rpc::Cursor cursor,
                                 rpc::DecodeCursor(text, 1));
      after = storage::EventCursor{cursor.time, cursor.keys[0]};
    }
    return with_.devices.ListEvents(id.uid, after, limit);
  };
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<storage::DeviceEventRow> page,
      rpc::ReadPage<storage::DeviceEventRow>(
          with_.page_tokens, request, fetch,
          [](const storage::DeviceEventRow& row) {
            return rpc::EncodeCursor({row.create_time, {row.event_id}});
          }));
  pb::ListDeviceEventsResponse response;
  for (const storage::DeviceEventRow& row : page.rows) {
    *response.add_events() = ToProto(row, device);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

}  // namespace birthmark::inventory
