// Connections of the commands that a device runs.

#ifndef BIRTHMARK_SERVICES_CLI_DEVICE_CONNECTION_H_
#define BIRTHMARK_SERVICES_CLI_DEVICE_CONNECTION_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "birthmark/config/v1/client_config.pb.h"
#include "lib/rpc/channel.h"
#include "services/cli/command.h"
#include "services/cli/context.h"

namespace birthmark::cli {

// ServiceParams are the options that say where the service is to whom has no
// identity folder yet; ServiceFrom reads them. INVALID_ARGUMENT / USAGE.
std::vector<Param> ServiceParams();
absl::StatusOr<config::v1::ClientConfig> ServiceFrom(const Arguments& args);

// DeviceIdentityFrom returns the identity that --identity names, or --idevid
// and --key with ServiceParams: a device's own folder, or its birth
// certificate. An exchange of files that broke off is completed first.
absl::StatusOr<config::v1::ClientConfig> DeviceIdentityFrom(
    const Arguments& args);

// ConnectDevice connects to registration with it, or as `context` says.
absl::StatusOr<std::unique_ptr<rpc::Channel>> ConnectDevice(
    const Arguments& args, Context& context);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_DEVICE_CONNECTION_H_
