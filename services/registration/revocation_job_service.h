// RevocationJobService has the methods of RevocationService that are about mass
// revocations.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_JOB_SERVICE_H_
#define BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_JOB_SERVICE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"
#include "lib/storage/revocation_job_store.h"
#include "services/registration/dependencies.h"

namespace birthmark::registration {

// RevocationJobService is thread-safe. What its constructor takes must outlive
// it.
class RevocationJobService {
 public:
  static constexpr int kDefaultApprovalThreshold = 100;
  static constexpr int kDefaultRate = 1000;
  static constexpr int kMaxRate = 10000;
  // A certificate that is recorded later than so long after it was made is
  // none of a job that was created in between.
  static constexpr absl::Duration kRecordingTime = absl::Seconds(2);

  // Jobs of more certificates than `approval_threshold` need a second operator.
  // `wake` tells the runner that there is something to do.
  RevocationJobService(const Dependencies& dependencies,
                       int64_t approval_threshold, std::function<void()> wake)
      : with_(dependencies),
        approval_threshold_(approval_threshold),
        wake_(std::move(wake)) {}

  void Register(rpc::Router& router);

 private:
  using Job = revocation::v1::RevocationJob;

  absl::StatusOr<Job> CreateRevocationJob(
      const rpc::CallContext& context,
      const revocation::v1::CreateRevocationJobRequest& request);
  absl::StatusOr<Job> GetRevocationJob(
      const rpc::CallContext& context,
      const revocation::v1::GetRevocationJobRequest& request);
  absl::StatusOr<revocation::v1::ListRevocationJobsResponse> ListRevocationJobs(
      const rpc::CallContext& context,
      const revocation::v1::ListRevocationJobsRequest& request);
  absl::StatusOr<Job> ApproveRevocationJob(
      const rpc::CallContext& context,
      const revocation::v1::ApproveRevocationJobRequest& request);
  absl::StatusOr<Job> PauseRevocationJob(
      const rpc::CallContext& context,
      const revocation::v1::PauseRevocationJobRequest& request);
  absl::StatusOr<Job> ResumeRevocationJob(
      const rpc::CallContext& context,
      const revocation::v1::ResumeRevocationJobRequest& request);
  absl::StatusOr<Job> CancelRevocationJob(
      const rpc::CallContext& context,
      const revocation::v1::CancelRevocationJobRequest& request);

  absl::Status FillExpected(storage::RevocationJobRow& row);
  // Move does `change` to the job of the request, once for the request, with an
  // audit entry of `action`.
  template <typename Request>
  absl::StatusOr<Job> Move(const rpc::CallContext& context,
                           const Request& request, absl::string_view action,
                           const storage::RevocationJobStore::Change& change);

  const Dependencies with_;
  const int64_t approval_threshold_;
  const std::function<void()> wake_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_JOB_SERVICE_H_
