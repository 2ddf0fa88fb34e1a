#include <memory>
#include <utility>

#include "birthmark/registration/v1/registration_service.pb.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ids.h"
#include "lib/rpc/timestamp.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/device_connection.h"
#include "services/cli/device_folder.h"
#include "services/cli/error_report.h"
#include "services/cli/identity_folder.h"
#include "services/cli/names.h"
#include "services/cli/output.h"

namespace birthmark::cli {
namespace {

using config::v1::ClientConfig;
using registration::v1::RegisterDeviceRequest;
using registration::v1::RegisterDeviceResponse;
using registration::v1::RenewCertificateRequest;
using registration::v1::RenewCertificateResponse;
using registration::v1::ReportFirmwareRequest;
using registration::v1::ReportFirmwareResponse;

constexpr size_t kImageLimit = size_t{1} << 30;
constexpr size_t kDigestSize = 32;

// Certify asks for a certificate for the folder's next key and installs it.
template <typename Response, typename Request>
absl::StatusOr<Response> Certify(rpc::Channel& channel,
                                 absl::string_view method,
                                 const DeviceFolder& folder) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto key,
                             KeyForNewCertificate(folder.next_key()));
  Request request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_csr_der(), CsrFor(*key));
  request.set_key_protection(device::v1::KEY_PROTECTION_SOFTWARE);
  absl::StatusOr<Response> response =
      channel.Unary<Response, Request>(method, request);
  if (!response.ok()) {
    const std::string reason = Reason(response.status());
    if (reason == birthmark::reasons::kKeyAlreadyEnrolled ||
        reason == birthmark::reasons::kKeyBlocked) {
      folder.DropNextKey();
    }
    return std::move(response).status();
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string pem,
                             ChainPem(response->certificate_chain_der(), *key));
  BIRTHMARK_RETURN_IF_ERROR(folder.Install(pem));
  return response;
}

absl::StatusOr<int> Register(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(ClientConfig config, ServiceFrom(args));
  config.clear_inventory();
  config.mutable_identity()->set_certificate_file(args.Text("--idevid"));
  config.mutable_identity()->set_private_key_file(args.Text("--key"));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, Connect(config, Role::kRegistration, context.clock));
  const std::string dir = args.Text("--out");
  BIRTHMARK_RETURN_IF_ERROR(MakeFolder(dir));
  BIRTHMARK_RETURN_IF_ERROR(WriteClientFiles(dir, DeviceFolder::kName, config));
  const DeviceFolder folder(dir);
  BIRTHMARK_RETURN_IF_ERROR(folder.Complete());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      (Certify<RegisterDeviceResponse, RegisterDeviceRequest>(
          *channel,
          "birthmark.registration.v1.RegistrationService.RegisterDevice",
          folder)));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  PrintFields(context.out, {{"Device", response.device()},
                            {"Certificate", folder.certificate()},
                            {"Renew", TimeText(response.renew_time())}});
  return kExitOk;
}

absl::StatusOr<int> Renew(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel, ConnectDevice(args, context));
  const DeviceFolder folder(args.Text("--identity"));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      (Certify<RenewCertificateResponse, RenewCertificateRequest>(
          *channel,
          "birthmark.registration.v1.RegistrationService.RenewCertificate",
          folder)));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  PrintFields(context.out, {{"Certificate", folder.certificate()},
                            {"Renew", TimeText(response.renew_time())}});
  return kExitOk;
}

absl::StatusOr<std::string> Digest(const Arguments& args) {
  if (args.Has("--digest") == args.Has("--image")) {
    return UsageError("give either --digest or --image");
  }
  if (args.Has("--image")) {
    const std::string path = args.Text("--image");
    const absl::StatusOr<std::string> image = ReadFile(path, kImageLimit);
    if (!image.ok()) {
      return FileError(image.status(), path);
    }
    return crypto::Sha256(*image);
  }
  absl::StatusOr<std::string> digest = HexDecode(args.Text("--digest"));
  if (!digest.ok() || digest->size() != kDigestSize) {
    return UsageError("--digest wants a SHA-256: 64 lower-case hex digits");
  }
  return digest;
}

absl::StatusOr<int> ReportFirmware(const Arguments& args, Context& context) {
  ReportFirmwareRequest request;
  registration::v1::FirmwareReport& report = *request.add_reports();
  report.set_component(args.Text("--component"));
  report.set_version(args.Text("--version"));
  BIRTHMARK_ASSIGN_OR_RETURN(*report.mutable_digest(), Digest(args));
  report.set_security_version(args.Integer("--security-version"));
  if (args.Has("--boot-time")) {
    BIRTHMARK_ASSIGN_OR_RETURN(const absl::Time time,
                               ParseTime(args.Text("--boot-time")));
    *report.mutable_boot_time() = rpc::ToTimestamp(time);
  }
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel, ConnectDevice(args, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      channel->Unary<ReportFirmwareResponse>(
          "birthmark.registration.v1.RegistrationService.ReportFirmware",
          request));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  PrintFields(context.out, {{"Component", report.component()},
                            {"Version", report.version()},
                            {"SHA-256", HexEncode(report.digest())},
                            {"Recorded", TimeText(response.record_time())}});
  return kExitOk;
}

std::vector<Param> RegisterParams() {
  std::vector<Param> params = {
      {.name = "--idevid",
       .value = "FILE",
       .help = "the birth certificate with its chain (PEM)",
       .required = true},
      {.name = "--key",
       .value = "FILE",
       .help = "its private key (PKCS#8 PEM)",
       .required = true},
      {.name = "--out",
       .value = "DIR",
       .help = "the device's folder",
       .required = true}};
  for (Param& param : ServiceParams()) {
    params.push_back(std::move(param));
  }
  return params;
}

}  // namespace

std::vector<Command> DeviceIdentityCommands() {
  const Param identity = {.name = "--identity",
                          .value = "DIR",
                          .help = "the device's folder, made by register",
                          .required = true};
  return {
      {.path = "device register",
       .summary = "As a device: trades the birth certificate for an "
                  "operational one.",
       .details = "Makes a fresh key in DIR and has it certified. After a "
                  "failure, run\n"
                  "it again: the same key is used. Also the way back for a "
                  "device whose\n"
                  "operational certificate has expired.",
       .examples = "birthmark device register --idevid board.pem --key "
                   "board.key --client client.textproto --out device",
       .params = RegisterParams(),
       .run = Register},
      {.path = "device renew",
       .summary = "As a device: gets a new operational certificate.",
       .details = "The old key and certificate are kept as *.previous; they "
                  "stay good until\nthe new ones were used.",
       .examples = "birthmark device renew --identity device",
       .params = {identity},
       .run = Renew},
      {.path = "device report-firmware",
       .summary = "As a device: says which firmware it runs.",
       .examples = "birthmark device report-firmware --identity device "
                   "--component application --version 4.1.0 --image app.bin",
       .params = {identity,
                  {.name = "--component",
                   .value = "NAME",
                   .help = "what runs it, e.g. application",
                   .required = true},
                  {.name = "--version",
                   .value = "TEXT",
                   .help = "its version",
                   .required = true},
                  {.name = "--digest",
                   .value = "HEX",
                   .help = "SHA-256 of the image"},
                  {.name = "--image",
                   .value = "FILE",
                   .help = "the image, instead of --digest"},
                  {.name = "--security-version",
                   .value = "N",
                   .help = "the anti-rollback counter",
                   .kind = ParamKind::kInteger},
                  {.name = "--boot-time",
                   .value = "TIME",
                   .help = "when it was started, in UTC"}},
       .run = ReportFirmware},
  };
}

}  // namespace birthmark::cli
