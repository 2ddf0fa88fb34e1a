// Issuance makes everything of a certificate but its signature: the names, the
// validity, the to-be-signed bytes, and the lints over the finished bytes. What
// it hands out is a token that is good for one signature.
//
//   BIRTHMARK_ASSIGN_OR_RETURN(auto prepared, issuance.Prepare(request, crl,
//   now)); BIRTHMARK_ASSIGN_OR_RETURN(auto signature,
//   signer.Sign(prepared.tbs())); BIRTHMARK_ASSIGN_OR_RETURN(
//       auto issued, std::move(prepared).Assemble(signature));

#ifndef BIRTHMARK_LIB_POLICY_ISSUANCE_H_
#define BIRTHMARK_LIB_POLICY_ISSUANCE_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/crypto/signature_algorithm.h"
#include "lib/policy/profile.h"
#include "lib/policy/subject.h"
#include "lib/x509/certificate.h"
#include "lib/x509/certificate_builder.h"
#include "lib/x509/lint.h"

namespace birthmark::policy {

// IssuanceRequest is what is to be certified for whom.
struct IssuanceRequest {
  std::string serial;  // x509::kSerialSize octets, its time plausible
  std::string spki_der;
  Subject subject;
};

// CrlUris is where the CRL shard is published that a new certificate belongs
// to (x509::CrlShardUri, x509::CrlDeltaUri). Empty: certificates do not say.
struct CrlUris {
  std::string complete;
  std::string delta;
};

// PreparedCertificate is a linted, to-be-signed certificate: the only thing
// that an issuer's key may sign as one. Only Issuance makes them; it can be
// moved, not copied, and Assemble uses it up.
class PreparedCertificate {
 public:
  PreparedCertificate(PreparedCertificate&&) = default;
  PreparedCertificate& operator=(PreparedCertificate&&) = default;
  PreparedCertificate(const PreparedCertificate&) = delete;
  PreparedCertificate& operator=(const PreparedCertificate&) = delete;

  const std::string& tbs() const { return tbs_; }
  const Validity& validity() const { return validity_; }
  // key_id is the SHA-256 of the SPKI, 32 octets.
  const std::string& spki_sha256() const { return spki_sha256_; }

  // Assemble returns the certificate (DER).
  absl::StatusOr<std::string> Assemble(absl::string_view signature) &&;

 private:
  friend class Issuance;
  PreparedCertificate() = default;

  std::string tbs_;
  crypto::SignatureAlgorithm algorithm_ =
      crypto::SignatureAlgorithm::kEcdsaSha256;
  Validity validity_;
  std::string spki_sha256_;
};

// Issuance is one profile at one issuer. Immutable and thread-safe.
class Issuance {
 public:
  struct Options {
    Profile profile;
    x509::Certificate issuer;
    crypto::SignatureAlgorithm algorithm =
        crypto::SignatureAlgorithm::kEcdsaSha256;  // of the issuer's key
    std::string trust_domain;
    // Of the deployment: where certificates of this issuer are asked about
    // and where the issuer's certificate is. Empty: certificates do not say.
    // A profile's own ca_issuers_url wins.
    std::string ocsp_uri;
    std::string ca_issuers_uri;
  };

  // New encodes what all certificates have in common. kInvalidArgument if the
  // profile is not valid or the issuer is no CA.
  static absl::StatusOr<Issuance> New(Options options);

  // Prepare checks the request against the profile, builds and lints. `crl` is
  // the issuer's open shard: written as the profile says, which is not at all
  // for no_rev_avail and OCSP responders, and without `delta` unless the
  // profile has freshest_crl.
  //   kInvalidArgument     INVALID_FIELD (serial, subject), KEY_MALFORMED
  //   kFailedPrecondition  KEY_TYPE_NOT_ALLOWED, KEY_WEAK, PROFILE_VIOLATION,
  //                        ISSUER_NOT_ACTIVE (outside the issuer's validity)
  absl::StatusOr<PreparedCertificate> Prepare(const IssuanceRequest& request,
                                              const CrlUris& crl,
                                              absl::Time now) const;

  // ValidityFor returns the validity of what is issued at `now`.
  // kFailedPrecondition / ISSUER_NOT_ACTIVE.
  absl::StatusOr<Validity> ValidityFor(absl::Time now) const;

  const Profile& profile() const { return options_.profile; }

 private:
  Issuance(Options options, x509::LintProfile lint,
           x509::CertificateTemplate client,
           std::optional<x509::CertificateTemplate> server)
      : options_(std::move(options)),
        lint_(std::move(lint)),
        client_(std::move(client)),
        server_(std::move(server)) {}

  Options options_;
  x509::LintProfile lint_;
  x509::CertificateTemplate client_;
  // With serverAuth too: services that have DNS names.
  std::optional<x509::CertificateTemplate> server_;
};

}  // namespace birthmark::policy

#endif  // BIRTHMARK_LIB_POLICY_ISSUANCE_H_
