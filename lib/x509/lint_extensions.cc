#include <algorithm>

#include "lib/x509/extension_values.h"
#include "lib/x509/lint_internal.h"

namespace birthmark::x509::internal {
namespace {

// What RFC 5280 says about an extension's critical flag.
enum class Criticality { kMust, kMustNot, kDepends };

struct ExtensionRule {
  absl::string_view oid;
  absl::string_view name;
  Criticality criticality;
};

constexpr ExtensionRule kRules[] = {
    {oids::kSubjectKeyIdentifier, "subjectKeyIdentifier (RFC 5280 4.2.1.2)",
     Criticality::kMustNot},
    {oids::kAuthorityKeyIdentifier, "authorityKeyIdentifier (RFC 5280 4.2.1.1)",
     Criticality::kMustNot},
    {oids::kKeyUsage, "keyUsage (RFC 5280 4.2.1.3)", Criticality::kMust},
    {oids::kSubjectAltName, "subjectAltName (RFC 5280 4.2.1.6)",
     Criticality::kDepends},
    {oids::kBasicConstraints, "basicConstraints (RFC 5280 4.2.1.9)",
     Criticality::kDepends},
    {oids::kExtendedKeyUsage, "extKeyUsage (RFC 5280 4.2.1.12)",
     Criticality::kDepends},
    {oids::kCrlDistributionPoints, "cRLDistributionPoints (RFC 5280 4.2.1.13)",
     Criticality::kMustNot},
    {oids::kCertificatePolicies, "certificatePolicies (RFC 5280 4.2.1.4)",
     Criticality::kMustNot},
    {oids::kAuthorityInfoAccess, "authorityInfoAccess (RFC 5280 4.2.2.1)",
     Criticality::kMustNot},
    {oids::kFreshestCrl, "freshestCRL (RFC 5280 4.2.1.15)",
     Criticality::kMustNot},
    {oids::kNoRevAvail, "noRevAvail (RFC 9608 2)", Criticality::kMustNot},
    {oids::kOcspNoCheck, "id-pkix-ocsp-nocheck (RFC 6960 4.2.2.2.1)",
     Criticality::kMustNot},
};

const ExtensionRule* FindRule(absl::string_view oid) {
  for (const ExtensionRule& rule : kRules) {
    if (rule.oid == oid) {
      return &rule;
    }
  }
  return nullptr;
}

// Decodes into `tbs`. False if the value is malformed.
bool Decode(const ExtensionView& extension, TbsView* tbs,
            std::vector<std::string>* ca_issuers_uris) {
  const absl::string_view oid = extension.oid;
  const absl::string_view value = extension.value;
  if (oid == oids::kSubjectKeyIdentifier) {
    return ParseSubjectKeyId(value, &tbs->subject_key_id.emplace());
  }
  if (oid == oids::kAuthorityKeyIdentifier) {
    tbs->has_authority_key_id = true;
    return ParseAuthorityKeyId(value, &tbs->authority_key_id);
  }
  if (oid == oids::kKeyUsage) {
    return ParseKeyUsage(value, &tbs->key_usage.emplace(0));
  }
  if (oid == oids::kSubjectAltName) {
    tbs->has_subject_alt_names = true;
    auto names = SubjectAltNames::Parse(value);
    if (names.ok()) {
      tbs->subject_alt_names = *std::move(names);
    }
    return names.ok();
  }
  if (oid == oids::kBasicConstraints) {
    return ParseBasicConstraints(value, &tbs->basic_constraints.emplace());
  }
  if (oid == oids::kExtendedKeyUsage) {
    return ParseExtendedKeyUsage(value, &tbs->extended_key_usages);
  }
  if (oid == oids::kCrlDistributionPoints) {
    tbs->has_crl_uris = true;
    return ParseCrlDistributionPoints(value, &tbs->crl_uris);
  }
  if (oid == oids::kFreshestCrl) {
    tbs->has_freshest_crl = true;
    return ParseCrlDistributionPoints(value, &tbs->freshest_crl_uris);
  }
  if (oid == oids::kAuthorityInfoAccess) {
    return ParseAuthorityInfoAccess(value, ca_issuers_uris, &tbs->ocsp_uris);
  }
  if (oid == oids::kNoRevAvail) {
    tbs->no_rev_avail = true;
    return IsNull(value);
  }
  if (oid == oids::kOcspNoCheck) {
    tbs->ocsp_no_check = true;
    return IsNull(value);
  }
  std::vector<Oid> policies;
  return ParseCertificatePolicies(value, &policies);
}

bool IsDnsName(absl::string_view name) {
  if (name.empty() || name.size() > 253 || name.front() == '.' ||
      name.back() == '.') {
    return false;
  }
  size_t label = 0;
  for (const char c : name) {
    const bool alphanumeric = (c >= 'a' && c <= 'z') ||
                              (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (c == '.') {
      if (label == 0) {
        return false;
      }
      label = 0;
    } else if (!(alphanumeric || c == '-' || c == '_') || ++label > 63) {
      return false;
    }
  }
  return true;
}

bool AllAbsolute(const std::vector<std::string>& uris) {
  return std::all_of(uris.begin(), uris.end(),
                     [](const std::string& uri) { return IsAbsoluteUri(uri); });
}

void LintAltNames(const TbsView& tbs, Findings* findings) {
  const SubjectAltNames& names = tbs.subject_alt_names;
  findings->Require(AllAbsolute(names.uris), "rfc5280_san_uri_absolute",
                    "a URI in subjectAltName is not absolute (RFC 5280 "
                    "4.2.1.6)");
  findings->Require(
      std::all_of(names.dns_names.begin(), names.dns_names.end(),
                  [](const std::string& name) { return IsDnsName(name); }),
      "rfc5280_san_dns_name",
      "a DNS name in subjectAltName is not in preferred syntax (RFC 5280 "
      "4.2.1.6)");
}

void LintKeyUsage(const TbsView& tbs, Findings* findings) {
  const uint16_t usage = tbs.key_usage.value_or(0);
  const bool signs_certificates = (usage & kKeyUsageKeyCertSign) != 0;
  findings->Require(!tbs.key_usage.has_value() || usage != 0,
                    "rfc5280_ku_not_empty",
                    "keyUsage has no bit set (RFC 5280 4.2.1.3)");
  findings->Require(tbs.is_ca() || !signs_certificates,
                    "rfc5280_ku_cert_sign_without_ca",
                    "keyCertSign without the CA flag (RFC 5280 4.2.1.9)");
  findings->Require(!tbs.is_ca() || signs_certificates,
                    "rfc5280_ca_without_cert_sign",
                    "a CA certificate without keyCertSign (RFC 5280 4.2.1.3)");
  const uint16_t only = kKeyUsageEncipherOnly | kKeyUsageDecipherOnly;
  findings->Require(
      (usage & only) == 0 || (usage & kKeyUsageKeyAgreement) != 0,
      "rfc5280_ku_only_bits",
      "encipherOnly or decipherOnly without keyAgreement (RFC 5280 4.2.1.3)");

  // Both must allow the use (RFC 5280 4.2.1.12).
  if (tbs.key_usage.has_value()) {
    const bool client_fits =
        (usage & (kKeyUsageDigitalSignature | kKeyUsageKeyAgreement)) != 0;
    const bool server_fits =
        client_fits || (usage & kKeyUsageKeyEncipherment) != 0;
    findings->Require(
        (!tbs.HasUsage(oids::kClientAuth) || client_fits) &&
            (!tbs.HasUsage(oids::kServerAuth) || server_fits),
        "rfc5280_ku_fits_eku",
        "keyUsage allows nothing that extKeyUsage asks (RFC 5280 4.2.1.12)");
  }
  std::vector<Oid> usages = tbs.extended_key_usages;
  std::sort(usages.begin(), usages.end());
  findings->Require(
      std::adjacent_find(usages.begin(), usages.end()) == usages.end(),
      "rfc5280_eku_unique", "extKeyUsage has one usage twice");
}

void LintKeyIds(const LintProfile& profile, const TbsView& tbs,
                Findings* findings) {
  findings->Require(tbs.subject_key_id.has_value(), "rfc5280_ski_present",
                    "no subjectKeyIdentifier (RFC 5280 4.2.1.2)");
  if (profile.kind == LintKind::kRoot) {
    findings->Require(
        !tbs.has_authority_key_id || tbs.authority_key_id == tbs.subject_key_id,
        "rfc5280_root_aki_is_ski",
        "a root's authorityKeyIdentifier is not its own (RFC 5280 4.2.1.1)");
    return;
  }
  findings->Require(tbs.authority_key_id.has_value(), "rfc5280_aki_present",
                    "no authorityKeyIdentifier with a key identifier (RFC "
                    "5280 4.2.1.1)");
  findings->Require(
      profile.issuer_key_id.empty() || !tbs.authority_key_id.has_value() ||
          *tbs.authority_key_id == profile.issuer_key_id,
      "rfc5280_aki_matches",
      "authorityKeyIdentifier is not the issuing CA's (RFC 5280 4.2.1.1)");
}

// How the certificate says that its revocation can be learnt.
void LintRevocation(const TbsView& tbs, Findings* findings) {
  findings->Require(AllAbsolute(tbs.freshest_crl_uris),
                    "rfc5280_crl_uri_absolute",
                    "a delta CRL's URI is not absolute (RFC 5280 4.2.1.15)");
  findings->Require(
      !tbs.has_freshest_crl || tbs.has_crl_uris, "rfc5280_freshest_needs_crl",
      "freshestCRL without cRLDistributionPoints: a delta CRL without the "
      "complete one (RFC 5280 4.2.1.15)");
  if (!tbs.no_rev_avail) {
    return;
  }
  findings->Require(!tbs.is_ca(), "rfc9608_not_in_ca",
                    "noRevAvail in a CA certificate (RFC 9608 2)");
  findings->Require(
      !tbs.has_crl_uris && !tbs.has_freshest_crl && tbs.ocsp_uris.empty(),
      "rfc9608_no_pointers",
      "noRevAvail beside a CRL or an OCSP responder (RFC 9608 2)");
}

}  // namespace

bool IsAbsoluteUri(absl::string_view uri) {
  const size_t colon = uri.find(':');
  if (colon == absl::string_view::npos || colon == 0 ||
      colon + 1 == uri.size() || !IsAsciiGraphic(uri)) {
    return false;
  }
  for (size_t i = 0; i < colon; ++i) {
    const char c = uri[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool later =
        (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    if (!letter && (i == 0 || !later)) {
      return false;
    }
  }
  return true;
}

void LintExtensions(const LintProfile& profile, TbsView* tbs,
                    Findings* findings) {
  bool unique = true;
  bool alt_names_critical = false;
  bool constraints_critical = false;
  std::vector<std::string> ca_issuers_uris;
  for (size_t i = 0; i < tbs->extensions.size(); ++i) {
    const ExtensionView& extension = tbs->extensions[i];
    for (size_t j = 0; j < i; ++j) {
      unique = unique && tbs->extensions[j].oid != extension.oid;
    }
    const ExtensionRule* rule = FindRule(extension.oid);
    if (rule == nullptr) {
      findings->Require(!extension.critical, "rfc5280_unknown_critical",
                        "a critical extension that nobody here knows (RFC "
                        "5280 4.2)");
      continue;
    }
    if (!Decode(extension, tbs, &ca_issuers_uris)) {
      findings->Require(false, "rfc5280_extension_malformed",
                        absl::StrCat("malformed: ", rule->name));
    }
    if ((rule->criticality == Criticality::kMust && !extension.critical) ||
        (rule->criticality == Criticality::kMustNot && extension.critical)) {
      findings->Require(false, "rfc5280_criticality",
                        absl::StrCat("wrong critical flag: ", rule->name));
    }
    if (extension.oid == oids::kSubjectAltName) {
      alt_names_critical = extension.critical;
    } else if (extension.oid == oids::kBasicConstraints) {
      constraints_critical = extension.critical;
    }
  }
  findings->Require(unique, "rfc5280_extensions_unique",
                    "an extension stands twice (RFC 5280 4.2)");

  const bool subject_empty =
      tbs->subject_name.has_value() && tbs->subject_name->empty();
  findings->Require(
      !subject_empty || (tbs->has_subject_alt_names && alt_names_critical),
      "rfc5280_san_critical_if_no_subject",
      "the subject is empty and there is no critical subjectAltName (RFC 5280 "
      "4.2.1.6)");
  findings->Require(
      subject_empty || !alt_names_critical, "rfc5280_san_not_critical",
      "subjectAltName is critical beside a subject (RFC 5280 4.2.1.6)");
  findings->Require(!tbs->is_ca() || !subject_empty,
                    "rfc5280_ca_subject_not_empty",
                    "a CA certificate without a subject (RFC 5280 4.1.2.6)");
  findings->Require(!tbs->is_ca() || constraints_critical,
                    "rfc5280_ca_constraints_critical",
                    "basicConstraints of a CA are not critical (RFC 5280 "
                    "4.2.1.9)");
  findings->Require(AllAbsolute(tbs->crl_uris), "rfc5280_crl_uri_absolute",
                    "a CRL's URI is not absolute (RFC 5280 4.2.1.13)");
  findings->Require(AllAbsolute(ca_issuers_uris) && AllAbsolute(tbs->ocsp_uris),
                    "rfc5280_access_uri_absolute",
                    "an access location is not absolute (RFC 5280 4.2.2.1)");
  LintRevocation(*tbs, findings);
  LintAltNames(*tbs, findings);
  LintKeyUsage(*tbs, findings);
  LintKeyIds(profile, *tbs, findings);
}

}  // namespace birthmark::x509::internal
