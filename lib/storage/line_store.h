#ifndef BIRTHMARK_LIB_STORAGE_LINE_STORE_H_
#define BIRTHMARK_LIB_STORAGE_LINE_STORE_H_

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

// Stored; values never change.
enum class LineState : int16_t { kActive = 1, kDisabled = 2 };

// LineRow is a row of `lines`.
struct LineRow {
  std::string fleet_id;
  std::string line_id;
  LineState state = LineState::kActive;
  std::vector<std::string> models;
  int64_t quota = 0;  // 0: no limit
  int64_t issued = 0;
  int64_t version = 1;
  absl::Time create_time;
};

// LineCursor is where a page of lines starts: after this row.
struct LineCursor {
  absl::Time create_time;
  std::string fleet_id;
  std::string line_id;
};

// LineStore keeps provisioning lines. Thread-safe. Every method is one
// transaction.
class LineStore {
 public:
  virtual ~LineStore() = default;
  // Create inserts the line together with its key, which reserves the serial
  // number of its certificate. Returns the stored key row. Idempotent while the
  // line has no certificate yet: a repeat with the same key and the same line
  // returns the key row of the first call (whose serial counts). kAlreadyExists
  // / LINE_EXISTS or KEY_ALREADY_ENROLLED, kNotFound / FLEET_NOT_FOUND.
  virtual absl::StatusOr<KeyRow> Create(const LineRow& row, const KeyRow& key,
                                        const Mutation& mutation) = 0;
  // Get returns one line. kNotFound / LINE_NOT_FOUND.
  virtual absl::StatusOr<LineRow> Get(absl::string_view fleet_id,
                                      absl::string_view line_id) = 0;
  // List returns at most `limit` lines of `fleet_id` (empty: of all fleets) in
  // order of (create_time, fleet_id, line_id).
  virtual absl::StatusOr<std::vector<LineRow>> List(
      absl::string_view fleet_id, const std::optional<LineCursor>& after,
      int limit) = 0;
  // Disable moves an active line to disabled and returns it. kNotFound /
  // LINE_NOT_FOUND, kFailedPrecondition / LINE_DISABLED if it already is,
  // kAborted / ETAG_MISMATCH if `version` is given and stale.
  virtual absl::StatusOr<LineRow> Disable(absl::string_view fleet_id,
                                          absl::string_view line_id,
                                          std::optional<int64_t> version,
                                          const Mutation& mutation) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_LINE_STORE_H_
