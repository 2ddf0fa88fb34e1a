// TransferServiceImpl has the methods of DeviceTransferService.

#ifndef BIRTHMARK_SERVICES_INVENTORY_TRANSFER_SERVICE_H_
#define BIRTHMARK_SERVICES_INVENTORY_TRANSFER_SERVICE_H_

#include "absl/status/statusor.h"
#include "birthmark/device/v1/device_transfer_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"
#include "services/inventory/dependencies.h"

namespace birthmark::inventory {

// TransferServiceImpl is thread-safe.
class TransferServiceImpl {
 public:
  explicit TransferServiceImpl(const Dependencies& dependencies)
      : with_(dependencies) {}

  void Register(rpc::Router& router);

 private:
  absl::StatusOr<device::v1::DeviceTransfer> OfferDevice(
      const rpc::CallContext& context,
      const device::v1::OfferDeviceRequest& request);
  absl::StatusOr<device::v1::DeviceTransfer> AcceptDevice(
      const rpc::CallContext& context,
      const device::v1::AcceptDeviceRequest& request);
  absl::StatusOr<device::v1::DeviceTransfer> CancelTransfer(
      const rpc::CallContext& context,
      const device::v1::CancelTransferRequest& request);
  absl::StatusOr<device::v1::DeviceTransfer> GetTransfer(
      const rpc::CallContext& context,
      const device::v1::GetTransferRequest& request);
  absl::StatusOr<device::v1::ListTransfersResponse> ListTransfers(
      const rpc::CallContext& context,
      const device::v1::ListTransfersRequest& request);
  absl::StatusOr<device::v1::DeviceReplacement> RequestReplacement(
      const rpc::CallContext& context,
      const device::v1::RequestReplacementRequest& request);
  absl::StatusOr<device::v1::DeviceReplacement> ApproveReplacement(
      const rpc::CallContext& context,
      const device::v1::ApproveReplacementRequest& request);
  absl::StatusOr<device::v1::DeviceReplacement> RejectReplacement(
      const rpc::CallContext& context,
      const device::v1::RejectReplacementRequest& request);
  absl::StatusOr<device::v1::ListReplacementsResponse> ListReplacements(
      const rpc::CallContext& context,
      const device::v1::ListReplacementsRequest& request);

  const Dependencies with_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_TRANSFER_SERVICE_H_
