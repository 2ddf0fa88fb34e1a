#include <memory>

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
using fleet::v1::Fleet;
using fleet::v1::GetFleetRequest;
using fleet::v1::ListFleetsRequest;
using fleet::v1::ListFleetsResponse;

void PrintFleet(const Fleet& fleet, Context& context) {
  if (context.json) {
    PrintJson(context.out, fleet);
    return;
  }
  PrintFields(context.out,
              {{"Fleet", fleet.name()},
               {"Display name", fleet.display_name()},
               {"Birth certificates", fleet.idevid_profile()},
               {"Operational certificates", fleet.ldevid_profile()},
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
  };
}

}  // namespace birthmark::cli
