// DeviceWork is what the inventory does to many devices, and of its own accord:
// jobs and upkeep.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DEVICE_WORK_H_
#define BIRTHMARK_SERVICES_INVENTORY_DEVICE_WORK_H_

#include <cstdint>
#include <optional>

#include "lib/rpc/channel.h"
#include "lib/rpc/router.h"
#include "lib/storage/device_job_store.h"
#include "lib/storage/device_search_store.h"
#include "lib/storage/request_pruner.h"
#include "lib/telemetry/metrics.h"
#include "services/inventory/ca_client.h"
#include "services/inventory/dependencies.h"
#include "services/inventory/device_job_runner.h"
#include "services/inventory/device_job_service.h"
#include "services/inventory/metrics.h"
#include "services/inventory/upkeep.h"

namespace birthmark::inventory {

// DeviceWork serves from Register and works at jobs from its construction;
// upkeep, which calls `ca`, begins with Start. All of it ends with its
// destruction, which the host does after its server has shut down. Thread-safe.
class DeviceWork {
 public:
  // All must outlive it.
  struct Stores {
    storage::DeviceJobStore& jobs;
    storage::DeviceSearchStore& search;
    storage::RequestPruner& requests;
  };
  // `approval_threshold` 0: DeviceJobServiceImpl::kDefaultApprovalThreshold.
  DeviceWork(const Dependencies& dependencies, const Stores& stores,
             rpc::Channel& ca, int64_t approval_threshold,
             telemetry::Registry& registry);

  void Register(rpc::Router& router);
  void Start();

 private:
  const Dependencies with_;
  const Stores stores_;
  const int64_t approval_threshold_;
  Metrics metrics_;
  CaClient ca_;
  DeviceJobRunner runner_;
  DeviceJobServiceImpl service_;
  std::optional<Upkeep> upkeep_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DEVICE_WORK_H_
