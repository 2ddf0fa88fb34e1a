// Ceremony makes the keys and certificates that a deployment starts with: the
// root, its issuers, the first services and operators. Every certificate is
// linted before it is signed.

#ifndef BIRTHMARK_SERVICES_CLI_CEREMONY_H_
#define BIRTHMARK_SERVICES_CLI_CEREMONY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/crypto/ids.h"
#include "lib/keys/signer.h"
#include "lib/policy/issuance.h"
#include "lib/policy/profile.h"
#include "lib/policy/subject.h"
#include "lib/x509/certificate.h"

namespace birthmark::cli {

// Authority is a CA certificate with the key that belongs to it.
struct Authority {
  x509::Certificate certificate;
  std::unique_ptr<keys::Signer> signer;
};

// Published says where a deployment publishes what verifiers of its
// certificates ask for, as in config.v1.CaConfig. Empty: nowhere.
struct Published {
  std::string crl_base_url;
  std::string ocsp_url;
  std::string ca_issuers_base_url;
};

// Ceremony is not thread-safe. `clock` must outlive it.
class Ceremony {
 public:
  Ceremony(std::string organization, Clock& clock)
      : organization_(std::move(organization)),
        clock_(clock),
        serials_(clock) {}

  // MakeRoot certifies `signer` with itself: P-384, no expiry, since what it
  // vouches for has none either.
  absl::StatusOr<Authority> MakeRoot(std::unique_ptr<keys::Signer> signer);

  // MakeIssuer certifies `signer` for `validity`, or without expiry for
  // InfiniteDuration.
  absl::StatusOr<Authority> MakeIssuer(const Authority& root,
                                       std::unique_ptr<keys::Signer> signer,
                                       absl::string_view common_name,
                                       absl::Duration validity);

  // MakeLeaf certifies the public key `spki_der` by `profile`. It is on the
  // first CRL shard of its issuer. Returns the certificate.
  absl::StatusOr<x509::Certificate> MakeLeaf(const Authority& issuer,
                                             const policy::Profile& profile,
                                             const std::string& trust_domain,
                                             const Published& published,
                                             absl::string_view spki_der,
                                             const policy::Subject& subject);

 private:
  const std::string organization_;
  Clock& clock_;
  crypto::RandomSerialSource serials_;
};

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_CEREMONY_H_
