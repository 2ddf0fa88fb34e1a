// device_view puts together what is told of devices.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DEVICE_VIEW_H_
#define BIRTHMARK_SERVICES_INVENTORY_DEVICE_VIEW_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/storage/device_row.h"
#include "lib/storage/device_store.h"

namespace birthmark::inventory {

// ViewDevices returns the devices with their firmware, labels and quarantines,
// in the order of `rows`: three reads, however many there are. Thread-safe.
// Fails as DeviceStore does.
absl::StatusOr<std::vector<device::v1::Device>> ViewDevices(
    storage::DeviceStore& devices, absl::Span<const storage::DeviceRow> rows);
absl::StatusOr<device::v1::Device> ViewDevice(storage::DeviceStore& devices,
                                              const storage::DeviceRow& row);

// WithoutPersonal returns `device` without its name and personal labels: for
// answers that are kept.
device::v1::Device WithoutPersonal(device::v1::Device device);

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DEVICE_VIEW_H_
