#include "lib/policy/csr.h"

#include "lib/base/status_macros.h"
#include "lib/crypto/key_hygiene.h"

namespace birthmark::policy {

absl::StatusOr<x509::Csr> ReadCsr(absl::string_view csr_der,
                                  const Profile& profile) {
  BIRTHMARK_ASSIGN_OR_RETURN(x509::Csr csr, x509::Csr::Parse(csr_der));
  BIRTHMARK_RETURN_IF_ERROR(CheckKey(profile, csr.public_key()));
  BIRTHMARK_RETURN_IF_ERROR(crypto::CheckKeyHygiene(csr.public_key()));
  return csr;
}

}  // namespace birthmark::policy
