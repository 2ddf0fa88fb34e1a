#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "birthmark/registration/v1/registration_service.pb.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "lib/keys/local_key.h"
#include "lib/x509/jws.h"
#include "nlohmann/json.hpp"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/device_connection.h"
#include "services/cli/error_report.h"
#include "services/cli/output.h"

namespace birthmark::cli {
namespace {

using registration::v1::ConfirmWipeRequest;
using registration::v1::ConfirmWipeResponse;
using registration::v1::GetWipeInstructionRequest;
using registration::v1::WipeInstruction;

// docs/formats/wipe_receipt.md
constexpr char kReceiptType[] = "birthmark/wipe-receipt";

std::string Method(absl::string_view name) {
  return absl::StrCat("birthmark.registration.v1.RegistrationService.", name);
}

absl::StatusOr<WipeInstruction> Instruction(rpc::Channel& channel) {
  return channel.Unary<WipeInstruction>(Method("GetWipeInstruction"),
                                        GetWipeInstructionRequest());
}

absl::StatusOr<int> Show(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel, ConnectDevice(args, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const WipeInstruction instruction,
                             Instruction(*channel));
  if (context.json) {
    PrintJson(context.out, instruction);
    return kExitOk;
  }
  PrintFields(context.out,
              {{"Device", instruction.device()},
               {"Instruction", instruction.instruction()},
               {"Confirm until", TimeText(instruction.deadline_time())}});
  return kExitOk;
}

// The receipt, signed with the key that the device calls with.
absl::StatusOr<std::string> SignReceipt(const WipeInstruction& instruction,
                                        const Arguments& args, absl::Time now) {
  BIRTHMARK_ASSIGN_OR_RETURN(const config::v1::ClientConfig config,
                             DeviceIdentityFrom(args));
  const std::string& path = config.identity().private_key_file();
  absl::StatusOr<std::unique_ptr<keys::LocalKey>> key =
      keys::LocalKey::Load(path);
  if (!key.ok()) {
    return FileError(key.status(), path);
  }
  const nlohmann::json payload = {
      {"type", kReceiptType},
      {"device", LastSegment(instruction.device())},
      {"instruction", instruction.instruction()},
      {"time",
       absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now, absl::UTCTimeZone())}};
  const crypto::KeyAlgorithm algorithm = (*key)->public_key().algorithm();
  const std::string input = x509::JwsSigningInput(
      algorithm, {.type = "", .key_id = "", .chain_der = {}}, payload.dump());
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string signature, (*key)->Sign(input));
  return x509::AssembleJws(algorithm, input, signature);
}

absl::StatusOr<int> Confirm(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel, ConnectDevice(args, context));
  ConfirmWipeRequest request;
  if (args.Has("--receipt")) {
    const std::string path = args.Text("--receipt");
    absl::StatusOr<std::string> receipt = ReadFile(path);
    if (!receipt.ok()) {
      return FileError(receipt.status(), path);
    }
    request.set_receipt(*std::move(receipt));
  } else {
    BIRTHMARK_ASSIGN_OR_RETURN(const WipeInstruction instruction,
                               Instruction(*channel));
    BIRTHMARK_ASSIGN_OR_RETURN(
        *request.mutable_receipt(),
        SignReceipt(instruction, args, context.clock.Now()));
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      channel->Unary<ConfirmWipeResponse>(Method("ConfirmWipe"), request));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  PrintFields(context.out, {{"Confirmed", TimeText(response.record_time())},
                            {"Receipt", request.receipt()}});
  context.out << "Now its last key may go too.\n";
  return kExitOk;
}

std::vector<Param> CallerParams(std::vector<Param> first) {
  first.push_back({.name = "--identity",
                   .value = "DIR",
                   .help = "the device's folder, made by register"});
  first.push_back({.name = "--idevid",
                   .value = "FILE",
                   .help = "its birth certificate with its chain, instead of "
                           "--identity"});
  first.push_back({.name = "--key",
                   .value = "FILE",
                   .help = "the birth certificate's private key"});
  for (Param& param : ServiceParams()) {
    first.push_back(std::move(param));
  }
  return first;
}

}  // namespace

std::vector<Command> DeviceWipeCommands() {
  return {
      {.path = "device wipe-instruction",
       .summary = "As a device: asks what to do when told WIPE_REQUIRED.",
       .examples = "birthmark device wipe-instruction --identity device",
       .params = CallerParams({}),
       .run = Show},
      {.path = "device confirm-wipe",
       .summary = "As a device: signs and sends the receipt of its wipe.",
       .details =
           "Wipes nothing itself: call it when all is wiped but the key that "
           "the device calls\nwith. Signs the receipt with that key; one that "
           "was signed elsewhere (in a TPM) is\nsent with --receipt. Again is "
           "no harm: the first receipt counts.",
       .examples = "birthmark device confirm-wipe --identity device\n"
                   "birthmark device confirm-wipe --idevid board.pem --key "
                   "board.key --client client.textproto",
       .params = CallerParams({{.name = "--receipt",
                                .value = "FILE",
                                .help = "send this receipt (JWS, compact "
                                        "form), instead of signing one"}}),
       .run = Confirm},
  };
}

}  // namespace birthmark::cli
