#include "services/registration/csr_check.h"

#include "lib/base/bytes.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/key_hygiene.h"
#include "lib/x509/csr.h"

namespace birthmark::registration {
namespace {

storage::KeyAlgorithm StoredAlgorithm(crypto::KeyAlgorithm algorithm) {
  switch (algorithm) {
    case crypto::KeyAlgorithm::kP256:
      return storage::KeyAlgorithm::kP256;
    case crypto::KeyAlgorithm::kP384:
      return storage::KeyAlgorithm::kP384;
    case crypto::KeyAlgorithm::kEd25519:
      return storage::KeyAlgorithm::kEd25519;
    case crypto::KeyAlgorithm::kRsa:
      return storage::KeyAlgorithm::kRsa;
  }
  return storage::KeyAlgorithm::kP256;
}

}  // namespace

absl::StatusOr<CertifiableKey> CheckCsr(absl::string_view csr_der,
                                        const policy::Profile& profile) {
  BIRTHMARK_ASSIGN_OR_RETURN(const x509::Csr csr, x509::Csr::Parse(csr_der));
  const crypto::PublicKey& key = csr.public_key();
  BIRTHMARK_RETURN_IF_ERROR(policy::CheckKey(profile, key));
  BIRTHMARK_RETURN_IF_ERROR(crypto::CheckKeyHygiene(key));
  BIRTHMARK_RETURN_IF_ERROR(csr.VerifyProofOfPossession());
  CertifiableKey result;
  result.spki_der = std::string(csr.spki_der());
  result.spki_sha256 = crypto::Sha256(result.spki_der);
  result.algorithm = StoredAlgorithm(key.algorithm());
  result.bits = key.bits();
  return result;
}

storage::KeyRow MakeKeyRow(const CertifiableKey& key, storage::KeyUsage usage,
                           absl::string_view device_uid,
                           absl::string_view owner,
                           absl::string_view serial_hex,
                           absl::string_view profile, absl::Time time) {
  storage::KeyRow row;
  row.spki_sha256 = key.spki_sha256;
  row.device_uid = std::string(device_uid);
  row.owner = std::string(owner);
  row.usage = usage;
  row.algorithm = key.algorithm;
  row.bits = key.bits;
  // A SerialSource gives nothing that HexDecode refuses.
  row.serial = HexDecode(serial_hex).value_or("");
  row.profile = std::string(profile);
  row.create_time = time;
  return row;
}

}  // namespace birthmark::registration
