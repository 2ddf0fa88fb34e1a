#include "services/inventory/device_view.h"

#include <string>
#include <utility>

#include "lib/base/status_macros.h"
#include "services/inventory/convert.h"

namespace birthmark::inventory {

absl::StatusOr<std::vector<device::v1::Device>> ViewDevices(
    storage::DeviceStore& devices, absl::Span<const storage::DeviceRow> rows) {
  std::vector<std::string> uids, quarantined;
  for (const storage::DeviceRow& row : rows) {
    uids.push_back(row.device_uid);
    if (row.state == storage::DeviceState::kQuarantined) {
      quarantined.push_back(row.device_uid);
    }
  }
  BIRTHMARK_ASSIGN_OR_RETURN(auto firmware, devices.Firmware(uids));
  BIRTHMARK_ASSIGN_OR_RETURN(auto labels, devices.Labels(uids));
  BIRTHMARK_ASSIGN_OR_RETURN(auto quarantines,
                             devices.Quarantines(quarantined));
  std::vector<device::v1::Device> views;
  views.reserve(rows.size());
  for (const storage::DeviceRow& row : rows) {
    DeviceParts parts;
    parts.firmware = std::move(firmware[row.device_uid]);
    parts.labels = std::move(labels[row.device_uid]);
    const auto quarantine = quarantines.find(row.device_uid);
    if (quarantine != quarantines.end()) {
      parts.quarantine = std::move(quarantine->second);
    }
    views.push_back(ToProto(row, parts));
  }
  return views;
}

absl::StatusOr<device::v1::Device> ViewDevice(storage::DeviceStore& devices,
                                              const storage::DeviceRow& row) {
  BIRTHMARK_ASSIGN_OR_RETURN(std::vector<device::v1::Device> views,
                             ViewDevices(devices, {row}));
  return std::move(views.front());
}

device::v1::Device WithoutPersonal(device::v1::Device device) {
  device.clear_display_name();
  auto& labels = *device.mutable_labels();
  for (auto label = labels.begin(); label != labels.end();) {
    label = label->second.personal() ? labels.erase(label) : std::next(label);
  }
  return device;
}

}  // namespace birthmark::inventory
