#include "lib/x509/csr.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/x509/der.h"

namespace birthmark::x509 {

struct Csr::Data {
  std::string der;
  absl::string_view tbs;
  absl::string_view signature;
  absl::string_view subject_der;
  DistinguishedName subject;
  std::optional<crypto::PublicKey> public_key;
  crypto::SignatureAlgorithm signature_algorithm =
      crypto::SignatureAlgorithm::kEcdsaSha256;
  std::vector<Extension> extensions;
  SubjectAltNames subject_alt_names;
  std::vector<Oid> attribute_types;
};

namespace {

constexpr CBS_ASN1_TAG kAttributesTag = internal::ContextConstructedTag(0);
constexpr size_t kMaxExtensions = 32;
constexpr size_t kMaxAttributes = 16;

absl::Status Malformed(absl::string_view where, absl::string_view what) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, reasons::kCsrMalformed,
      absl::StrCat("the certification request's ", where, " ", what),
      {{"where", where}});
}

bool HasOid(const std::vector<Oid>& oids, absl::string_view oid) {
  return std::any_of(oids.begin(), oids.end(),
                     [oid](const Oid& other) { return other == oid; });
}

// Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension
absl::Status ParseExtensions(CBS extensions, std::vector<Extension>* out,
                             SubjectAltNames* subject_alt_names) {
  constexpr absl::string_view kWhere = "extensionRequest";
  if (CBS_len(&extensions) == 0) {
    return Malformed(kWhere, "is empty");
  }
  while (CBS_len(&extensions) != 0) {
    internal::ExtensionView extension;
    if (out->size() == kMaxExtensions) {
      return Malformed(kWhere, "has too many extensions");
    }
    if (!internal::ReadExtension(&extensions, &extension)) {
      return Malformed(kWhere, "has a spoiled extension");
    }
    for (const Extension& other : *out) {
      if (other.oid == extension.oid) {
        return Malformed(kWhere, "has an extension twice");
      }
    }
    if (extension.oid == oids::kSubjectAltName) {
      auto names = SubjectAltNames::Parse(extension.value);
      if (!names.ok()) {
        return Malformed("subjectAltName", names.status().message());
      }
      *subject_alt_names = *std::move(names);
    }
    out->push_back(Extension{Oid(extension.oid), extension.critical,
                             std::string(extension.value)});
  }
  return absl::OkStatus();
}

// attributes [0] IMPLICIT SET OF Attribute                    -- RFC 2986 4.1
// Attribute ::= SEQUENCE { type OID, values SET SIZE (1..MAX) OF ANY }
absl::Status ParseAttributes(CBS attributes, std::vector<Oid>* types,
                             std::vector<Extension>* extensions,
                             SubjectAltNames* subject_alt_names) {
  absl::string_view previous;
  while (CBS_len(&attributes) != 0) {
    absl::string_view element;
    if (types->size() == kMaxAttributes) {
      return Malformed("attributes", "are too many");
    }
    if (!internal::ReadElement(&attributes, CBS_ASN1_SEQUENCE, &element)) {
      return Malformed("attributes", "are spoiled");
    }
    if (!previous.empty() && !(previous < element)) {
      return Malformed("attributes", "are not in the order that DER asks");
    }
    previous = element;
    CBS cursor = internal::ToCbs(element);
    CBS attribute;
    CBS values;
    absl::string_view type;
    if (!CBS_get_asn1(&cursor, &attribute, CBS_ASN1_SEQUENCE) ||
        !internal::ReadOid(&attribute, &type) ||
        !CBS_get_asn1(&attribute, &values, CBS_ASN1_SET) ||
        CBS_len(&attribute) != 0 || CBS_len(&values) == 0) {
      return Malformed("attributes", "are spoiled");
    }
    if (HasOid(*types, type)) {
      return Malformed("attributes", "have one type twice");
    }
    types->emplace_back(type);
    if (type == oids::kExtensionRequest) {
      CBS requested;
      if (!CBS_get_asn1(&values, &requested, CBS_ASN1_SEQUENCE) ||
          CBS_len(&values) != 0) {
        return Malformed("extensionRequest", "is not one SEQUENCE");
      }
      BIRTHMARK_RETURN_IF_ERROR(
          ParseExtensions(requested, extensions, subject_alt_names));
      continue;
    }
    while (CBS_len(&values) != 0) {
      CBS value;
      CBS_ASN1_TAG tag;
      if (!CBS_get_any_asn1(&values, &value, &tag)) {
        return Malformed("attributes", "have a spoiled value");
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Csr> Csr::Parse(absl::string_view der, size_t limit) {
  if (der.size() > limit) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, reasons::kCsrTooLarge,
        absl::StrCat("the certification request has ", der.size(),
                     " octets, more than ", limit),
        {{"limit", absl::StrCat(limit)}, {"size", absl::StrCat(der.size())}});
  }
  auto data = std::make_shared<Data>();
  data->der = std::string(der);

  // CertificationRequest ::= SEQUENCE { certificationRequestInfo,
  //   signatureAlgorithm, signature BIT STRING }              -- RFC 2986 4.2
  CBS input = internal::ToCbs(data->der);
  CBS request;
  if (!CBS_get_asn1(&input, &request, CBS_ASN1_SEQUENCE)) {
    return Malformed("outer SEQUENCE", "is not strict DER");
  }
  if (CBS_len(&input) != 0) {
    return Malformed("end", "is followed by trailing bytes");
  }
  absl::string_view algorithm;
  if (!internal::ReadElement(&request, CBS_ASN1_SEQUENCE, &data->tbs)) {
    return Malformed("certificationRequestInfo", "is not strict DER");
  }
  if (!internal::ReadElement(&request, CBS_ASN1_SEQUENCE, &algorithm)) {
    return Malformed("signatureAlgorithm", "is not strict DER");
  }
  if (!internal::ReadBitString(&request, &data->signature) ||
      CBS_len(&request) != 0) {
    return Malformed("signature", "is not a BIT STRING of whole octets");
  }
  auto signature_algorithm = crypto::ParseAlgorithmIdentifier(algorithm);
  if (!signature_algorithm.ok()) {
    return Malformed("signatureAlgorithm", "is not supported");
  }
  data->signature_algorithm = *signature_algorithm;

  // CertificationRequestInfo ::= SEQUENCE { version INTEGER { v1(0) },
  //   subject Name, subjectPKInfo, attributes [0] }           -- RFC 2986 4.1
  CBS cursor = internal::ToCbs(data->tbs);
  CBS info;
  uint64_t version = 0;
  absl::string_view spki;
  CBS attributes;
  if (!CBS_get_asn1(&cursor, &info, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1_uint64(&info, &version) || version != 0) {
    return Malformed("version", "is not 0");
  }
  if (!internal::ReadElement(&info, CBS_ASN1_SEQUENCE, &data->subject_der)) {
    return Malformed("subject", "is not strict DER");
  }
  auto subject = DistinguishedName::Parse(data->subject_der);
  if (!subject.ok()) {
    return Malformed("subject", subject.status().message());
  }
  data->subject = *std::move(subject);
  if (!internal::ReadElement(&info, CBS_ASN1_SEQUENCE, &spki)) {
    return Malformed("subjectPKInfo", "is not strict DER");
  }
  if (!CBS_get_asn1(&info, &attributes, kAttributesTag) ||
      CBS_len(&info) != 0) {
    return Malformed("attributes", "are missing or followed by other fields");
  }
  BIRTHMARK_RETURN_IF_ERROR(ParseAttributes(attributes, &data->attribute_types,
                                            &data->extensions,
                                            &data->subject_alt_names));
  BIRTHMARK_ASSIGN_OR_RETURN(data->public_key, crypto::PublicKey::Parse(spki));
  if (!crypto::Fits(data->signature_algorithm, data->public_key->algorithm())) {
    return Malformed("signatureAlgorithm", "does not fit the key");
  }
  return Csr(std::move(data));
}

crypto::VerifyJob Csr::possession_job() const {
  return {&*data_->public_key, data_->signature_algorithm, data_->tbs,
          data_->signature};
}

absl::Status Csr::PossessionStatus(bool valid) {
  if (!valid) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, reasons::kCsrSignatureInvalid,
        "the certification request was not signed by the key inside it",
        {{"field", "csr_der"}});
  }
  return absl::OkStatus();
}

absl::Status Csr::VerifyProofOfPossession() const {
  const crypto::VerifyJob job = possession_job();
  return PossessionStatus(
      job.key->Verify(job.algorithm, job.message, job.signature));
}

const std::string& Csr::der() const { return data_->der; }
const DistinguishedName& Csr::subject() const { return data_->subject; }
absl::string_view Csr::subject_der() const { return data_->subject_der; }
const crypto::PublicKey& Csr::public_key() const { return *data_->public_key; }
absl::string_view Csr::spki_der() const {
  return data_->public_key->spki_der();
}
crypto::SignatureAlgorithm Csr::signature_algorithm() const {
  return data_->signature_algorithm;
}
absl::string_view Csr::tbs() const { return data_->tbs; }
absl::string_view Csr::signature() const { return data_->signature; }
const std::vector<Extension>& Csr::requested_extensions() const {
  return data_->extensions;
}
const SubjectAltNames& Csr::subject_alt_names() const {
  return data_->subject_alt_names;
}
const std::vector<Oid>& Csr::attribute_types() const {
  return data_->attribute_types;
}

}  // namespace birthmark::x509
