#include <memory>

#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/base/status_macros.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/error_report.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"

namespace birthmark::cli {
namespace {

using revocation::v1::ListRevocationsRequest;
using revocation::v1::ListRevocationsResponse;
using revocation::v1::Revocation;

absl::StatusOr<int> List(const Arguments& args, Context& context) {
  ListRevocationsRequest request;
  request.set_parent("issuers/-");
  if (args.Has("--issuer")) {
    BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_parent(),
                               IssuerName(args.Text("--issuer")));
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      ListAll<ListRevocationsResponse>(
          *channel, "birthmark.revocation.v1.RevocationService.ListRevocations",
          request, [](const auto& r) { return r.revocations_size(); },
          args.Integer("--limit")));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  Table table({"CERTIFICATE", "STATE", "REASON", "SINCE", "SHARD", "BY"});
  table.AlignRight(4);
  for (const Revocation& revocation : response.revocations()) {
    table.Add(
        {revocation.certificate(),
         EnumText(revocation::v1::RevocationState_Name(revocation.state()),
                  "REVOCATION_STATE_"),
         ReasonText(revocation.reason()), TimeText(revocation.revoke_time()),
         revocation.crl_shard() < 0 ? ""
                                    : std::to_string(revocation.crl_shard()),
         revocation.actor()});
  }
  table.Print(context.out);
  context.out << CountText(response.revocations_size(), "revocation")
              << (response.next_page_token().empty() ? "" : ", more exist")
              << '\n';
  return kExitOk;
}

}  // namespace

std::vector<Command> RevocationCommands() {
  return {{.path = "revocation list",
           .summary = "Lists revocations, by serial number of the certificate.",
           .details = "What is on hold and what was released is listed too.",
           .examples = "birthmark revocation list --issuer ldevid",
           .params = {{.name = "--issuer",
                       .value = "ISSUER",
                       .help = "only those of this issuer"},
                      {.name = "--limit",
                       .value = "N",
                       .help = "at most this many; 0: all",
                       .kind = ParamKind::kInteger,
                       .default_value = "1000"},
                      IdentityParam()},
           .run = List}};
}

}  // namespace birthmark::cli
