// OcspCertId names one certificate to an OCSP responder by hashes of its
// issuer and its serial number (RFC 6960 4.1.1). SHA-1 stands here as a name
// for an issuer and protects nothing: RFC 5019 demands it of every client.
#ifndef BIRTHMARK_LIB_X509_OCSP_CERT_ID_H_
#define BIRTHMARK_LIB_X509_OCSP_CERT_ID_H_

#include <string>

#include "absl/strings/string_view.h"
#include "lib/x509/certificate.h"

namespace birthmark::x509 {

// RFC 9654 2.1: a nonce has 1 to 128 octets.
inline constexpr size_t kMaxOcspNonce = 128;

// OcspHash is the hash algorithm of a CertID. kUnknown: one that nobody here
// computes, so that the issuer cannot be recognised.
enum class OcspHash { kSha1, kSha256, kUnknown };

// OcspCertId is one CertID taken apart. The views point into what was parsed.
struct OcspCertId {
  // The whole CertID, which a response repeats octet by octet.
  absl::string_view der;
  OcspHash hash = OcspHash::kUnknown;
  absl::string_view issuer_name_hash;
  absl::string_view issuer_key_hash;
  // Big-endian without DER's sign octet, so that it compares with serials of
  // kSerialSize octets. Empty if no certificate of ours can have it: zero,
  // negative, or above 20 octets.
  absl::string_view serial;
};

// OcspIssuerHashes is by what requests may name one issuer. Immutable once
// made; copies are independent.
struct OcspIssuerHashes {
  std::string name_sha1;    // of the subject's DER
  std::string key_sha1;     // of the subjectPublicKey bits
  std::string name_sha256;  // likewise
  std::string key_sha256;

  // Of hashes the subject and the key of `issuer`.
  static OcspIssuerHashes Of(const Certificate& issuer);

  // Matches says whether `id` names a certificate of this issuer: both of its
  // hashes, in the algorithm that it names. False for kUnknown.
  bool Matches(const OcspCertId& id) const;

  // CertIdDer returns the CertID of the certificate with `serial` (big-endian
  // octets). `hash` is kSha1 or kSha256. "" for any other, or no serial.
  std::string CertIdDer(OcspHash hash, absl::string_view serial) const;
};

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_OCSP_CERT_ID_H_
