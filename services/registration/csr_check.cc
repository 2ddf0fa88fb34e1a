#include "services/registration/csr_check.h"

#include <cstddef>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/crypto/hash.h"
#include "lib/policy/csr.h"
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

CertifiableKey KeyOf(const x509::Csr& csr) {
  CertifiableKey key;
  key.spki_der = std::string(csr.spki_der());
  key.spki_sha256 = crypto::Sha256(key.spki_der);
  key.algorithm = StoredAlgorithm(csr.public_key().algorithm());
  key.bits = csr.public_key().bits();
  return key;
}

}  // namespace

std::vector<absl::StatusOr<CertifiableKey>> CheckCsrs(
    absl::Span<const absl::string_view> csr_ders,
    const policy::Profile& profile, const crypto::BatchVerifier& verifier) {
  std::vector<absl::StatusOr<x509::Csr>> csrs;
  std::vector<crypto::VerifyJob> jobs;
  csrs.reserve(csr_ders.size());
  jobs.reserve(csr_ders.size());
  for (const absl::string_view der : csr_ders) {
    csrs.push_back(policy::ReadCsr(der, profile));
    if (csrs.back().ok()) {
      jobs.push_back(csrs.back()->possession_job());
    }
  }
  const std::vector<bool> valid = verifier.Verify(jobs);
  std::vector<absl::StatusOr<CertifiableKey>> keys;
  keys.reserve(csrs.size());
  size_t job = 0;
  for (const absl::StatusOr<x509::Csr>& csr : csrs) {
    absl::Status status = csr.status();
    if (status.ok()) {
      status = x509::Csr::PossessionStatus(valid[job++]);
    }
    if (status.ok()) {
      keys.push_back(KeyOf(*csr));
    } else {
      keys.push_back(std::move(status));
    }
  }
  return keys;
}

absl::StatusOr<CertifiableKey> CheckCsr(absl::string_view csr_der,
                                        const policy::Profile& profile) {
  return CheckCsrs({csr_der}, profile, crypto::BatchVerifier()).front();
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
