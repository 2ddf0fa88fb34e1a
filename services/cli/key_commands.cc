#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "birthmark/device/v1/key_audit_service.pb.h"
#include "lib/base/ids.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "services/cli/ask.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/device_record.h"
#include "services/cli/error_report.h"
#include "services/cli/event_text.h"
#include "services/cli/job_watch.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"

namespace birthmark::cli {
namespace {

using device::v1::BlockDeviceKeyRequest;
using device::v1::CancelKeyAuditRequest;
using device::v1::Device;
using device::v1::DeviceKey;
using device::v1::GetDeviceKeyRequest;
using device::v1::GetKeyAuditRequest;
using device::v1::KeyAudit;
using device::v1::ListKeyAuditsRequest;
using device::v1::ListKeyAuditsResponse;
using device::v1::StartKeyAuditRequest;

std::string AuditMethod(absl::string_view name) {
  return absl::StrCat("birthmark.device.v1.KeyAuditService.", name);
}

// The key that is meant: by its whole name, or by its id in hex.
absl::StatusOr<DeviceKey> FetchKey(rpc::Channel& channel,
                                   const std::string& text) {
  GetDeviceKeyRequest request;
  if (ParseName("fleets/{fleet}/devices/{device}/keys/{key}", text).ok()) {
    request.set_name(text);
  } else if (IsKeyId(absl::AsciiStrToLower(text))) {
    BIRTHMARK_ASSIGN_OR_RETURN(const Device device, FetchDevice(channel, text));
    request.set_name(
        absl::StrCat(device.name(), "/keys/", absl::AsciiStrToLower(text)));
  } else {
    return UsageError(absl::StrCat("'", text,
                                   "' is no key: want its SHA-256 in hex, or ",
                                   "fleets/FLEET/devices/UID/keys/KEY"));
  }
  return channel.Unary<DeviceKey>(
      "birthmark.device.v1.DeviceService.GetDeviceKey", request);
}

absl::StatusOr<int> Block(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceKey key,
                             FetchKey(*channel, args.Text("KEY")));
  if (!args.Switch("--yes")) {
    PrintFields(context.err,
                {{"Key", key.name()},
                 {"Use", EnumText(device::v1::KeyUsage_Name(key.usage()),
                                  "KEY_USAGE_")},
                 {"State", EnumText(device::v1::KeyState_Name(key.state()),
                                    "KEY_STATE_")},
                 {"Certificate", key.certificate()},
                 {"Last used", TimeText(key.last_use_time())}});
    BIRTHMARK_RETURN_IF_ERROR(
        Ask("Its certificate is revoked, and it is never certified again. "
            "Block it for ever?",
            context));
  }
  BlockDeviceKeyRequest request;
  request.set_name(key.name());
  request.set_reason(args.Text("--reason"));
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceKey blocked,
      channel->Unary<DeviceKey>(
          "birthmark.device.v1.DeviceService.BlockDeviceKey", request));
  if (context.json) {
    PrintJson(context.out, blocked);
  } else {
    context.out << blocked.name() << " is "
                << EnumText(device::v1::KeyState_Name(blocked.state()),
                            "KEY_STATE_")
                << '\n';
  }
  return kExitOk;
}

std::string StateText(const KeyAudit& audit) {
  return EnumText(device::v1::KeyAuditState_Name(audit.state()),
                  "KEY_AUDIT_STATE_");
}

bool IsOver(const KeyAudit& audit) {
  return audit.state() == device::v1::KEY_AUDIT_STATE_DONE ||
         audit.state() == device::v1::KEY_AUDIT_STATE_CANCELLED;
}

int Print(const KeyAudit& audit, Context& context) {
  if (context.json) {
    PrintJson(context.out, audit);
    return kExitOk;
  }
  const bool is_done = audit.state() == device::v1::KEY_AUDIT_STATE_DONE;
  PrintFields(
      context.out,
      {{"Key audit", audit.name()},
       {"State", StateText(audit)},
       {"Progress", audit.progress()},
       {"RSA keys", absl::StrCat(audit.key_count())},
       {"Share a prime", is_done ? absl::StrCat(audit.shared_count()) : ""},
       {"Findings", is_done ? absl::StrCat(audit.finding_count()) : ""},
       {"Held up by", audit.last_error()},
       {"Started", absl::StrCat(TimeText(audit.create_time()), " by ",
                                ActorText(audit.actor()))},
       {"Ended", audit.has_end_time() ? TimeText(audit.end_time()) : ""}});
  if (audit.finding_count() > 0) {
    context.out << "Which devices: birthmark finding list\n";
  }
  return kExitOk;
}

absl::StatusOr<KeyAudit> FetchAudit(rpc::Channel& channel,
                                    const std::string& name) {
  GetKeyAuditRequest request;
  request.set_name(name);
  return channel.Unary<KeyAudit>(AuditMethod("GetKeyAudit"), request);
}

absl::StatusOr<int> WaitFor(rpc::Channel& channel, const std::string& name,
                            Context& context) {
  KeyAudit audit;
  BIRTHMARK_RETURN_IF_ERROR(WatchJob(
      [&]() -> absl::StatusOr<JobView> {
        BIRTHMARK_ASSIGN_OR_RETURN(audit, FetchAudit(channel, name));
        return JobView{
            .state = absl::StrCat(StateText(audit),
                                  audit.progress().empty() ? "" : ", ",
                                  OneLine(audit.progress())),
            .is_over = IsOver(audit),
            .done = audit.shared_count(),
            .expected = audit.key_count(),
            .done_word = "keys share a prime",
            .last_error = audit.last_error()};
      },
      WatchOptions{.interval = absl::Milliseconds(500)}, context));
  Print(audit, context);
  return audit.state() == device::v1::KEY_AUDIT_STATE_DONE ? kExitOk
                                                           : kExitRefused;
}

absl::StatusOr<int> Start(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  StartKeyAuditRequest request;
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const KeyAudit audit,
      channel->Unary<KeyAudit>(AuditMethod("StartKeyAudit"), request));
  return args.Switch("--wait") ? WaitFor(*channel, audit.name(), context)
                               : Print(audit, context);
}

absl::StatusOr<int> Get(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string name,
                             KeyAuditName(args.Text("AUDIT")));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  if (args.Switch("--wait")) {
    return WaitFor(*channel, name, context);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const KeyAudit audit, FetchAudit(*channel, name));
  return Print(audit, context);
}

absl::StatusOr<int> List(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      ListAll<ListKeyAuditsResponse>(
          *channel, AuditMethod("ListKeyAudits"), ListKeyAuditsRequest(),
          [](const auto& r) { return r.key_audits_size(); }));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  Table table({"AUDIT", "STATE", "RSA KEYS", "SHARE A PRIME", "FINDINGS",
               "STARTED", "BY"});
  table.AlignRight(2).AlignRight(3).AlignRight(4);
  for (const KeyAudit& audit : response.key_audits()) {
    table.Add({LastSegment(audit.name()), StateText(audit),
               absl::StrCat(audit.key_count()),
               absl::StrCat(audit.shared_count()),
               absl::StrCat(audit.finding_count()),
               TimeText(audit.create_time()), ActorText(audit.actor())});
  }
  table.Print(context.out);
  context.out << CountText(response.key_audits_size(), "audit") << '\n';
  return kExitOk;
}

absl::StatusOr<int> Cancel(const Arguments& args, Context& context) {
  CancelKeyAuditRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_name(),
                             KeyAuditName(args.Text("AUDIT")));
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const KeyAudit audit,
      channel->Unary<KeyAudit>(AuditMethod("CancelKeyAudit"), request));
  return Print(audit, context);
}

}  // namespace

std::vector<Command> KeyCommands() {
  const Param audit = {.name = "AUDIT",
                       .help = "its id, as `key-audit list` shows it",
                       .required = true};
  const Param wait = {.name = "--wait",
                      .help = "stay until it is over",
                      .kind = ParamKind::kSwitch};
  return {
      {.path = "key block",
       .summary = "Forbids a key for ever.",
       .details = "Its certificate is revoked, and it is never certified "
                  "again, in any fleet. Shows\nit and asks, unless --yes is "
                  "given.",
       .examples = "birthmark key block "
                   "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0"
                   "f00a08 --reason \"weak generator\"",
       .params = {{.name = "KEY",
                   .help = "its SHA-256 in hex, as `device keys` shows it, or "
                           "its whole name",
                   .required = true},
                  {.name = "--reason",
                   .value = "TEXT",
                   .help = "why, for the record; nothing personal",
                   .required = true},
                  {.name = "--yes",
                   .help = "do not ask",
                   .kind = ParamKind::kSwitch},
                  IdentityParam()},
       .run = Block},
      {.path = "key-audit start",
       .summary = "Looks for RSA keys that share a prime with another.",
       .details = "Over all keys that were ever certified. Such keys are "
                  "broken: whoever sees both can\ncompute them. Each becomes a "
                  "finding of its device. One audit runs at a time.",
       .examples = "birthmark key-audit start --wait",
       .params = {wait, IdentityParam()},
       .run = Start},
      {.path = "key-audit get",
       .summary = "Shows an audit.",
       .examples =
           "birthmark key-audit get 019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8",
       .params = {audit, wait, IdentityParam()},
       .run = Get},
      {.path = "key-audit list",
       .summary = "Lists audits, oldest first.",
       .examples = "birthmark key-audit list",
       .params = {IdentityParam()},
       .run = List},
      {.path = "key-audit cancel",
       .summary = "Ends an audit that runs.",
       .examples =
           "birthmark key-audit cancel 019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8",
       .params = {audit, IdentityParam()},
       .run = Cancel},
  };
}

}  // namespace birthmark::cli
