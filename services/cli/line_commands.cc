#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "google/protobuf/util/message_differencer.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/error_report.h"
#include "services/cli/identity_folder.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

using provisioning::v1::CreateLineRequest;
using provisioning::v1::CreateLineResponse;
using provisioning::v1::DisableLineRequest;
using provisioning::v1::Line;
using provisioning::v1::LineState;
using provisioning::v1::LineState_Name;
using provisioning::v1::ListLinesRequest;
using provisioning::v1::ListLinesResponse;

constexpr mode_t kPrivate = 0600;

std::string StateText(LineState state) {
  return EnumText(LineState_Name(state), "LINE_STATE_");
}

std::string QuotaText(const Line& line) {
  return line.quota() == 0 ? "unlimited" : absl::StrCat(line.quota());
}

// Completes `request` with id and CSR, and keeps it in `path` until its answer
// is safe: if that gets lost, running the command again sends the very same
// request, and the service gives the very same answer.
absl::Status RememberRequest(const std::string& path, const keys::LocalKey& key,
                             CreateLineRequest& request) {
  CreateLineRequest kept;
  const absl::StatusOr<std::string> old = ReadFile(path);
  if (old.ok() && kept.ParseFromString(*old)) {
    request.set_request_id(kept.request_id());
    request.set_csr_der(kept.csr_der());
    if (google::protobuf::util::MessageDifferencer::Equals(kept, request)) {
      return absl::OkStatus();
    }
  }
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_csr_der(), CsrFor(key));
  return FileError(
      WriteFileAtomically(path, request.SerializeAsString(), kPrivate), path);
}

absl::StatusOr<int> Create(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto line_parts,
                             SplitLine(args.Text("FLEET/LINE")));
  const std::string dir = args.Text("--out");
  const std::string certificate_path = dir + "/line.pem";
  std::error_code ignored;
  if (std::filesystem::exists(certificate_path, ignored)) {
    return MakeError(absl::StatusCode::kAlreadyExists, reasons::kFolderNotEmpty,
                     absl::StrCat(dir, " holds a line already"),
                     {{"path", dir}});
  }
  BIRTHMARK_ASSIGN_OR_RETURN(config::v1::ClientConfig config,
                             LoadIdentity(OperatorDir(args)));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, Connect(config, Role::kRegistration, context.clock));
  BIRTHMARK_RETURN_IF_ERROR(MakeFolder(dir));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto key,
                             KeyForNewCertificate(dir + "/line.key"));

  CreateLineRequest request;
  request.set_parent(line_parts.first);
  request.set_line_id(line_parts.second);
  for (const absl::string_view model :
       absl::StrSplit(args.Text("--models"), ',', absl::SkipEmpty())) {
    request.mutable_line()->add_models(std::string(model));
  }
  request.mutable_line()->set_quota(args.Integer("--quota"));
  const std::string request_path = dir + "/line.request";
  BIRTHMARK_RETURN_IF_ERROR(RememberRequest(request_path, *key, request));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      channel->Unary<CreateLineResponse>(
          "birthmark.provisioning.v1.ProvisioningService.CreateLine", request));

  BIRTHMARK_ASSIGN_OR_RETURN(const std::string pem,
                             ChainPem(response.certificate_chain_der(), *key));
  config.set_fleet(line_parts.first);
  config.set_line(response.line().name());
  config.clear_inventory();
  BIRTHMARK_RETURN_IF_ERROR(WriteClientFiles(dir, "line", std::move(config)));
  BIRTHMARK_RETURN_IF_ERROR(FileError(
      WriteFileAtomically(certificate_path, pem, kPrivate), certificate_path));
  std::filesystem::remove(request_path, ignored);
  if (context.json) {
    PrintJson(context.out, response.line());
    return kExitOk;
  }
  PrintFields(context.out,
              {{"Line", response.line().name()},
               {"Models", absl::StrJoin(response.line().models(), ", ")},
               {"Quota", QuotaText(response.line())},
               {"Identity", dir}});
  return kExitOk;
}

absl::StatusOr<int> List(const Arguments& args, Context& context) {
  ListLinesRequest request;
  request.set_parent("fleets/-");
  if (args.Has("--fleet")) {
    BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_parent(),
                               FleetName(args.Text("--fleet")));
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      ListAll<ListLinesResponse>(
          *channel, "birthmark.provisioning.v1.ProvisioningService.ListLines",
          request, [](const auto& r) { return r.lines_size(); }));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  Table table({"LINE", "STATE", "MADE", "QUOTA", "MODELS", "CREATED"});
  table.AlignRight(2).AlignRight(3);
  for (const Line& line : response.lines()) {
    table.Add({line.name(), StateText(line.state()),
               absl::StrCat(line.issued_count()), QuotaText(line),
               absl::StrJoin(line.models(), ","),
               TimeText(line.create_time())});
  }
  table.Print(context.out);
  context.out << CountText(response.lines_size(), "line") << '\n';
  return kExitOk;
}

absl::StatusOr<int> Disable(const Arguments& args, Context& context) {
  DisableLineRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_name(),
                             LineName(args.Text("FLEET/LINE")));
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const Line line,
      channel->Unary<Line>(
          "birthmark.provisioning.v1.ProvisioningService.DisableLine",
          request));
  if (context.json) {
    PrintJson(context.out, line);
  } else {
    context.out << line.name() << " is " << StateText(line.state()) << '\n';
  }
  return kExitOk;
}

}  // namespace

std::vector<Command> LineCommands() {
  const Param line = {.name = "FLEET/LINE",
                      .help = "the line, e.g. acme/line-1",
                      .required = true};
  return {
      {.path = "line create",
       .summary = "Creates a provisioning line and its identity folder.",
       .details =
           "Makes a key in DIR, has it certified, and writes what the line\n"
           "needs: line.key, line.pem, roots.pem, client.textproto. After a\n"
           "failure, run it again: the same key is used.",
       .examples = "birthmark line create acme/line-1 --models gateway-7 "
                   "--quota 10000 --out line-1",
       .params = {line,
                  {.name = "--models",
                   .value = "M1,M2",
                   .help = "the models that the line may make",
                   .required = true},
                  {.name = "--quota",
                   .value = "N",
                   .help = "how many devices it may make in all; 0: no limit",
                   .kind = ParamKind::kInteger,
                   .default_value = "0"},
                  {.name = "--out",
                   .value = "DIR",
                   .help = "the line's identity folder, to be made",
                   .required = true},
                  IdentityParam()},
       .run = Create},
      {.path = "line list",
       .summary = "Lists lines, oldest first.",
       .examples = "birthmark line list --fleet acme",
       .params = {{.name = "--fleet",
                   .value = "FLEET",
                   .help = "only those of this fleet"},
                  IdentityParam()},
       .run = List},
      {.path = "line disable",
       .summary = "Stops a line from issuing, at once and for good.",
       .examples = "birthmark line disable acme/line-1",
       .params = {line, IdentityParam()},
       .run = Disable},
  };
}

}  // namespace birthmark::cli
