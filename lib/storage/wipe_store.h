#ifndef BIRTHMARK_LIB_STORAGE_WIPE_STORE_H_
#define BIRTHMARK_LIB_STORAGE_WIPE_STORE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/device_row.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// Wipe is what a device is told that has to wipe itself.
struct Wipe {
  std::string device_uid;
  std::string fleet_id;
  std::string instruction;  // UUID
  absl::Time deadline;
  std::optional<absl::Time> confirm_time;  // when its receipt was recorded
};

// WipeReceipt is what a device says that has.
struct WipeReceipt {
  std::string instruction;
  std::string jws;  // as it came
  std::string key;  // SHA-256 of the SPKI that it is signed with
  absl::Time time;
};

// WipeStore is the side of devices that are being decommissioned. Thread-safe.
// Every method is one transaction. Both find the device by the serial number of
// its certificate, and fail with kNotFound / DEVICE_NOT_FOUND, and with
// kFailedPrecondition / WIPE_NOT_REQUIRED if it is not being decommissioned,
// was not asked to wipe itself, or has let its time pass.
class WipeStore {
 public:
  virtual ~WipeStore() = default;
  // Find returns the instruction.
  virtual absl::StatusOr<Wipe> Find(absl::string_view serial,
                                    absl::Time now) = 0;
  // Confirm stores the receipt with `event` (states, device and fleet are the
  // store's to complete) and `mutation`. Confirmed already: changes nothing and
  // returns the wipe as it was recorded first. kInvalidArgument /
  // RECEIPT_MISMATCH for another instruction's.
  virtual absl::StatusOr<Wipe> Confirm(absl::string_view serial,
                                       const WipeReceipt& receipt,
                                       const DeviceEventRow& event,
                                       const Mutation& mutation) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_WIPE_STORE_H_
