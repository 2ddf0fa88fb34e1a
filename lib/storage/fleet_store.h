#ifndef BIRTHMARK_LIB_STORAGE_FLEET_STORE_H_
#define BIRTHMARK_LIB_STORAGE_FLEET_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// Stored; values never change.
enum class FindingPolicy : int16_t {
  kAllow = 1,
  kWarn = 2,
  kDenyRenewal = 3,
  kQuarantine = 4,
};

// FleetRow is a row of `fleets`.
struct FleetRow {
  std::string fleet_id;
  std::string display_name;
  std::string idevid_profile;
  std::string ldevid_profile;
  int64_t version = 1;
  absl::Time create_time;
  absl::Time update_time;
  FindingPolicy firmware_rollback = FindingPolicy::kWarn;
  FindingPolicy firmware_digest = FindingPolicy::kWarn;
  FindingPolicy shared_prime = FindingPolicy::kWarn;
  absl::Duration wipe_timeout = absl::Hours(30 * 24);  // whole seconds
};

// FleetCursor is where a page of fleets starts: after this row.
struct FleetCursor {
  absl::Time create_time;
  std::string fleet_id;
};

// FleetStore keeps fleets. Thread-safe. Every method is one transaction.
class FleetStore {
 public:
  virtual ~FleetStore() = default;
  // Create inserts `row`. kAlreadyExists / FLEET_EXISTS.
  virtual absl::Status Create(const FleetRow& row,
                              const Mutation& mutation) = 0;
  // Get returns one fleet. kNotFound / FLEET_NOT_FOUND.
  virtual absl::StatusOr<FleetRow> Get(absl::string_view fleet_id) = 0;
  // List returns at most `limit` fleets in order of (create_time, fleet_id).
  virtual absl::StatusOr<std::vector<FleetRow>> List(
      const std::optional<FleetCursor>& after, int limit) = 0;
  // Update writes the names and profiles of `row` if the stored version is
  // still row.version, and returns the row with its new version. kNotFound /
  // FLEET_NOT_FOUND, kAborted / ETAG_MISMATCH.
  virtual absl::StatusOr<FleetRow> Update(const FleetRow& row,
                                          const Mutation& mutation) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FLEET_STORE_H_
