// FleetServiceImpl has the methods of FleetService.

#ifndef BIRTHMARK_SERVICES_INVENTORY_FLEET_SERVICE_H_
#define BIRTHMARK_SERVICES_INVENTORY_FLEET_SERVICE_H_

#include "absl/status/statusor.h"
#include "birthmark/fleet/v1/fleet_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"
#include "services/inventory/dependencies.h"

namespace birthmark::inventory {

// FleetServiceImpl is thread-safe.
class FleetServiceImpl {
 public:
  explicit FleetServiceImpl(const Dependencies& dependencies)
      : with_(dependencies) {}

  void Register(rpc::Router& router);

 private:
  absl::StatusOr<fleet::v1::Fleet> GetFleet(
      const rpc::CallContext& context,
      const fleet::v1::GetFleetRequest& request);
  absl::StatusOr<fleet::v1::ListFleetsResponse> ListFleets(
      const rpc::CallContext& context,
      const fleet::v1::ListFleetsRequest& request);
  absl::StatusOr<fleet::v1::Fleet> CreateFleet(
      const rpc::CallContext& context,
      const fleet::v1::CreateFleetRequest& request);
  absl::StatusOr<fleet::v1::Fleet> UpdateFleet(
      const rpc::CallContext& context,
      const fleet::v1::UpdateFleetRequest& request);

  const Dependencies with_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_FLEET_SERVICE_H_
