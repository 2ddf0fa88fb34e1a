#include <algorithm>

#include "absl/strings/match.h"
#include "lib/x509/lint_internal.h"
#include "lib/x509/spiffe.h"

namespace birthmark::x509::internal {
namespace {

constexpr absl::string_view kSpiffeScheme = "spiffe:";

// The GeneralizedTime 99991231235959Z: no well-defined expiry.
bool NeverExpires(const TbsView& tbs) {
  static const absl::Time kNoExpiry = absl::FromCivil(
      absl::CivilSecond(9999, 12, 31, 23, 59, 59), absl::UTCTimeZone());
  return tbs.not_after.time == kNoExpiry;
}

bool HasSpiffeUri(const TbsView& tbs) {
  const std::vector<std::string>& uris = tbs.subject_alt_names.uris;
  return std::any_of(uris.begin(), uris.end(), [](const std::string& uri) {
    return absl::StartsWithIgnoreCase(uri, kSpiffeScheme);
  });
}

bool HasSerialNumberAttribute(const TbsView& tbs) {
  return tbs.subject_name.has_value() &&
         tbs.subject_name->Get(oids::kSerialNumber).has_value();
}

void LintCa(LintKind kind, const TbsView& tbs, Findings* findings) {
  findings->Require(tbs.is_ca(), "kind_ca_flag",
                    "a CA certificate without the CA flag (RFC 5280 4.2.1.9)");
  findings->Require(
      (tbs.key_usage.value_or(0) & kKeyUsageCrlSign) != 0, "kind_ca_crl_sign",
      "a CA certificate that may not sign its CRLs (RFC 5280 4.2.1.3)");
  findings->Require(tbs.extended_key_usages.empty() ||
                        !tbs.HasUsage(oids::kAnyExtendedKeyUsage),
                    "kind_any_eku", "anyExtendedKeyUsage is not for us");
  // -1: none.
  const int path_length =
      tbs.is_ca() ? tbs.basic_constraints->path_length.value_or(-1) : -1;
  if (kind == LintKind::kIssuer) {
    findings->Require(path_length == 0, "kind_issuer_path_length",
                      "an issuer must have a path length of 0: it issues end "
                      "entities only");
  } else {
    findings->Require(path_length != 0, "kind_root_path_length",
                      "a root's path length leaves no room for issuers");
  }
}

void LintEndEntity(const TbsView& tbs, Findings* findings) {
  const uint16_t usage = tbs.key_usage.value_or(0);
  findings->Require(!tbs.is_ca(), "kind_leaf_not_ca",
                    "an end entity's certificate with the CA flag");
  findings->Require((usage & kKeyUsageDigitalSignature) != 0,
                    "kind_leaf_digital_signature",
                    "keyUsage lacks digitalSignature, which TLS 1.3 needs "
                    "(RFC 8446 4.4.2.2)");
  findings->Require((usage & (kKeyUsageKeyCertSign | kKeyUsageCrlSign)) == 0,
                    "kind_leaf_signs_no_certificates",
                    "an end entity that may sign certificates or CRLs (SPIFFE "
                    "X509-SVID 4.3)");
  findings->Require(!tbs.HasUsage(oids::kAnyExtendedKeyUsage), "kind_any_eku",
                    "anyExtendedKeyUsage allows too much");
}

// A certificate of ours in the field's sense: exactly one URI, which is a
// SPIFFE ID of the right kind (SPIFFE X509-SVID 2).
void LintSpiffe(SpiffeKind kind, const TbsView& tbs, Findings* findings) {
  const std::vector<std::string>& uris = tbs.subject_alt_names.uris;
  if (uris.size() != 1) {
    findings->Require(false, "spiffe_one_uri",
                      "not exactly one URI in subjectAltName (SPIFFE X509-SVID "
                      "2)");
    return;
  }
  const auto id = SpiffeId::Parse(uris.front());
  findings->Require(id.ok(), "spiffe_id",
                    "the URI is not a SPIFFE ID of this system (SPIFFE-ID 2)");
  findings->Require(!id.ok() || id->kind == kind, "spiffe_kind",
                    "the SPIFFE ID is of another kind than the profile");
  findings->Require(!NeverExpires(tbs), "kind_expires",
                    "an operational certificate must expire");
}

// IEEE 802.1AR-2018 clause 8; RFC 8995 2.3.1 asks for serialNumber too.
void LintIdevid(const TbsView& tbs, Findings* findings) {
  findings->Require(HasSerialNumberAttribute(tbs), "ieee8021ar_serial_number",
                    "an IDevID's subject lacks the attribute serialNumber "
                    "(IEEE 802.1AR-2018 clause 8)");
  findings->Require(NeverExpires(tbs), "ieee8021ar_no_expiry",
                    "an IDevID's notAfter is not 99991231235959Z (IEEE "
                    "802.1AR-2018 clause 8)");
  findings->Require(!HasSpiffeUri(tbs), "kind_idevid_no_spiffe",
                    "an IDevID carries no SPIFFE ID: it names hardware, not "
                    "its place here");
  const auto& module_name = tbs.subject_alt_names.hw_module_name;
  findings->Require(!module_name.has_value() || !module_name->hw_type.empty(),
                    "ieee8021ar_hw_module_name",
                    "hardwareModuleName without a type (RFC 4108 5)");
  findings->Require(tbs.subject_alt_names.others == 0,
                    "ieee8021ar_hw_module_name_once",
                    "a name of another kind, or a second hardwareModuleName, "
                    "in subjectAltName (IEEE 802.1AR-2018 clause 8)");
}

void LintLdevid(const TbsView& tbs, Findings* findings) {
  LintSpiffe(SpiffeKind::kDevice, tbs, findings);
  findings->Require(!HasSerialNumberAttribute(tbs), "kind_ldevid_no_serial",
                    "an LDevID that names the hardware's serial number gives "
                    "the device away");
  findings->Require(!tbs.subject_alt_names.hw_module_name.has_value(),
                    "kind_ldevid_no_hw_module_name",
                    "an LDevID that names the hardware module gives the "
                    "device away");
  findings->Require(tbs.HasUsage(oids::kClientAuth), "kind_client_auth",
                    "extKeyUsage lacks clientAuth");
}

// RFC 6960 4.2.2.2: what speaks for a CA does nothing else.
void LintOcspResponder(const TbsView& tbs, Findings* findings) {
  findings->Require(
      tbs.extended_key_usages.size() == 1 && tbs.HasUsage(oids::kOcspSigning),
      "ocsp_signing_only",
      "extKeyUsage is not OCSPSigning alone (RFC 6960 4.2.2.2)");
  findings->Require(
      tbs.key_usage.value_or(0) == kKeyUsageDigitalSignature,
      "ocsp_digital_signature_only",
      "keyUsage of an OCSP responder is not digitalSignature alone");
  findings->Require(tbs.ocsp_no_check, "ocsp_no_check",
                    "an OCSP responder without id-pkix-ocsp-nocheck: who asks "
                    "it would have to ask about it (RFC 6960 4.2.2.2.1)");
  findings->Require(
      tbs.crl_uris.empty() && tbs.ocsp_uris.empty(), "ocsp_no_pointers",
      "an OCSP responder with nocheck that says where it is checked");
  findings->Require(!tbs.has_subject_alt_names, "ocsp_no_alt_names",
                    "an OCSP responder with a subjectAltName");
  findings->Require(
      tbs.subject_name.has_value() &&
          tbs.subject_name->attributes().size() == 1 &&
          tbs.subject_name->Get(oids::kCommonName).has_value(),
      "ocsp_common_name_only",
      "the subject of an OCSP responder is not a common name alone");
  findings->Require(!NeverExpires(tbs), "kind_expires",
                    "an OCSP responder's certificate must expire");
}

// What signs records for the authority does nothing else (RFC 9336 4).
void LintRecordSigner(const TbsView& tbs, Findings* findings) {
  findings->Require(tbs.extended_key_usages.size() == 1 &&
                        tbs.HasUsage(oids::kDocumentSigning),
                    "record_document_signing_only",
                    "extKeyUsage is not documentSigning alone (RFC 9336 3.1)");
  findings->Require(
      tbs.key_usage.value_or(0) == kKeyUsageDigitalSignature,
      "record_digital_signature_only",
      "keyUsage of a signer of records is not digitalSignature alone");
  findings->Require(!tbs.has_subject_alt_names, "record_no_alt_names",
                    "a signer of records with a subjectAltName");
  findings->Require(tbs.subject_name.has_value() &&
                        tbs.subject_name->attributes().size() == 1 &&
                        tbs.subject_name->Get(oids::kCommonName).has_value(),
                    "record_common_name_only",
                    "the subject of a signer of records is not a common name "
                    "alone");
  findings->Require(!NeverExpires(tbs), "kind_expires",
                    "the certificate of a signer of records must expire");
}

}  // namespace

void LintKindRules(const LintProfile& profile, const TbsView& tbs,
                   Findings* findings) {
  switch (profile.kind) {
    case LintKind::kRoot:
    case LintKind::kIssuer:
      LintCa(profile.kind, tbs, findings);
      return;
    case LintKind::kIdevid:
      LintEndEntity(tbs, findings);
      LintIdevid(tbs, findings);
      return;
    case LintKind::kLdevid:
      LintEndEntity(tbs, findings);
      LintLdevid(tbs, findings);
      return;
    case LintKind::kService:
      LintEndEntity(tbs, findings);
      LintSpiffe(SpiffeKind::kService, tbs, findings);
      findings->Require(
          tbs.HasUsage(oids::kServerAuth) || tbs.HasUsage(oids::kClientAuth),
          "kind_service_auth", "extKeyUsage lacks serverAuth and clientAuth");
      return;
    case LintKind::kLine:
      LintEndEntity(tbs, findings);
      LintSpiffe(SpiffeKind::kLine, tbs, findings);
      findings->Require(tbs.HasUsage(oids::kClientAuth), "kind_client_auth",
                        "extKeyUsage lacks clientAuth");
      return;
    case LintKind::kOcspResponder:
      LintEndEntity(tbs, findings);
      LintOcspResponder(tbs, findings);
      return;
    case LintKind::kRecordSigner:
      LintEndEntity(tbs, findings);
      LintRecordSigner(tbs, findings);
      return;
    case LintKind::kEnforcementPoint:
      LintEndEntity(tbs, findings);
      LintSpiffe(SpiffeKind::kEnforcementPoint, tbs, findings);
      findings->Require(tbs.HasUsage(oids::kClientAuth), "kind_client_auth",
                        "extKeyUsage lacks clientAuth");
      return;
    case LintKind::kOperator:
      LintEndEntity(tbs, findings);
      LintSpiffe(SpiffeKind::kOperator, tbs, findings);
      findings->Require(tbs.HasUsage(oids::kClientAuth), "kind_client_auth",
                        "extKeyUsage lacks clientAuth");
      return;
  }
}

}  // namespace birthmark::x509::internal
