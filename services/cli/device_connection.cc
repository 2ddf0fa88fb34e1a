#include "services/cli/device_connection.h"

#include <utility>

#include "lib/base/status_macros.h"
#include "services/cli/client.h"
#include "services/cli/device_folder.h"
#include "services/cli/error_report.h"

namespace birthmark::cli {

using config::v1::ClientConfig;

std::vector<Param> ServiceParams() {
  return {{.name = "--client",
           .value = "FILE",
           .help = "a client.textproto that says where the service is"},
          {.name = "--registration",
           .value = "ADDRESS",
           .help = "host:port or unix:/path, instead of --client"},
          {.name = "--server-name",
           .value = "NAME",
           .help = "the DNS name in the service's certificate"},
          {.name = "--roots",
           .value = "FILE",
           .help = "the roots that it must chain to (PEM)"}};
}

absl::StatusOr<ClientConfig> ServiceFrom(const Arguments& args) {
  if (args.Has("--client")) {
    BIRTHMARK_ASSIGN_OR_RETURN(ClientConfig config,
                               LoadClientFile(args.Text("--client")));
    config.clear_fleet();
    config.clear_line();
    return config;
  }
  if (!args.Has("--registration") || !args.Has("--server-name") ||
      !args.Has("--roots")) {
    return UsageError(
        "say where the service is: --client FILE, or --registration, "
        "--server-name and --roots");
  }
  ClientConfig config;
  config.set_roots_file(args.Text("--roots"));
  config.mutable_registration()->set_address(args.Text("--registration"));
  config.mutable_registration()->set_server_name(args.Text("--server-name"));
  return config;
}

absl::StatusOr<ClientConfig> DeviceIdentityFrom(const Arguments& args) {
  if (args.Has("--identity") == args.Has("--idevid")) {
    return UsageError(
        "say who calls: --identity DIR, or --idevid FILE, --key FILE and where "
        "the service is");
  }
  if (args.Has("--identity")) {
    const std::string dir = args.Text("--identity");
    BIRTHMARK_RETURN_IF_ERROR(DeviceFolder(dir).Complete());
    return LoadIdentity(dir);
  }
  if (!args.Has("--key")) {
    return UsageError("--idevid needs --key, its private key");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(ClientConfig config, ServiceFrom(args));
  config.clear_inventory();
  config.mutable_identity()->set_certificate_file(args.Text("--idevid"));
  config.mutable_identity()->set_private_key_file(args.Text("--key"));
  return config;
}

absl::StatusOr<std::unique_ptr<rpc::Channel>> ConnectDevice(
    const Arguments& args, Context& context) {
  if (context.connect) {
    return context.connect(Role::kRegistration);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const ClientConfig config,
                             DeviceIdentityFrom(args));
  return Connect(config, Role::kRegistration, context.clock);
}

}  // namespace birthmark::cli
