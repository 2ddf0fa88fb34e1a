#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/ids.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/crl_set.h"
#include "services/cli/error_report.h"
#include "services/cli/identity_folder.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

namespace pb = revocation::v1;

constexpr mode_t kPrivate = 0600;
constexpr char kName[] = "enforcement-point";

// The issuers' certificates that the point is to trust: as given, else those
// of the deployment that the operator's folder lies in.
absl::StatusOr<std::string> IssuersPem(const Arguments& args,
                                       const std::string& roots_file) {
  const std::string path =
      args.Has("--issuers-file")
          ? args.Text("--issuers-file")
          : absl::StrCat(OperatorDir(args), "/../trust/issuers.pem");
  const absl::StatusOr<std::string> issuers = ReadFile(path);
  if (!issuers.ok()) {
    return args.Has("--issuers-file")
               ? FileError(issuers.status(), path)
               : UsageError(
                     "name the certificates of the issuers with "
                     "--issuers-file: trust/issuers.pem of the deployment");
  }
  const absl::StatusOr<std::string> roots = ReadFile(roots_file);
  if (!roots.ok()) {
    return FileError(roots.status(), roots_file);
  }
  BIRTHMARK_RETURN_IF_ERROR(CrlSet::New(*issuers, *roots).status());
  return issuers;
}

// Completes `request` with a CSR, and keeps it in `path` until its answer is
// safe: the same request again gets the same answer.
absl::Status RememberRequest(const std::string& path, const keys::LocalKey& key,
                             pb::CreateEnforcementPointRequest& request) {
  pb::CreateEnforcementPointRequest kept;
  const absl::StatusOr<std::string> old = ReadFile(path);
  if (old.ok() && kept.ParseFromString(*old) &&
      kept.enforcement_point_id() == request.enforcement_point_id()) {
    request = kept;
    return absl::OkStatus();
  }
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_csr_der(), CsrFor(key));
  return FileError(
      WriteFileAtomically(path, request.SerializeAsString(), kPrivate), path);
}

absl::StatusOr<int> Create(const Arguments& args, Context& context) {
  const std::string id = args.Text("NAME");
  if (!IsResourceId(id)) {
    return UsageError("NAME must be 1 to 63 of a-z, 0-9 and -");
  }
  const std::string dir = args.Text("--out");
  const auto path = [&dir](absl::string_view suffix) {
    return absl::StrCat(dir, "/", kName, suffix);
  };
  std::error_code ignored;
  if (std::filesystem::exists(path(".pem"), ignored)) {
    return MakeError(absl::StatusCode::kAlreadyExists, reasons::kFolderNotEmpty,
                     absl::StrCat(dir, " holds an enforcement point already"),
                     {{"path", dir}});
  }
  BIRTHMARK_ASSIGN_OR_RETURN(config::v1::ClientConfig config,
                             LoadIdentity(OperatorDir(args)));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string issuers,
                             IssuersPem(args, config.roots_file()));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, Connect(config, Role::kRegistration, context.clock));
  BIRTHMARK_RETURN_IF_ERROR(MakeFolder(dir));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto key,
                             KeyForNewCertificate(path(".key")));
  pb::CreateEnforcementPointRequest request;
  request.set_enforcement_point_id(id);
  BIRTHMARK_RETURN_IF_ERROR(RememberRequest(path(".request"), *key, request));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      channel->Unary<pb::CreateEnforcementPointResponse>(
          "birthmark.revocation.v1.RevocationService.CreateEnforcementPoint",
          request));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string pem,
                             ChainPem(response.certificate_chain_der(), *key));
  config.clear_inventory();
  BIRTHMARK_RETURN_IF_ERROR(WriteClientFiles(dir, kName, std::move(config)));
  const std::string issuers_path = absl::StrCat(dir, "/issuers.pem");
  BIRTHMARK_RETURN_IF_ERROR(FileError(
      WriteFileAtomically(issuers_path, issuers, kPrivate), issuers_path));
  BIRTHMARK_RETURN_IF_ERROR(FileError(
      WriteFileAtomically(path(".pem"), pem, kPrivate), path(".pem")));
  std::filesystem::remove(path(".request"), ignored);
  if (context.json) {
    PrintJson(context.out, response.enforcement_point());
    return kExitOk;
  }
  PrintFields(context.out,
              {{"Enforcement point", response.enforcement_point().name()},
               {"Identity", dir}});
  return kExitOk;
}

// How far a point is: "current", "3 behind", "never reported".
std::string Enforces(const pb::EnforcementPoint& point) {
  if (!point.has_report_time()) {
    return "never reported";
  }
  const int64_t behind = point.latest_revision() - point.revision();
  return behind <= 0
             ? "current"
             : absl::StrCat(point.revision(), " of ", point.latest_revision());
}

absl::StatusOr<int> List(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      ListAll<pb::ListEnforcementPointsResponse>(
          *channel,
          "birthmark.revocation.v1.RevocationService.ListEnforcementPoints",
          pb::ListEnforcementPointsRequest(),
          [](const auto& r) { return r.enforcement_points_size(); }));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  Table table({"POINT", "ENFORCES", "REPORTED", "CRL RUNS OUT"});
  const absl::Time now = context.clock.Now();
  for (const pb::EnforcementPoint& point : response.enforcement_points()) {
    table.Add({LastSegment(point.name()), Enforces(point),
               AgeText(ToTime(point.report_time()), now),
               point.has_next_update_time() ? TimeText(point.next_update_time())
                                            : "-"});
  }
  table.Print(context.out);
  context.out << CountText(response.enforcement_points_size(),
                           "enforcement point")
              << '\n';
  return kExitOk;
}

}  // namespace

std::vector<Command> EnforcementPointCommands() {
  return {
      {.path = "enforcement-point create",
       .summary = "Creates the identity of a broker that refuses revoked "
                  "certificates.",
       .details =
           "Makes a key in DIR, has it certified, and writes what `birthmark\n"
           "sync-crl` needs: enforcement-point.{key,pem}, roots.pem,\n"
           "issuers.pem, client.textproto. After a failure, run it again.",
       .examples = "birthmark enforcement-point create broker-1 --out broker-1",
       .params = {{.name = "NAME",
                   .help = "its name: a-z, 0-9, -",
                   .required = true},
                  {.name = "--out",
                   .value = "DIR",
                   .help = "its identity folder, to be made",
                   .required = true},
                  {.name = "--issuers-file",
                   .value = "FILE",
                   .help = "certificates of the issuers (PEM) [default: "
                           "trust/issuers.pem of the deployment]"},
                  IdentityParam()},
       .run = Create},
      {.path = "enforcement-point list",
       .summary =
           "Lists who refuses revoked certificates, and how far each is.",
       .examples = "birthmark enforcement-point list",
       .params = {IdentityParam()},
       .run = List},
  };
}

}  // namespace birthmark::cli
