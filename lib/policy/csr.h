// ReadCsr is what every request for a certificate passes first, whoever sends
// it.

#ifndef BIRTHMARK_LIB_POLICY_CSR_H_
#define BIRTHMARK_LIB_POLICY_CSR_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/policy/profile.h"
#include "lib/x509/csr.h"

namespace birthmark::policy {

// ReadCsr checks everything but the proof of possession, cheapest first: size
// and form, whether `profile` takes the type of key, whether the key is sound.
// Pure and thread-safe. kInvalidArgument / CSR_TOO_LARGE, CSR_MALFORMED,
// KEY_MALFORMED; kFailedPrecondition / KEY_TYPE_NOT_ALLOWED, KEY_WEAK.
absl::StatusOr<x509::Csr> ReadCsr(absl::string_view csr_der,
                                  const Profile& profile);

}  // namespace birthmark::policy

#endif  // BIRTHMARK_LIB_POLICY_CSR_H_
