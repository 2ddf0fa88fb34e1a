#include "services/registration/wipe_service.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/json_object.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/ids.h"
#include "lib/crypto/public_key.h"
#include "lib/rpc/serve.h"
#include "lib/rpc/timestamp.h"
#include "lib/storage/wipe_store.h"
#include "lib/x509/certificate.h"
#include "lib/x509/jws.h"
#include "lib/x509/serial.h"

namespace birthmark::registration {
namespace {

constexpr char kReceiptType[] = "birthmark/wipe-receipt";

std::string DeviceName(const storage::Wipe& wipe) {
  return FormatName("fleets/{fleet}/devices/{device}",
                    {wipe.fleet_id, wipe.device_uid});
}

absl::Status Malformed(absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   reasons::kReceiptMalformed,
                   absl::StrCat("the receipt ", text), {{"field", "receipt"}});
}

// CheckPayload reads what was signed. Only what names this wipe counts.
absl::Status CheckPayload(const std::string& payload,
                          const storage::Wipe& wipe) {
  const auto object = ParseJsonObject(payload);
  if (!object.ok()) {
    return Malformed("must have a JSON object for its payload");
  }
  const auto text = [&object](const char* name) -> std::string {
    const auto member = object->find(name);
    return member != object->end() && member->is_string()
               ? member->get<std::string>()
               : "";
  };
  if (text("type") != kReceiptType) {
    return Malformed(absl::StrCat("must be of the type ", kReceiptType));
  }
  if (text("device").empty() || text("instruction").empty()) {
    return Malformed("must name its device and its instruction");
  }
  if (text("device") != wipe.device_uid ||
      text("instruction") != wipe.instruction) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     reasons::kReceiptMismatch,
                     "the receipt is of another device or instruction",
                     {{"field", "receipt"}});
  }
  return absl::OkStatus();
}

}  // namespace

void WipeService::Register(rpc::Router& router) {
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(router,
                    absl::StrCat("birthmark.registration.v1."
                                 "RegistrationService.",
                                 name),
                    this, method);
  };
  serve("GetWipeInstruction", &WipeService::GetWipeInstruction);
  serve("ConfirmWipe", &WipeService::ConfirmWipe);
}

absl::StatusOr<v1::WipeInstruction> WipeService::GetWipeInstruction(
    const rpc::CallContext& context, const v1::GetWipeInstructionRequest&) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string serial,
                             x509::SerialFromHex(context.caller().serial));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::Wipe wipe,
                             with_.wipes.Find(serial, NowSeconds(with_.clock)));
  v1::WipeInstruction instruction;
  instruction.set_device(DeviceName(wipe));
  instruction.set_instruction(wipe.instruction);
  *instruction.mutable_deadline_time() = rpc::ToTimestamp(wipe.deadline);
  return instruction;
}

absl::StatusOr<v1::ConfirmWipeResponse> WipeService::ConfirmWipe(
    const rpc::CallContext& context, const v1::ConfirmWipeRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string serial,
                             x509::SerialFromHex(context.caller().serial));
  const absl::Time now = NowSeconds(with_.clock);
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::Wipe wipe,
                             with_.wipes.Find(serial, now));
  const absl::StatusOr<x509::Jws> jws =
      x509::Jws::Parse(request.receipt(), kMaxReceiptSize);
  if (!jws.ok()) {
    return Malformed("must be a JWS in compact form, of at most 4 KiB");
  }
  BIRTHMARK_RETURN_IF_ERROR(CheckPayload(jws->payload(), wipe));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const x509::Certificate leaf,
      x509::Certificate::Parse(context.caller().leaf_der));
  BIRTHMARK_ASSIGN_OR_RETURN(const crypto::PublicKey key,
                             crypto::PublicKey::Parse(leaf->spki_der));
  BIRTHMARK_RETURN_IF_ERROR(jws->Verify(key));

  storage::WipeReceipt receipt;
  receipt.instruction = wipe.instruction;
  receipt.jws = request.receipt();
  receipt.key = crypto::Sha256(key.spki_der());
  receipt.time = now;
  storage::DeviceEventRow event;
  event.event_id = crypto::NewUid(with_.clock);
  event.kind = "wipe_confirmed";
  event.actor = context.caller().actor;
  event.create_time = now;
  event.details = {{"instruction", wipe.instruction},
                   {"key", HexEncode(receipt.key)},
                   {"receipt_sha256", HexEncode(crypto::Sha256(receipt.jws))}};
  storage::Mutation mutation;
  mutation.audit.push_back(audit::NewEntry(with_.clock, context.caller().actor,
                                           "device.confirm_wipe",
                                           DeviceName(wipe), event.details));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const storage::Wipe confirmed,
      with_.wipes.Confirm(serial, receipt, event, mutation));
  v1::ConfirmWipeResponse response;
  *response.mutable_record_time() =
      rpc::ToTimestamp(confirmed.confirm_time.value_or(now));
  return response;
}

}  // namespace birthmark::registration
