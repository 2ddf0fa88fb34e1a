// convert turns rows into messages of the API. Pure functions.

#ifndef BIRTHMARK_SERVICES_INVENTORY_CONVERT_H_
#define BIRTHMARK_SERVICES_INVENTORY_CONVERT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "birthmark/certificate/v1/certificate_service.pb.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "birthmark/fleet/v1/fleet_service.pb.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/decommission_store.h"
#include "lib/storage/device_row.h"
#include "lib/storage/device_store.h"
#include "lib/storage/fleet_store.h"
#include "lib/storage/key_row.h"

namespace birthmark::inventory {

inline constexpr char kFleetPattern[] = "fleets/{fleet}";
inline constexpr char kDevicePattern[] = "fleets/{fleet}/devices/{device}";
inline constexpr char kKeyPattern[] =
    "fleets/{fleet}/devices/{device}/keys/{key}";
inline constexpr char kCertificatePattern[] =
    "issuers/{issuer}/certificates/{serial}";

// DeviceParts is what a device has beside its row.
struct DeviceParts {
  std::vector<storage::FirmwareRow> firmware;
  std::vector<storage::LabelRow> labels;
  std::optional<storage::QuarantineRow> quarantine;
};

// DeviceName returns the resource name of `device`.
std::string DeviceName(const storage::DeviceRow& device);

fleet::v1::Fleet ToProto(const storage::FleetRow& row);
device::v1::Device ToProto(const storage::DeviceRow& row,
                           const DeviceParts& parts);
device::v1::DeviceState ToProto(storage::DeviceState state);
device::v1::FirmwareState ToProto(const storage::FirmwareRow& row);
device::v1::DeviceKey ToProto(const storage::KeyRow& row,
                              const storage::DeviceRow& device);
// An event is named after the fleet whose device it was then.
device::v1::DeviceEvent ToProto(const storage::DeviceEventRow& row);
device::v1::Decommission ToProto(const storage::DecommissionRow& row);

// ToProto returns the certificate as it is at `now`. kInternal if the stored
// one does not parse.
absl::StatusOr<certificate::v1::Certificate> ToProto(
    const storage::CertificateRow& row, absl::Time now);

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_CONVERT_H_
