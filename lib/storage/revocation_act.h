// What an act of revocation makes of a certificate. Only for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_REVOCATION_ACT_H_
#define BIRTHMARK_LIB_STORAGE_REVOCATION_ACT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/device_row.h"

namespace birthmark::storage {

// RFC 5280, 5.3.1.
inline constexpr int kKeyCompromise = 1;
inline constexpr int kCertificateHold = 6;

enum class RevocationActKind {
  kRevoke,
  kHold,
  kRelease,
  kReportKey,  // Revoke, whatever was, and whoever has read it
};

// RevocationAct is what somebody wants done.
struct RevocationAct {
  RevocationActKind kind = RevocationActKind::kRevoke;
  // Serial, issuer, reason, actor and times; the rest comes from the
  // certificate.
  RevocationRow row;
  // The certificate's that the actor has read.
  int64_t version = 1;
};

// Apply returns the revocation as `act` leaves it, nothing if it is done
// already. `before` is what there is. The new row lacks what is the
// certificate's. Fails as RevocationStore's methods do.
absl::StatusOr<std::optional<RevocationRow>> Apply(
    const RevocationAct& act, const std::optional<RevocationRow>& before);

// BlocksKey says whether the act leaves the certificate's key blocked.
bool BlocksKey(const RevocationAct& act);

// EventOf is the act in the history of a device, which shares its id with the
// act's audit entry.
DeviceEventRow EventOf(const RevocationRow& revocation,
                       absl::string_view fleet_id, absl::string_view device_uid,
                       DeviceState state, absl::string_view event_id);

// CertificateNotFound is kNotFound / CERTIFICATE_NOT_FOUND, KeyNotFound
// kNotFound / KEY_NOT_FOUND.
absl::Status CertificateNotFound(const RevocationRow& row);
absl::Status KeyNotFound(absl::string_view spki_sha256);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_REVOCATION_ACT_H_
