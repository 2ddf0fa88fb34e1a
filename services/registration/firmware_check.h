// CheckFirmwareReports judges what a device says about its firmware.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_FIRMWARE_CHECK_H_
#define BIRTHMARK_SERVICES_REGISTRATION_FIRMWARE_CHECK_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "birthmark/registration/v1/registration_service.pb.h"
#include "lib/storage/device_row.h"

namespace birthmark::registration {

inline constexpr int kMaxFirmwareReports = 32;

// CheckFirmwareReports returns the rows, without ids, of a request with 1 to 32
// reports about distinct components. kInvalidArgument / INVALID_FIELD, metadata
// field, e.g. `reports[2].digest`. Pure function.
absl::StatusOr<std::vector<storage::FirmwareRow>> CheckFirmwareReports(
    const v1::ReportFirmwareRequest& request, absl::Time now);

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_FIRMWARE_CHECK_H_
