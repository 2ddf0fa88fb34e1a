#include "services/inventory/device_service.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/read_page.h"
#include "lib/rpc/serve.h"
#include "services/inventory/convert.h"
#include "services/inventory/device_name.h"
#include "services/inventory/device_view.h"

namespace birthmark::inventory {
namespace {

namespace pb = device::v1;

// A device has a handful of keys; GetDeviceKey looks through so many at once.
constexpr int kKeyPage = 100;

}  // namespace

void DeviceServiceImpl::Register(rpc::Router& router) {
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(router,
                    absl::StrCat("birthmark.device.v1.DeviceService.", name),
                    this, method);
  };
  serve("GetDevice", &DeviceServiceImpl::GetDevice);
  serve("GetDecommission", &DeviceServiceImpl::GetDecommission);
  serve("GetDeviceKey", &DeviceServiceImpl::GetDeviceKey);
  serve("ListDeviceKeys", &DeviceServiceImpl::ListDeviceKeys);
  serve("ListDeviceEvents", &DeviceServiceImpl::ListDeviceEvents);
  serve("ListFirmwareReports", &DeviceServiceImpl::ListFirmwareReports);
}

absl::StatusOr<pb::Device> DeviceServiceImpl::GetDevice(
    const rpc::CallContext&, const pb::GetDeviceRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceId id,
      ParseDevice(request.name(), "name", /*any_fleet=*/true));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::DeviceRow row,
                             with_.devices.Get(id.fleet, id.uid));
  return ViewDevice(with_.devices, row);
}

absl::StatusOr<pb::Decommission> DeviceServiceImpl::GetDecommission(
    const rpc::CallContext&, const pb::GetDecommissionRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceId id,
      ParseDevice(request.name(), "name", /*any_fleet=*/true));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::DecommissionRow row,
                             with_.decommissions.Get(id.fleet, id.uid));
  return ToProto(row);
}

absl::StatusOr<pb::DeviceKey> DeviceServiceImpl::GetDeviceKey(
    const rpc::CallContext&, const pb::GetDeviceKeyRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceKeyId id,
                             ParseDeviceKey(request.name(), "name"));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::DeviceRow device,
                             with_.devices.Get(id.device.fleet, id.device.uid));
  std::string after;
  while (true) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        const std::vector<storage::KeyRow> keys,
        with_.devices.ListKeys(device.device_uid, after, kKeyPage));
    for (const storage::KeyRow& key : keys) {
      if (key.spki_sha256 == id.spki_sha256) {
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

// A device that was another fleet's has left its history of that time there.
absl::StatusOr<pb::ListDeviceEventsResponse>
DeviceServiceImpl::ListDeviceEvents(
    const rpc::CallContext&, const pb::ListDeviceEventsRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceId id,
      ParseDevice(request.parent(), "parent", /*any_fleet=*/false));
  const auto fetch =
      [&](const std::string& text,
          int limit) -> absl::StatusOr<std::vector<storage::DeviceEventRow>> {
    std::optional<storage::EventCursor> after;
    if (!text.empty()) {
      BIRTHMARK_ASSIGN_OR_RETURN(const rpc::Cursor cursor,
                                 rpc::DecodeCursor(text, 1));
      after = storage::EventCursor{cursor.time, cursor.keys[0]};
    }
    return with_.devices.ListEvents(id.fleet, id.uid, after,
                                    request.newest_first(), limit);
  };
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<storage::DeviceEventRow> page,
      rpc::ReadPage<storage::DeviceEventRow>(
          with_.page_tokens, request, fetch,
          [](const storage::DeviceEventRow& row) {
            return rpc::EncodeCursor({row.create_time, {row.event_id}});
          }));
  if (page.rows.empty()) {
    // Every device has an event in a fleet that has or had it.
    BIRTHMARK_RETURN_IF_ERROR(with_.devices.Get(id.fleet, id.uid).status());
  }
  pb::ListDeviceEventsResponse response;
  for (const storage::DeviceEventRow& row : page.rows) {
    *response.add_events() = ToProto(row);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

absl::StatusOr<pb::ListFirmwareReportsResponse>
DeviceServiceImpl::ListFirmwareReports(
    const rpc::CallContext&, const pb::ListFirmwareReportsRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceId id,
      ParseDevice(request.parent(), "parent", /*any_fleet=*/false));
  const auto fetch =
      [&](const std::string& text,
          int limit) -> absl::StatusOr<std::vector<storage::FirmwareRow>> {
    std::optional<storage::ReportCursor> before;
    if (!text.empty()) {
      BIRTHMARK_ASSIGN_OR_RETURN(const rpc::Cursor cursor,
                                 rpc::DecodeCursor(text, 1));
      before = storage::ReportCursor{cursor.time, cursor.keys[0]};
    }
    return with_.devices.ListReports(id.fleet, id.uid, before, limit);
  };
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<storage::FirmwareRow> page,
      rpc::ReadPage<storage::FirmwareRow>(
          with_.page_tokens, request, fetch,
          [](const storage::FirmwareRow& row) {
            return rpc::EncodeCursor({row.report_time, {row.report_id}});
          }));
  if (page.rows.empty()) {
    BIRTHMARK_RETURN_IF_ERROR(with_.devices.Get(id.fleet, id.uid).status());
  }
  pb::ListFirmwareReportsResponse response;
  for (const storage::FirmwareRow& row : page.rows) {
    *response.add_reports() = ToProto(row);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

}  // namespace birthmark::inventory
