// DeviceServiceImpl has the methods of DeviceService that read about one
// device.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DEVICE_SERVICE_H_
#define BIRTHMARK_SERVICES_INVENTORY_DEVICE_SERVICE_H_

#include "absl/status/statusor.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"
#include "services/inventory/dependencies.h"

namespace birthmark::inventory {

// DeviceServiceImpl is thread-safe.
class DeviceServiceImpl {
 public:
  explicit DeviceServiceImpl(const Dependencies& dependencies)
      : with_(dependencies) {}

  void Register(rpc::Router& router);

 private:
  absl::StatusOr<device::v1::Device> GetDevice(
      const rpc::CallContext& context,
      const device::v1::GetDeviceRequest& request);
  absl::StatusOr<device::v1::Decommission> GetDecommission(
      const rpc::CallContext& context,
      const device::v1::GetDecommissionRequest& request);
  absl::StatusOr<device::v1::DeviceKey> GetDeviceKey(
      const rpc::CallContext& context,
      const device::v1::GetDeviceKeyRequest& request);
  absl::StatusOr<device::v1::ListDeviceKeysResponse> ListDeviceKeys(
      const rpc::CallContext& context,
      const device::v1::ListDeviceKeysRequest& request);
  absl::StatusOr<device::v1::ListDeviceEventsResponse> ListDeviceEvents(
      const rpc::CallContext& context,
      const device::v1::ListDeviceEventsRequest& request);
  absl::StatusOr<device::v1::ListFirmwareReportsResponse> ListFirmwareReports(
      const rpc::CallContext& context,
      const device::v1::ListFirmwareReportsRequest& request);

  const Dependencies with_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DEVICE_SERVICE_H_
