// Services are those of the role `ca`: CertificateAuthority and CrlSigner
// (proto/birthmark/ca/v1). OcspSigner is known but not served.

#ifndef BIRTHMARK_SERVICES_CA_SERVICES_H_
#define BIRTHMARK_SERVICES_CA_SERVICES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/keys/signer.h"
#include "lib/policy/profile.h"
#include "lib/rpc/router.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/crl_store.h"
#include "lib/telemetry/metrics.h"
#include "lib/x509/certificate.h"

namespace birthmark::ca {

// Dependencies are what the host lends. All must outlive the services.
struct Dependencies {
  storage::CertificateStore& certificates;
  storage::CrlStore& crls;
  Clock& clock;
  telemetry::Registry& metrics;
};

// IssuerKey is one issuer with its key.
struct IssuerKey {
  std::string id;
  std::unique_ptr<keys::Signer> signer;
  // Its certificate, then the issuers above it, the root last.
  std::vector<x509::Certificate> chain;
};

struct Options {
  std::string trust_domain;
  std::vector<IssuerKey> issuers;
  std::vector<policy::Profile> profiles;
  // 0: 24 hours.
  absl::Duration crl_lifetime;
  // Where CRLs are published. Empty: certificates carry no distribution point.
  std::string crl_base_url;
  // Threads that sign. 0: one for each core.
  int signing_threads = 0;
};

// Services serve from Register until they are destroyed, which the host does
// after its server has shut down. Thread-safe.
class Services {
 public:
  // New fails with kInvalidArgument, and names what is wrong, if a key does not
  // belong to its certificate, an id is there twice, or a profile's issuer is
  // missing.
  static absl::StatusOr<std::unique_ptr<Services>> New(
      const Dependencies& dependencies, Options options);

  ~Services();

  // Register makes the methods known to `router`. The services must live as
  // long as calls may come.
  void Register(rpc::Router& router);

 private:
  struct Impl;
  explicit Services(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::ca

#endif  // BIRTHMARK_SERVICES_CA_SERVICES_H_
