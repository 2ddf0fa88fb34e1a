#include "services/inventory/device_work.h"

#include "birthmark/device/v1/device_job_service.pb.h"

namespace birthmark::inventory {

DeviceWork::DeviceWork(const Dependencies& dependencies, const Stores& stores,
                       rpc::Channel& ca, int64_t approval_threshold,
                       telemetry::Registry& registry)
    : with_(dependencies),
      stores_(stores),
      approval_threshold_(
          approval_threshold > 0
              ? approval_threshold
              : DeviceJobServiceImpl::kDefaultApprovalThreshold),
      metrics_(registry),
      ca_(ca),
      runner_(stores_.jobs, approval_threshold_, with_.clock, metrics_),
      service_(with_, stores_.jobs, approval_threshold_,
               [this] { runner_.Wake(); }) {}

void DeviceWork::Register(rpc::Router& router) {
  router.AddService(
      *device::v1::DeviceJob::descriptor()->file()->FindServiceByName(
          "DeviceJobService"));
  service_.Register(router);
}

void DeviceWork::Start() {
  upkeep_.emplace(Upkeep::Dependencies{stores_.search, with_.decommissions,
                                       stores_.requests, ca_, with_.clock,
                                       metrics_});
}

}  // namespace birthmark::inventory
