#include "lib/x509/ocsp_internal.h"

#include "lib/x509/oid.h"

namespace birthmark::x509::internal {
namespace {

constexpr size_t kSha1Size = 20;
constexpr size_t kSha256Size = 32;
constexpr size_t kMaxSerial = 20;

// The parameters of a hash algorithm are NULL or absent (RFC 5754 2).
bool HasGoodParameters(CBS* algorithm) {
  CBS null;
  return CBS_len(algorithm) == 0 ||
         (CBS_get_asn1(algorithm, &null, CBS_ASN1_NULL) &&
          CBS_len(&null) == 0 && CBS_len(algorithm) == 0);
}

bool ReadHash(CBS* in, OcspHash* hash) {
  CBS algorithm;
  absl::string_view oid;
  if (!CBS_get_asn1(in, &algorithm, CBS_ASN1_SEQUENCE) ||
      !ReadOid(&algorithm, &oid)) {
    return false;
  }
  *hash = oid == oids::kSha1     ? OcspHash::kSha1
          : oid == oids::kSha256 ? OcspHash::kSha256
                                 : OcspHash::kUnknown;
  return *hash == OcspHash::kUnknown || HasGoodParameters(&algorithm);
}

bool FitsHash(const OcspCertId& id) {
  const size_t size = id.hash == OcspHash::kSha1     ? kSha1Size
                      : id.hash == OcspHash::kSha256 ? kSha256Size
                                                     : 0;
  return size == 0 || (id.issuer_name_hash.size() == size &&
                       id.issuer_key_hash.size() == size);
}

absl::string_view NormalSerial(absl::string_view content, bool negative) {
  if (!content.empty() && content.front() == '\0') {
    content.remove_prefix(1);
  }
  return negative || content.size() > kMaxSerial ? absl::string_view()
                                                 : content;
}

}  // namespace

// CertID ::= SEQUENCE { hashAlgorithm, issuerNameHash OCTET STRING,
//   issuerKeyHash OCTET STRING, serialNumber INTEGER }       -- RFC 6960 4.1.1
bool ReadCertId(CBS* in, OcspCertId* out) {
  CBS element;
  CBS id;
  absl::string_view serial;
  bool negative = false;
  if (!CBS_get_asn1_element(in, &element, CBS_ASN1_SEQUENCE)) {
    return false;
  }
  out->der = View(element);
  if (!CBS_get_asn1(&element, &id, CBS_ASN1_SEQUENCE) ||
      !ReadHash(&id, &out->hash) ||
      !ReadContent(&id, CBS_ASN1_OCTETSTRING, &out->issuer_name_hash) ||
      !ReadContent(&id, CBS_ASN1_OCTETSTRING, &out->issuer_key_hash) ||
      !ReadInteger(&id, &serial, &negative) || CBS_len(&id) != 0 ||
      !FitsHash(*out)) {
    return false;
  }
  out->serial = NormalSerial(serial, negative);
  return true;
}

bool ReadNonce(absl::string_view value, absl::string_view* nonce) {
  CBS input = ToCbs(value);
  return ReadContent(&input, CBS_ASN1_OCTETSTRING, nonce) &&
         CBS_len(&input) == 0;
}

bool AddNonce(CBB* extensions, absl::string_view nonce) {
  CBB extension;
  CBB value;
  return CBB_add_asn1(extensions, &extension, CBS_ASN1_SEQUENCE) &&
         AddElement(&extension, CBS_ASN1_OBJECT, oids::kOcspNonce) &&
         CBB_add_asn1(&extension, &value, CBS_ASN1_OCTETSTRING) &&
         AddElement(&value, CBS_ASN1_OCTETSTRING, nonce) &&
         CBB_flush(extensions);
}

bool IsNonceSize(size_t size) { return size >= 1 && size <= kMaxOcspNonce; }

}  // namespace birthmark::x509::internal
