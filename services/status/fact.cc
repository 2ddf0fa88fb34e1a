#include "services/status/fact.h"

#include "absl/strings/string_view.h"

namespace birthmark::status {
namespace {

int PlaceOf(const Issuers& issuers, absl::string_view id) {
  const auto place = issuers.Find(id);
  return place.has_value() ? static_cast<int>(*place) : -1;
}

// What the database may hold beyond RFC 5280's list counts as unspecified.
x509::RevocationReason ReasonOf(storage::RevocationState state, int reason) {
  if (state == storage::RevocationState::kHeld) {
    return x509::RevocationReason::kCertificateHold;
  }
  const bool known = reason >= 0 && reason <= 10 && reason != 7 && reason != 8;
  return known ? static_cast<x509::RevocationReason>(reason)
               : x509::RevocationReason::kUnspecified;
}

void SetRevocation(storage::RevocationState state, int reason,
                   absl::Time revoke_time, Fact& fact) {
  if (state != storage::RevocationState::kReleased) {
    fact.revoked = true;
    fact.reason = ReasonOf(state, reason);
    fact.revoke_time = revoke_time;
  }
}

}  // namespace

Fact FactOf(const storage::CertificateStatus& row, int64_t revision,
            const Moment& as_of, const Issuers& issuers) {
  Fact fact;
  fact.issuer = PlaceOf(issuers, row.issuer_id);
  fact.not_after = row.not_after;
  fact.revision = revision;
  fact.as_of = as_of;
  if (row.revocation.has_value()) {
    SetRevocation(row.revocation->state, row.revocation->reason,
                  row.revocation->revoke_time, fact);
  }
  return fact;
}

Fact FactOf(const storage::RevocationChange& change, const Moment& as_of,
            const Issuers& issuers) {
  Fact fact;
  fact.issuer = PlaceOf(issuers, change.issuer_id);
  fact.not_after = change.not_after;
  fact.revision = change.revision;
  fact.as_of = as_of;
  SetRevocation(change.state, change.reason, change.revoke_time, fact);
  return fact;
}

}  // namespace birthmark::status
