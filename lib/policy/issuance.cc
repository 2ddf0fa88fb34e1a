#include "lib/policy/issuance.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/key_hygiene.h"
#include "lib/crypto/public_key.h"
#include "lib/x509/extension.h"
#include "lib/x509/oid.h"
#include "lib/x509/serial.h"

namespace birthmark::policy {
namespace {

// A serial number is reserved before the certificate is asked for, and an
// interrupted batch may be resumed much later; clocks of two machines differ.
constexpr absl::Duration kSerialPast = absl::Hours(24 * 366);
constexpr absl::Duration kSerialFuture = absl::Hours(1);

absl::Status Invalid(absl::string_view field, absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                   absl::StrCat(field, ": ", text), {{"field", field}});
}

absl::Status CheckSerial(absl::string_view serial, absl::Time now) {
  if (serial.size() != x509::kSerialSize) {
    return Invalid("serial", absl::StrCat("must have ", x509::kSerialSize,
                                          " octets, has ", serial.size()));
  }
  const absl::Time made = x509::SerialTime(serial);
  if (made < now - kSerialPast || made > now + kSerialFuture) {
    return Invalid("serial", "its time is not plausible");
  }
  return absl::OkStatus();
}

x509::LintKind LintKindOf(ProfileKind kind) {
  switch (kind) {
    case ProfileKind::kIdevid:
      return x509::LintKind::kIdevid;
    case ProfileKind::kLdevid:
      return x509::LintKind::kLdevid;
    case ProfileKind::kService:
      return x509::LintKind::kService;
    case ProfileKind::kLine:
      return x509::LintKind::kLine;
    case ProfileKind::kOperator:
      return x509::LintKind::kOperator;
    case ProfileKind::kOcspResponder:
      return x509::LintKind::kOcspResponder;
    case ProfileKind::kEnforcementPoint:
      return x509::LintKind::kEnforcementPoint;
    case ProfileKind::kRecordSigner:
      return x509::LintKind::kRecordSigner;
  }
  return x509::LintKind::kOperator;
}

// What the certificates are for, and where more is known of them. A responder's
// certificate goes with each of its answers: it says no more than it must.
void DescribeUse(const Issuance::Options& options,
                 x509::CertificateTemplateSpec* spec) {
  const Profile& profile = options.profile;
  spec->ca_issuers_uri = profile.ca_issuers_url;
  if (profile.kind == ProfileKind::kOcspResponder) {
    spec->extended_key_usages = {x509::Oid(x509::oids::kOcspSigning)};
    spec->ocsp_no_check = true;
    return;
  }
  spec->extended_key_usages = {x509::Oid(
      profile.kind == ProfileKind::kRecordSigner ? x509::oids::kDocumentSigning
                                                 : x509::oids::kClientAuth)};
  spec->no_rev_avail = profile.no_rev_avail;
  if (!profile.no_rev_avail) {
    spec->ocsp_uri = options.ocsp_uri;
  }
  if (spec->ca_issuers_uri.empty()) {
    spec->ca_issuers_uri = options.ca_issuers_uri;
  }
}

}  // namespace

absl::StatusOr<std::string> PreparedCertificate::Assemble(
    absl::string_view signature) && {
  return x509::AssembleCertificate(tbs_, algorithm_, signature);
}

absl::StatusOr<Issuance> Issuance::New(Options options) {
  BIRTHMARK_RETURN_IF_ERROR(Validate(options.profile));
  const x509::CertificateFields& issuer = options.issuer.fields();
  if (!options.issuer.is_ca() || !issuer.subject_key_id.has_value()) {
    return Invalid("issuer", "not a CA certificate with a key identifier");
  }
  x509::CertificateTemplateSpec spec;
  spec.signature_algorithm = options.algorithm;
  spec.issuer_name_der = std::string(issuer.subject_der);
  spec.issuer_key_id = *issuer.subject_key_id;
  spec.key_usage = x509::kKeyUsageDigitalSignature;
  DescribeUse(options, &spec);
  BIRTHMARK_ASSIGN_OR_RETURN(auto client, x509::CertificateTemplate::New(spec));
  std::optional<x509::CertificateTemplate> server;
  if (options.profile.kind == ProfileKind::kService) {
    spec.extended_key_usages.push_back(x509::Oid(x509::oids::kServerAuth));
    BIRTHMARK_ASSIGN_OR_RETURN(server, x509::CertificateTemplate::New(spec));
  }
  x509::LintProfile lint{LintKindOf(options.profile.kind), spec.issuer_name_der,
                         spec.issuer_key_id};
  return Issuance(std::move(options), std::move(lint), std::move(client),
                  std::move(server));
}

// A certificate must not outlive its issuer, or it dies unannounced. One
// without expiry is the exception: IEEE 802.1AR 8.7 wants that date, whatever
// becomes of the issuer.
absl::StatusOr<Validity> Issuance::ValidityFor(absl::Time now) const {
  const x509::CertificateFields& issuer = options_.issuer.fields();
  if (now < issuer.not_before || now > issuer.not_after) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, reasons::kIssuerNotActive,
        absl::StrCat("issuer ", profile().issuer, " is outside its validity"),
        {{"resource", absl::StrCat("issuers/", profile().issuer)},
         {"state", now < issuer.not_before ? "not_yet_valid" : "expired"},
         {"rule", "issuer_validity"}});
  }
  Validity validity = ValidityAt(profile(), now);
  validity.not_before = std::max(validity.not_before, issuer.not_before);
  if (profile().validity.has_value()) {
    validity.not_after = std::min(validity.not_after, issuer.not_after);
  }
  return validity;
}

absl::StatusOr<PreparedCertificate> Issuance::Prepare(
    const IssuanceRequest& request, const CrlUris& crl, absl::Time now) const {
  BIRTHMARK_RETURN_IF_ERROR(CheckSerial(request.serial, now));
  BIRTHMARK_ASSIGN_OR_RETURN(Validity validity, ValidityFor(now));
  BIRTHMARK_ASSIGN_OR_RETURN(
      SubjectNames names,
      NamesFor(profile(), options_.trust_domain, request.subject));
  BIRTHMARK_ASSIGN_OR_RETURN(crypto::PublicKey key,
                             crypto::PublicKey::Parse(request.spki_der));
  BIRTHMARK_RETURN_IF_ERROR(CheckKey(profile(), key));
  BIRTHMARK_RETURN_IF_ERROR(crypto::CheckKeyHygiene(key));

  const bool serves = server_.has_value() && !names.alt_names.dns_names.empty();
  x509::CertificateVariables vars;
  vars.serial = request.serial;
  vars.not_before = validity.not_before;
  vars.not_after = validity.not_after;
  vars.subject = std::move(names.name);
  vars.spki_der = key.spki_der();
  vars.subject_alt_names = std::move(names.alt_names);
  if (!profile().no_rev_avail &&
      profile().kind != ProfileKind::kOcspResponder) {
    vars.crl_uri = crl.complete;
    if (profile().freshest_crl && !crl.complete.empty()) {
      vars.freshest_crl_uri = crl.delta;
    }
  }

  PreparedCertificate prepared;
  BIRTHMARK_ASSIGN_OR_RETURN(prepared.tbs_,
                             (serves ? *server_ : client_).BuildTbs(vars));
  BIRTHMARK_RETURN_IF_ERROR(
      x509::LintStatus(x509::LintTbsCertificate(prepared.tbs_, lint_)));
  prepared.algorithm_ = options_.algorithm;
  prepared.validity_ = validity;
  prepared.spki_sha256_ = crypto::Sha256(key.spki_der());
  return prepared;
}

}  // namespace birthmark::policy
