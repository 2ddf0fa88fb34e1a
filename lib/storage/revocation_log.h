#ifndef BIRTHMARK_LIB_STORAGE_REVOCATION_LOG_H_
#define BIRTHMARK_LIB_STORAGE_REVOCATION_LOG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/storage/certificate_store.h"

namespace birthmark::storage {

// RevocationChange is a row of `revocation_changes`: the state of a
// certificate's revocation after one change of it.
struct RevocationChange {
  int64_t revision = 0;
  std::string serial;  // 16 octets
  std::string issuer_id;
  int crl_shard = 0;
  absl::Time not_after;
  RevocationState state = RevocationState::kRevoked;
  int reason = 0;
  absl::Time revoke_time;
  std::optional<absl::Time> invalidity_time;
  absl::Time update_time;
};

// RevocationLog reads the changes of all revocations, in the order of their
// commits: who has read a revision has read all before it. Thread-safe. Every
// method is one transaction.
class RevocationLog {
 public:
  virtual ~RevocationLog() = default;
  // Latest returns the newest revision, 0 if there is none.
  virtual absl::StatusOr<int64_t> Latest() = 0;
  // Highest returns a revision that no later change can have, nor one below it:
  // the largest that was given, to whatever has become of it, or skipped. Only
  // the role `registration` may.
  virtual absl::StatusOr<int64_t> Highest() = 0;
  // Read returns at most `limit` changes after `revision`, in order.
  // `issuer_id` empty: of all issuers.
  virtual absl::StatusOr<std::vector<RevocationChange>> Read(
      int64_t revision, absl::string_view issuer_id, int limit) = 0;
  // Get returns the change with this very revision, if there is one.
  virtual absl::StatusOr<std::optional<RevocationChange>> Get(
      int64_t revision) = 0;

  // For a database that was restored from a backup and has forgotten changes.
  // SkipTo keeps revisions up to `revision` from being given again, and CRL
  // shards from taking more certificates than they have room for. Restore
  // brings back, in one transaction and with the audit entry at the same index,
  // those of `changes` that the database does not have: it knows no revocation
  // of the serial, or an older one, and never undoes what was revoked for good.
  // A key that was revoked for keyCompromise is blocked again. Returns how many
  // it brought back. Only the role `registration` may.
  virtual absl::Status SkipTo(int64_t revision) = 0;
  virtual absl::StatusOr<int64_t> Restore(
      absl::Span<const RevocationChange> changes,
      absl::Span<const audit::Entry> entries) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_REVOCATION_LOG_H_
