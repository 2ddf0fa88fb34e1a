#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_ACT_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_ACT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lib/storage/device_row.h"

namespace birthmark::storage {

// What is done to a device.
enum class DeviceActKind : int16_t {
  kQuarantine = 1,
  kRelease = 2,
  kDecommission = 3,
};

// DeviceAct is what somebody wants done to devices.
struct DeviceAct {
  DeviceActKind kind = DeviceActKind::kQuarantine;
  std::string reason;
  std::string playbook;  // of quarantines
  std::string actor;
  std::string job_id;  // empty: no job's
  absl::Time time;     // whole seconds
};

// HeldCertificate is one that a quarantine put on hold.
struct HeldCertificate {
  std::string issuer_id;
  std::string serial;  // 16 octets
};

// DeviceActResult is what became of one device.
struct DeviceActResult {
  enum class Outcome { kDone, kUnchanged, kFailed } outcome = Outcome::kFailed;
  DeviceRow device;          // as it is now; unset if there is none
  DeviceEventRow event;      // of kDone: what was recorded
  std::string error_reason;  // of kFailed: DEVICE_NOT_FOUND, DEVICE_STATE, ...
  int64_t certificates = 0;  // revoked, held or released
  std::vector<HeldCertificate> held;  // of kQuarantine that is kDone
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_ACT_H_
