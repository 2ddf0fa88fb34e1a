// device_job_convert turns jobs over many devices from rows into the API's
// messages. Pure functions.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DEVICE_JOB_CONVERT_H_
#define BIRTHMARK_SERVICES_INVENTORY_DEVICE_JOB_CONVERT_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "birthmark/device/v1/device_job_service.pb.h"
#include "lib/storage/device_job_store.h"

namespace birthmark::inventory {

inline constexpr char kDeviceJobPattern[] = "fleets/{fleet}/deviceJobs/{job}";

std::string DeviceJobName(const storage::DeviceJobRow& job);
std::string DeviceJobStateName(storage::DeviceJobState state);

// DeviceJobAccount is what a job has come to, for the audit log.
std::map<std::string, std::string> DeviceJobAccount(
    const storage::DeviceJobRow& job);

device::v1::DeviceJob ToProto(const storage::DeviceJobRow& job);
device::v1::DeviceJobItem ToProto(absl::string_view fleet_id,
                                  const storage::DeviceJobItemRow& item);
// SetPreview fills what only a preview has.
void SetPreview(const storage::DeviceJobStore::Preview& preview,
                int64_t approval_threshold, device::v1::DeviceJob& job);

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DEVICE_JOB_CONVERT_H_
