// Changes of many devices, for people; and following one.

#ifndef BIRTHMARK_SERVICES_CLI_DEVICE_JOB_TEXT_H_
#define BIRTHMARK_SERVICES_CLI_DEVICE_JOB_TEXT_H_

#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "birthmark/device/v1/device_job_service.pb.h"
#include "lib/rpc/channel.h"
#include "services/cli/context.h"
#include "services/cli/job_watch.h"

namespace birthmark::cli {

// DeviceJobStateText returns "pending approval", "running", ...
std::string DeviceJobStateText(const device::v1::DeviceJob& job);

// DeviceJobActionText returns "quarantine", "release", "decommission".
std::string DeviceJobActionText(device::v1::DeviceJobAction action);

// DeviceJobIsOver tells whether nothing of it will change any more.
bool DeviceJobIsOver(const device::v1::DeviceJob& job);

// DeviceJobNextStep says what a person does now, with the command for it.
std::string DeviceJobNextStep(const device::v1::DeviceJob& job);

// PrintDeviceJobPreview writes what a job in `fleet` would do, as
// CreateDeviceJob counted it.
void PrintDeviceJobPreview(std::ostream& out, const std::string& fleet,
                           const device::v1::DeviceJob& job);

// PrintDeviceJob writes everything of `job`, its account and its next step.
void PrintDeviceJob(std::ostream& out, const device::v1::DeviceJob& job);

// WatchDeviceJob is WatchJob of the job `name`; it returns the job when it is
// over, or, if `until_approval`, when it waits for a second operator. Fails as
// GetDeviceJob does.
absl::StatusOr<device::v1::DeviceJob> WatchDeviceJob(
    rpc::Channel& inventory, const std::string& name, bool until_approval,
    const WatchOptions& options, Context& context);

// DeviceJobExitCode is 0 if it did all of what it was about, else 1.
int DeviceJobExitCode(const device::v1::DeviceJob& job);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DEVICE_JOB_TEXT_H_
