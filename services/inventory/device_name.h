// device_name reads the names of devices. Pure functions.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DEVICE_NAME_H_
#define BIRTHMARK_SERVICES_INVENTORY_DEVICE_NAME_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark::inventory {

struct DeviceId {
  std::string fleet;  // empty: any
  std::string uid;
};

// ParseDevice reads a device's name; with `any_fleet`, fleets/- stands for all.
// kInvalidArgument / BAD_RESOURCE_NAME.
absl::StatusOr<DeviceId> ParseDevice(absl::string_view name,
                                     absl::string_view field, bool any_fleet);

struct DeviceKeyId {
  DeviceId device;
  std::string spki_sha256;  // 32 octets
};

// ParseDeviceKey reads a key's name. kInvalidArgument / BAD_RESOURCE_NAME.
absl::StatusOr<DeviceKeyId> ParseDeviceKey(absl::string_view name,
                                           absl::string_view field);

// ParseFleet reads a fleet's name, "" for fleets/-, if `any_fleet` allows it.
// kInvalidArgument / BAD_RESOURCE_NAME.
absl::StatusOr<std::string> ParseFleet(absl::string_view name,
                                       absl::string_view field, bool any_fleet);

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DEVICE_NAME_H_
