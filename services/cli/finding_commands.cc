#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "birthmark/device/v1/finding_service.pb.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/device_record.h"
#include "services/cli/device_text.h"
#include "services/cli/error_report.h"
#include "services/cli/event_text.h"
#include "services/cli/finding_text.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"

namespace birthmark::cli {
namespace {

using device::v1::AcknowledgeFindingRequest;
using device::v1::CloseFindingRequest;
using device::v1::Device;
using device::v1::Finding;
using device::v1::GetFindingRequest;
using device::v1::ListFindingsRequest;
using device::v1::ListFindingsResponse;

std::string Method(absl::string_view name) {
  return absl::StrCat("birthmark.device.v1.FindingService.", name);
}

std::string ByWhom(const std::string& actor,
                   const google::protobuf::Timestamp& time) {
  return actor.empty() ? ""
                       : absl::StrCat(TimeText(time), " by ", ActorText(actor));
}

int Print(const Finding& finding, Context& context) {
  if (context.json) {
    PrintJson(context.out, finding);
    return kExitOk;
  }
  std::vector<std::pair<std::string, std::string>> fields = {
      {"Finding", finding.name()},
      {"What", FindingText(finding)},
      {"State", FindingStateText(finding)},
      {"Costs the device", FindingEffectText(finding)},
      {"Device", finding.device()},
      {"First", TimeText(finding.create_time())},
      {"Last", TimeText(finding.last_time())},
      {"Times", absl::StrCat(finding.times())},
      {"Acknowledged",
       ByWhom(finding.acknowledge_actor(), finding.acknowledge_time())},
      {"Closed", ByWhom(finding.close_actor(), finding.close_time())},
      {"Note", finding.note()}};
  for (const auto& [name, value] : std::map<std::string, std::string>(
           finding.details().begin(), finding.details().end())) {
    fields.push_back({name, value});
  }
  PrintFields(context.out, fields);
  return kExitOk;
}

absl::StatusOr<int> List(const Arguments& args, Context& context) {
  ListFindingsRequest request;
  request.set_parent("fleets/-");
  request.set_show_closed(args.Switch("--all"));
  if (args.Has("--fleet")) {
    BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_parent(),
                               FleetName(args.Text("--fleet")));
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  if (args.Has("--device")) {
    BIRTHMARK_ASSIGN_OR_RETURN(const Device device,
                               FetchDevice(*channel, args.Text("--device")));
    request.set_device(device.name());
    if (!args.Has("--fleet")) {
      request.set_parent(
          device.name().substr(0, device.name().find("/devices/")));
    }
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response, ListAll<ListFindingsResponse>(
                               *channel, Method("ListFindings"), request,
                               [](const auto& r) { return r.findings_size(); },
                               args.Integer("--limit")));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  PrintFindings(response.findings(), /*with_device=*/true, context.clock.Now(),
                context.out, "");
  context.out << CountText(response.findings_size(), "finding")
              << (response.next_page_token().empty() ? "" : ", more exist")
              << '\n';
  return kExitOk;
}

absl::StatusOr<int> Get(const Arguments& args, Context& context) {
  GetFindingRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_name(),
                             FindingName(args.Text("FINDING")));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const Finding finding,
      channel->Unary<Finding>(Method("GetFinding"), request));
  return Print(finding, context);
}

template <typename Request>
absl::StatusOr<int> Change(const Arguments& args, Context& context,
                           absl::string_view method) {
  Request request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_name(),
                             FindingName(args.Text("FINDING")));
  request.set_note(args.Text("--note"));
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const Finding finding,
                             channel->Unary<Finding>(Method(method), request));
  Print(finding, context);
  if (finding.state() == device::v1::FINDING_STATE_CLOSED &&
      finding.effect() == device::v1::FINDING_EFFECT_QUARANTINE &&
      !context.json) {
    context.out << "The device stays in quarantine until it is released: "
                   "birthmark device release "
                << LastSegment(finding.device()) << " --reason TEXT\n";
  }
  return kExitOk;
}

absl::StatusOr<int> Acknowledge(const Arguments& args, Context& context) {
  return Change<AcknowledgeFindingRequest>(args, context, "AcknowledgeFinding");
}

absl::StatusOr<int> Close(const Arguments& args, Context& context) {
  return Change<CloseFindingRequest>(args, context, "CloseFinding");
}

}  // namespace

std::vector<Command> FindingCommands() {
  const Param finding = {.name = "FINDING",
                         .help = "FLEET/ID, as `finding list` shows it",
                         .required = true};
  Param note = {.name = "--note",
                .value = "TEXT",
                .help = "what is to be said about it; nothing personal"};
  Param needed_note = note;
  needed_note.required = true;
  return {
      {.path = "finding list",
       .summary = "Lists what is wrong with devices, oldest first.",
       .details = "Firmware that went back, images that changed under a "
                  "version, RSA keys that\nshare a prime. What each costs the "
                  "device is the fleet's policy: `fleet update`.",
       .examples = "birthmark finding list --fleet acme\n"
                   "birthmark finding list --device GW7-000001 --all",
       .params = {{.name = "--fleet",
                   .value = "FLEET",
                   .help = "only those of this fleet"},
                  {.name = "--device",
                   .value = "DEVICE",
                   .help = "only those of this device"},
                  {.name = "--all",
                   .help = "closed ones too",
                   .kind = ParamKind::kSwitch},
                  {.name = "--limit",
                   .value = "N",
                   .help = "at most this many; 0: all",
                   .kind = ParamKind::kInteger,
                   .default_value = "0"},
                  IdentityParam()},
       .run = List},
      {.path = "finding get",
       .summary = "Shows one finding.",
       .examples =
           "birthmark finding get acme/019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8",
       .params = {finding, IdentityParam()},
       .run = Get},
      {.path = "finding acknowledge",
       .summary = "Notes that somebody looks after a finding.",
       .details = "What it costs the device stays until it is closed.",
       .examples = "birthmark finding acknowledge "
                   "acme/019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8 --note \"asked "
                   "the site\"",
       .params = {finding, note, IdentityParam()},
       .run = Acknowledge},
      {.path = "finding close",
       .summary = "Closes a finding for good.",
       .details = "It no longer denies renewals. A quarantine that it ordered "
                  "stays: `device release`.",
       .examples = "birthmark finding close "
                   "acme/019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8 --note \"test "
                   "device\"",
       .params = {finding, needed_note, IdentityParam()},
       .run = Close},
  };
}

}  // namespace birthmark::cli
