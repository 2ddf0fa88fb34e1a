// CertificateTemplate writes to-be-signed certificates. All that is the same
// for every certificate of a profile and issuer is encoded once, in New; only
// BuildTbs is on the issuing path.
//
//   auto idevid = CertificateTemplate::New(spec);           // once
//   auto tbs = idevid->BuildTbs({.serial = ..., ...});      // per certificate
//   lint, then sign *tbs, then
//   auto der = AssembleCertificate(*tbs, spec.signature_algorithm, signature);
#ifndef BIRTHMARK_LIB_X509_CERTIFICATE_BUILDER_H_
#define BIRTHMARK_LIB_X509_CERTIFICATE_BUILDER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/crypto/signature_algorithm.h"
#include "lib/x509/extension.h"
#include "lib/x509/general_names.h"
#include "lib/x509/name.h"

namespace birthmark::x509 {

// CertificateTemplateSpec is what all certificates of one template share.
struct CertificateTemplateSpec {
  // The algorithm of the issuer's key.
  crypto::SignatureAlgorithm signature_algorithm =
      crypto::SignatureAlgorithm::kEcdsaSha256;
  // The issuer's subject, as it stands in the issuer's certificate.
  std::string issuer_name_der;
  // The issuer's subjectKeyIdentifier. Empty: no authorityKeyIdentifier, which
  // RFC 5280 4.2.1.1 allows for self-signed certificates only.
  std::string issuer_key_id;
  // Absent for end entities: then is_ca is false and the extension is left
  // out, as RFC 5280 4.2.1.9 allows.
  std::optional<BasicConstraints> basic_constraints;
  // KeyUsageBit, critical. 0: no extension.
  uint16_t key_usage = 0;
  // Object identifiers as in oids::. Empty: no extension.
  std::vector<Oid> extended_key_usages;
  bool extended_key_usage_critical = false;
  // The access methods of authorityInfoAccess; empty: not that one.
  std::string ca_issuers_uri;
  std::string ocsp_uri;
  // Empty: no certificatePolicies.
  std::vector<Oid> policies;
  // RFC 9608: nobody will say whether the certificate is revoked, since it
  // does not live long enough for that.
  bool no_rev_avail = false;
  // id-pkix-ocsp-nocheck (RFC 6960 4.2.2.2.1), for OCSP responders.
  bool ocsp_no_check = false;
};

// CertificateVariables is what differs from one certificate to the next.
struct CertificateVariables {
  // 1 to 20 octets, big-endian, without the top bit; see serial.h.
  absl::string_view serial;
  // Whole seconds are written, fractions cut off.
  absl::Time not_before;
  // absl::InfiniteFuture() is written as 99991231235959Z.
  absl::Time not_after;
  DistinguishedName subject;
  // SubjectPublicKeyInfo, as crypto::PublicKey parsed it.
  absl::string_view spki_der;
  // The extension is critical if the subject is empty.
  SubjectAltNames subject_alt_names;
  // The CRL shard's URI (CrlShardUri). Empty: no cRLDistributionPoints.
  absl::string_view crl_uri;
  // Where the shard's delta CRL is (CrlDeltaUri). Empty: no freshestCRL.
  absl::string_view freshest_crl_uri;
};

// CertificateTemplate is immutable and thread-safe.
class CertificateTemplate {
 public:
  // New encodes the constant part.
  // kInvalidArgument / CERTIFICATE_TEMPLATE_INVALID.
  static absl::StatusOr<CertificateTemplate> New(
      const CertificateTemplateSpec& spec);

  // BuildTbs returns a TBSCertificate (RFC 5280 4.1.2). It writes what it is
  // told; whether that makes a good certificate is the linter's to say.
  // kInvalidArgument / CERTIFICATE_TEMPLATE_INVALID, NAME_INVALID, SAN_INVALID.
  absl::StatusOr<std::string> BuildTbs(const CertificateVariables& vars) const;

  crypto::SignatureAlgorithm signature_algorithm() const {
    return signature_algorithm_;
  }

 private:
  CertificateTemplate() = default;

  crypto::SignatureAlgorithm signature_algorithm_ =
      crypto::SignatureAlgorithm::kEcdsaSha256;
  // The encoded fields signature and issuer, which follow the serial number.
  std::string algorithm_and_issuer_;
  // Encoded extensions, those that every certificate of the template has.
  std::string constant_extensions_;
};

// AssembleCertificate puts a TBSCertificate and its signature together.
// kInvalidArgument / CERTIFICATE_TEMPLATE_INVALID if either is empty.
absl::StatusOr<std::string> AssembleCertificate(
    absl::string_view tbs, crypto::SignatureAlgorithm algorithm,
    absl::string_view signature);

// SubjectKeyId returns the key identifier that BuildTbs writes: the leftmost
// 160 bits of the SHA-256 of the subjectPublicKey bits (RFC 7093 2, method 1).
// kInvalidArgument / CERTIFICATE_TEMPLATE_INVALID for a spoiled SPKI.
absl::StatusOr<std::string> SubjectKeyId(absl::string_view spki_der);

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_CERTIFICATE_BUILDER_H_
