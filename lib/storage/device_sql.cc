#include "lib/storage/device_sql.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/storage/param.h"
#include "lib/storage/rows.h"

namespace birthmark::storage {
namespace {

constexpr Statement kLock = {"device_lock",
                             "SELECT " BIRTHMARK_DEVICE_COLUMNS R"(
    FROM devices d
    WHERE d.device_uid = $1 AND ($2::text = '' OR d.fleet_id = $2::text)
    FOR NO KEY UPDATE)"};

std::string NameOf(const DeviceRow& device) {
  return absl::StrCat("fleets/", device.fleet_id, "/devices/",
                      device.device_uid);
}

absl::string_view StateName(DeviceState state) {
  switch (state) {
    case DeviceState::kRegistered:
      return "REGISTERED";
    case DeviceState::kActive:
      return "ACTIVE";
    case DeviceState::kQuarantined:
      return "QUARANTINED";
    case DeviceState::kDecommissioning:
      return "DECOMMISSIONING";
    case DeviceState::kDecommissioned:
      return "DECOMMISSIONED";
  }
  return "";
}

}  // namespace

absl::StatusOr<DeviceRow> LockDevice(Session& session,
                                     absl::string_view fleet_id,
                                     absl::string_view device_uid) {
  if (!IsUid(device_uid)) {
    return DeviceNotFound(fleet_id, device_uid);
  }
  const auto found = session.Exec(kLock, Text(device_uid), Text(fleet_id));
  if (found.empty()) {
    return DeviceNotFound(fleet_id, device_uid);
  }
  return ReadDevice(found[0]);
}

absl::Status CheckVersion(const DeviceRow& device, int64_t version) {
  if (version == 0 || version == device.version) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kAborted, reasons::kEtagMismatch,
                   "the device has changed", {{"resource", NameOf(device)}});
}

absl::Status DeviceNotFound(absl::string_view fleet_id,
                            absl::string_view device_uid) {
  return MakeError(
      absl::StatusCode::kNotFound, reasons::kDeviceNotFound,
      "there is no such device",
      {{"resource", absl::StrCat("fleets/", fleet_id.empty() ? "-" : fleet_id,
                                 "/devices/", device_uid)}});
}

absl::Status RefuseState(const DeviceRow& device, absl::string_view reason) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, reason,
      "the device's state does not allow this",
      {{"resource", NameOf(device)}, {"state", StateName(device.state)}});
}

bool IsEnding(const DeviceRow& device) {
  return device.state == DeviceState::kDecommissioning ||
         device.state == DeviceState::kDecommissioned;
}

}  // namespace birthmark::storage
