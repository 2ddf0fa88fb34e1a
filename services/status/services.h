// Services are those of the role `status`, the validation authority: OCSP, CRLs
// and CA certificates over plain HTTP. It has no gRPC methods.

#ifndef BIRTHMARK_SERVICES_STATUS_SERVICES_H_
#define BIRTHMARK_SERVICES_STATUS_SERVICES_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/rpc/channel.h"
#include "lib/storage/change_listener.h"
#include "lib/storage/revocation_log.h"
#include "lib/storage/status_store.h"
#include "lib/telemetry/metrics.h"
#include "services/status/issuers.h"

namespace birthmark::status {

// Dependencies are what the host lends. All must outlive the services.
struct Dependencies {
  storage::StatusStore& statuses;
  storage::RevocationLog& revocations;
  // Begins to hear kRevocationsChannel and kCrlsChannel, and to ask for the
  // ownership kCrlPublisherLock.
  std::function<std::unique_ptr<storage::ChangeListener>(
      storage::ChangeListener::Callbacks)>
      listen;
  // Leads to the role `ca`, as the service `status`.
  rpc::Channel& ca;
  Clock& clock;
  telemetry::Registry& metrics;
};

// Options are what the configuration decides. Zero: the default.
struct Options {
  std::string http_address;
  std::vector<IssuerChain> issuers;
  absl::Duration ocsp_lifetime;
  absl::Duration http_max_age;
  int ocsp_cache_mib = 0;
  int crl_cache_mib = 0;
  int threads = 0;
  int connections = 0;
  absl::Duration crl_interval;
};

// Services is thread-safe.
class Services {
 public:
  // New fails with kInvalidArgument if the options cannot be used. Nothing runs
  // yet.
  static absl::StatusOr<std::unique_ptr<Services>> New(
      const Dependencies& dependencies, Options options);

  // Ends everything.
  ~Services();

  // Start begins to serve, whether the database and the CA answer or not.
  // kInvalidArgument or kUnavailable if the address cannot be used.
  absl::Status Start();

  // http_address is where HTTP is served. Not before Start.
  const std::string& http_address() const;

  // Ready passes when the database was reached once, and a responder's
  // certificate was asked for of every issuer.
  absl::Status Ready() const;

  // Shutdown takes no more requests and gives those that are in flight so long.
  void Shutdown(absl::Duration drain);

 private:
  struct Impl;
  explicit Services(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_SERVICES_H_
