#ifndef BIRTHMARK_LIB_STORAGE_BATCH_STORE_H_
#define BIRTHMARK_LIB_STORAGE_BATCH_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/device_row.h"
#include "lib/storage/key_row.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// Stored; values never change.
enum class BatchState : int16_t { kOpen = 1, kClosed = 2 };

// BatchRow is a row of `batches`.
struct BatchRow {
  int64_t batch_key = 0;  // set by the store
  std::string fleet_id;
  std::string line_id;
  std::string batch_id;
  std::string profile;
  BatchState state = BatchState::kOpen;
  absl::Time create_time;
  KeyProtection key_protection = KeyProtection::kNotSaid;  // of birth keys
};

// BatchCounts are the items of a batch by outcome.
struct BatchCounts {
  int64_t issued = 0;  // with a certificate
  int64_t failed = 0;  // last attempt failed
};

// AdmissionRequest is one item of a batch that passed its checks: a new device
// with its birth key, and the serial number proposed for its certificate.
struct AdmissionRequest {
  std::string item_id;
  // 32 octets that bind the item id: the digest of the CSR and of what else the
  // certificate is made of.
  std::string csr_sha256;
  DeviceRow device;
  KeyRow key;
  DeviceEventRow event;  // kind "provisioned"
  audit::Entry audit;    // action "device.provision"; written if it is admitted
};

// Admission is what became of an AdmissionRequest. Not ok: the item was
// refused, with kInvalidArgument / REQUEST_ID_REUSED (same item id, another
// CSR), kAlreadyExists / KEY_ALREADY_ENROLLED or DEVICE_EXISTS,
// kResourceExhausted / LINE_QUOTA_EXCEEDED, kFailedPrecondition /
// DEVICE_NOT_ACTIVE (admitted earlier, decommissioned before it had a
// certificate), and nothing but its failure was recorded.
struct Admission {
  absl::Status status;
  std::string device_uid;  // of the item: from this call or from an earlier one
  std::string serial;      // likewise
  // The certificate if the item already has it: answer it, sign nothing.
  std::string certificate_der;
};

// ItemFailure is an item that was refused before it came to the store.
struct ItemFailure {
  std::string item_id;
  std::string csr_sha256;
  absl::Status status;
};

// ItemResult is the recorded outcome of one item.
struct ItemResult {
  std::string item_id;
  std::string device_uid;
  std::string certificate_der;  // empty: failed, or not yet signed
  absl::Status
      status;  // kUnavailable / SIGNER_OFFLINE if admitted, not yet signed
};

// BatchStore keeps batches and admits their items. Thread-safe. Every method is
// one transaction and a fixed number of statements, whatever the number of
// items.
class BatchStore {
 public:
  virtual ~BatchStore() = default;
  // Create inserts the batch, or returns the one that has the name already if
  // its profile is the same, and its key protection, or `row` does not say one.
  // kAlreadyExists / BATCH_EXISTS if it differs,
  // kNotFound / LINE_NOT_FOUND.
  virtual absl::StatusOr<BatchRow> Create(const BatchRow& row,
                                          const Mutation& mutation) = 0;
  // Get returns one batch. kNotFound / BATCH_NOT_FOUND.
  virtual absl::StatusOr<BatchRow> Get(absl::string_view fleet_id,
                                       absl::string_view line_id,
                                       absl::string_view batch_id) = 0;
  // Count counts the items of a batch.
  virtual absl::StatusOr<BatchCounts> Count(int64_t batch_key) = 0;
  // List returns at most `limit` batches of a line with a key above
  // `after_key`, in order of key.
  virtual absl::StatusOr<std::vector<BatchRow>> List(absl::string_view fleet_id,
                                                     absl::string_view line_id,
                                                     int64_t after_key,
                                                     int limit) = 0;
  // Close moves the batch to closed, if it is not. kNotFound / BATCH_NOT_FOUND.
  virtual absl::StatusOr<BatchRow> Close(absl::string_view fleet_id,
                                         absl::string_view line_id,
                                         absl::string_view batch_id,
                                         const Mutation& mutation) = 0;
  // Admit records devices, keys, events and items in one transaction, each item
  // on its own merit; results are in the order of `requests`. Also counts the
  // admitted items against the line's quota (first come, first served within
  // the call). Item ids within one call are distinct; keys may repeat (the
  // first wins). Fails as a whole with kFailedPrecondition / LINE_DISABLED or
  // BATCH_CLOSED, kAborted / TRANSACTION_CONFLICT, kUnavailable /
  // DATABASE_OFFLINE. `sent_before` says that some of the items may have been
  // admitted already; a matter of speed alone. An alert goes to the audit log
  // for each key that was refused: the entry that `alert_for` makes of its
  // request.
  using AlertMaker = std::function<audit::Entry(const AdmissionRequest&)>;
  virtual absl::StatusOr<std::vector<Admission>> Admit(
      const BatchRow& batch, absl::Span<const AdmissionRequest> requests,
      bool sent_before, const AlertMaker& alert_for) = 0;
  // RecordFailures writes items that were refused before admission, unless the
  // item has been admitted already.
  virtual absl::Status RecordFailures(int64_t batch_key,
                                      absl::Span<const ItemFailure> failures,
                                      absl::Time time) = 0;
  // ListResults returns at most `limit` items with an id above `after`, in
  // order.
  virtual absl::StatusOr<std::vector<ItemResult>> ListResults(
      int64_t batch_key, absl::string_view after, int limit) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_BATCH_STORE_H_
