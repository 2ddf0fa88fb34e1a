#include "services/cli/provision_testing.h"

#include "absl/time/time.h"
#include "lib/keys/fake_signer.h"
#include "lib/x509/certificate_builder.h"
#include "lib/x509/csr.h"
#include "lib/x509/name.h"

namespace birthmark::cli {

std::string MakeTestCsr() {
  const keys::FakeSigner key;
  return *x509::CreateCsr(
      {}, key.public_key().spki_der(), key.algorithm(),
      [&key](absl::string_view message) { return key.Sign(message); });
}

std::string MakeTestCertificate(absl::string_view csr_der) {
  const keys::FakeSigner issuer;
  const x509::Csr csr = *x509::Csr::Parse(csr_der);
  x509::CertificateTemplateSpec spec;
  spec.signature_algorithm = issuer.algorithm();
  spec.issuer_name_der =
      *x509::DistinguishedName().CommonName("Test Issuer").ToDer();
  spec.issuer_key_id = "twenty octets of key";
  x509::CertificateVariables variables;
  const std::string serial(16, '\x01');
  variables.serial = serial;
  variables.not_before = absl::FromUnixSeconds(1767225600);
  variables.not_after = variables.not_before + absl::Hours(1);
  variables.subject.CommonName("test");
  variables.spki_der = csr.spki_der();
  const std::string tbs =
      *x509::CertificateTemplate::New(spec)->BuildTbs(variables);
  return *x509::AssembleCertificate(tbs, issuer.algorithm(), *issuer.Sign(tbs));
}

}  // namespace birthmark::cli
