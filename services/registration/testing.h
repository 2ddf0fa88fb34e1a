// testing has what the tests of this role share: CSRs, profiles, and stand-ins
// in memory for the CA and the batch store.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_TESTING_H_
#define BIRTHMARK_SERVICES_REGISTRATION_TESTING_H_

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "birthmark/ca/v1/ca_service.pb.h"
#include "lib/audit/entry.h"
#include "lib/crypto/signature_algorithm.h"
#include "lib/policy/profile.h"
#include "lib/rpc/channel.h"
#include "lib/storage/batch_store.h"

namespace birthmark::registration {

// MakeCsr returns a good CSR for a fresh key.
std::string MakeCsr(
    crypto::KeyAlgorithm algorithm = crypto::KeyAlgorithm::kP256);

// MakeProfile returns a profile of `kind`, whose name is its id, for P-256.
policy::Profile MakeProfile(policy::ProfileKind kind);

// MemoryCa answers IssueCertificates with the texts that CertificateFor
// returns, and GetIssuer with the chain "issuer", "root". Thread-safe.
class MemoryCa : public rpc::Channel {
 public:
  static std::string CertificateFor(const ca::v1::CertificateRequest& request);

  // FailNext makes the next call return `status`. Calls add up.
  void FailNext(absl::Status status);
  // RefuseModel answers requests for `model` with PROFILE_VIOLATION.
  void RefuseModel(std::string model);
  // Certificate returns what was issued under `serial`, "" if nothing was.
  std::string Certificate(const std::string& serial) const;
  // signatures is how many different serials were issued.
  int signatures() const;

 protected:
  absl::Status DoUnary(absl::string_view method,
                       const google::protobuf::Message& request,
                       google::protobuf::Message& response,
                       absl::Duration timeout) override;

 private:
  mutable std::mutex mutex_;
  std::deque<absl::Status> failures_;
  std::string refused_model_;
  std::map<std::string, std::string> issued_;
};

// MemoryBatches is the part of BatchStore that a stream uses, with the
// certificates that `ca` has issued; the rest is kUnimplemented. Thread-safe.
class MemoryBatches : public storage::BatchStore {
 public:
  explicit MemoryBatches(const MemoryCa& ca) : ca_(ca) {}

  // FailNext makes the next Admit return `status`. Calls add up.
  void FailNext(absl::Status status);
  std::vector<audit::Entry> entries() const;
  std::map<std::string, storage::ItemFailure> failures() const;

  absl::StatusOr<storage::BatchRow> Create(
      const storage::BatchRow& row, const storage::Mutation& mutation) override;
  absl::StatusOr<storage::BatchRow> Get(absl::string_view fleet_id,
                                        absl::string_view line_id,
                                        absl::string_view batch_id) override;
  absl::StatusOr<storage::BatchCounts> Count(int64_t batch_key) override;
  absl::StatusOr<std::vector<storage::BatchRow>> List(
      absl::string_view fleet_id, absl::string_view line_id, int64_t after_key,
      int limit) override;
  absl::StatusOr<storage::BatchRow> Close(
      absl::string_view fleet_id, absl::string_view line_id,
      absl::string_view batch_id, const storage::Mutation& mutation) override;
  absl::StatusOr<std::vector<storage::Admission>> Admit(
      const storage::BatchRow& batch,
      absl::Span<const storage::AdmissionRequest> requests,
      const AlertMaker& alert_for) override;
  absl::Status RecordFailures(int64_t batch_key,
                              absl::Span<const storage::ItemFailure> failures,
                              absl::Time time) override;
  absl::StatusOr<std::vector<storage::ItemResult>> ListResults(
      int64_t batch_key, absl::string_view after, int limit) override;

 private:
  struct Item {
    std::string digest;
    std::string device_uid;
    std::string serial;
  };

  storage::Admission AdmitOne(const storage::AdmissionRequest& request,
                              const AlertMaker& alert_for);

  const MemoryCa& ca_;
  mutable std::mutex mutex_;
  std::deque<absl::Status> admit_failures_;
  std::map<std::string, Item> items_;
  std::set<std::string> keys_;
  std::vector<audit::Entry> entries_;
  std::map<std::string, storage::ItemFailure> failures_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_TESTING_H_
