#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "birthmark/fleet/v1/fleet_service.pb.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/error_report.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"

namespace birthmark::cli {
namespace {

using fleet::v1::CreateFleetRequest;
using fleet::v1::FindingPolicy;
using fleet::v1::Fleet;
using fleet::v1::GetFleetRequest;
using fleet::v1::ListFleetsRequest;
using fleet::v1::ListFleetsResponse;
using fleet::v1::UpdateFleetRequest;

constexpr char kPolicyPrefix[] = "FINDING_POLICY_";
constexpr char kPolicies[] = "allow, warn, deny-renewal or quarantine";

std::string PolicyText(FindingPolicy policy) {
  return absl::StrReplaceAll(
      EnumText(fleet::v1::FindingPolicy_Name(policy), kPolicyPrefix),
      {{"_", "-"}});
}

std::string WipeTimeoutText(const Fleet& fleet) {
  if (!fleet.has_wipe_timeout()) {
    return "";
  }
  const int64_t seconds = fleet.wipe_timeout().seconds();
  if (seconds == 0) {
    return "not waited for";
  }
  return seconds % 86400 == 0 ? CountText(seconds / 86400, "day")
                              : absl::FormatDuration(absl::Seconds(seconds));
}

void PrintFleet(const Fleet& fleet, Context& context) {
  if (context.json) {
    PrintJson(context.out, fleet);
    return;
  }
  PrintFields(
      context.out,
      {{"Fleet", fleet.name()},
       {"Display name", fleet.display_name()},
       {"Birth certificates", fleet.idevid_profile()},
       {"Operational certificates", fleet.ldevid_profile()},
       {"On firmware rollback", PolicyText(fleet.firmware_rollback_policy())},
       {"On another image under a version",
        PolicyText(fleet.firmware_digest_policy())},
       {"On an RSA key that shares a prime",
        PolicyText(fleet.shared_prime_policy())},
       {"Waits for a wipe", WipeTimeoutText(fleet)},
       {"Created", TimeText(fleet.create_time())}});
}

absl::StatusOr<int> Create(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string name,
                             FleetName(args.Text("FLEET")));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  CreateFleetRequest request;
  request.set_fleet_id(LastSegment(name));
  request.mutable_fleet()->set_display_name(args.Text("--display-name"));
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const Fleet fleet,
      channel->Unary<Fleet>("birthmark.fleet.v1.FleetService.CreateFleet",
                            request));
  PrintFleet(fleet, context);
  return kExitOk;
}

absl::Status SetPolicy(const Arguments& args, const char* option,
                       const char* path, void (Fleet::*set)(FindingPolicy),
                       UpdateFleetRequest& request) {
  if (!args.Has(option)) {
    return absl::OkStatus();
  }
  FindingPolicy policy = fleet::v1::FINDING_POLICY_UNSPECIFIED;
  if (!fleet::v1::FindingPolicy_Parse(
          absl::StrCat(kPolicyPrefix, absl::AsciiStrToUpper(absl::StrReplaceAll(
                                          args.Text(option), {{"-", "_"}}))),
          &policy) ||
      policy == fleet::v1::FINDING_POLICY_UNSPECIFIED) {
    return UsageError(absl::StrCat(option, " wants ", kPolicies, ", not '",
                                   args.Text(option), "'"));
  }
  (request.mutable_fleet()->*set)(policy);
  request.mutable_update_mask()->add_paths(path);
  return absl::OkStatus();
}

absl::StatusOr<UpdateFleetRequest> UpdateFrom(const Arguments& args) {
  UpdateFleetRequest request;
  Fleet& fleet = *request.mutable_fleet();
  BIRTHMARK_ASSIGN_OR_RETURN(*fleet.mutable_name(),
                             FleetName(args.Text("FLEET")));
  BIRTHMARK_RETURN_IF_ERROR(
      SetPolicy(args, "--firmware-rollback", "firmware_rollback_policy",
                &Fleet::set_firmware_rollback_policy, request));
  BIRTHMARK_RETURN_IF_ERROR(
      SetPolicy(args, "--firmware-digest", "firmware_digest_policy",
                &Fleet::set_firmware_digest_policy, request));
  BIRTHMARK_RETURN_IF_ERROR(
      SetPolicy(args, "--shared-prime", "shared_prime_policy",
                &Fleet::set_shared_prime_policy, request));
  if (args.Has("--wipe-timeout")) {
    fleet.mutable_wipe_timeout()->set_seconds(
        absl::ToInt64Seconds(args.Duration("--wipe-timeout")));
    request.mutable_update_mask()->add_paths("wipe_timeout");
  }
  if (args.Has("--display-name")) {
    fleet.set_display_name(args.Text("--display-name"));
    request.mutable_update_mask()->add_paths("display_name");
  }
  if (request.update_mask().paths().empty()) {
    return UsageError(
        "say what to change: a policy, --wipe-timeout or "
        "--display-name");
  }
  request.set_request_id(crypto::NewRequestId());
  return request;
}

absl::StatusOr<int> Update(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const UpdateFleetRequest request,
                             UpdateFrom(args));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const Fleet fleet,
      channel->Unary<Fleet>("birthmark.fleet.v1.FleetService.UpdateFleet",
                            request));
  PrintFleet(fleet, context);
  return kExitOk;
}

absl::StatusOr<int> Get(const Arguments& args, Context& context) {
  GetFleetRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_name(),
                             FleetName(args.Text("FLEET")));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const Fleet fleet,
      channel->Unary<Fleet>("birthmark.fleet.v1.FleetService.GetFleet",
                            request));
  PrintFleet(fleet, context);
  return kExitOk;
}

absl::StatusOr<int> List(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      ListAll<ListFleetsResponse>(
          *channel, "birthmark.fleet.v1.FleetService.ListFleets",
          ListFleetsRequest(), [](const auto& r) { return r.fleets_size(); }));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  Table table({"FLEET", "DISPLAY NAME", "CREATED"});
  for (const Fleet& fleet : response.fleets()) {
    table.Add({LastSegment(fleet.name()), fleet.display_name(),
               TimeText(fleet.create_time())});
  }
  table.Print(context.out);
  context.out << CountText(response.fleets_size(), "fleet") << '\n';
  return kExitOk;
}

}  // namespace

std::vector<Command> FleetCommands() {
  const Param fleet = {
      .name = "FLEET", .help = "its id, e.g. acme", .required = true};
  return {
      {.path = "fleet create",
       .summary = "Creates a fleet.",
       .details = "A fleet is the parent of lines and devices.",
       .examples = "birthmark fleet create acme --display-name \"Acme\"",
       .params = {fleet,
                  {.name = "--display-name",
                   .value = "TEXT",
                   .help = "a name for people"},
                  IdentityParam()},
       .run = Create},
      {.path = "fleet list",
       .summary = "Lists the fleets, oldest first.",
       .examples = "birthmark fleet list",
       .params = {IdentityParam()},
       .run = List},
      {.path = "fleet get",
       .summary = "Shows one fleet.",
       .examples = "birthmark fleet get acme",
       .params = {fleet, IdentityParam()},
       .run = Get},
      {.path = "fleet update",
       .summary = "Changes the policies of a fleet.",
       .details =
           "What a finding costs a device: nothing, not even a finding "
           "(allow); a finding\n(warn); no new certificate until it is closed "
           "(deny-renewal); quarantine at once\n(quarantine). It counts from "
           "now on.",
       .examples = "birthmark fleet update acme --firmware-rollback "
                   "quarantine --shared-prime deny-renewal\n"
                   "birthmark fleet update acme --wipe-timeout 14d",
       .params = {fleet,
                  {.name = "--firmware-rollback",
                   .value = "POLICY",
                   .help = kPolicies},
                  {.name = "--firmware-digest",
                   .value = "POLICY",
                   .help = "for another image under a known version"},
                  {.name = "--shared-prime",
                   .value = "POLICY",
                   .help = "for RSA keys that share a prime"},
                  {.name = "--wipe-timeout",
                   .value = "TIME",
                   .help = "how long a retired device may take to confirm its "
                           "wipe; 0s: not waited for",
                   .kind = ParamKind::kDuration},
                  {.name = "--display-name",
                   .value = "TEXT",
                   .help = "a name for people"},
                  IdentityParam()},
       .run = Update},
  };
}

}  // namespace birthmark::cli
