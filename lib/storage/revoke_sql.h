// Revoking many certificates at once. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_REVOKE_SQL_H_
#define BIRTHMARK_LIB_STORAGE_REVOKE_SQL_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/session.h"

namespace birthmark::storage {

// The serial number of the certificate of the key $1, or null: a key has one.
// Those of keys that nobody enrolled are no device's.
#define BIRTHMARK_SERIAL_OF_KEY                                    \
  "coalesce((SELECT serial FROM keys WHERE spki_sha256 = $1), "    \
  "(SELECT serial FROM certificates WHERE device_uid IS NULL AND " \
  "spki_sha256 = $1 LIMIT 1))"

// RevokeAllOfDevice revokes every certificate of the device that is not revoked
// (held ones too) and returns what it revoked.
std::vector<RevocationRow> RevokeAllOfDevice(Session& session,
                                             absl::string_view device_uid,
                                             int reason,
                                             absl::string_view actor,
                                             absl::Time time);

// Superseding is a certificate that a device has begun to use.
struct Superseding {
  std::string device_uid;
  std::string serial;
  std::string actor;
  absl::Time time;
};

// RevokeSuperseded revokes the operational certificates of each device that are
// older than the one that it uses now and still good (reason superseded), and
// returns them, each with its device.
std::vector<std::pair<std::string, RevocationRow>> RevokeSuperseded(
    Session& session, absl::Span<const Superseding> newest);

// RevokeThese revokes those of `rows` that are not revoked for good (held ones
// too), all of them with the reason, actor and times of the first, and returns
// what it revoked. Not empty.
std::vector<RevocationRow> RevokeThese(Session& session,
                                       absl::Span<const RevocationRow> rows);

// BlockKeys blocks keys for ever, in an order that all callers share: keys
// before revocations, and both in order.
void BlockKeys(Session& session, absl::Span<const std::string> spki_sha256s,
               absl::Time time);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_REVOKE_SQL_H_
