#include "lib/x509/ocsp_cert_id.h"

#include "lib/crypto/hash.h"
#include "lib/x509/der.h"
#include "lib/x509/oid.h"

namespace birthmark::x509 {

OcspIssuerHashes OcspIssuerHashes::Of(const Certificate& issuer) {
  const absl::string_view name = issuer->subject_der;
  const absl::string_view key = issuer.public_key().key_bytes();
  return {crypto::Sha1(name), crypto::Sha1(key), crypto::Sha256(name),
          crypto::Sha256(key)};
}

bool OcspIssuerHashes::Matches(const OcspCertId& id) const {
  switch (id.hash) {
    case OcspHash::kSha1:
      return id.issuer_key_hash == key_sha1 && id.issuer_name_hash == name_sha1;
    case OcspHash::kSha256:
      return id.issuer_key_hash == key_sha256 &&
             id.issuer_name_hash == name_sha256;
    case OcspHash::kUnknown:
      return false;
  }
  return false;
}

std::string OcspIssuerHashes::CertIdDer(OcspHash hash,
                                        absl::string_view serial) const {
  if (hash == OcspHash::kUnknown || serial.empty()) {
    return "";
  }
  const bool sha1 = hash == OcspHash::kSha1;
  internal::Writer writer(128);
  CBB id;
  CBB algorithm;
  CBB null;
  // With NULL parameters, as all clients write them.
  const bool ok = CBB_add_asn1(writer.cbb(), &id, CBS_ASN1_SEQUENCE) &&
                  CBB_add_asn1(&id, &algorithm, CBS_ASN1_SEQUENCE) &&
                  internal::AddElement(&algorithm, CBS_ASN1_OBJECT,
                                       sha1 ? oids::kSha1 : oids::kSha256) &&
                  CBB_add_asn1(&algorithm, &null, CBS_ASN1_NULL) &&
                  CBB_flush(&id) &&
                  internal::AddElement(&id, CBS_ASN1_OCTETSTRING,
                                       sha1 ? name_sha1 : name_sha256) &&
                  internal::AddElement(&id, CBS_ASN1_OCTETSTRING,
                                       sha1 ? key_sha1 : key_sha256) &&
                  internal::AddUnsigned(&id, serial);
  return ok ? writer.Take() : "";
}

}  // namespace birthmark::x509
