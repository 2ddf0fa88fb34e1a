#include "lib/x509/lint.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/crypto/signature_algorithm.h"
#include "lib/x509/lint_internal.h"
#include "lib/x509/string_types.h"

namespace birthmark::x509 {
namespace internal {
namespace {

constexpr uint64_t kVersion3 = 2;
constexpr size_t kMaxExtensions = 32;
constexpr size_t kMaxSerial = 20;
// 64 bits from a good source is the least that the field accepts (CA/Browser
// Forum Baseline Requirements 7.1), and a shorter number cannot hold them.
constexpr size_t kMinSerial = 8;

void LintName(const TbsView& tbs, Findings* findings) {
  for (const NameAttribute& attribute : tbs.subject_name->attributes()) {
    const absl::string_view type = attribute.type.content();
    size_t length = 0;
    Utf8Length(attribute.value, &length);
    const size_t max_length = NameMaxLength(type);
    findings->Require(length != 0, "rfc5280_name_not_empty",
                      "an attribute of the subject is empty (RFC 5280 A.1)");
    findings->Require(
        max_length == 0 || length <= max_length, "rfc5280_name_length",
        "an attribute of the subject is above its upper bound (RFC 5280 A.1)");
    const bool wants_ia5 =
        type == oids::kDomainComponent || type == oids::kEmailAddress;
    const bool wants_printable = type == oids::kCountry ||
                                 type == oids::kSerialNumber ||
                                 type == oids::kDnQualifier;
    findings->Require(
        wants_ia5         ? attribute.encoding == StringType::kIa5
        : wants_printable ? attribute.encoding == StringType::kPrintable
                          : attribute.encoding == StringType::kPrintable ||
                                attribute.encoding == StringType::kUtf8,
        "rfc5280_name_string_type",
        "an attribute of the subject is not PrintableString or UTF8String, or "
        "not of the one type that it may have (RFC 5280 4.1.2.4)");
    findings->Require(type != oids::kCountry || length == 2,
                      "rfc5280_name_country",
                      "countryName does not have two letters (RFC 5280 A.1)");
  }
}

// The SPKI's shape alone: whoever has it certified has parsed it for good.
bool IsSpki(absl::string_view der) {
  CBS input = ToCbs(der);
  CBS spki;
  CBS algorithm;
  absl::string_view oid;
  absl::string_view bits;
  return CBS_get_asn1(&input, &spki, CBS_ASN1_SEQUENCE) &&
         CBS_len(&input) == 0 &&
         CBS_get_asn1(&spki, &algorithm, CBS_ASN1_SEQUENCE) &&
         ReadOid(&algorithm, &oid) && ReadBitString(&spki, &bits) &&
         !bits.empty() && CBS_len(&spki) == 0;
}

}  // namespace

absl::string_view ReadTbs(absl::string_view der, TbsView* out) {
  CBS input = ToCbs(der);
  CBS tbs;
  CBS version_field;
  CBS validity;
  int has_version = 0;
  uint64_t version = 0;
  if (!CBS_get_asn1(&input, &tbs, CBS_ASN1_SEQUENCE) || CBS_len(&input) != 0) {
    return "outer SEQUENCE";
  }
  if (!CBS_get_optional_asn1(&tbs, &version_field, &has_version,
                             ContextConstructedTag(0)) ||
      (has_version && (!CBS_get_asn1_uint64(&version_field, &version) ||
                       CBS_len(&version_field) != 0))) {
    return "version";
  }
  out->is_version_3 = version == kVersion3;
  if (!ReadInteger(&tbs, &out->serial, &out->serial_negative)) {
    return "serialNumber";
  }
  if (!ReadElement(&tbs, CBS_ASN1_SEQUENCE, &out->algorithm)) {
    return "signature";
  }
  if (!ReadElement(&tbs, CBS_ASN1_SEQUENCE, &out->issuer)) {
    return "issuer";
  }
  if (!CBS_get_asn1(&tbs, &validity, CBS_ASN1_SEQUENCE) ||
      !ReadTime(&validity, &out->not_before) ||
      !ReadTime(&validity, &out->not_after) || CBS_len(&validity) != 0) {
    return "validity";
  }
  if (!ReadElement(&tbs, CBS_ASN1_SEQUENCE, &out->subject)) {
    return "subject";
  }
  if (!ReadElement(&tbs, CBS_ASN1_SEQUENCE, &out->spki)) {
    return "subjectPublicKeyInfo";
  }
  CBS unique_id;
  int has_issuer_id = 0;
  int has_subject_id = 0;
  CBS outer;
  CBS extensions;
  int has_extensions = 0;
  if (!CBS_get_optional_asn1(&tbs, &unique_id, &has_issuer_id, ContextTag(1)) ||
      !CBS_get_optional_asn1(&tbs, &unique_id, &has_subject_id,
                             ContextTag(2)) ||
      !CBS_get_optional_asn1(&tbs, &outer, &has_extensions,
                             ContextConstructedTag(3)) ||
      CBS_len(&tbs) != 0) {
    return "end";
  }
  out->has_unique_ids = has_issuer_id || has_subject_id;
  if (!has_extensions) {
    return "";
  }
  if (!CBS_get_asn1(&outer, &extensions, CBS_ASN1_SEQUENCE) ||
      CBS_len(&outer) != 0 || CBS_len(&extensions) == 0) {
    return "extensions";
  }
  out->extensions.reserve(12);
  while (CBS_len(&extensions) != 0) {
    if (out->extensions.size() == kMaxExtensions ||
        !ReadExtension(&extensions, &out->extensions.emplace_back())) {
      return "extensions";
    }
  }
  return "";
}

bool TimeEncodingFits(const ParsedTime& time) {
  static const absl::Time kFirstGeneralized =
      absl::FromCivil(absl::CivilSecond(2050), absl::UTCTimeZone());
  return time.generalized == (time.time >= kFirstGeneralized);
}

void LintFields(const LintProfile& profile, TbsView* tbs, Findings* findings) {
  findings->Require(tbs->is_version_3, "rfc5280_version_3",
                    "the version is not 3 (RFC 5280 4.1.2.1)");

  absl::string_view serial = tbs->serial;
  if (serial.size() > 1 && serial.front() == '\0') {
    serial.remove_prefix(1);
  }
  const bool zero = serial.size() == 1 && serial.front() == '\0';
  findings->Require(!tbs->serial_negative && !zero, "rfc5280_serial_positive",
                    "the serial number is not positive (RFC 5280 4.1.2.2)");
  findings->Require(
      tbs->serial.size() <= kMaxSerial, "rfc5280_serial_20_octets",
      "the serial number has more than 20 octets (RFC 5280 4.1.2.2)");
  findings->Require(serial.size() >= kMinSerial, "serial_64_bits",
                    "the serial number is too short to hold 64 unpredictable "
                    "bits (CA/Browser Forum BR 7.1)");

  findings->Require(
      crypto::ParseAlgorithmIdentifier(tbs->algorithm).ok(),
      "rfc5280_signature_algorithm",
      "the signature algorithm is not a supported one (RFC 5280 4.1.1.2)");

  findings->Require(tbs->issuer.size() > 2, "rfc5280_issuer_not_empty",
                    "the issuer is empty (RFC 5280 4.1.2.4)");
  if (profile.kind == LintKind::kRoot) {
    findings->Require(tbs->issuer == tbs->subject, "rfc5280_root_self_issued",
                      "issuer and subject of a root differ (RFC 5280 3.2)");
  } else if (!profile.issuer_name_der.empty()) {
    findings->Require(
        tbs->issuer == profile.issuer_name_der, "rfc5280_issuer_matches",
        "the issuer is not the issuing CA's subject (RFC 5280 4.1.2.4)");
  }

  findings->Require(
      TimeEncodingFits(tbs->not_before) && TimeEncodingFits(tbs->not_after),
      "rfc5280_validity_encoding",
      "a time is not UTCTime until 2049 and GeneralizedTime from 2050 on "
      "(RFC 5280 4.1.2.5)");
  findings->Require(tbs->not_before.time < tbs->not_after.time,
                    "rfc5280_validity_order",
                    "notBefore is not before notAfter (RFC 5280 4.1.2.5)");

  auto subject = DistinguishedName::Parse(tbs->subject);
  if (subject.ok()) {
    tbs->subject_name = *std::move(subject);
    LintName(*tbs, findings);
  } else {
    findings->Require(false, "rfc5280_subject_malformed",
                      subject.status().message());
  }
  findings->Require(IsSpki(tbs->spki), "rfc5280_spki_malformed",
                    "the subject public key info is malformed (RFC 5280 "
                    "4.1.2.7)");
  findings->Require(!tbs->has_unique_ids, "rfc5280_unique_ids",
                    "there are unique identifiers (RFC 5280 4.1.2.8)");
}

}  // namespace internal

std::vector<Finding> LintTbsCertificate(absl::string_view tbs,
                                        const LintProfile& profile) {
  std::vector<Finding> out;
  internal::Findings findings(&out);
  internal::TbsView view;
  const absl::string_view where = internal::ReadTbs(tbs, &view);
  if (!where.empty()) {
    findings.Require(false, "der_malformed",
                     absl::StrCat("not strict DER at: ", where,
                                  " (RFC 5280 4.1, X.690 10)"));
    return out;
  }
  internal::LintFields(profile, &view, &findings);
  internal::LintExtensions(profile, &view, &findings);
  internal::LintKindRules(profile, view, &findings);
  return out;
}

absl::Status LintStatus(const std::vector<Finding>& findings) {
  if (findings.empty()) {
    return absl::OkStatus();
  }
  std::string text;
  for (const Finding& finding : findings) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", finding.rule, ": ",
                    finding.text);
  }
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   reasons::kProfileViolation, text,
                   {{"rule", findings.front().rule}});
}

}  // namespace birthmark::x509
