#include "services/ca/test_issuer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/crypto/signature_algorithm.h"
#include "lib/policy/profile.h"
#include "lib/x509/certificate_builder.h"
#include "lib/x509/extension.h"
#include "lib/x509/name.h"

namespace birthmark::ca {
namespace {

x509::DistinguishedName NameOf(const std::string& common_name) {
  x509::DistinguishedName name;
  name.Organization("Birthmark Test").CommonName(common_name);
  return name;
}

constexpr char kRootName[] = "Test Root";

}  // namespace

TestHierarchy::TestHierarchy(Clock& clock)
    : clock_(clock),
      serials_(clock),
      root_key_(
          std::make_unique<keys::FakeSigner>(crypto::KeyAlgorithm::kP384)),
      root_(std::make_unique<x509::Certificate>(
          Sign(kRootName, *root_key_, true))) {}

std::string TestHierarchy::Serial() const {
  return HexDecode(serials_.Next()).value();
}

x509::Certificate TestHierarchy::Sign(const std::string& common_name,
                                      const keys::Signer& subject_key,
                                      bool is_root) const {
  x509::CertificateTemplateSpec spec;
  spec.signature_algorithm = root_key_->algorithm();
  spec.issuer_name_der = NameOf(kRootName).ToDer().value();
  spec.issuer_key_id =
      x509::SubjectKeyId(root_key_->public_key().spki_der()).value();
  spec.basic_constraints = x509::BasicConstraints{true, is_root ? 1 : 0};
  spec.key_usage = x509::kKeyUsageKeyCertSign | x509::kKeyUsageCrlSign;
  const auto builder = x509::CertificateTemplate::New(spec).value();
  const std::string serial = Serial();
  x509::CertificateVariables vars;
  vars.serial = serial;
  vars.not_before = clock_.Now() - absl::Hours(1);
  vars.not_after = policy::NoExpiry();
  vars.subject = NameOf(common_name);
  vars.spki_der = subject_key.public_key().spki_der();
  const std::string tbs = builder.BuildTbs(vars).value();
  const std::string signature = root_key_->Sign(tbs).value();
  return x509::Certificate::Parse(
             x509::AssembleCertificate(tbs, root_key_->algorithm(), signature)
                 .value())
      .value();
}

std::vector<x509::Certificate> TestHierarchy::Certify(
    const std::string& id, const keys::Signer& key) const {
  return {Sign(absl::StrCat("Test Issuer ", id), key, false), *root_};
}

std::unique_ptr<Issuer> TestHierarchy::MakeIssuer(
    const std::string& id, const std::string& crl_base_url,
    keys::FakeSigner** signer, bool deltas) const {
  auto key = std::make_unique<keys::FakeSigner>();
  if (signer != nullptr) {
    *signer = key.get();
  }
  auto chain = Certify(id, *key);
  return Issuer::New(
             {id, std::move(key), std::move(chain), crl_base_url, deltas})
      .value();
}

}  // namespace birthmark::ca
