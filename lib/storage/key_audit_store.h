#ifndef BIRTHMARK_LIB_STORAGE_KEY_AUDIT_STORE_H_
#define BIRTHMARK_LIB_STORAGE_KEY_AUDIT_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// Stored; values never change.
enum class KeyAuditState : int16_t { kRunning = 1, kDone = 2, kCancelled = 3 };

// KeyAuditRow is a row of `key_audits`.
struct KeyAuditRow {
  std::string audit_id;  // UUIDv7
  KeyAuditState state = KeyAuditState::kRunning;
  std::string progress;  // for people
  int64_t key_count = 0;
  int64_t shared_count = 0;
  int64_t finding_count = 0;
  std::string last_error;
  std::string actor;
  absl::Time create_time;
  std::optional<absl::Time> end_time;
};

// RsaKeyRow is an RSA key with the certificate that holds it.
struct RsaKeyRow {
  std::string spki_sha256;
  std::string device_uid;  // empty: a line's or an operator's
  std::string fleet_id;    // the device's; empty: none
  std::string certificate_der;
};

// KeyAuditCursor is where a page starts: after this row.
struct KeyAuditCursor {
  absl::Time create_time;
  std::string audit_id;
};

// KeyAuditStore keeps audits of keys. Thread-safe. Every method is one
// transaction.
class KeyAuditStore {
 public:
  virtual ~KeyAuditStore() = default;
  // Create inserts an audit. kFailedPrecondition / KEY_AUDIT_RUNNING.
  virtual absl::Status Create(const KeyAuditRow& row,
                              const Mutation& mutation) = 0;
  // Get returns one. kNotFound / KEY_AUDIT_NOT_FOUND.
  virtual absl::StatusOr<KeyAuditRow> Get(absl::string_view audit_id) = 0;
  virtual absl::StatusOr<std::vector<KeyAuditRow>> List(
      const std::optional<KeyAuditCursor>& after, int limit) = 0;
  // Running returns the audit that runs, if one does.
  virtual absl::StatusOr<std::optional<KeyAuditRow>> Running() = 0;
  // Note stores progress, counts and last_error of an audit that runs. Says
  // whether it still does.
  virtual absl::StatusOr<bool> Note(const KeyAuditRow& row) = 0;
  // End moves an audit that runs to `state`, with the counts of `row`. Returns
  // it as it is; ended already: nothing changes, and `mutation_for` is not
  // called. kNotFound / KEY_AUDIT_NOT_FOUND.
  using MutationMaker = std::function<Mutation(const KeyAuditRow&)>;
  virtual absl::StatusOr<KeyAuditRow> End(
      const KeyAuditRow& row, KeyAuditState state, absl::Time now,
      const MutationMaker& mutation_for) = 0;
  // ListRsaKeys returns at most `limit` with a hash above `after`, in order.
  virtual absl::StatusOr<std::vector<RsaKeyRow>> ListRsaKeys(
      absl::string_view after, int limit) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_KEY_AUDIT_STORE_H_
