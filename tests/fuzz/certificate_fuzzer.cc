#include "lib/base/error.h"
#include "lib/x509/certificate.h"
#include "lib/x509/lint.h"
#include "lib/x509/testing.h"
#include "tests/fuzz/fuzz_target.h"

namespace birthmark::fuzz {

std::vector<std::string> Seeds() {
  const x509::TestCa ca;
  const std::string spki =
      x509::TestKey::Shared(crypto::KeyAlgorithm::kP256).spki_der();
  x509::CertificateTemplateSpec spec = ca.LeafSpec();
  spec.ca_issuers_uri = "http://ca.example/x.cer";
  spec.policies = {x509::Oid(x509::oids::kCodeSigning)};
  return {ca.root.value()->der, ca.issuer.value()->der,
          x509::Issue(spec, x509::IdevidVariables(spki), ca.issuer_key)->der,
          x509::Issue(spec, x509::LdevidVariables(spki), ca.issuer_key)->der};
}

}  // namespace birthmark::fuzz

// What parses reads the same again, and the linter finds no malformed DER in
// it: the two readers agree.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using birthmark::x509::Certificate;
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  birthmark::x509::LintProfile profile;
  profile.kind = static_cast<birthmark::x509::LintKind>(size % 7);
  birthmark::x509::LintTbsCertificate(input, profile);
  const auto certificate = Certificate::Parse(input);
  if (!certificate.ok()) {
    FUZZ_CHECK(!birthmark::Reason(certificate.status()).empty());
    return 0;
  }
  FUZZ_CHECK(certificate->fields().der == input);
  FUZZ_CHECK(certificate->fields().serial_hex.size() >= 32);
  for (const auto& finding : birthmark::x509::LintTbsCertificate(
           certificate->fields().tbs, profile)) {
    FUZZ_CHECK(finding.rule != "der_malformed" &&
               finding.rule != "rfc5280_extension_malformed" &&
               finding.rule != "rfc5280_subject_malformed");
  }
  const auto again = Certificate::ParsePem(certificate->ToPem());
  FUZZ_CHECK(again.ok() && again->size() == 1 && again->front()->der == input);
  return 0;
}
