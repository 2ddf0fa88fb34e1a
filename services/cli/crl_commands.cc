#include <memory>

#include "absl/strings/str_cat.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "lib/x509/crl.h"
#include "lib/x509/pem.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/error_report.h"
#include "services/cli/names.h"
#include "services/cli/output.h"

namespace birthmark::cli {
namespace {

constexpr mode_t kPublic = 0644;

absl::StatusOr<int> Get(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string issuer,
                             IssuerName(args.Text("ISSUER")));
  revocation::v1::GetCrlRequest request;
  request.set_name(absl::StrCat(issuer, "/crls/", args.Integer("--shard")));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto crl,
      channel->Unary<revocation::v1::Crl>(
          "birthmark.revocation.v1.RevocationService.GetCrl", request));
  // What does not parse here would not parse anywhere.
  BIRTHMARK_ASSIGN_OR_RETURN(const x509::Crl parsed,
                             x509::Crl::Parse(crl.crl_der()));
  const std::string bytes = args.Switch("--der")
                                ? crl.crl_der()
                                : x509::PemEncode(x509::kPemCrl, crl.crl_der());
  if (args.Has("--out")) {
    const std::string path = args.Text("--out");
    BIRTHMARK_RETURN_IF_ERROR(
        FileError(WriteFileAtomically(path, bytes, kPublic), path));
  }
  if (context.json) {
    PrintJson(context.out, crl);
  } else if (args.Has("--out")) {
    PrintFields(
        context.out,
        {{"CRL", crl.name()},
         {"Number", absl::StrCat(crl.number())},
         {"Revoked",
          CountText(static_cast<int64_t>(parsed->entry_count), "certificate")},
         {"Made", TimeText(crl.this_update_time())},
         {"Next by", TimeText(crl.next_update_time())},
         {"File", args.Text("--out")}});
  } else {
    context.out << bytes;
  }
  return kExitOk;
}

absl::StatusOr<int> Shards(const Arguments& args, Context& context) {
  revocation::v1::ListCrlShardsRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_parent(),
                             IssuerName(args.Text("ISSUER")));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      channel->Unary<revocation::v1::ListCrlShardsResponse>(
          "birthmark.revocation.v1.RevocationService.ListCrlShards", request));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  for (const int32_t shard : response.shards()) {
    context.out << request.parent() << "/crls/" << shard << '\n';
  }
  context.out << CountText(response.shards_size(), "shard") << '\n';
  return kExitOk;
}

}  // namespace

std::vector<Command> CrlCommands() {
  const Param issuer = {.name = "ISSUER",
                        .help = "e.g. idevid, ldevid, internal",
                        .required = true};
  return {
      {
          .path = "crl get",
          .summary = "Gets the current revocation list of an issuer's shard.",
          .details = "Every revocation that was confirmed before is on it. "
                     "Which shard a\n"
                     "certificate is on says `birthmark certificate get`.",
          .examples = "birthmark crl get ldevid --shard 3 --out ldevid-3.crl",
          .params = {issuer,
                     {.name = "--shard",
                      .value = "N",
                      .help = "which shard",
                      .kind = ParamKind::kInteger,
                      .default_value = "0"},
                     {.name = "--out",
                      .value = "FILE",
                      .help = "write it here, not to standard output"},
                     {.name = "--der",
                      .help = "DER instead of PEM",
                      .kind = ParamKind::kSwitch},
                     IdentityParam()},
          .run = Get,
      },
      {
          .path = "crl shards",
          .summary = "Lists the shards of an issuer's revocation list.",
          .details =
              "A verifier needs the CRLs of all of them, or the one that "
              "the certificate names.",
          .examples = "birthmark crl shards ldevid",
          .params = {issuer, IdentityParam()},
          .run = Shards,
      }};
}

}  // namespace birthmark::cli
