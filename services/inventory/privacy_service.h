// PrivacyServiceImpl has the methods of PrivacyService.

#ifndef BIRTHMARK_SERVICES_INVENTORY_PRIVACY_SERVICE_H_
#define BIRTHMARK_SERVICES_INVENTORY_PRIVACY_SERVICE_H_

#include "absl/status/statusor.h"
#include "birthmark/device/v1/privacy_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"
#include "services/inventory/dependencies.h"

namespace birthmark::inventory {

// PrivacyServiceImpl is thread-safe.
class PrivacyServiceImpl {
 public:
  explicit PrivacyServiceImpl(const Dependencies& dependencies)
      : with_(dependencies) {}

  void Register(rpc::Router& router);

 private:
  absl::StatusOr<device::v1::ExportPersonalDataResponse> ExportPersonalData(
      const rpc::CallContext& context,
      const device::v1::ExportPersonalDataRequest& request);
  absl::StatusOr<device::v1::ErasePersonalDataResponse> ErasePersonalData(
      const rpc::CallContext& context,
      const device::v1::ErasePersonalDataRequest& request);

  const Dependencies with_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_PRIVACY_SERVICE_H_
