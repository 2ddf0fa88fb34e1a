#include "services/cli/ceremony.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/policy/issuance.h"
#include "lib/x509/certificate_builder.h"
#include "lib/x509/crl.h"
#include "lib/x509/extension.h"
#include "lib/x509/lint.h"
#include "lib/x509/serial.h"

namespace birthmark::cli {
namespace {

constexpr char kRootName[] = "Root CA 1";
constexpr uint16_t kCaUsage =
    x509::kKeyUsageKeyCertSign | x509::kKeyUsageCrlSign;

// For verifiers whose clock is behind.
constexpr absl::Duration kBackdate = absl::Minutes(5);

struct CaRequest {
  x509::LintKind kind = x509::LintKind::kIssuer;
  int path_length = 0;
  std::string issuer_name_der;
  std::string issuer_key_id;
  x509::DistinguishedName subject;
  absl::Time not_after;
};

x509::DistinguishedName CaName(const std::string& organization,
                               absl::string_view common_name) {
  x509::DistinguishedName name;
  name.Organization(organization).CommonName(common_name);
  return name;
}

absl::StatusOr<x509::Certificate> CertifyCa(const CaRequest& request,
                                            absl::string_view spki_der,
                                            const keys::Signer& signer,
                                            const std::string& serial_hex,
                                            absl::Time now) {
  x509::CertificateTemplateSpec spec;
  spec.signature_algorithm = signer.algorithm();
  spec.issuer_name_der = request.issuer_name_der;
  spec.issuer_key_id = request.issuer_key_id;
  spec.basic_constraints = x509::BasicConstraints{true, request.path_length};
  spec.key_usage = kCaUsage;
  BIRTHMARK_ASSIGN_OR_RETURN(const x509::CertificateTemplate form,
                             x509::CertificateTemplate::New(spec));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string serial,
                             x509::SerialFromHex(serial_hex));
  x509::CertificateVariables variables;
  variables.serial = serial;
  variables.not_before = now - kBackdate;
  variables.not_after = request.not_after;
  variables.subject = request.subject;
  variables.spki_der = spki_der;
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string tbs, form.BuildTbs(variables));
  BIRTHMARK_RETURN_IF_ERROR(x509::LintStatus(x509::LintTbsCertificate(
      tbs, {request.kind, request.issuer_name_der, request.issuer_key_id})));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string signature, signer.Sign(tbs));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::string der,
      x509::AssembleCertificate(tbs, signer.algorithm(), signature));
  return x509::Certificate::Parse(der);
}

}  // namespace

absl::StatusOr<Authority> Ceremony::MakeRoot(
    std::unique_ptr<keys::Signer> signer) {
  CaRequest request;
  request.kind = x509::LintKind::kRoot;
  request.path_length = 1;
  request.subject = CaName(organization_, kRootName);
  request.not_after = absl::InfiniteFuture();
  BIRTHMARK_ASSIGN_OR_RETURN(request.issuer_name_der, request.subject.ToDer());
  BIRTHMARK_ASSIGN_OR_RETURN(
      x509::Certificate certificate,
      CertifyCa(request, signer->public_key().spki_der(), *signer,
                serials_.Next(), NowSeconds(clock_)));
  return Authority{std::move(certificate), std::move(signer)};
}

absl::StatusOr<Authority> Ceremony::MakeIssuer(
    const Authority& root, std::unique_ptr<keys::Signer> signer,
    absl::string_view common_name, absl::Duration validity) {
  const absl::Time now = NowSeconds(clock_);
  CaRequest request;
  request.issuer_name_der = std::string(root.certificate->subject_der);
  request.issuer_key_id = root.certificate->subject_key_id.value_or("");
  request.subject = CaName(organization_, common_name);
  request.not_after = now + validity;
  BIRTHMARK_ASSIGN_OR_RETURN(x509::Certificate certificate,
                             CertifyCa(request, signer->public_key().spki_der(),
                                       *root.signer, serials_.Next(), now));
  return Authority{std::move(certificate), std::move(signer)};
}

absl::StatusOr<x509::Certificate> Ceremony::MakeLeaf(
    const Authority& issuer, const policy::Profile& profile,
    const std::string& trust_domain, const Published& published,
    absl::string_view spki_der, const policy::Subject& subject) {
  policy::Issuance::Options options{.profile = profile,
                                    .issuer = issuer.certificate,
                                    .algorithm = issuer.signer->algorithm(),
                                    .trust_domain = trust_domain,
                                    .ocsp_uri = published.ocsp_url};
  if (!published.ca_issuers_base_url.empty()) {
    options.ca_issuers_uri = absl::StrCat(published.ca_issuers_base_url, "/",
                                          profile.issuer, ".cer");
  }
  policy::CrlUris crl;
  if (!published.crl_base_url.empty()) {
    const std::string base =
        absl::StrCat(published.crl_base_url, "/", profile.issuer);
    crl = {x509::CrlShardUri(base, 0), x509::CrlDeltaUri(base, 0)};
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const policy::Issuance issuance,
                             policy::Issuance::New(std::move(options)));
  policy::IssuanceRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(request.serial,
                             x509::SerialFromHex(serials_.Next()));
  request.spki_der = std::string(spki_der);
  request.subject = subject;
  BIRTHMARK_ASSIGN_OR_RETURN(
      policy::PreparedCertificate prepared,
      issuance.Prepare(request, crl, NowSeconds(clock_)));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string signature,
                             issuer.signer->Sign(prepared.tbs()));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string der,
                             std::move(prepared).Assemble(signature));
  return x509::Certificate::Parse(der);
}

}  // namespace birthmark::cli
