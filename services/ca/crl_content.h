// crl_content says what stands on a CRL: it turns what the database knows into
// to-be-signed bytes. Pure functions.

#ifndef BIRTHMARK_SERVICES_CA_CRL_CONTENT_H_
#define BIRTHMARK_SERVICES_CA_CRL_CONTENT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/storage/crl_store.h"
#include "services/ca/issuer.h"

namespace birthmark::ca {

// CrlHead is what a CRL says beside its entries.
struct CrlHead {
  int shard = 0;
  int64_t number = 0;
  absl::Time this_update;
  absl::Time next_update;
  // Certificates that expired before this are left out.
  absl::Time expired_before;
};

// WholeCrlTbs returns the complete CRL of all `changes.changed`.
// kInvalidArgument / CRL_INVALID.
absl::StatusOr<std::string> WholeCrlTbs(
    const Issuer& issuer, const CrlHead& head,
    const storage::CrlStore::Changes& changes);

// NextCrlTbs returns the complete CRL that follows `changes.newest`: the same
// octets as WholeCrlTbs of all rows. Fails as x509::Crl::Parse and
// x509::BuildNextCrlTbs do.
absl::StatusOr<std::string> NextCrlTbs(
    const Issuer& issuer, const CrlHead& head,
    const storage::CrlStore::Changes& changes);

// DeltaCrlTbs returns the delta CRL that brings the complete CRL `base_number`
// to where the one of `head` is. kInvalidArgument / CRL_INVALID.
absl::StatusOr<std::string> DeltaCrlTbs(
    const Issuer& issuer, const CrlHead& head, int64_t base_number,
    const storage::CrlStore::Changes& changes);

}  // namespace birthmark::ca

#endif  // BIRTHMARK_SERVICES_CA_CRL_CONTENT_H_
