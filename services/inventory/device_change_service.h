// DeviceChangeServiceImpl has the methods of DeviceService that change one
// device.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DEVICE_CHANGE_SERVICE_H_
#define BIRTHMARK_SERVICES_INVENTORY_DEVICE_CHANGE_SERVICE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"
#include "services/inventory/dependencies.h"

namespace birthmark::inventory {

// DeviceChangeServiceImpl is thread-safe.
class DeviceChangeServiceImpl {
 public:
  explicit DeviceChangeServiceImpl(const Dependencies& dependencies)
      : with_(dependencies) {}

  void Register(rpc::Router& router);

 private:
  absl::StatusOr<device::v1::Device> UpdateDevice(
      const rpc::CallContext& context,
      const device::v1::UpdateDeviceRequest& request);
  absl::StatusOr<device::v1::Device> QuarantineDevice(
      const rpc::CallContext& context,
      const device::v1::QuarantineDeviceRequest& request);
  absl::StatusOr<device::v1::Device> ReleaseDevice(
      const rpc::CallContext& context,
      const device::v1::ReleaseDeviceRequest& request);
  absl::StatusOr<device::v1::Device> DecommissionDevice(
      const rpc::CallContext& context,
      const device::v1::DecommissionDeviceRequest& request);
  absl::StatusOr<device::v1::DeviceKey> BlockDeviceKey(
      const rpc::CallContext& context,
      const device::v1::BlockDeviceKeyRequest& request);

  // What the three acts share. `version` 0: any.
  template <typename Request>
  absl::StatusOr<device::v1::Device> Act(const rpc::CallContext& context,
                                         const Request& request,
                                         storage::DeviceActKind kind,
                                         int64_t version,
                                         const std::string& playbook);

  const Dependencies with_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DEVICE_CHANGE_SERVICE_H_
