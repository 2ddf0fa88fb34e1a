// testing has what the tests of this role share: CSRs, profiles, a CA, and a
// world of fakes around them.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_TESTING_H_
#define BIRTHMARK_SERVICES_REGISTRATION_TESTING_H_

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "birthmark/ca/v1/ca_service.pb.h"
#include "birthmark/options/v1/access.pb.h"
#include "lib/base/fake_clock.h"
#include "lib/crypto/ids.h"
#include "lib/crypto/signature_algorithm.h"
#include "lib/keys/local_key.h"
#include "lib/policy/profile.h"
#include "lib/rpc/caller.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/page.h"
#include "lib/storage/fake_batch_store.h"
#include "lib/storage/fake_certificate_store.h"
#include "lib/storage/fake_crl_shard_store.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/fake_enforcement_store.h"
#include "lib/storage/fake_fleet_store.h"
#include "lib/storage/fake_line_store.h"
#include "lib/storage/fake_registration_store.h"
#include "lib/storage/fake_request_store.h"
#include "lib/storage/fake_revocation_job_store.h"
#include "lib/storage/fake_revocation_log.h"
#include "lib/storage/fake_revocation_store.h"
#include "lib/storage/fake_wipe_store.h"
#include "lib/telemetry/metrics.h"
#include "lib/x509/certificate_builder.h"
#include "services/registration/dependencies.h"
#include "services/registration/revocation_barrier.h"

namespace birthmark::registration {

// MakeCsr returns a good CSR for a fresh key.
std::string MakeCsr(
    crypto::KeyAlgorithm algorithm = crypto::KeyAlgorithm::kP256);

// MakeProfile returns a profile of `kind`, whose name is its id, for P-256.
policy::Profile MakeProfile(policy::ProfileKind kind);

// FakeCa is the role `ca` in memory: its certificates are signed, recorded in
// `certificates`, and otherwise plain. Thread-safe. What the constructor takes
// must outlive it.
class FakeCa : public rpc::Channel {
 public:
  FakeCa(storage::CertificateStore& certificates, Clock& clock);

  // FailNext makes the next call return `status`. Calls add up.
  void FailNext(absl::Status status);
  // RefuseModel answers requests for `model` with PROFILE_VIOLATION.
  void RefuseModel(std::string model);
  // signatures is how many certificates were signed.
  int signatures() const;

 protected:
  absl::Status DoUnary(absl::string_view method,
                       const google::protobuf::Message& request,
                       google::protobuf::Message& response,
                       absl::Duration timeout) override;

 private:
  absl::Status Issue(const ca::v1::IssueCertificatesRequest& request,
                     ca::v1::IssueCertificatesResponse& response);
  absl::StatusOr<std::string> IssueOne(
      const std::string& profile, const ca::v1::CertificateRequest& request);

  storage::CertificateStore& certificates_;
  Clock& clock_;
  const std::unique_ptr<keys::LocalKey> key_;
  std::optional<x509::CertificateTemplate> template_;
  mutable std::mutex mutex_;
  std::deque<absl::Status> failures_;
  std::string refused_model_;
  int signatures_ = 0;
};

// CountingBarrier counts who passes.
class CountingBarrier : public RevocationBarrier {
 public:
  void Settle() override { ++count_; }
  int count() const { return count_; }

 private:
  std::atomic<int> count_ = 0;
};

// World is a registration service's surroundings, all fake: fleet `acme`, its
// line `l1` for the models m1 and m2, and its batch `b1`.
struct World {
  World();

  static rpc::Caller Operator(const std::string& name = "ada");
  static rpc::Caller Line(const std::string& fleet, const std::string& name);
  static rpc::Caller EnforcementPoint(const std::string& name);

  Dependencies dependencies();
  // Change is a mutation that a test makes behind the service's back.
  storage::Mutation Change();
  // actions returns the actions of all audit entries, in order, without those
  // of Change.
  std::vector<std::string> actions();

  FakeClock clock;
  storage::FakeDatabase database;
  storage::FakeFleetStore fleets;
  storage::FakeLineStore lines;
  storage::FakeBatchStore batches;
  storage::FakeRegistrationStore registrations;
  storage::FakeRevocationStore revocations;
  storage::FakeRequestStore requests;
  storage::FakeRevocationJobStore revocation_jobs;
  storage::FakeEnforcementStore enforcement;
  storage::FakeCrlShardStore crl_shards;
  storage::FakeRevocationLog revocation_log;
  storage::FakeWipeStore wipes;
  storage::FakeCertificateStore certificates;
  FakeCa ca;
  rpc::PageTokenCodec page_tokens;
  KeyChallengeCodec key_challenges{"secret"};
  crypto::RandomSerialSource serials;
  telemetry::Registry metrics;
  storage::BatchRow batch;
  CountingBarrier barrier;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_TESTING_H_
