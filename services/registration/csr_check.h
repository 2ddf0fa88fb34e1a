// CheckCsrs is what every CSR passes before anything is recorded for it:
// lines', items' and devices' alike.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_CSR_CHECK_H_
#define BIRTHMARK_SERVICES_REGISTRATION_CSR_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/crypto/batch_verifier.h"
#include "lib/policy/profile.h"
#include "lib/storage/key_row.h"

namespace birthmark::registration {

// CertifiableKey is the key of a CSR that passed.
struct CertifiableKey {
  std::string spki_der;
  std::string spki_sha256;  // 32 octets
  storage::KeyAlgorithm algorithm = storage::KeyAlgorithm::kP256;
  int bits = 0;
};

// CheckCsrs reads CSRs and gives an answer for each, in order, which does not
// depend on the others. Cheapest checks first: size and form, whether `profile`
// takes its type of key, whether the key is sound, and at last, for all that
// are left together, whether the sender has the private key. Subject and
// attributes count for nothing. Pure and thread-safe. kInvalidArgument /
// CSR_TOO_LARGE, CSR_MALFORMED, KEY_MALFORMED, CSR_SIGNATURE_INVALID;
// kFailedPrecondition / KEY_TYPE_NOT_ALLOWED, KEY_WEAK.
std::vector<absl::StatusOr<CertifiableKey>> CheckCsrs(
    absl::Span<const absl::string_view> csr_ders,
    const policy::Profile& profile, const crypto::BatchVerifier& verifier);

// CheckCsr is CheckCsrs for one.
absl::StatusOr<CertifiableKey> CheckCsr(absl::string_view csr_der,
                                        const policy::Profile& profile);

// MakeKeyRow returns the row of an active key with the reserved `serial_hex`.
storage::KeyRow MakeKeyRow(const CertifiableKey& key, storage::KeyUsage usage,
                           absl::string_view device_uid,
                           absl::string_view owner,
                           absl::string_view serial_hex,
                           absl::string_view profile, absl::Time time);

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_CSR_CHECK_H_
