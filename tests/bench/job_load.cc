#include "tests/bench/job_load.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/base/clock.h"

namespace birthmark::bench {
namespace {

using device::v1::DeviceJob;

constexpr char kCreate[] =
    "birthmark.device.v1.DeviceJobService.CreateDeviceJob";
constexpr char kGet[] = "birthmark.device.v1.DeviceJobService.GetDeviceJob";
constexpr absl::Duration kPatience = absl::Minutes(10);

[[noreturn]] void Die(const std::string& what) {
  std::cerr << what << std::endl;
  exit(1);
}

}  // namespace

JobLoad::JobLoad(tests::Deployment& deployment)
    : channel_([&] {
        auto channel = rpc::GrpcChannel::New(
            {.address = deployment.Address("inventory"),
             .server_name = tests::Deployment::ServerName("inventory"),
             .roots_file = deployment.home() + "/trust/root.pem",
             .identity = {deployment.home() + "/operator/operator.pem",
                          deployment.home() + "/operator/operator.key"}});
        if (!channel.ok()) {
          Die(channel.status().ToString());
        }
        return *std::move(channel);
      }()) {}

DeviceJob JobLoad::Get(const std::string& name) {
  device::v1::GetDeviceJobRequest request;
  request.set_name(name);
  auto job = channel_->Unary<DeviceJob>(kGet, request);
  if (!job.ok()) {
    Die(absl::StrCat("GetDeviceJob: ", job.status().ToString()));
  }
  return *std::move(job);
}

JobResult JobLoad::Run(device::v1::DeviceJobAction action,
                       const std::string& filter) {
  device::v1::CreateDeviceJobRequest request;
  request.set_parent("fleets/home");
  request.set_device_job_id(
      absl::StrCat("bench-", absl::ToUnixMillis(Clock::Real().Now())));
  request.mutable_device_job()->set_action(action);
  request.mutable_device_job()->set_filter(filter);
  request.mutable_device_job()->set_reason("measured");
  const absl::Duration start = Clock::Real().MonotonicNow();
  const auto created = channel_->Unary<DeviceJob>(kCreate, request);
  if (!created.ok()) {
    Die(absl::StrCat("CreateDeviceJob: ", created.status().ToString()));
  }
  DeviceJob job = *created;
  absl::Duration running;
  while (job.state() != device::v1::DEVICE_JOB_STATE_DONE) {
    absl::SleepFor(absl::Milliseconds(20));
    job = Get(created->name());
    const absl::Duration now = Clock::Real().MonotonicNow();
    if (job.state() != device::v1::DEVICE_JOB_STATE_COLLECTING &&
        running == absl::ZeroDuration()) {
      running = now;
    }
    if (job.state() == device::v1::DEVICE_JOB_STATE_PENDING_APPROVAL ||
        now - start > kPatience) {
      Die(absl::StrCat("the job does not get done: ", job.ShortDebugString()));
    }
  }
  const absl::Duration end = Clock::Real().MonotonicNow();
  return {.devices = job.device_count(),
          .done = job.done_count(),
          .failed = job.failed_count(),
          .certificates = job.certificate_count(),
          .collecting = running - start,
          .running = end - running};
}

}  // namespace birthmark::bench
