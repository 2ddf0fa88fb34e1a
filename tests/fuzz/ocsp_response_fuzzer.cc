#include "lib/base/error.h"
#include "lib/x509/ocsp_response.h"
#include "lib/x509/ocsp_response_parser.h"
#include "lib/x509/oid.h"
#include "lib/x509/testing.h"
#include "tests/fuzz/fuzz_target.h"

namespace birthmark::fuzz {
namespace {

const x509::TestCa& Ca() {
  static const x509::TestCa* ca = new x509::TestCa();
  return *ca;
}

}  // namespace

std::vector<std::string> Seeds() {
  const x509::TestKey& key = x509::TestKey::Shared(crypto::KeyAlgorithm::kP256);
  const std::string spki = key.spki_der();
  x509::CertificateTemplateSpec spec = Ca().LeafSpec();
  spec.extended_key_usages = {x509::Oid(x509::oids::kOcspSigning)};
  spec.ocsp_no_check = true;
  const auto responder = *x509::OcspResponder::New(
      {x509::Issue(spec, x509::OcspResponderVariables(spki), Ca().issuer_key)});
  const std::string id =
      x509::OcspIssuerHashes::Of(*Ca().issuer)
          .CertIdDer(x509::OcspHash::kSha1, x509::TestSerial(7));
  x509::OcspAnswer answer;
  answer.cert_id.der = id;
  answer.status = x509::OcspCertStatus::kGood;
  answer.this_update = x509::TestTime();
  x509::OcspAnswer revoked = answer;
  revoked.status = x509::OcspCertStatus::kRevoked;
  revoked.revocation_time = x509::TestTime();
  revoked.reason = x509::RevocationReason::kKeyCompromise;
  revoked.next_update = x509::TestTime() + absl::Hours(1);
  revoked.archive_cutoff = x509::TestTime();
  std::vector<std::string> seeds;
  seeds.emplace_back(x509::OcspErrorDer(x509::OcspResponseStatus::kTryLater));
  for (const auto& answers : {std::vector<x509::OcspAnswer>{answer},
                              std::vector<x509::OcspAnswer>{revoked, answer}}) {
    const std::string tbs =
        *responder.BuildTbs(answers, x509::TestTime(), "0123456789");
    seeds.push_back(*responder.Assemble(tbs, key.Sign(tbs)));
  }
  return seeds;
}

}  // namespace birthmark::fuzz

// What parses is an error alone, or names a responder and answers something.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using birthmark::x509::OcspResponse;
  using birthmark::x509::OcspResponseStatus;
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const auto response = OcspResponse::Parse(input);
  if (!response.ok()) {
    FUZZ_CHECK(!birthmark::Reason(response.status()).empty());
    return 0;
  }
  const auto& fields = response->fields();
  FUZZ_CHECK(fields.der == input);
  const bool successful = fields.status == OcspResponseStatus::kSuccessful;
  FUZZ_CHECK(successful != fields.answers.empty());
  FUZZ_CHECK(!successful || fields.responder_key_hash.empty() !=
                                fields.responder_name_der.empty());
  for (const auto& answer : fields.answers) {
    FUZZ_CHECK(!answer.cert_id.der.empty());
  }
  return 0;
}
