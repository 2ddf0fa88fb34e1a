// Fact is what is known of one certificate that was issued. Conversions from
// rows of the database.

#ifndef BIRTHMARK_SERVICES_STATUS_FACT_H_
#define BIRTHMARK_SERVICES_STATUS_FACT_H_

#include <cstdint>

#include "absl/time/time.h"
#include "lib/storage/revocation_log.h"
#include "lib/storage/status_store.h"
#include "lib/x509/extension.h"
#include "services/status/issuers.h"
#include "services/status/moment.h"

namespace birthmark::status {

// Fact is a value type.
struct Fact {
  // By place in Issuers; -1: one that this process does not tell of.
  int issuer = -1;
  bool revoked = false;  // or held
  x509::RevocationReason reason = x509::RevocationReason::kUnspecified;
  absl::Time revoke_time;
  absl::Time not_after;
  // Every change of it up to this revision is in it.
  int64_t revision = 0;
  // It was so at this moment.
  Moment as_of;
};

// FactOf is what a read of the database at `revision` says, made at `as_of`.
Fact FactOf(const storage::CertificateStatus& row, int64_t revision,
            const Moment& as_of, const Issuers& issuers);

// FactOf is what `change` made of a certificate; it was read at `as_of`.
Fact FactOf(const storage::RevocationChange& change, const Moment& as_of,
            const Issuers& issuers);

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_FACT_H_
