#include "lib/x509/certificate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/x509/der.h"
#include "lib/x509/extension_values.h"
#include "lib/x509/pem.h"
#include "lib/x509/reasons.h"
#include "lib/x509/serial.h"

namespace birthmark::x509 {
namespace {

constexpr uint64_t kVersion3 = 2;
constexpr size_t kMaxExtensions = 32;
constexpr size_t kMaxSerial = 21;  // 20 octets and a sign octet

absl::Status Malformed(absl::string_view where, absl::string_view what) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, reasons::kCertificateMalformed,
      absl::StrCat("the certificate's ", where, " ", what), {{"where", where}});
}

// Decodes `extension` into `out` if it is known. False if it is malformed.
bool DecodeExtension(const internal::ExtensionView& extension,
                     CertificateFields* out) {
  const absl::string_view oid = extension.oid;
  const absl::string_view value = extension.value;
  if (oid == oids::kKeyUsage) {
    uint16_t bits = 0;
    if (!internal::ParseKeyUsage(value, &bits)) {
      return false;
    }
    out->key_usage = bits;
    return true;
  }
  if (oid == oids::kBasicConstraints) {
    return internal::ParseBasicConstraints(value,
                                           &out->basic_constraints.emplace());
  }
  if (oid == oids::kExtendedKeyUsage) {
    return internal::ParseExtendedKeyUsage(value, &out->extended_key_usages);
  }
  if (oid == oids::kAuthorityKeyIdentifier) {
    return internal::ParseAuthorityKeyId(value, &out->authority_key_id);
  }
  if (oid == oids::kSubjectKeyIdentifier) {
    return internal::ParseSubjectKeyId(value, &out->subject_key_id.emplace());
  }
  if (oid == oids::kSubjectAltName) {
    auto names = SubjectAltNames::Parse(value);
    if (!names.ok()) {
      return false;
    }
    out->subject_alt_names = *std::move(names);
    return true;
  }
  if (oid == oids::kCrlDistributionPoints) {
    return internal::ParseCrlDistributionPoints(value, &out->crl_uris);
  }
  if (oid == oids::kFreshestCrl) {
    return internal::ParseCrlDistributionPoints(value, &out->freshest_crl_uris);
  }
  if (oid == oids::kNoRevAvail) {
    out->no_rev_avail = true;
    return internal::IsNull(value);
  }
  if (oid == oids::kOcspNoCheck) {
    out->ocsp_no_check = true;
    return internal::IsNull(value);
  }
  if (oid == oids::kAuthorityInfoAccess) {
    return internal::ParseAuthorityInfoAccess(value, &out->ca_issuer_uris,
                                              &out->ocsp_uris);
  }
  if (oid == oids::kCertificatePolicies) {
    return internal::ParseCertificatePolicies(value, &out->policies);
  }
  if (extension.critical) {
    out->unknown_critical.emplace_back(oid);
  }
  return true;
}

// extensions [3] EXPLICIT SEQUENCE SIZE (1..MAX) OF Extension -- RFC 5280 4.1
absl::Status ParseExtensions(CBS* tbs, CertificateFields* out) {
  CBS outer;
  CBS extensions;
  int present = 0;
  if (!CBS_get_optional_asn1(tbs, &outer, &present,
                             internal::ContextConstructedTag(3)) ||
      CBS_len(tbs) != 0) {
    return Malformed("extensions", "are spoiled or followed by other fields");
  }
  if (!present) {
    return absl::OkStatus();
  }
  if (!CBS_get_asn1(&outer, &extensions, CBS_ASN1_SEQUENCE) ||
      CBS_len(&outer) != 0 || CBS_len(&extensions) == 0) {
    return Malformed("extensions", "are not one SEQUENCE");
  }
  while (CBS_len(&extensions) != 0) {
    internal::ExtensionView extension;
    if (out->extensions.size() == kMaxExtensions) {
      return Malformed("extensions", "are too many");
    }
    if (!internal::ReadExtension(&extensions, &extension)) {
      return Malformed("extensions", "are not strict DER");
    }
    for (const Extension& other : out->extensions) {
      if (other.oid == extension.oid) {
        return Malformed(other.oid.Text(), "extension stands twice");
      }
    }
    if (!DecodeExtension(extension, out)) {
      return Malformed(Oid(extension.oid).Text(), "extension is malformed");
    }
    out->extensions.push_back(Extension{Oid(extension.oid), extension.critical,
                                        std::string(extension.value)});
  }
  return absl::OkStatus();
}

absl::StatusOr<DistinguishedName> ParseName(absl::string_view where,
                                            absl::string_view der) {
  auto name = DistinguishedName::Parse(der);
  if (!name.ok()) {
    return Malformed(where, name.status().message());
  }
  return name;
}

// TBSCertificate                                          -- RFC 5280 4.1
absl::Status ParseTbs(absl::string_view algorithm, CertificateFields* out) {
  CBS cursor = internal::ToCbs(out->tbs);
  CBS tbs;
  CBS version_field;
  uint64_t version = 0;
  if (!CBS_get_asn1(&cursor, &tbs, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&tbs, &version_field, internal::ContextConstructedTag(0)) ||
      !CBS_get_asn1_uint64(&version_field, &version) ||
      CBS_len(&version_field) != 0 || version != kVersion3) {
    return Malformed("version", "is not 3");
  }
  absl::string_view serial;
  bool negative = false;
  if (!internal::ReadInteger(&tbs, &serial, &negative) || negative ||
      serial.size() > kMaxSerial) {
    return Malformed("serialNumber",
                     "is not a positive INTEGER of up to 20 octets");
  }
  out->serial = std::string(serial);
  out->serial_hex = SerialToHex(serial);
  absl::string_view inner_algorithm;
  if (!internal::ReadElement(&tbs, CBS_ASN1_SEQUENCE, &inner_algorithm) ||
      inner_algorithm != algorithm) {
    return Malformed("signature", "differs from signatureAlgorithm");
  }
  if (!internal::ReadElement(&tbs, CBS_ASN1_SEQUENCE, &out->issuer_der)) {
    return Malformed("issuer", "is not strict DER");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(out->issuer, ParseName("issuer", out->issuer_der));
  CBS validity;
  internal::ParsedTime not_before;
  internal::ParsedTime not_after;
  if (!CBS_get_asn1(&tbs, &validity, CBS_ASN1_SEQUENCE) ||
      !internal::ReadTime(&validity, &not_before) ||
      !internal::ReadTime(&validity, &not_after) || CBS_len(&validity) != 0) {
    return Malformed("validity", "is not two times in strict DER");
  }
  out->not_before = not_before.time;
  out->not_after = not_after.time;
  if (!internal::ReadElement(&tbs, CBS_ASN1_SEQUENCE, &out->subject_der)) {
    return Malformed("subject", "is not strict DER");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(out->subject,
                             ParseName("subject", out->subject_der));
  if (!internal::ReadElement(&tbs, CBS_ASN1_SEQUENCE, &out->spki_der)) {
    return Malformed("subjectPublicKeyInfo", "is not strict DER");
  }
  return ParseExtensions(&tbs, out);
}

}  // namespace

absl::StatusOr<Certificate> Certificate::Parse(absl::string_view der,
                                               size_t limit) {
  if (der.size() > limit) {
    return Malformed("size", "is above the limit");
  }
  auto fields = std::make_shared<CertificateFields>();
  fields->der = std::string(der);
  // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm,
  //                            signatureValue BIT STRING }    -- RFC 5280 4.1
  CBS input = internal::ToCbs(fields->der);
  CBS certificate;
  absl::string_view algorithm;
  if (!CBS_get_asn1(&input, &certificate, CBS_ASN1_SEQUENCE)) {
    return Malformed("outer SEQUENCE", "is not strict DER");
  }
  if (CBS_len(&input) != 0) {
    return Malformed("end", "is followed by trailing bytes");
  }
  if (!internal::ReadElement(&certificate, CBS_ASN1_SEQUENCE, &fields->tbs)) {
    return Malformed("tbsCertificate", "is not strict DER");
  }
  if (!internal::ReadElement(&certificate, CBS_ASN1_SEQUENCE, &algorithm)) {
    return Malformed("signatureAlgorithm", "is not strict DER");
  }
  if (!internal::ReadBitString(&certificate, &fields->signature) ||
      CBS_len(&certificate) != 0) {
    return Malformed("signatureValue", "is not a BIT STRING of whole octets");
  }
  auto signature_algorithm = crypto::ParseAlgorithmIdentifier(algorithm);
  if (!signature_algorithm.ok()) {
    return Malformed("signatureAlgorithm", "is not supported");
  }
  fields->signature_algorithm = *signature_algorithm;
  BIRTHMARK_RETURN_IF_ERROR(ParseTbs(algorithm, fields.get()));
  auto public_key = crypto::PublicKey::Parse(fields->spki_der);
  if (!public_key.ok()) {
    return Malformed("subjectPublicKeyInfo", public_key.status().message());
  }
  return Certificate(std::move(fields), *std::move(public_key));
}

absl::StatusOr<std::vector<Certificate>> Certificate::ParsePem(
    absl::string_view text) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ders,
                             PemDecodeAll(text, kPemCertificate));
  std::vector<Certificate> certificates;
  certificates.reserve(ders.size());
  for (const std::string& der : ders) {
    BIRTHMARK_ASSIGN_OR_RETURN(Certificate certificate, Parse(der));
    certificates.push_back(std::move(certificate));
  }
  return certificates;
}

std::string Certificate::ToPem() const {
  return PemEncode(kPemCertificate, fields_->der);
}

bool Certificate::AllowsUsage(absl::string_view eku) const {
  const std::vector<Oid>& usages = fields_->extended_key_usages;
  return usages.empty() ||
         std::any_of(usages.begin(), usages.end(), [eku](const Oid& usage) {
           return usage == eku || usage == oids::kAnyExtendedKeyUsage;
         });
}

absl::Status Certificate::VerifySignatureBy(
    const crypto::PublicKey& issuer_key) const {
  if (!issuer_key.Verify(fields_->signature_algorithm, fields_->tbs,
                         fields_->signature)) {
    return MakeError(absl::StatusCode::kUnauthenticated,
                     reasons::kCertificateUnknown,
                     "the certificate was not signed by this issuer",
                     {{"serial", fields_->serial_hex},
                      {"issuer", fields_->issuer.ToText()}});
  }
  return absl::OkStatus();
}

}  // namespace birthmark::x509
