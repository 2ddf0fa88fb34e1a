#ifndef BIRTHMARK_LIB_STORAGE_DECOMMISSION_STORE_H_
#define BIRTHMARK_LIB_STORAGE_DECOMMISSION_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/device_row.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// Stored; values never change.
enum class WipeOutcome : int16_t {
  kWaiting = 1,
  kConfirmed = 2,
  kTimedOut = 3,
  kNotAsked = 4,
};

// DecommissionRow is a row of `decommissions`.
struct DecommissionRow {
  std::string device_uid;
  std::string fleet_id;
  std::string reason;
  std::string actor;
  std::string job_id;  // empty: no job's
  absl::Time create_time;
  int revoked = 0;
  int keys = 0;
  WipeOutcome wipe_outcome = WipeOutcome::kWaiting;
  std::string wipe_instruction;  // UUID; empty: not asked
  std::optional<absl::Time> wipe_deadline;
  std::string wipe_receipt;  // JWS, as it came
  std::string wipe_key;      // SHA-256 of its SPKI
  std::optional<absl::Time> wipe_time;
  std::optional<absl::Time> end_time;
  std::string certificate;  // JWS
};

// DecommissionedDevice is all that a certificate of decommission tells of.
struct DecommissionedDevice {
  DecommissionRow decommission;
  DeviceRow device;
  std::vector<std::string> keys;  // SHA-256 of the SPKI of each, sorted
  std::string birth_issuer_id;
  std::string birth_serial;  // 16 octets
};

// DecommissionStore keeps the ends of devices, once they are ordered (by
// DeviceStore or a job). Thread-safe. Every method is one transaction.
class DecommissionStore {
 public:
  virtual ~DecommissionStore() = default;
  // Get returns one. `fleet_id` empty: of any fleet. kNotFound /
  // DECOMMISSION_NOT_FOUND.
  virtual absl::StatusOr<DecommissionRow> Get(absl::string_view fleet_id,
                                              absl::string_view device_uid) = 0;
  // End ends at most `limit` decommissions whose wipe is confirmed or whose
  // time is over, and that nobody else is at: erases what is personal, moves
  // the device to decommissioned, writes event (kind `decommissioned`, with the
  // commitments to what was erased) and audit entry. Returns how many.
  using EntryMaker = std::function<audit::Entry(const DecommissionRow& row,
                                                const DeviceEventRow& event)>;
  virtual absl::StatusOr<int> End(absl::Time now, int limit,
                                  const std::function<std::string()>& new_id,
                                  const EntryMaker& entry_for) = 0;
  // ListUncertified returns at most `limit` that are ended and have no
  // certificate, the oldest first.
  virtual absl::StatusOr<std::vector<DecommissionedDevice>> ListUncertified(
      int limit) = 0;
  // Certify stores certificates, each with its audit entry; a device that has
  // one keeps it. Returns how many were stored.
  struct Certificate {
    std::string device_uid;
    std::string jws;
    audit::Entry entry;
  };
  virtual absl::StatusOr<int> Certify(
      absl::Span<const Certificate> certificates, absl::Time now) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DECOMMISSION_STORE_H_
