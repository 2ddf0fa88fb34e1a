#include "lib/x509/certificate_builder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/x509/der.h"
#include "lib/x509/reasons.h"

namespace birthmark::x509 {
namespace {

using internal::AddBytes;
using internal::AddElement;
using internal::ContextConstructedTag;
using internal::ContextTag;

constexpr CBS_ASN1_TAG kUriName = ContextTag(6);
constexpr uint64_t kVersion3 = 2;
constexpr size_t kKeyIdSize = 20;
constexpr size_t kMaxSerial = 20;
// A P-256 leaf has 500 to 700 octets: one allocation.
constexpr size_t kUsualTbsSize = 1024;

absl::Status Invalid(absl::string_view field, absl::string_view what) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, reasons::kCertificateTemplateInvalid,
      absl::StrCat("the certificate's ", field, " ", what), {{"field", field}});
}

// Opens an Extension up to its OCTET STRING, which the caller fills; flushing
// `extensions` closes it.
bool OpenExtension(CBB* extensions, absl::string_view oid, bool critical,
                   CBB* extension, CBB* value) {
  return CBB_add_asn1(extensions, extension, CBS_ASN1_SEQUENCE) &&
         AddElement(extension, CBS_ASN1_OBJECT, oid) &&
         (!critical || CBB_add_asn1_bool(extension, 1)) &&
         CBB_add_asn1(extension, value, CBS_ASN1_OCTETSTRING);
}

bool AddBasicConstraints(CBB* out, const BasicConstraints& constraints) {
  CBB extension;
  CBB value;
  CBB sequence;
  return OpenExtension(out, oids::kBasicConstraints, /*critical=*/true,
                       &extension, &value) &&
         CBB_add_asn1(&value, &sequence, CBS_ASN1_SEQUENCE) &&
         (!constraints.is_ca || CBB_add_asn1_bool(&sequence, 1)) &&
         (!constraints.path_length.has_value() ||
          CBB_add_asn1_uint64(&sequence, *constraints.path_length)) &&
         CBB_flush(out);
}

// A named bit list: bit 0 is the first octet's top bit, and trailing zero bits
// are cut off (X.690 11.2.2).
bool AddKeyUsage(CBB* out, uint16_t bits) {
  int last = 0;
  uint8_t octets[2] = {0, 0};
  for (int bit = 0; bit <= 8; ++bit) {
    if (bits & (1 << bit)) {
      octets[bit / 8] |= static_cast<uint8_t>(0x80 >> (bit % 8));
      last = bit;
    }
  }
  CBB extension;
  CBB value;
  CBB bit_string;
  return OpenExtension(out, oids::kKeyUsage, /*critical=*/true, &extension,
                       &value) &&
         CBB_add_asn1(&value, &bit_string, CBS_ASN1_BITSTRING) &&
         CBB_add_u8(&bit_string, static_cast<uint8_t>(7 - last % 8)) &&
         CBB_add_bytes(&bit_string, octets, last / 8 + 1) && CBB_flush(out);
}

bool AddExtendedKeyUsage(CBB* out, const std::vector<Oid>& usages,
                         bool critical) {
  CBB extension;
  CBB value;
  CBB sequence;
  if (!OpenExtension(out, oids::kExtendedKeyUsage, critical, &extension,
                     &value) ||
      !CBB_add_asn1(&value, &sequence, CBS_ASN1_SEQUENCE)) {
    return false;
  }
  for (const Oid& usage : usages) {
    if (!AddElement(&sequence, CBS_ASN1_OBJECT, usage.content())) {
      return false;
    }
  }
  return CBB_flush(out);
}

bool AddAuthorityKeyId(CBB* out, absl::string_view key_id) {
  CBB extension;
  CBB value;
  CBB sequence;
  return OpenExtension(out, oids::kAuthorityKeyIdentifier, /*critical=*/false,
                       &extension, &value) &&
         CBB_add_asn1(&value, &sequence, CBS_ASN1_SEQUENCE) &&
         AddElement(&sequence, ContextTag(0), key_id) && CBB_flush(out);
}

bool AddSubjectKeyId(CBB* out, absl::string_view key_id) {
  CBB extension;
  CBB value;
  return OpenExtension(out, oids::kSubjectKeyIdentifier, /*critical=*/false,
                       &extension, &value) &&
         AddElement(&value, CBS_ASN1_OCTETSTRING, key_id) && CBB_flush(out);
}

bool AddSubjectAltName(CBB* out, absl::string_view names_der, bool critical) {
  CBB extension;
  CBB value;
  return OpenExtension(out, oids::kSubjectAltName, critical, &extension,
                       &value) &&
         AddBytes(&value, names_der) && CBB_flush(out);
}

// One DistributionPoint with a fullName of one URI: cRLDistributionPoints or
// freshestCRL.
bool AddCrlDistributionPoints(CBB* out, absl::string_view oid,
                              absl::string_view uri) {
  CBB extension;
  CBB value;
  CBB points;
  CBB point;
  CBB name;
  CBB full_name;
  return OpenExtension(out, oid, /*critical=*/false, &extension, &value) &&
         CBB_add_asn1(&value, &points, CBS_ASN1_SEQUENCE) &&
         CBB_add_asn1(&points, &point, CBS_ASN1_SEQUENCE) &&
         CBB_add_asn1(&point, &name, ContextConstructedTag(0)) &&
         CBB_add_asn1(&name, &full_name, ContextConstructedTag(0)) &&
         AddElement(&full_name, kUriName, uri) && CBB_flush(out);
}

bool AddAccessDescription(CBB* descriptions, absl::string_view method,
                          absl::string_view uri) {
  CBB description;
  return CBB_add_asn1(descriptions, &description, CBS_ASN1_SEQUENCE) &&
         AddElement(&description, CBS_ASN1_OBJECT, method) &&
         AddElement(&description, kUriName, uri) && CBB_flush(descriptions);
}

bool AddAuthorityInfoAccess(CBB* out, const CertificateTemplateSpec& spec) {
  CBB extension;
  CBB value;
  CBB descriptions;
  return OpenExtension(out, oids::kAuthorityInfoAccess, /*critical=*/false,
                       &extension, &value) &&
         CBB_add_asn1(&value, &descriptions, CBS_ASN1_SEQUENCE) &&
         (spec.ocsp_uri.empty() ||
          AddAccessDescription(&descriptions, oids::kOcsp, spec.ocsp_uri)) &&
         (spec.ca_issuers_uri.empty() ||
          AddAccessDescription(&descriptions, oids::kCaIssuers,
                               spec.ca_issuers_uri)) &&
         CBB_flush(out);
}

// noRevAvail (RFC 9608 2) and id-pkix-ocsp-nocheck (RFC 6960 4.2.2.2.1).
bool AddNullExtension(CBB* out, absl::string_view oid) {
  CBB extension;
  CBB value;
  return OpenExtension(out, oid, /*critical=*/false, &extension, &value) &&
         AddElement(&value, CBS_ASN1_NULL, "") && CBB_flush(out);
}

bool AddCertificatePolicies(CBB* out, const std::vector<Oid>& policies) {
  CBB extension;
  CBB value;
  CBB sequence;
  if (!OpenExtension(out, oids::kCertificatePolicies, /*critical=*/false,
                     &extension, &value) ||
      !CBB_add_asn1(&value, &sequence, CBS_ASN1_SEQUENCE)) {
    return false;
  }
  for (const Oid& policy : policies) {
    CBB information;
    if (!CBB_add_asn1(&sequence, &information, CBS_ASN1_SEQUENCE) ||
        !AddElement(&information, CBS_ASN1_OBJECT, policy.content()) ||
        !CBB_flush(&sequence)) {
      return false;
    }
  }
  return CBB_flush(out);
}

bool IsUri(absl::string_view text) {
  return text.find(':') != absl::string_view::npos &&
         internal::IsAsciiGraphic(text);
}

absl::Status CheckSpec(const CertificateTemplateSpec& spec) {
  CBS name = internal::ToCbs(spec.issuer_name_der);
  absl::string_view content;
  if (!internal::ReadContent(&name, CBS_ASN1_SEQUENCE, &content) ||
      CBS_len(&name) != 0 || content.empty()) {
    return Invalid("issuer", "is not a Name with attributes");
  }
  if (spec.key_usage >= 1 << 9) {
    return Invalid("key_usage", "has unknown bits");
  }
  if (!spec.ca_issuers_uri.empty() && !IsUri(spec.ca_issuers_uri)) {
    return Invalid("ca_issuers_uri", "is not an ASCII URI");
  }
  if (!spec.ocsp_uri.empty() && !IsUri(spec.ocsp_uri)) {
    return Invalid("ocsp_uri", "is not an ASCII URI");
  }
  if (!spec.basic_constraints.has_value()) {
    return absl::OkStatus();
  }
  const BasicConstraints& constraints = *spec.basic_constraints;
  if (constraints.path_length.has_value() &&
      (!constraints.is_ca || *constraints.path_length < 0)) {
    return Invalid("path_length", "is negative or without the CA flag");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CertificateTemplate> CertificateTemplate::New(
    const CertificateTemplateSpec& spec) {
  BIRTHMARK_RETURN_IF_ERROR(CheckSpec(spec));
  CertificateTemplate result;
  result.signature_algorithm_ = spec.signature_algorithm;
  result.algorithm_and_issuer_ =
      absl::StrCat(crypto::AlgorithmIdentifierDer(spec.signature_algorithm),
                   spec.issuer_name_der);
  internal::Writer writer(256);
  CBB* out = writer.cbb();
  const bool ok =
      (!spec.basic_constraints.has_value() ||
       AddBasicConstraints(out, *spec.basic_constraints)) &&
      (spec.key_usage == 0 || AddKeyUsage(out, spec.key_usage)) &&
      (spec.extended_key_usages.empty() ||
       AddExtendedKeyUsage(out, spec.extended_key_usages,
                           spec.extended_key_usage_critical)) &&
      (spec.issuer_key_id.empty() ||
       AddAuthorityKeyId(out, spec.issuer_key_id)) &&
      ((spec.ca_issuers_uri.empty() && spec.ocsp_uri.empty()) ||
       AddAuthorityInfoAccess(out, spec)) &&
      (spec.policies.empty() || AddCertificatePolicies(out, spec.policies)) &&
      (!spec.no_rev_avail || AddNullExtension(out, oids::kNoRevAvail)) &&
      (!spec.ocsp_no_check || AddNullExtension(out, oids::kOcspNoCheck));
  if (!ok) {
    return Invalid("extensions", "cannot be encoded");
  }
  result.constant_extensions_ = writer.Take();
  return result;
}

absl::StatusOr<std::string> CertificateTemplate::BuildTbs(
    const CertificateVariables& vars) const {
  if (vars.serial.empty() || vars.serial.size() > kMaxSerial ||
      (vars.serial.front() & 0x80) != 0) {
    return Invalid("serial", "is not a positive number of 1 to 20 octets");
  }
  if (!vars.crl_uri.empty() && !IsUri(vars.crl_uri)) {
    return Invalid("crl_uri", "is not an ASCII URI");
  }
  if (!vars.freshest_crl_uri.empty() && !IsUri(vars.freshest_crl_uri)) {
    return Invalid("freshest_crl_uri", "is not an ASCII URI");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string subject, vars.subject.ToDer());
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string key_id,
                             SubjectKeyId(vars.spki_der));
  std::string names;
  if (!vars.subject_alt_names.empty()) {
    BIRTHMARK_ASSIGN_OR_RETURN(names, vars.subject_alt_names.ToDer());
  }

  internal::Writer writer(kUsualTbsSize);
  CBB tbs;
  CBB version;
  CBB validity;
  if (!CBB_add_asn1(writer.cbb(), &tbs, CBS_ASN1_SEQUENCE) ||
      !CBB_add_asn1(&tbs, &version, ContextConstructedTag(0)) ||
      !CBB_add_asn1_uint64(&version, kVersion3) ||
      !internal::AddUnsigned(&tbs, vars.serial) ||
      !AddBytes(&tbs, algorithm_and_issuer_) ||
      !CBB_add_asn1(&tbs, &validity, CBS_ASN1_SEQUENCE) ||
      !internal::AddTime(&validity, vars.not_before) ||
      !internal::AddTime(&validity, vars.not_after)) {
    return Invalid("validity", "is outside of 1950 to 9999");
  }
  CBB outer;
  CBB extensions;
  if (!AddBytes(&tbs, subject) || !AddBytes(&tbs, vars.spki_der) ||
      !CBB_add_asn1(&tbs, &outer, ContextConstructedTag(3)) ||
      !CBB_add_asn1(&outer, &extensions, CBS_ASN1_SEQUENCE) ||
      !AddBytes(&extensions, constant_extensions_) ||
      !AddSubjectKeyId(&extensions, key_id) ||
      (!names.empty() &&
       !AddSubjectAltName(&extensions, names, vars.subject.empty())) ||
      (!vars.crl_uri.empty() &&
       !AddCrlDistributionPoints(&extensions, oids::kCrlDistributionPoints,
                                 vars.crl_uri)) ||
      (!vars.freshest_crl_uri.empty() &&
       !AddCrlDistributionPoints(&extensions, oids::kFreshestCrl,
                                 vars.freshest_crl_uri))) {
    return Invalid("fields", "cannot be encoded");
  }
  std::string der = writer.Take();
  if (der.empty()) {
    return Invalid("fields", "cannot be encoded");
  }
  return der;
}

absl::StatusOr<std::string> AssembleCertificate(
    absl::string_view tbs, crypto::SignatureAlgorithm algorithm,
    absl::string_view signature) {
  internal::Writer writer(tbs.size() + signature.size() + 64);
  if (tbs.empty() || signature.empty() ||
      !internal::AddSigned(writer.cbb(), tbs,
                           crypto::AlgorithmIdentifierDer(algorithm),
                           signature)) {
    return Invalid("signature", "or to-be-signed part is missing");
  }
  return writer.Take();
}

absl::StatusOr<std::string> SubjectKeyId(absl::string_view spki_der) {
  CBS input = internal::ToCbs(spki_der);
  CBS spki;
  absl::string_view algorithm;
  absl::string_view key_bits;
  if (!CBS_get_asn1(&input, &spki, CBS_ASN1_SEQUENCE) || CBS_len(&input) != 0 ||
      !internal::ReadElement(&spki, CBS_ASN1_SEQUENCE, &algorithm) ||
      !internal::ReadBitString(&spki, &key_bits) || CBS_len(&spki) != 0) {
    return Invalid("spki_der", "is not a SubjectPublicKeyInfo");
  }
  return crypto::Sha256(key_bits).substr(0, kKeyIdSize);
}

}  // namespace birthmark::x509
