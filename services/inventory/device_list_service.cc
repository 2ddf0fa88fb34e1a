#include "services/inventory/device_list_service.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/serve.h"
#include "services/inventory/convert.h"
#include "services/inventory/device_filter.h"

namespace birthmark::inventory {
namespace {

namespace pb = device::v1;
using storage::DeviceOrder;

// Of the parent's fleet; "" is all.
absl::StatusOr<std::string> FleetOf(const std::string& parent) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseParent(kFleetPattern, parent));
  return ids[0] == "-" ? std::string() : ids[0];
}

absl::StatusOr<DeviceOrder> OrderOf(const std::string& order_by) {
  if (order_by.empty() || order_by == "create_time") {
    return DeviceOrder::kOldestFirst;
  }
  if (order_by == "create_time desc") {
    return DeviceOrder::kNewestFirst;
  }
  if (order_by == "serial_number") {
    return DeviceOrder::kSerialNumber;
  }
  if (order_by == "last_contact_time") {
    return DeviceOrder::kLastContact;
  }
  return rpc::InvalidField("order_by",
                           "must be create_time, create_time desc, "
                           "serial_number or last_contact_time");
}

// What CountDevices is counted by, as far as the filter says.
absl::StatusOr<storage::CountQuery> QueryOf(
    const storage::DeviceFilter& filter) {
  const bool other =
      filter.line_id.has_value() || filter.batch_id.has_value() ||
      filter.serial_number.has_value() ||
      filter.serial_number_prefix.has_value() || filter.firmware.size() > 1 ||
      !filter.labels.empty() || !filter.spki_sha256.empty() ||
      !filter.certificate_serial.empty() || filter.created.from.has_value() ||
      filter.created.until.has_value() ||
      filter.last_contact.from.has_value() ||
      filter.last_contact.until.has_value();
  if (other) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, reasons::kFilterInvalid,
        "filter: devices are counted by state, model, hardware_revision and "
        "one firmware.{component} only",
        {{"field", "filter"}, {"position", "1"}});
  }
  storage::CountQuery query = {.fleet_id = filter.fleet_id,
                               .state = filter.state,
                               .model = filter.model,
                               .hardware_revision = filter.hardware_revision};
  if (!filter.firmware.empty()) {
    query.component = filter.firmware[0].component;
    query.firmware_version = filter.firmware[0].version;
  }
  return query;
}

absl::Status AddDimensions(const pb::CountDevicesRequest& request,
                           storage::CountQuery& query) {
  for (const int dimension : request.group_by()) {
    switch (dimension) {
      case pb::COUNT_DIMENSION_FLEET:
        query.by_fleet = true;
        break;
      case pb::COUNT_DIMENSION_MODEL:
        query.by_model = true;
        break;
      case pb::COUNT_DIMENSION_HARDWARE_REVISION:
        query.by_hardware_revision = true;
        break;
      case pb::COUNT_DIMENSION_STATE:
        query.by_state = true;
        break;
      case pb::COUNT_DIMENSION_FIRMWARE_VERSION:
        query.by_firmware_version = true;
        break;
      default:
        return rpc::InvalidField("group_by", "there is no such dimension");
    }
  }
  if (!query.by_firmware_version) {
    return request.component().empty()
               ? absl::OkStatus()
               : rpc::InvalidField("component",
                                   "is for FIRMWARE_VERSION in group_by only");
  }
  BIRTHMARK_RETURN_IF_ERROR(rpc::CheckId(request.component(), "component"));
  if (!query.component.empty() && query.component != request.component()) {
    return rpc::InvalidField("component",
                             "must be that of the firmware in the filter");
  }
  query.component = request.component();
  return absl::OkStatus();
}

pb::CountDevicesResponse ToProto(const storage::CountQuery& query,
                                 const std::vector<storage::CountRow>& rows) {
  pb::CountDevicesResponse response;
  int64_t total = 0;
  for (const storage::CountRow& row : rows) {
    auto& count = *response.add_counts();
    if (query.by_fleet) {
      count.set_fleet(FormatName(kFleetPattern, {row.key.fleet_id}));
    }
    count.set_model(row.key.model);
    count.set_hardware_revision(row.key.hardware_revision);
    if (row.key.state.has_value()) {
      count.set_state(inventory::ToProto(*row.key.state));
    }
    count.set_firmware_version(row.key.firmware_version);
    count.set_devices(row.devices);
    total += row.devices;
  }
  response.set_total(total);
  return response;
}

}  // namespace

void DeviceListServiceImpl::Register(rpc::Router& router) {
  rpc::ServeUnary(router, "birthmark.device.v1.DeviceService.ListDevices", this,
                  &DeviceListServiceImpl::ListDevices);
  rpc::ServeUnary(router, "birthmark.device.v1.DeviceService.CountDevices",
                  this, &DeviceListServiceImpl::CountDevices);
}

absl::Status DeviceListServiceImpl::CheckFleet(const std::string& fleet_id) {
  return fleet_id.empty() ? absl::OkStatus() : fleets_.Get(fleet_id).status();
}

absl::StatusOr<pb::ListDevicesResponse> DeviceListServiceImpl::ListDevices(
    const rpc::CallContext&, const pb::ListDevicesRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string fleet_id,
                             FleetOf(request.parent()));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::DeviceFilter filter,
                             ParseDeviceFilter(request.filter(), fleet_id));
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceOrder order,
                             OrderOf(request.order_by()));
  BIRTHMARK_ASSIGN_OR_RETURN(const int limit,
                             rpc::PageSize(request.page_size()));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string cursor,
                             page_tokens_.Open(request));
  BIRTHMARK_ASSIGN_OR_RETURN(storage::DevicePage page,
                             search_.Search(filter, order, cursor, limit));
  if (page.devices.empty() && page.next_cursor.empty() && cursor.empty()) {
    BIRTHMARK_RETURN_IF_ERROR(CheckFleet(fleet_id));
  }
  std::vector<std::string> uids;
  uids.reserve(page.devices.size());
  for (const storage::DeviceRow& row : page.devices) {
    uids.push_back(row.device_uid);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(auto details, search_.Details(uids));
  pb::ListDevicesResponse response;
  for (const storage::DeviceRow& row : page.devices) {
    storage::DeviceDetails& of = details[row.device_uid];
    *response.add_devices() = inventory::ToProto(
        row, DeviceParts{.firmware = std::move(of.firmware),
                         .labels = std::move(of.labels),
                         .quarantine = std::move(of.quarantine)});
  }
  if (!page.next_cursor.empty()) {
    response.set_next_page_token(page_tokens_.Seal(page.next_cursor, request));
  }
  return response;
}

absl::StatusOr<pb::CountDevicesResponse> DeviceListServiceImpl::CountDevices(
    const rpc::CallContext&, const pb::CountDevicesRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string fleet_id,
                             FleetOf(request.parent()));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::DeviceFilter filter,
                             ParseDeviceFilter(request.filter(), fleet_id));
  BIRTHMARK_ASSIGN_OR_RETURN(storage::CountQuery query, QueryOf(filter));
  BIRTHMARK_RETURN_IF_ERROR(AddDimensions(request, query));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<storage::CountRow> rows,
                             search_.Count(query));
  if (rows.empty()) {
    BIRTHMARK_RETURN_IF_ERROR(CheckFleet(fleet_id));
  }
  return ToProto(query, rows);
}

}  // namespace birthmark::inventory
