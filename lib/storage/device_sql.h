// What several stores do with one device. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_SQL_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_SQL_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/storage/device_row.h"
#include "lib/storage/session.h"

namespace birthmark::storage {

// LockDevice returns a device of `fleet_id` (empty: of any fleet) and keeps
// others from changing it until the end of the transaction. Whoever changes a
// device does this before all else. kNotFound / DEVICE_NOT_FOUND.
absl::StatusOr<DeviceRow> LockDevice(Session& session,
                                     absl::string_view fleet_id,
                                     absl::string_view device_uid);

// CheckVersion is kAborted / ETAG_MISMATCH if `version` is neither 0 nor the
// device's.
absl::Status CheckVersion(const DeviceRow& device, int64_t version);

// DeviceNotFound is kNotFound / DEVICE_NOT_FOUND; RefuseState is
// kFailedPrecondition with `reason` and the state that does not allow it.
absl::Status DeviceNotFound(absl::string_view fleet_id,
                            absl::string_view device_uid);
absl::Status RefuseState(const DeviceRow& device, absl::string_view reason);

// IsEnding says whether a device is being or is decommissioned.
bool IsEnding(const DeviceRow& device);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_SQL_H_
