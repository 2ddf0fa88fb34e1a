#ifndef BIRTHMARK_LIB_STORAGE_GATE_STORE_H_
#define BIRTHMARK_LIB_STORAGE_GATE_STORE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace birthmark::storage {

// GateStore says whether a certificate that a caller presented still opens
// doors. Thread-safe. One round trip.
class GateStore {
 public:
  virtual ~GateStore() = default;
  // Check passes if the certificate `serial` was recorded as issued by
  // `issuer_id` and is neither revoked nor held. (The certificates of a
  // quarantined device are held, those of a decommissioned one revoked.)
  // kUnauthenticated / CERTIFICATE_UNKNOWN or CERTIFICATE_REVOKED (metadata:
  // serial, revocation), kUnavailable / DATABASE_OFFLINE. kFailedPrecondition /
  // WIPE_REQUIRED (metadata: resource) instead of CERTIFICATE_REVOKED for a
  // certificate that its device's decommission has revoked, as long as the
  // device is to wipe itself.
  virtual absl::Status Check(absl::string_view issuer_id,
                             absl::string_view serial) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_GATE_STORE_H_
