#include "lib/base/error.h"
#include "lib/crypto/batch_verifier.h"
#include "lib/crypto/verify_job.h"
#include "lib/x509/csr.h"
#include "lib/x509/testing.h"
#include "tests/fuzz/fuzz_target.h"

namespace birthmark::fuzz {

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const auto algorithm :
       {crypto::KeyAlgorithm::kP256, crypto::KeyAlgorithm::kEd25519,
        crypto::KeyAlgorithm::kRsa}) {
    const x509::TestKey& key = x509::TestKey::Shared(algorithm);
    x509::CsrRequest request;
    request.subject.Country("DE").Organization("Example").CommonName("SN-1");
    request.subject_alt_names =
        x509::IdevidVariables(key.public_key().spki_der()).subject_alt_names;
    request.subject_alt_names.uris = {"urn:example:1"};
    request.subject_alt_names.ip_addresses = {std::string(4, '\1')};
    seeds.push_back(*x509::CreateCsr(request, key.spki_der(), key.algorithm(),
                                     key.SignFunctionOf()));
  }
  return seeds;
}

}  // namespace birthmark::fuzz

// What parses is one request and nothing more, and reads the same again; what
// does not says why with a code that the caller can act on.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using birthmark::x509::Csr;
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const auto csr = Csr::Parse(input);
  if (!csr.ok()) {
    FUZZ_CHECK(!birthmark::Reason(csr.status()).empty());
    return 0;
  }
  FUZZ_CHECK(csr->der() == input);
  FUZZ_CHECK(csr->tbs().size() + csr->signature().size() < size);
  const std::string text = csr->subject().ToText();
  for (const char c : text) {
    FUZZ_CHECK(static_cast<uint8_t>(c) >= 0x20 && c != 0x7f);
  }
  const auto again = Csr::Parse(csr->der());
  FUZZ_CHECK(again.ok() && again->subject().ToText() == text);
  // Verifying an RSA signature of garbage takes long and tells nothing new.
  if (csr->public_key().algorithm() != birthmark::crypto::KeyAlgorithm::kRsa) {
    // As many as the fastest arithmetic of this machine needs to be asked.
    const bool valid = csr->VerifyProofOfPossession().ok();
    const std::vector<birthmark::crypto::VerifyJob> jobs(4,
                                                         csr->possession_job());
    FUZZ_CHECK(birthmark::crypto::BatchVerifier().Verify(jobs) ==
               std::vector<bool>(jobs.size(), valid));
  }
  return 0;
}
