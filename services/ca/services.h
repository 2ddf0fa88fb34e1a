// Services are those of the role `ca`: CertificateAuthority, CrlSigner,
// OcspSigner and RecordSigner (proto/birthmark/ca/v1).

#ifndef BIRTHMARK_SERVICES_CA_SERVICES_H_
#define BIRTHMARK_SERVICES_CA_SERVICES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/crypto/ids.h"
#include "lib/keys/signer.h"
#include "lib/policy/profile.h"
#include "lib/rpc/router.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/crl_shard_store.h"
#include "lib/storage/crl_store.h"
#include "lib/telemetry/metrics.h"
#include "lib/x509/certificate.h"

namespace birthmark::ca {

// Dependencies are what the host lends. All must outlive the services.
struct Dependencies {
  storage::CertificateStore& certificates;
  storage::CrlStore& crls;
  storage::CrlShardStore& shards;
  crypto::SerialSource& serials;  // of responders and the signer of records
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
  // How many certificates share a CRL shard. 0: 20,000.
  int crl_shard_size = 0;
  // Where OCSP is answered, and where issuers' certificates are: without the
  // issuer. Empty: certificates do not say.
  std::string ocsp_url;
  std::string ca_issuers_base_url;
  // Threads that sign. 0: one for each core.
  int signing_threads = 0;
};

// Services serve from Register until they are destroyed, which the host does
// after its server has shut down. Thread-safe.
class Services {
 public:
  // New fails with kInvalidArgument, and names what is wrong, if a key does not
  // belong to its certificate, an id is there twice, a profile's issuer is
  // missing, an issuer has two profiles for OCSP responders, or the signer of
  // records has two, or one that does not take P-256 keys first.
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
