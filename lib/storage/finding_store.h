#ifndef BIRTHMARK_LIB_STORAGE_FINDING_STORE_H_
#define BIRTHMARK_LIB_STORAGE_FINDING_STORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/device_row.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// Stored; values never change.
enum class FindingKind : int16_t {
  kFirmwareRollback = 1,
  kFirmwareDigest = 2,
  kSharedPrime = 3,
};
enum class FindingState : int16_t { kOpen = 1, kAcknowledged = 2, kClosed = 3 };
enum class FindingEffect : int16_t {
  kWarn = 1,
  kDenyRenewal = 2,
  kQuarantine = 3
};

// FindingRow is a row of `findings`.
struct FindingRow {
  std::string finding_id;  // UUIDv7
  std::string fleet_id;
  std::string device_uid;
  FindingKind kind = FindingKind::kFirmwareRollback;
  std::string subject;  // component, or key in hex
  FindingState state = FindingState::kOpen;
  FindingEffect effect = FindingEffect::kWarn;
  std::map<std::string, std::string> details;
  int64_t times = 1;
  std::string note;
  std::string acknowledge_actor;
  std::optional<absl::Time> acknowledge_time;
  std::string close_actor;
  std::optional<absl::Time> close_time;
  int64_t version = 1;
  absl::Time create_time;
  absl::Time last_time;
};

// FindingFilter selects findings.
struct FindingFilter {
  std::string fleet_id;    // empty: all fleets
  std::string device_uid;  // empty: all devices
  bool closed = false;     // closed ones too
};

// FindingCursor is where a page starts: after this row.
struct FindingCursor {
  absl::Time create_time;
  std::string finding_id;
};

// FindingStore keeps findings. Thread-safe. Every method is one transaction.
class FindingStore {
 public:
  virtual ~FindingStore() = default;
  virtual absl::StatusOr<FindingRow> Get(absl::string_view fleet_id,
                                         absl::string_view finding_id) = 0;
  // List returns at most `limit` in order of (create_time, finding_id).
  virtual absl::StatusOr<std::vector<FindingRow>> List(
      const FindingFilter& filter, const std::optional<FindingCursor>& after,
      int limit) = 0;
  // Raise records findings by the policies of their devices' fleets, which set
  // the effect (none with kAllow): one that is not closed counts once more, a
  // new one gets an event `finding_raised` and the audit entry that `entry_for`
  // makes; kQuarantine isolates the device if it is active. The rows' state,
  // effect, times and fleet are not read. Returns the rows as they are now, of
  // those that were raised or counted.
  using EntryMaker = std::function<audit::Entry(const FindingRow& row)>;
  virtual absl::StatusOr<std::vector<FindingRow>> Raise(
      absl::Span<const FindingRow> findings, absl::string_view actor,
      const std::function<std::string()>& new_id,
      const EntryMaker& entry_for) = 0;
  // Move lets `change` alter state, note, actors and times under the row's lock
  // and stores what it made of it, with the event `finding_acknowledged` or
  // `finding_closed` and the mutation. If `change` leaves the state as it is,
  // nothing is stored. `version` 0: any. kNotFound / FINDING_NOT_FOUND,
  // kAborted / ETAG_MISMATCH, and what `change` fails with.
  using Change = std::function<absl::Status(FindingRow&)>;
  using MutationMaker = std::function<Mutation(const FindingRow&)>;
  virtual absl::StatusOr<FindingRow> Move(
      absl::string_view fleet_id, absl::string_view finding_id, int64_t version,
      absl::string_view event_id, const Change& change,
      const MutationMaker& mutation_for) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FINDING_STORE_H_
