#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/crypto/signature_algorithm.h"
#include "lib/x509/extension_values.h"
#include "lib/x509/lint.h"
#include "lib/x509/lint_internal.h"
#include "lib/x509/serial.h"

namespace birthmark::x509 {
namespace {

using internal::ExtensionView;
using internal::Findings;
using internal::ParsedTime;

constexpr uint64_t kVersion2 = 1;
constexpr size_t kMaxOctets = 20;

bool ReadExtensions(CBS extensions, std::vector<ExtensionView>* out) {
  out->clear();
  while (CBS_len(&extensions) != 0) {
    if (!ReadExtension(&extensions, &out->emplace_back())) {
      return false;
    }
  }
  return !out->empty();
}

bool AreUnique(const std::vector<ExtensionView>& extensions) {
  for (size_t i = 0; i < extensions.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (extensions[i].oid == extensions[j].oid) {
        return false;
      }
    }
  }
  return true;
}

// What of a TBSCertList the rest is judged by.
struct ListView {
  ParsedTime this_update;
  bool is_delta = false;
  bool removes = false;  // an entry says removeFromCRL
};

void LintEntryExtensions(const std::vector<ExtensionView>& extensions,
                         ListView* list, Findings* findings) {
  findings->Require(AreUnique(extensions), "rfc5280_extensions_unique",
                    "an entry has an extension twice (RFC 5280 5.3)");
  for (const ExtensionView& extension : extensions) {
    if (extension.oid == oids::kReasonCode) {
      CBS input = internal::ToCbs(extension.value);
      absl::string_view reason;
      const bool ok =
          internal::ReadContent(&input, CBS_ASN1_ENUMERATED, &reason) &&
          CBS_len(&input) == 0 && reason.size() == 1 && reason[0] >= 0 &&
          reason[0] <= 10 && reason[0] != 7;
      findings->Require(ok, "rfc5280_reason_code",
                        "an entry's reason is not a CRLReason (RFC 5280 "
                        "5.3.1)");
      findings->Require(!ok || reason[0] != 0, "rfc5280_reason_unspecified",
                        "an entry says unspecified instead of nothing (RFC "
                        "5280 5.3.1)");
      list->removes = list->removes || (ok && reason[0] == 8);
      findings->Require(!extension.critical, "rfc5280_criticality",
                        "a critical reasonCode (RFC 5280 5.3.1)");
    } else if (extension.oid == oids::kInvalidityDate) {
      CBS input = internal::ToCbs(extension.value);
      ParsedTime time;
      findings->Require(
          internal::ReadTime(&input, &time) && time.generalized &&
              CBS_len(&input) == 0,
          "rfc5280_invalidity_date",
          "invalidityDate is not one GeneralizedTime (RFC 5280 5.3.2)");
      findings->Require(!extension.critical, "rfc5280_criticality",
                        "a critical invalidityDate (RFC 5280 5.3.2)");
    } else {
      findings->Require(!extension.critical, "rfc5280_unknown_critical",
                        "an entry has a critical extension that nobody here "
                        "knows (RFC 5280 5.3)");
    }
  }
}

// The entries must ascend, so that the next CRL can be made from this one; then
// none stands twice. If they do not, that is looked for by itself.
void LintOrder(std::vector<absl::string_view> serials, Findings* findings) {
  const auto falls = [](absl::string_view a, absl::string_view b) {
    return CompareSerials(a, b) >= 0;
  };
  if (std::adjacent_find(serials.begin(), serials.end(), falls) ==
      serials.end()) {
    return;
  }
  findings->Require(false, "crl_serials_ascend",
                    "the serials do not stand in ascending order");
  std::sort(serials.begin(), serials.end());
  findings->Require(
      std::adjacent_find(serials.begin(), serials.end()) == serials.end(),
      "rfc5280_crl_unique_entries", "a serial stands twice");
}

// Returns false if the entries are not strict DER.
bool LintEntries(CBS entries, ListView* list_view, Findings* findings) {
  std::vector<absl::string_view> serials;
  std::vector<ExtensionView> extensions;
  while (CBS_len(&entries) != 0) {
    CBS entry;
    absl::string_view serial;
    bool negative = false;
    ParsedTime time;
    if (!CBS_get_asn1(&entries, &entry, CBS_ASN1_SEQUENCE) ||
        !internal::ReadInteger(&entry, &serial, &negative) ||
        !internal::ReadTime(&entry, &time)) {
      return false;
    }
    serials.push_back(serial);
    findings->Require(
        !negative && serial.size() <= kMaxOctets, "rfc5280_serial_positive",
        "an entry's serial is not positive, or above 20 octets (RFC 5280 "
        "4.1.2.2)");
    findings->Require(TimeEncodingFits(time), "rfc5280_validity_encoding",
                      "a revocation date is in the wrong type (RFC 5280 "
                      "5.1.2.6)");
    findings->Require(time.time <= list_view->this_update.time,
                      "crl_revoked_later",
                      "an entry was revoked after thisUpdate");
    if (CBS_len(&entry) != 0) {
      CBS list;
      if (!CBS_get_asn1(&entry, &list, CBS_ASN1_SEQUENCE) ||
          CBS_len(&entry) != 0 || !ReadExtensions(list, &extensions)) {
        return false;
      }
      LintEntryExtensions(extensions, list_view, findings);
    }
  }
  LintOrder(std::move(serials), findings);
  return true;
}

// Reads the INTEGER that is all of `value`, without its sign octet.
bool ReadNumber(absl::string_view value, absl::string_view* number) {
  CBS input = internal::ToCbs(value);
  bool negative = false;
  return internal::ReadInteger(&input, number, &negative) && !negative &&
         CBS_len(&input) == 0 && number->size() <= kMaxOctets;
}

// What RFC 5280 5.2.4 and 5.2.6 ask of complete and delta CRLs.
void LintDelta(const std::vector<ExtensionView>& extensions,
               absl::string_view crl_number, ListView* list,
               Findings* findings) {
  bool has_freshest = false;
  for (const ExtensionView& extension : extensions) {
    if (extension.oid == oids::kDeltaCrlIndicator) {
      list->is_delta = true;
      absl::string_view base;
      const bool ok = ReadNumber(extension.value, &base);
      findings->Require(ok && extension.critical, "rfc5280_delta_crl_indicator",
                        "deltaCRLIndicator is not one critical number (RFC "
                        "5280 5.2.4)");
      findings->Require(!ok || CompareSerials(base, crl_number) <= 0,
                        "rfc5280_delta_base_number",
                        "a delta CRL's base is later than itself (RFC 5280 "
                        "5.2.4)");
    } else if (extension.oid == oids::kFreshestCrl) {
      has_freshest = true;
      std::vector<std::string> uris;
      findings->Require(
          internal::ParseCrlDistributionPoints(extension.value, &uris) &&
              !extension.critical && uris.size() == 1 &&
              internal::IsAbsoluteUri(uris.front()),
          "rfc5280_freshest_crl",
          "freshestCRL is critical or not one absolute URI (RFC 5280 5.2.6)");
    }
  }
  findings->Require(!list->is_delta || !has_freshest,
                    "rfc5280_delta_without_freshest",
                    "freshestCRL in a delta CRL (RFC 5280 5.2.6)");
  findings->Require(list->is_delta || !list->removes, "rfc5280_reason_remove",
                    "removeFromCRL in a complete CRL (RFC 5280 5.3.1)");
}

void LintCrlExtensions(const std::vector<ExtensionView>& extensions,
                       const LintProfile& profile, ListView* list,
                       Findings* findings) {
  bool has_key_id = false;
  bool has_number = false;
  absl::string_view number;
  findings->Require(AreUnique(extensions), "rfc5280_extensions_unique",
                    "an extension stands twice (RFC 5280 5.2)");
  for (const ExtensionView& extension : extensions) {
    if (extension.oid == oids::kAuthorityKeyIdentifier) {
      std::optional<std::string> key_id;
      has_key_id = internal::ParseAuthorityKeyId(extension.value, &key_id) &&
                   key_id.has_value() && !extension.critical;
      findings->Require(
          !has_key_id || profile.issuer_key_id.empty() ||
              *key_id == profile.issuer_key_id,
          "rfc5280_aki_matches",
          "authorityKeyIdentifier is not the issuing CA's (RFC 5280 5.2.1)");
    } else if (extension.oid == oids::kCrlNumber) {
      has_number = ReadNumber(extension.value, &number) && !extension.critical;
    } else if (extension.oid == oids::kIssuingDistributionPoint) {
      std::vector<std::string> uris;
      bool partial = false;
      const bool ok = internal::ParseIssuingDistributionPoint(extension.value,
                                                              &uris, &partial);
      findings->Require(
          ok && extension.critical && !partial && uris.size() == 1 &&
              internal::IsAbsoluteUri(uris.front()),
          "rfc5280_issuing_distribution_point",
          "issuingDistributionPoint is not critical with one absolute URI "
          "(RFC 5280 5.2.5)");
    } else if (extension.oid != oids::kDeltaCrlIndicator &&
               extension.oid != oids::kFreshestCrl) {
      findings->Require(!extension.critical, "rfc5280_unknown_critical",
                        "a critical extension that nobody here knows (RFC "
                        "5280 5.2)");
    }
  }
  findings->Require(has_key_id, "rfc5280_aki_present",
                    "no authorityKeyIdentifier as RFC 5280 5.2.1 asks");
  findings->Require(has_number, "rfc5280_crl_number",
                    "no CRL number of up to 20 octets (RFC 5280 5.2.3)");
  LintDelta(extensions, number, list, findings);
}

// Returns "" or the place that is not strict DER.
absl::string_view LintTbsCertList(absl::string_view der,
                                  const LintProfile& profile,
                                  Findings* findings) {
  CBS input = internal::ToCbs(der);
  CBS tbs;
  uint64_t version = 0;
  absl::string_view algorithm;
  absl::string_view issuer;
  ListView view;
  ParsedTime& this_update = view.this_update;
  ParsedTime next_update;
  if (!CBS_get_asn1(&input, &tbs, CBS_ASN1_SEQUENCE) || CBS_len(&input) != 0) {
    return "outer SEQUENCE";
  }
  if (!CBS_get_asn1_uint64(&tbs, &version)) {
    return "version";
  }
  if (!internal::ReadElement(&tbs, CBS_ASN1_SEQUENCE, &algorithm)) {
    return "signature";
  }
  if (!internal::ReadElement(&tbs, CBS_ASN1_SEQUENCE, &issuer)) {
    return "issuer";
  }
  if (!internal::ReadTime(&tbs, &this_update) ||
      !internal::ReadTime(&tbs, &next_update)) {
    return "thisUpdate or nextUpdate (RFC 5280 5.1.2.5)";
  }
  findings->Require(version == kVersion2, "rfc5280_crl_version_2",
                    "the version is not 2 (RFC 5280 5.1.2.1)");
  findings->Require(
      crypto::ParseAlgorithmIdentifier(algorithm).ok(),
      "rfc5280_signature_algorithm",
      "the signature algorithm is not a supported one (RFC 5280 5.1.1.2)");
  findings->Require(issuer.size() > 2, "rfc5280_issuer_not_empty",
                    "the issuer is empty (RFC 5280 5.1.2.3)");
  findings->Require(
      profile.issuer_name_der.empty() || issuer == profile.issuer_name_der,
      "rfc5280_issuer_matches",
      "the issuer is not the issuing CA's subject (RFC 5280 5.1.2.3)");
  findings->Require(
      TimeEncodingFits(this_update) && TimeEncodingFits(next_update),
      "rfc5280_validity_encoding",
      "an update time is in the wrong type (RFC 5280 5.1.2.4)");
  findings->Require(this_update.time < next_update.time,
                    "rfc5280_validity_order",
                    "thisUpdate is not before nextUpdate");
  if (CBS_peek_asn1_tag(&tbs, CBS_ASN1_SEQUENCE)) {
    CBS entries;
    if (!CBS_get_asn1(&tbs, &entries, CBS_ASN1_SEQUENCE)) {
      return "revokedCertificates";
    }
    findings->Require(CBS_len(&entries) != 0, "rfc5280_crl_empty_list",
                      "an empty list instead of none (RFC 5280 5.1.2.6)");
    if (!LintEntries(entries, &view, findings)) {
      return "revokedCertificates";
    }
  }
  CBS outer;
  CBS list;
  std::vector<ExtensionView> extensions;
  if (!CBS_get_asn1(&tbs, &outer, internal::ContextConstructedTag(0)) ||
      CBS_len(&tbs) != 0 || !CBS_get_asn1(&outer, &list, CBS_ASN1_SEQUENCE) ||
      CBS_len(&outer) != 0 || !ReadExtensions(list, &extensions)) {
    return "crlExtensions";
  }
  LintCrlExtensions(extensions, profile, &view, findings);
  return "";
}

}  // namespace

std::vector<Finding> LintTbsCrl(absl::string_view tbs,
                                const LintProfile& profile) {
  std::vector<Finding> out;
  Findings findings(&out);
  const absl::string_view where = LintTbsCertList(tbs, profile, &findings);
  if (!where.empty()) {
    findings.Require(false, "der_malformed",
                     absl::StrCat("not strict DER at: ", where,
                                  " (RFC 5280 5.1, X.690 10)"));
  }
  return out;
}

}  // namespace birthmark::x509
