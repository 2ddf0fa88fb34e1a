#ifndef BIRTHMARK_LIB_STORAGE_TRANSFER_STORE_H_
#define BIRTHMARK_LIB_STORAGE_TRANSFER_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/device_row.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// Stored; values never change.
enum class TransferState : int16_t {
  kOffered = 1,
  kAccepted = 2,
  kCancelled = 3
};
enum class ReplacementState : int16_t {
  kPending = 1,
  kApproved = 2,
  kRejected = 3
};

// TransferRow is a row of `device_transfers`.
struct TransferRow {
  std::string transfer_id;  // UUIDv7
  std::string device_uid;
  std::string from_fleet_id;
  std::string to_fleet_id;
  TransferState state = TransferState::kOffered;
  std::string reason;
  std::string offer_actor;
  std::string end_actor;
  absl::Time create_time;
  std::optional<absl::Time> end_time;
};

// ReplacementRow is a row of `device_replacements`.
struct ReplacementRow {
  std::string replacement_id;  // UUIDv7
  std::string fleet_id;
  std::string old_uid;
  std::string new_uid;
  ReplacementState state = ReplacementState::kPending;
  std::string reason;
  std::string create_actor;
  std::string end_actor;
  absl::Time create_time;
  std::optional<absl::Time> end_time;
};

// TransferCursor is where a page starts: after this row.
struct TransferCursor {
  absl::Time create_time;
  std::string id;
};

// TransferStore moves devices between fleets and puts boards in the place of
// others. Thread-safe. Every method is one transaction. What each does to the
// devices is in device_transfer_service.proto. `new_id` makes event ids.
class TransferStore {
 public:
  virtual ~TransferStore() = default;
  using NewId = std::function<std::string()>;
  using TransferMutation = std::function<Mutation(const TransferRow&)>;
  using ReplacementMutation = std::function<Mutation(const ReplacementRow&)>;

  // Offer inserts `row`. kNotFound / DEVICE_NOT_FOUND or FLEET_NOT_FOUND,
  // kAlreadyExists / TRANSFER_EXISTS, kFailedPrecondition / DEVICE_STATE.
  virtual absl::StatusOr<TransferRow> Offer(
      const TransferRow& row, const NewId& new_id,
      const TransferMutation& mutation_for) = 0;
  // Accept moves the device. Accepted already: returns what there is. kNotFound
  // / TRANSFER_NOT_FOUND, kFailedPrecondition / TRANSFER_STATE, DEVICE_STATE,
  // kAlreadyExists / DEVICE_EXISTS.
  virtual absl::StatusOr<TransferRow> Accept(
      absl::string_view transfer_id, absl::string_view actor, absl::Time now,
      const NewId& new_id, const TransferMutation& mutation_for) = 0;
  // Cancel ends an offer. Cancelled already: returns what there is. Fails
  // likewise.
  virtual absl::StatusOr<TransferRow> Cancel(
      absl::string_view transfer_id, absl::string_view actor, absl::Time now,
      const NewId& new_id, const TransferMutation& mutation_for) = 0;
  virtual absl::StatusOr<TransferRow> GetTransfer(
      absl::string_view transfer_id) = 0;
  // ListTransfers returns at most `limit` from or to a fleet (empty: all), in
  // order of (create_time, transfer_id).
  virtual absl::StatusOr<std::vector<TransferRow>> ListTransfers(
      absl::string_view fleet_id, const std::optional<TransferCursor>& after,
      int limit) = 0;

  // Request inserts `row`. kNotFound / DEVICE_NOT_FOUND, kAlreadyExists /
  // REPLACEMENT_EXISTS, kFailedPrecondition / DEVICE_STATE.
  virtual absl::StatusOr<ReplacementRow> Request(
      const ReplacementRow& row, const NewId& new_id,
      const ReplacementMutation& mutation_for) = 0;
  // Approve links, copies the labels, decommissions the old device. Approved
  // already: returns what there is. kPermissionDenied / SECOND_OPERATOR_NEEDED,
  // kNotFound / REPLACEMENT_NOT_FOUND, kFailedPrecondition / REPLACEMENT_STATE,
  // DEVICE_STATE.
  virtual absl::StatusOr<ReplacementRow> Approve(
      absl::string_view fleet_id, absl::string_view replacement_id,
      absl::string_view actor, absl::Time now, const NewId& new_id,
      const ReplacementMutation& mutation_for) = 0;
  // Reject ends a request. Fails likewise, but for the second operator.
  virtual absl::StatusOr<ReplacementRow> Reject(
      absl::string_view fleet_id, absl::string_view replacement_id,
      absl::string_view actor, absl::Time now,
      const ReplacementMutation& mutation_for) = 0;
  // ListReplacements returns at most `limit` of a fleet (empty: all), in order
  // of (create_time, replacement_id).
  virtual absl::StatusOr<std::vector<ReplacementRow>> ListReplacements(
      absl::string_view fleet_id, const std::optional<TransferCursor>& after,
      int limit) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_TRANSFER_STORE_H_
