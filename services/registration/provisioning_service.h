// ProvisioningServiceImpl has the unary methods of ProvisioningService and
// opens its streams.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_PROVISIONING_SERVICE_H_
#define BIRTHMARK_SERVICES_REGISTRATION_PROVISIONING_SERVICE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"
#include "services/registration/ca_client.h"
#include "services/registration/dependencies.h"
#include "services/registration/issue_stream.h"
#include "services/registration/line_access.h"
#include "services/registration/profiles.h"

namespace birthmark::registration {

// ProvisioningServiceImpl is thread-safe. What its constructor takes must
// outlive it.
class ProvisioningServiceImpl {
 public:
  ProvisioningServiceImpl(const Dependencies& dependencies,
                          const Profiles& profiles, CaClient& ca)
      : with_(dependencies), profiles_(profiles), ca_(ca) {}

  // Register serves the unary methods.
  void Register(rpc::Router& router);

  // OpenBatchFor is what a stream's first message asks for: it authorises the
  // line and reads its batch. Fails with what IssueBatch is documented to end
  // with.
  absl::StatusOr<IssueStream::Opened> OpenBatchFor(
      const rpc::CallContext& context,
      const provisioning::v1::IssueBatchRequest::Open& open);

 private:
  using Line = provisioning::v1::Line;
  using Batch = provisioning::v1::Batch;

  absl::StatusOr<Line> GetLine(const rpc::CallContext& context,
                               const provisioning::v1::GetLineRequest& request);
  absl::StatusOr<provisioning::v1::ListLinesResponse> ListLines(
      const rpc::CallContext& context,
      const provisioning::v1::ListLinesRequest& request);
  absl::StatusOr<provisioning::v1::CreateLineResponse> CreateLine(
      const rpc::CallContext& context,
      const provisioning::v1::CreateLineRequest& request);
  absl::StatusOr<Line> DisableLine(
      const rpc::CallContext& context,
      const provisioning::v1::DisableLineRequest& request);
  absl::StatusOr<Batch> CreateBatch(
      const rpc::CallContext& context,
      const provisioning::v1::CreateBatchRequest& request);
  absl::StatusOr<Batch> GetBatch(
      const rpc::CallContext& context,
      const provisioning::v1::GetBatchRequest& request);
  absl::StatusOr<provisioning::v1::ListBatchesResponse> ListBatches(
      const rpc::CallContext& context,
      const provisioning::v1::ListBatchesRequest& request);
  absl::StatusOr<Batch> CloseBatch(
      const rpc::CallContext& context,
      const provisioning::v1::CloseBatchRequest& request);
  absl::StatusOr<provisioning::v1::ListBatchResultsResponse> ListBatchResults(
      const rpc::CallContext& context,
      const provisioning::v1::ListBatchResultsRequest& request);

  absl::StatusOr<std::string> DefaultBatchProfile(absl::string_view fleet_id);
  absl::StatusOr<Batch> WithCounts(const storage::BatchRow& row);

  const Dependencies with_;
  const Profiles& profiles_;
  CaClient& ca_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_PROVISIONING_SERVICE_H_
