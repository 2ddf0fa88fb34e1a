#ifndef BIRTHMARK_SERVICES_CA_ISSUER_H_
#define BIRTHMARK_SERVICES_CA_ISSUER_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/keys/signer.h"
#include "lib/policy/issuance.h"
#include "lib/x509/certificate.h"

namespace birthmark::ca {

// Issuer is one CA key with its certificate. Immutable and thread-safe.
class Issuer {
 public:
  struct Options {
    std::string id;  // [a-z0-9-]{1,63}
    std::unique_ptr<keys::Signer> signer;
    // Its certificate, then the issuers above it, the root last.
    std::vector<x509::Certificate> chain;
    // Where CRLs are published, without the issuer: `http://crl.example/crl`.
    // Empty: certificates carry no distribution point.
    std::string crl_base_url;
    // Whether certificates point to delta CRLs, which are made then.
    bool deltas = false;
  };

  // New checks that the key is that of the certificate, that the certificate
  // may sign certificates and CRLs, and that the chain holds together.
  // kInvalidArgument; the text names the issuer.
  static absl::StatusOr<std::unique_ptr<Issuer>> New(Options options);

  const std::string& id() const { return options_.id; }
  std::string name() const;  // issuers/{issuer}
  const x509::Certificate& certificate() const { return options_.chain[0]; }
  // chain ends with the root.
  const std::vector<x509::Certificate>& chain() const { return options_.chain; }
  crypto::SignatureAlgorithm algorithm() const;

  // CrlUris returns where the CRLs of `shard` are published, empty if nowhere.
  policy::CrlUris CrlUris(int shard) const;
  // publishes_crls says whether they are.
  bool publishes_crls() const { return !options_.crl_base_url.empty(); }
  bool makes_deltas() const { return options_.deltas && publishes_crls(); }

  // SignCertificate uses the token up and returns the certificate (DER). Fails
  // as keys::Signer::Sign does.
  absl::StatusOr<std::string> SignCertificate(
      policy::PreparedCertificate prepared) const;

  // SignCrl lints a TBSCertList, signs it and returns the CRL (DER).
  // kFailedPrecondition / PROFILE_VIOLATION; fails as keys::Signer::Sign does.
  absl::StatusOr<std::string> SignCrl(absl::string_view tbs) const;

 private:
  explicit Issuer(Options options) : options_(std::move(options)) {}

  const Options options_;
};

}  // namespace birthmark::ca

#endif  // BIRTHMARK_SERVICES_CA_ISSUER_H_
