// Services are those of the role `registration`: ProvisioningService,
// RegistrationService and RevocationService (proto/birthmark/*/v1).

#ifndef BIRTHMARK_SERVICES_REGISTRATION_SERVICES_H_
#define BIRTHMARK_SERVICES_REGISTRATION_SERVICES_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/crypto/batch_verifier.h"
#include "lib/policy/profile.h"
#include "lib/rpc/router.h"
#include "services/registration/dependencies.h"

namespace birthmark::registration {

// Options are what the configuration decides.
struct Options {
  // The same as the CA's; each valid by policy::Validate. Lines get the one of
  // kind kLine, of which there must be exactly one.
  std::vector<policy::Profile> profiles;
  // Items that one stream may have unanswered at most. 0: 2048.
  int max_in_flight_items = 0;
  // Items that all streams together may have unanswered. 0: 16384.
  int max_in_flight_total = 0;
  // Who verifies the proofs of possession of batches.
  crypto::Arithmetic arithmetic = crypto::BestArithmetic();
  // Threads that check CSRs. 0: one for each core.
  int check_threads = 0;
  // Micro-batches in work at once, over all streams. 0: 16. Each takes a
  // database connection for part of its time.
  int batch_threads = 0;
  // Mass revocations of more certificates need a second operator. 0: 100.
  int revocation_approval_threshold = 0;
};

// Services serve from Register until they are destroyed, which the host does
// after its server has shut down. Thread-safe.
class Services {
 public:
  // New fails with kInvalidArgument if the options cannot be used, and if the
  // database cannot be read: it is compared with the revocation journal.
  static absl::StatusOr<std::unique_ptr<Services>> New(
      const Dependencies& dependencies, Options options);

  // Ends when the micro-batches in work have ended.
  ~Services();

  // Register makes the methods known to `router`. The services must live as
  // long as calls may come.
  void Register(rpc::Router& router);

 private:
  struct Impl;
  explicit Services(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_SERVICES_H_
