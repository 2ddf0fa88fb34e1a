// Certificate is an X.509 v3 certificate (RFC 5280), read in strict DER.
#ifndef BIRTHMARK_LIB_X509_CERTIFICATE_H_
#define BIRTHMARK_LIB_X509_CERTIFICATE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/crypto/public_key.h"
#include "lib/x509/extension.h"
#include "lib/x509/general_names.h"
#include "lib/x509/name.h"

namespace birthmark::x509 {

// CertificateFields is what Certificate::Parse finds. The views point into
// the certificate's own bytes and live as long as any copy of it.
struct CertificateFields {
  std::string der;
  absl::string_view tbs;  // TBSCertificate: what the signature covers
  // The serial's INTEGER content octets, and its API form: lower-case hex,
  // at least 32 digits.
  std::string serial;
  std::string serial_hex;
  absl::string_view issuer_der;
  absl::string_view subject_der;
  DistinguishedName issuer;
  DistinguishedName subject;
  absl::Time not_before;
  // 9999-12-31T23:59:59Z means "no well-defined expiry" (RFC 5280 4.1.2.5).
  absl::Time not_after;
  absl::string_view spki_der;
  crypto::SignatureAlgorithm signature_algorithm =
      crypto::SignatureAlgorithm::kEcdsaSha256;
  absl::string_view signature;

  // Every extension in order, also those that are decoded below.
  std::vector<Extension> extensions;
  std::optional<std::string> authority_key_id;
  std::optional<std::string> subject_key_id;
  SubjectAltNames subject_alt_names;
  std::optional<BasicConstraints> basic_constraints;
  std::optional<uint16_t> key_usage;           // KeyUsageBit
  std::vector<Oid> extended_key_usages;        // empty: no extension
  std::vector<std::string> crl_uris;           // cRLDistributionPoints
  std::vector<std::string> freshest_crl_uris;  // freshestCRL
  std::vector<std::string> ca_issuer_uris;     // authorityInfoAccess
  std::vector<std::string> ocsp_uris;          // authorityInfoAccess
  std::vector<Oid> policies;                   // certificatePolicies
  bool no_rev_avail = false;                   // RFC 9608
  bool ocsp_no_check = false;                  // RFC 6960 4.2.2.2.1
  // Critical extensions that this library does not process: the certificate
  // must not be accepted (RFC 5280 4.2).
  std::vector<Oid> unknown_critical;
};

// Certificate is immutable, cheap to copy and thread-safe.
class Certificate {
 public:
  static constexpr size_t kDefaultLimit = size_t{16} << 10;

  // Parse reads one certificate: version 3, no trailing bytes, every known
  // extension well formed and none twice. It does not verify the signature
  // nor judge the content (see chain.h and lint.h).
  // kInvalidArgument / CERTIFICATE_MALFORMED, metadata where.
  static absl::StatusOr<Certificate> Parse(absl::string_view der,
                                           size_t limit = kDefaultLimit);

  // ParsePem reads every CERTIFICATE block of `text`, at least one.
  static absl::StatusOr<std::vector<Certificate>> ParsePem(
      absl::string_view text);

  const CertificateFields& fields() const { return *fields_; }
  const CertificateFields* operator->() const { return fields_.get(); }
  const crypto::PublicKey& public_key() const { return public_key_; }
  std::string ToPem() const;

  bool is_ca() const {
    return fields_->basic_constraints.has_value() &&
           fields_->basic_constraints->is_ca;
  }
  // AllowsUsage says whether the extended key usages include `eku` or any;
  // true if there is no such extension (RFC 5280 4.2.1.12).
  bool AllowsUsage(absl::string_view eku) const;

  // VerifySignatureBy checks the signature with `issuer_key`. Nothing else is
  // looked at. kUnauthenticated / CERTIFICATE_UNKNOWN.
  absl::Status VerifySignatureBy(const crypto::PublicKey& issuer_key) const;

 private:
  Certificate(std::shared_ptr<const CertificateFields> fields,
              crypto::PublicKey public_key)
      : fields_(std::move(fields)), public_key_(std::move(public_key)) {}

  std::shared_ptr<const CertificateFields> fields_;
  crypto::PublicKey public_key_;
};

}  // namespace birthmark::x509

#endif  // BIRTHMARK_LIB_X509_CERTIFICATE_H_
