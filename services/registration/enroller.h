// Enroller gives operational keys their certificates.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_ENROLLER_H_
#define BIRTHMARK_SERVICES_REGISTRATION_ENROLLER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/combiner.h"
#include "lib/policy/profile.h"
#include "lib/storage/registration_store.h"
#include "services/registration/ca_client.h"

namespace birthmark::registration {

// Enroller is thread-safe. Devices that come at the same time share commits and
// calls to the CA; their outcomes do not depend on each other. What the
// constructor takes must outlive it.
class Enroller {
 public:
  // Devices that share a commit.
  static constexpr size_t kLargestGroup = 64;

  struct Order {
    storage::EnrollmentAttempt attempt;
    std::string spki_der;
    std::string fleet_id;
    const policy::Profile* profile = nullptr;
  };

  Enroller(storage::RegistrationStore& store, CaClient& ca);

  // Enroll records the key and returns the chain of its certificate: leaf, then
  // the issuers up to but without the root. A repeat gets the first answer.
  // Fails as RegistrationStore::Enroll and CaClient do.
  absl::StatusOr<std::vector<std::string>> Enroll(Order order);

 private:
  struct Job {
    const Order& order;
    storage::Enrolled enrolled;
    bool is_new = false;
    absl::StatusOr<std::vector<std::string>> chain =
        absl::InternalError("not enrolled");
  };

  void Work(const std::vector<Job*>& jobs);
  // Record enters the keys; those of `jobs` that fail have their answer then.
  // Returns the others.
  std::vector<Job*> Record(const std::vector<Job*>& jobs);
  // Sign has certificates made, all of one profile.
  void Sign(const std::vector<Job*>& jobs);

  storage::RegistrationStore& store_;
  CaClient& ca_;
  Combiner<Job> combiner_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_ENROLLER_H_
