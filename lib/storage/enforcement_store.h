#ifndef BIRTHMARK_LIB_STORAGE_ENFORCEMENT_STORE_H_
#define BIRTHMARK_LIB_STORAGE_ENFORCEMENT_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/key_row.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// EnforcementPointRow is a row of `enforcement_points`.
struct EnforcementPointRow {
  std::string point_id;
  int64_t revision = 0;  // 0: never reported
  std::optional<absl::Time> report_time;
  std::optional<absl::Time> next_update;
  absl::Time create_time;
};

// EnforcementStore keeps the verifiers that follow the revocations.
// Thread-safe. Every method is one transaction.
class EnforcementStore {
 public:
  virtual ~EnforcementStore() = default;
  // Create inserts the point together with its key, which reserves the serial
  // number of its certificate: as LineStore::Create, with
  // ENFORCEMENT_POINT_EXISTS.
  virtual absl::StatusOr<KeyRow> Create(const EnforcementPointRow& row,
                                        const KeyRow& key,
                                        const Mutation& mutation) = 0;
  // Get returns one. kNotFound / ENFORCEMENT_POINT_NOT_FOUND.
  virtual absl::StatusOr<EnforcementPointRow> Get(
      absl::string_view point_id) = 0;
  // List returns at most `limit` with an id above `after`, by id.
  virtual absl::StatusOr<std::vector<EnforcementPointRow>> List(
      absl::string_view after, int limit) = 0;
  // Report stores what a point says of itself. No audit entry: it is telemetry.
  // kNotFound / ENFORCEMENT_POINT_NOT_FOUND.
  virtual absl::StatusOr<EnforcementPointRow> Report(absl::string_view point_id,
                                                     int64_t revision,
                                                     absl::Time next_update,
                                                     absl::Time now) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_ENFORCEMENT_STORE_H_
