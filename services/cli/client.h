// Identities of clients, and connections made with them. An identity folder
// holds client.textproto, a certificate, its key and the roots.

#ifndef BIRTHMARK_SERVICES_CLI_CLIENT_H_
#define BIRTHMARK_SERVICES_CLI_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "birthmark/config/v1/client_config.pb.h"
#include "lib/base/clock.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/grpc_channel.h"
#include "services/cli/command.h"
#include "services/cli/context.h"

namespace birthmark::cli {

inline constexpr char kClientConfigFile[] = "client.textproto";

// LoadIdentity reads `dir`/client.textproto and makes its paths absolute.
// FILE_UNUSABLE if there is none, INPUT_MALFORMED if it is not one.
absl::StatusOr<config::v1::ClientConfig> LoadIdentity(const std::string& dir);

// LoadClientFile is LoadIdentity for a file of any name.
absl::StatusOr<config::v1::ClientConfig> LoadClientFile(
    const std::string& path);

// IdentityParam describes --identity of operators' commands; OperatorDir says
// which folder it means: the value, else $BIRTHMARK_IDENTITY, else ./operator.
Param IdentityParam();
std::string OperatorDir(const Arguments& args);

// DeviceParam describes the position DEVICE: what FetchDevice takes.
Param DeviceParam();

// CheckCertificate says whether the certificate of `identity` is good now, so
// that an expired one is named before anything is sent. UNAUTHENTICATED /
// CERTIFICATE_EXPIRED, metadata serial.
absl::Status CheckCertificate(const config::v1::TlsIdentity& identity,
                              Clock& clock);

// Connect returns a channel to `role`. It checks the certificate and connects
// when it is first used.
absl::StatusOr<std::unique_ptr<rpc::GrpcChannel>> Connect(
    const config::v1::ClientConfig& config, Role role, Clock& clock);

// ConnectOperator is LoadIdentity of OperatorDir and Connect, or what `context`
// has in their place.
absl::StatusOr<std::unique_ptr<rpc::Channel>> ConnectOperator(
    const Arguments& args, Role role, Context& context);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_CLIENT_H_
