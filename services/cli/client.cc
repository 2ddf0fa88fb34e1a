#include "services/cli/client.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/config/validate.h"
#include "lib/x509/certificate.h"
#include "services/cli/error_report.h"
#include "services/cli/output.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

namespace shared = ::birthmark::reasons;

constexpr char kIdentityVariable[] = "BIRTHMARK_IDENTITY";
constexpr char kDefaultIdentity[] = "operator";

absl::Status Malformed(const absl::Status& status, const std::string& path) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInputMalformed,
                   status.message(), {{"path", path}});
}

}  // namespace

absl::StatusOr<config::v1::ClientConfig> LoadClientFile(
    const std::string& path) {
  absl::StatusOr<config::v1::ClientConfig> config =
      config::LoadClientConfig(path);
  if (config.ok()) {
    return config;
  }
  if (absl::IsInvalidArgument(config.status())) {
    return Malformed(config.status(), path);
  }
  return FileError(config.status(), path);
}

absl::StatusOr<config::v1::ClientConfig> LoadIdentity(const std::string& dir) {
  const std::string path = absl::StrCat(dir, "/", kClientConfigFile);
  absl::StatusOr<config::v1::ClientConfig> config = LoadClientFile(path);
  if (absl::IsNotFound(config.status())) {
    return MakeError(absl::StatusCode::kNotFound, reasons::kFileUnusable,
                     absl::StrCat(dir, " is no identity folder: it holds no ",
                                  kClientConfigFile,
                                  "; name one with --identity, --line or ",
                                  kIdentityVariable),
                     {{"path", path}});
  }
  return config;
}

Param IdentityParam() {
  return {.name = "--identity",
          .value = "DIR",
          .help =
              "the operator's folder [default: $BIRTHMARK_IDENTITY, else "
              "./operator]"};
}

Param DeviceParam() {
  return {.name = "DEVICE",
          .help =
              "its uid or name, its serial number, or that of a "
              "certificate of it",
          .required = true};
}

std::string OperatorDir(const Arguments& args) {
  if (args.Has("--identity")) {
    return args.Text("--identity");
  }
  const char* from_environment = std::getenv(kIdentityVariable);
  return from_environment != nullptr && *from_environment != '\0'
             ? from_environment
             : kDefaultIdentity;
}

absl::Status CheckCertificate(const config::v1::TlsIdentity& identity,
                              Clock& clock) {
  const std::string& path = identity.certificate_file();
  absl::StatusOr<std::string> pem = ReadFile(path);
  if (!pem.ok()) {
    return FileError(pem.status(), path);
  }
  const absl::StatusOr<std::vector<x509::Certificate>> certificates =
      x509::Certificate::ParsePem(*pem);
  if (!certificates.ok()) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, reasons::kInputMalformed,
        absl::StrCat(path, " holds no certificate"), {{"path", path}});
  }
  const x509::CertificateFields& leaf = certificates->front().fields();
  const absl::Time now = clock.Now();
  if (now > leaf.not_after) {
    return MakeError(absl::StatusCode::kUnauthenticated,
                     shared::kCertificateExpired,
                     absl::StrCat("the certificate in ", path, " expired at ",
                                  TimeText(leaf.not_after)),
                     {{"serial", leaf.serial_hex}});
  }
  if (now < leaf.not_before) {
    return MakeError(
        absl::StatusCode::kUnauthenticated, shared::kCertificateExpired,
        absl::StrCat("the certificate in ", path, " is not valid before ",
                     TimeText(leaf.not_before),
                     ", by the clock of this machine"),
        {{"serial", leaf.serial_hex}});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<rpc::GrpcChannel>> Connect(
    const config::v1::ClientConfig& config, Role role, Clock& clock) {
  const bool to_registration = role == Role::kRegistration;
  const config::v1::Endpoint& endpoint =
      to_registration ? config.registration() : config.inventory();
  if (endpoint.address().empty()) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, reasons::kInputMalformed,
        absl::StrCat("this identity does not say where the role ",
                     to_registration ? "registration" : "inventory", " is"),
        {{"path", kClientConfigFile}});
  }
  BIRTHMARK_RETURN_IF_ERROR(CheckCertificate(config.identity(), clock));
  rpc::GrpcChannelOptions options;
  options.address = endpoint.address();
  options.server_name = endpoint.server_name();
  options.roots_file = config.roots_file();
  options.identity = {config.identity().certificate_file(),
                      config.identity().private_key_file()};
  absl::StatusOr<std::unique_ptr<rpc::GrpcChannel>> channel =
      rpc::GrpcChannel::New(options);
  if (!channel.ok()) {
    return FileError(channel.status(), config.identity().certificate_file());
  }
  return channel;
}

absl::StatusOr<std::unique_ptr<rpc::Channel>> ConnectOperator(
    const Arguments& args, Role role, Context& context) {
  if (context.connect) {
    return context.connect(role);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const config::v1::ClientConfig config,
                             LoadIdentity(OperatorDir(args)));
  return Connect(config, role, context.clock);
}

}  // namespace birthmark::cli
