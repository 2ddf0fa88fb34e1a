#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "birthmark/device/v1/device_transfer_service.pb.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "services/cli/ask.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/device_record.h"
#include "services/cli/error_report.h"
#include "services/cli/event_text.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"

namespace birthmark::cli {
namespace {

using device::v1::ApproveReplacementRequest;
using device::v1::Device;
using device::v1::DeviceReplacement;
using device::v1::ListReplacementsRequest;
using device::v1::ListReplacementsResponse;
using device::v1::RejectReplacementRequest;
using device::v1::RequestReplacementRequest;

std::string Method(absl::string_view name) {
  return absl::StrCat("birthmark.device.v1.DeviceTransferService.", name);
}

std::string StateText(const DeviceReplacement& replacement) {
  return absl::StrReplaceAll(
      EnumText(device::v1::ReplacementState_Name(replacement.state()),
               "REPLACEMENT_STATE_"),
      {{"_", " "}});
}

std::string EndText(const std::string& actor,
                    const google::protobuf::Timestamp& time) {
  return actor.empty() ? ""
                       : absl::StrCat(TimeText(time), " by ", ActorText(actor));
}

int Print(const DeviceReplacement& replacement, Context& context) {
  if (context.json) {
    PrintJson(context.out, replacement);
    return kExitOk;
  }
  const bool waits =
      replacement.state() == device::v1::REPLACEMENT_STATE_PENDING_APPROVAL;
  PrintFields(
      context.out,
      {{"Replacement", replacement.name()},
       {"State", StateText(replacement)},
       {"Old board", replacement.old_device()},
       {"New board", replacement.new_device()},
       {"Reason", replacement.reason()},
       {"Asked for",
        EndText(replacement.create_actor(), replacement.create_time())},
       {"Ended", EndText(replacement.end_actor(), replacement.end_time())},
       {"Next",
        waits ? absl::StrCat("nothing has changed yet; another operator runs: "
                             "birthmark replacement approve ",
                             ShortName(replacement.name()))
              : ""}});
  return kExitOk;
}

absl::StatusOr<int> RequestReplacement(const Arguments& args,
                                       Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const Device old_device,
                             FetchDevice(*channel, args.Text("OLD")));
  BIRTHMARK_ASSIGN_OR_RETURN(const Device new_device,
                             FetchDevice(*channel, args.Text("NEW")));
  RequestReplacementRequest request;
  request.set_old_device(old_device.name());
  request.set_new_device(new_device.name());
  request.set_reason(args.Text("--reason"));
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceReplacement replacement,
      channel->Unary<DeviceReplacement>(Method("RequestReplacement"), request));
  return Print(replacement, context);
}

template <typename Request>
absl::StatusOr<int> EndReplacement(const Arguments& args, Context& context,
                                   absl::string_view method) {
  Request request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_name(),
                             ReplacementName(args.Text("REPLACEMENT")));
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceReplacement replacement,
      channel->Unary<DeviceReplacement>(Method(method), request));
  return Print(replacement, context);
}

absl::StatusOr<int> ApproveReplacement(const Arguments& args,
                                       Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string name,
                             ReplacementName(args.Text("REPLACEMENT")));
  if (!args.Switch("--yes")) {
    context.err << "Replacement: " << name << '\n';
    BIRTHMARK_RETURN_IF_ERROR(
        Ask("The old board is retired for good; the new one gets its labels "
            "and its name. Approve it?",
            context));
  }
  return EndReplacement<ApproveReplacementRequest>(args, context,
                                                   "ApproveReplacement");
}

absl::StatusOr<int> RejectReplacement(const Arguments& args, Context& context) {
  return EndReplacement<RejectReplacementRequest>(args, context,
                                                  "RejectReplacement");
}

absl::StatusOr<int> ListReplacements(const Arguments& args, Context& context) {
  ListReplacementsRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_parent(),
                             args.Has("--fleet")
                                 ? FleetName(args.Text("--fleet"))
                                 : absl::StatusOr<std::string>("fleets/-"));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      ListAll<ListReplacementsResponse>(
          *channel, Method("ListReplacements"), request,
          [](const auto& r) { return r.replacements_size(); }));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  Table table(
      {"REPLACEMENT", "STATE", "OLD BOARD", "NEW BOARD", "ASKED FOR", "BY"});
  for (const DeviceReplacement& replacement : response.replacements()) {
    table.Add({ShortName(replacement.name()), StateText(replacement),
               LastSegment(replacement.old_device()),
               LastSegment(replacement.new_device()),
               TimeText(replacement.create_time()),
               ActorText(replacement.create_actor())});
  }
  table.Print(context.out);
  context.out << CountText(response.replacements_size(), "replacement") << '\n';
  return kExitOk;
}

}  // namespace

std::vector<Command> ReplacementCommands() {
  const Param replacement = {.name = "REPLACEMENT",
                             .help = "FLEET/ID, as `replacement list` shows it",
                             .required = true};
  const Param device = DeviceParam();
  return {
      {.path = "replacement request",
       .summary = "Asks for a board to be replaced by another (RMA).",
       .details = "Both of one fleet. Nothing changes until another operator "
                  "approves.",
       .examples = "birthmark replacement request GW7-000001 GW7-000002 "
                   "--reason \"flash worn out\"",
       .params = {{.name = "OLD",
                   .help = "the board to go: " + device.help,
                   .required = true},
                  {.name = "NEW",
                   .help = "the board to take its place",
                   .required = true},
                  {.name = "--reason",
                   .value = "TEXT",
                   .help = "why, for the record; nothing personal",
                   .required = true},
                  IdentityParam()},
       .run = RequestReplacement},
      {.path = "replacement approve",
       .summary = "Approves a replacement.",
       .details = "The new board gets labels and name of the old one, which is "
                  "retired for good.\nWhoever asked for it cannot approve it.",
       .examples = "birthmark replacement approve "
                   "acme/019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8 --identity "
                   "second-operator",
       .params = {replacement,
                  {.name = "--yes",
                   .help = "do not ask",
                   .kind = ParamKind::kSwitch},
                  IdentityParam()},
       .run = ApproveReplacement},
      {.path = "replacement reject",
       .summary = "Rejects a replacement, or takes it back.",
       .examples = "birthmark replacement reject "
                   "acme/019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8",
       .params = {replacement, IdentityParam()},
       .run = RejectReplacement},
      {.path = "replacement list",
       .summary = "Lists replacements, oldest first.",
       .examples = "birthmark replacement list --fleet acme",
       .params = {{.name = "--fleet",
                   .value = "FLEET",
                   .help = "only those of this fleet"},
                  IdentityParam()},
       .run = ListReplacements},
  };
}

}  // namespace birthmark::cli
