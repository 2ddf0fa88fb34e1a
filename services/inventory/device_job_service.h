// DeviceJobServiceImpl has the methods of DeviceJobService.

#ifndef BIRTHMARK_SERVICES_INVENTORY_DEVICE_JOB_SERVICE_H_
#define BIRTHMARK_SERVICES_INVENTORY_DEVICE_JOB_SERVICE_H_

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "birthmark/device/v1/device_job_service.pb.h"
#include "lib/rpc/call_context.h"
#include "lib/rpc/router.h"
#include "lib/storage/device_job_store.h"
#include "services/inventory/dependencies.h"

namespace birthmark::inventory {

// DeviceJobServiceImpl is thread-safe. What its constructor takes must outlive
// it.
class DeviceJobServiceImpl {
 public:
  static constexpr int kDefaultApprovalThreshold = 100;
  static constexpr int kMaxRate = 100000;
  static constexpr int kMaxItems = 5000;  // a call

  // Jobs of more devices than `approval_threshold` need a second operator.
  // `wake` tells the runner that there is something to do.
  DeviceJobServiceImpl(const Dependencies& dependencies,
                       storage::DeviceJobStore& jobs,
                       int64_t approval_threshold, std::function<void()> wake)
      : with_(dependencies),
        jobs_(jobs),
        approval_threshold_(approval_threshold),
        wake_(std::move(wake)) {}

  void Register(rpc::Router& router);

 private:
  using Job = device::v1::DeviceJob;

  absl::StatusOr<Job> CreateDeviceJob(
      const rpc::CallContext& context,
      const device::v1::CreateDeviceJobRequest& request);
  absl::StatusOr<Job> AddDeviceJobItems(
      const rpc::CallContext& context,
      const device::v1::AddDeviceJobItemsRequest& request);
  absl::StatusOr<Job> StartDeviceJob(
      const rpc::CallContext& context,
      const device::v1::StartDeviceJobRequest& request);
  absl::StatusOr<Job> GetDeviceJob(
      const rpc::CallContext& context,
      const device::v1::GetDeviceJobRequest& request);
  absl::StatusOr<device::v1::ListDeviceJobsResponse> ListDeviceJobs(
      const rpc::CallContext& context,
      const device::v1::ListDeviceJobsRequest& request);
  absl::StatusOr<device::v1::ListDeviceJobItemsResponse> ListDeviceJobItems(
      const rpc::CallContext& context,
      const device::v1::ListDeviceJobItemsRequest& request);
  absl::StatusOr<Job> ApproveDeviceJob(
      const rpc::CallContext& context,
      const device::v1::ApproveDeviceJobRequest& request);
  absl::StatusOr<Job> PauseDeviceJob(
      const rpc::CallContext& context,
      const device::v1::PauseDeviceJobRequest& request);
  absl::StatusOr<Job> ResumeDeviceJob(
      const rpc::CallContext& context,
      const device::v1::ResumeDeviceJobRequest& request);
  absl::StatusOr<Job> CancelDeviceJob(
      const rpc::CallContext& context,
      const device::v1::CancelDeviceJobRequest& request);

  absl::StatusOr<Job> Preview(const storage::DeviceJobRow& row);
  // Move does `change` to the job of the request, once for the request, with an
  // audit entry of `action`.
  template <typename Request>
  absl::StatusOr<Job> Move(const rpc::CallContext& context,
                           const Request& request, absl::string_view action,
                           const storage::DeviceJobStore::Change& change);

  const Dependencies with_;
  storage::DeviceJobStore& jobs_;
  const int64_t approval_threshold_;
  const std::function<void()> wake_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_DEVICE_JOB_SERVICE_H_
