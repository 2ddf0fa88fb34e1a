// FindingServiceImpl has the methods of FindingService.

#ifndef BIRTHMARK_SERVICES_INVENTORY_FINDING_SERVICE_H_
#define BIRTHMARK_SERVICES_INVENTORY_FINDING_SERVICE_H_

#include <string>

#include "absl/status/statusor.h"
#include "birthmark/device/v1/finding_service.pb.h"
#include "lib/base/clock.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/page.h"
#include "lib/rpc/router.h"
#include "lib/storage/finding_store.h"
#include "lib/storage/request_store.h"

namespace birthmark::inventory {

// FindingServiceImpl is thread-safe.
class FindingServiceImpl {
 public:
  // All must outlive it.
  struct Dependencies {
    storage::FindingStore& findings;
    storage::RequestStore& requests;
    const rpc::PageTokenCodec& page_tokens;
    Clock& clock;
  };

  explicit FindingServiceImpl(const Dependencies& dependencies)
      : with_(dependencies) {}

  // Register makes the service and its methods known to `router`.
  void Register(rpc::Router& router);

 private:
  absl::StatusOr<device::v1::Finding> GetFinding(
      const rpc::CallContext& context,
      const device::v1::GetFindingRequest& request);
  absl::StatusOr<device::v1::ListFindingsResponse> ListFindings(
      const rpc::CallContext& context,
      const device::v1::ListFindingsRequest& request);
  absl::StatusOr<device::v1::Finding> AcknowledgeFinding(
      const rpc::CallContext& context,
      const device::v1::AcknowledgeFindingRequest& request);
  absl::StatusOr<device::v1::Finding> CloseFinding(
      const rpc::CallContext& context,
      const device::v1::CloseFindingRequest& request);

  // Move moves the finding that `request` names, unless it is there already.
  // `action` is that of the audit entry.
  template <typename Request>
  absl::StatusOr<device::v1::Finding> Move(const rpc::CallContext& context,
                                           const Request& request,
                                           storage::FindingState state,
                                           const std::string& action);

  const Dependencies with_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_FINDING_SERVICE_H_
