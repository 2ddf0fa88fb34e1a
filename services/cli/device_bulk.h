// What is done to many devices at a time, as a job of the service.

#ifndef BIRTHMARK_SERVICES_CLI_DEVICE_BULK_H_
#define BIRTHMARK_SERVICES_CLI_DEVICE_BULK_H_

#include <vector>

#include "absl/status/statusor.h"
#include "birthmark/device/v1/device_job_service.pb.h"
#include "services/cli/command.h"
#include "services/cli/context.h"

namespace birthmark::cli {

// BulkParams are the options that select devices, and those of a job.
std::vector<Param> BulkParams();

// IsBulk tells whether `args` are about many devices: no DEVICE is named.
// INVALID_ARGUMENT / USAGE if they name a device and select others too, or do
// neither.
absl::StatusOr<bool> IsBulk(const Arguments& args);

// RunBulk shows what the job would do, asks, creates it, and follows it to its
// end unless it needs approval or --detach was given. Returns the exit code.
// FAILED_PRECONDITION / NOTHING_SELECTED.
absl::StatusOr<int> RunBulk(device::v1::DeviceJobAction action,
                            const Arguments& args, Context& context);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DEVICE_BULK_H_
