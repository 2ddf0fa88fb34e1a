// device_mask reads what UpdateDevice is to change.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DEVICE_MASK_H_
#define BIRTHMARK_SERVICES_INVENTORY_DEVICE_MASK_H_

#include "absl/status/statusor.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/storage/device_store.h"

namespace birthmark::inventory {

// ReadDeviceUpdate returns the fields of `device` that `mask` names: those that
// are populated if it names none, all of them for `*`. kInvalidArgument /
// INVALID_FIELD, metadata field: a value that is not allowed, or a mask with
// another path. Salts are fresh; pure but for that.
absl::StatusOr<storage::DeviceUpdate> ReadDeviceUpdate(
    const device::v1::Device& device, const google::protobuf::FieldMask& mask);

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DEVICE_MASK_H_
