#ifndef BIRTHMARK_LIB_STORAGE_REVOCATION_STORE_H_
#define BIRTHMARK_LIB_STORAGE_REVOCATION_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// RevocationStore takes revocations. Thread-safe. Every method is one
// transaction.
class RevocationStore {
 public:
  virtual ~RevocationStore() = default;
  // Revoke revokes the certificate of `row` (serial, issuer, reason, actor,
  // times are used; the rest is copied from the certificate), writes the event
  // "certificate_revoked" if it is a device's, and returns the stored row. The
  // mutation is made from that row. `version` is the certificate's: 1 if it was
  // never revoked or held. Revoked already for the same reason: changes
  // nothing, returns the first row. A key whose certificate is revoked for
  // keyCompromise is blocked. kNotFound / CERTIFICATE_NOT_FOUND,
  // kFailedPrecondition / CERTIFICATE_REVOKED if revoked for another reason,
  // kAborted / ETAG_MISMATCH.
  using MutationMaker = std::function<Mutation(const RevocationRow&)>;
  virtual absl::StatusOr<RevocationRow> Revoke(
      const RevocationRow& row, int64_t version,
      const MutationMaker& mutation_for) = 0;
  // Hold puts the certificate of `row` on hold, Release takes it off hold;
  // `row` and `version` as above, the reason is certificateHold. On hold (or
  // released) already: changes nothing, returns what there is. Fail as Revoke
  // does: CERTIFICATE_REVOKED for one that is revoked for good; Release with
  // kFailedPrecondition / CERTIFICATE_NOT_HELD for one that never was on hold,
  // DEVICE_STATE for one of a device that is quarantined.
  virtual absl::StatusOr<RevocationRow> Hold(
      const RevocationRow& row, int64_t version,
      const MutationMaker& mutation_for) = 0;
  virtual absl::StatusOr<RevocationRow> Release(
      const RevocationRow& row, int64_t version,
      const MutationMaker& mutation_for) = 0;
  // RevokeKey revokes the certificate of a key for keyCompromise, also one that
  // is revoked for another reason or held, and blocks the key. `row` gives
  // actor and times. Revoked for keyCompromise already: changes nothing but the
  // key's state. kNotFound / KEY_NOT_FOUND if the key has no certificate.
  virtual absl::StatusOr<RevocationRow> RevokeKey(
      absl::string_view spki_sha256, const RevocationRow& row,
      const MutationMaker& mutation_for) = 0;
  // List returns at most `limit` with a serial above `after`, in order of
  // serial. `issuer_id` empty: of all issuers.
  virtual absl::StatusOr<std::vector<RevocationRow>> List(
      absl::string_view issuer_id, absl::string_view after, int limit) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_REVOCATION_STORE_H_
