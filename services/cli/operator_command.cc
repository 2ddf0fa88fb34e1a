#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/ids.h"
#include "lib/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/error_report.h"
#include "services/cli/operator_identity.h"
#include "services/cli/output.h"

namespace birthmark::cli {
namespace {

std::string WithoutSlash(std::string path) {
  while (path.size() > 1 && absl::EndsWith(path, "/")) {
    path.pop_back();
  }
  return path;
}

absl::StatusOr<int> Add(const Arguments& args, Context& context) {
  NewOperator request;
  request.deployment = WithoutSlash(args.Text("DIR"));
  request.name = args.Text("NAME");
  request.out = WithoutSlash(args.Text("--out"));
  request.client_file =
      args.Has("--client")
          ? args.Text("--client")
          : absl::StrCat(request.deployment, "/operator/", kClientConfigFile);
  if (!IsResourceId(request.name)) {
    return UsageError("NAME must match [a-z0-9-]{1,63}");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const AddedOperator added,
                             AddOperator(request, context.clock));
  if (context.json) {
    context.out << nlohmann::json{{"operator", request.name},
                                  {"identity", request.out},
                                  {"certificate_file", added.certificate_file},
                                  {"migrate_file", added.migrate_file},
                                  {"not_after", TimeText(added.not_after)}}
                       .dump(2, ' ', false,
                             nlohmann::json::error_handler_t::replace)
                << '\n';
    return kExitOk;
  }
  PrintFields(context.out, {{"Operator", request.name},
                            {"Identity", request.out},
                            {"Good until", TimeText(added.not_after)}});
  context.out << "\nNo service takes it yet. Next:\n"
              << "  1. Record it:\n"
              << "       birthmarkd migrate --config " << added.migrate_file
              << "\n  2. Hand " << request.out
              << " to that person, and keep no copy: it holds their key\n";
  return kExitOk;
}

}  // namespace

std::vector<Command> OperatorCommands() {
  return {{
      .path = "operator add",
      .summary = "Makes another operator, from the deployment's folder.",
      .details =
          "Works offline, with the issuer's key in DIR/ca. Mass revocations "
          "need a second\n"
          "operator to approve them: one with a key of their own. The "
          "certificate is kept\n"
          "as DIR/operators/NAME.pem and listed in "
          "DIR/config/migrate.textproto;\n"
          "`birthmarkd migrate` records it, and then services take it.",
      .examples = "birthmark operator add /srv/birthmark night-shift --out "
                  "night-shift",
      .params = {{.name = "DIR",
                  .help = "the folder that `birthmark init` made",
                  .required = true},
                 {.name = "NAME",
                  .help = "the operator's name: [a-z0-9-], 1 to 63 characters",
                  .required = true},
                 {.name = "--out",
                  .value = "FOLDER",
                  .help = "the operator's identity folder, to be made",
                  .required = true},
                 {.name = "--client",
                  .value = "FILE",
                  .help = "where the services are [default: "
                          "DIR/operator/client.textproto]"}},
      .run = Add,
  }};
}

}  // namespace birthmark::cli
