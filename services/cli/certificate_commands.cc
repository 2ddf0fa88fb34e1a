#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "birthmark/certificate/v1/certificate_service.pb.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/base/file.h"
#include "lib/base/ids.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "lib/rpc/timestamp.h"
#include "lib/x509/pem.h"
#include "services/cli/ask.h"
#include "services/cli/certificate_text.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/device_record.h"
#include "services/cli/error_report.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"

namespace birthmark::cli {
namespace {

using certificate::v1::Certificate;
using certificate::v1::GetCertificateRequest;
using certificate::v1::ListCertificatesRequest;
using certificate::v1::ListCertificatesResponse;
using revocation::v1::HoldCertificateRequest;
using revocation::v1::ReleaseCertificateRequest;
using revocation::v1::Revocation;
using revocation::v1::RevokeCertificateRequest;

constexpr mode_t kPublic = 0644;

absl::StatusOr<Certificate> Fetch(const Arguments& args, Context& context) {
  GetCertificateRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_name(),
                             CertificateName(args.Text("CERTIFICATE")));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  return channel->Unary<Certificate>(
      "birthmark.certificate.v1.CertificateService.GetCertificate", request);
}

absl::StatusOr<int> List(const Arguments& args, Context& context) {
  ListCertificatesRequest request;
  request.set_parent("issuers/-");
  if (args.Has("--issuer")) {
    const std::string issuer = LastSegment(args.Text("--issuer"));
    if (!IsResourceId(issuer)) {
      return UsageError("--issuer wants an issuer, e.g. ldevid");
    }
    request.set_parent(absl::StrCat("issuers/", issuer));
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  if (args.Has("--device")) {
    // The filter wants the full name, and a device that does not exist should
    // not look like one without certificates.
    BIRTHMARK_ASSIGN_OR_RETURN(const device::v1::Device device,
                               FetchDevice(*channel, args.Text("--device")));
    request.set_device(device.name());
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      ListAll<ListCertificatesResponse>(
          *channel,
          "birthmark.certificate.v1.CertificateService.ListCertificates",
          request, [](const auto& r) { return r.certificates_size(); },
          args.Integer("--limit")));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  Table table({"CERTIFICATE", "STATE", "PROFILE", "SUBJECT", "NOT AFTER"});
  for (const Certificate& certificate : response.certificates()) {
    table.Add({certificate.name(), CertificateStateText(certificate),
               LastSegment(certificate.profile()), certificate.subject(),
               TimeText(certificate.not_after_time())});
  }
  table.Print(context.out);
  context.out << CountText(response.certificates_size(), "certificate")
              << (response.next_page_token().empty() ? "" : ", more exist")
              << '\n';
  return kExitOk;
}

absl::StatusOr<int> Get(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const Certificate certificate,
                             Fetch(args, context));
  const std::string pem =
      x509::PemEncode(x509::kPemCertificate, certificate.certificate_der());
  if (args.Has("--out")) {
    const std::string path = args.Text("--out");
    BIRTHMARK_RETURN_IF_ERROR(
        FileError(WriteFileAtomically(path, pem, kPublic), path));
  }
  if (context.json) {
    PrintJson(context.out, certificate);
    return kExitOk;
  }
  PrintFields(context.out,
              {{"Certificate", certificate.name()},
               {"State", CertificateStateText(certificate)},
               {"Revoked", certificate.has_revoke_time()
                               ? TimeText(certificate.revoke_time())
                               : ""},
               {"Subject", certificate.subject()},
               {"Device", certificate.device()},
               {"Profile", absl::StrCat(certificate.profile(), ", version ",
                                        certificate.profile_version())},
               {"Not before", TimeText(certificate.not_before_time())},
               {"Not after", TimeText(certificate.not_after_time())},
               {"Key", certificate.key_id()},
               {"CRL shard", ShardText(certificate.crl_shard())},
               {"Recorded", TimeText(certificate.create_time())}});
  if (!args.Has("--out")) {
    context.out << pem;
  }
  return kExitOk;
}

absl::StatusOr<int> Revoke(const Arguments& args, Context& context) {
  RevokeCertificateRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(const certificate::v1::RevocationReason reason,
                             ParseReason(args.Text("--reason")));
  if (reason == certificate::v1::REVOCATION_REASON_CERTIFICATE_HOLD) {
    return UsageError(
        "a revocation is for good; `birthmark certificate hold` puts a "
        "certificate on hold");
  }
  if (args.Has("--invalidity-time")) {
    BIRTHMARK_ASSIGN_OR_RETURN(const absl::Time time,
                               ParseTime(args.Text("--invalidity-time")));
    *request.mutable_invalidity_time() = rpc::ToTimestamp(time);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const Certificate certificate,
                             Fetch(args, context));
  if (!args.Switch("--yes")) {
    PrintFields(context.err, {{"Certificate", certificate.name()},
                              {"State", CertificateStateText(certificate)},
                              {"Subject", certificate.subject()},
                              {"Device", certificate.device()},
                              {"Reason", ReasonText(reason)}});
    BIRTHMARK_RETURN_IF_ERROR(Ask(
        "It is refused everywhere from now on, for good. Revoke it?", context));
  }
  request.set_name(certificate.name());
  request.set_reason(reason);
  request.set_etag(certificate.etag());
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto revocation,
      channel->Unary<Revocation>(
          "birthmark.revocation.v1.RevocationService.RevokeCertificate",
          request));
  if (context.json) {
    PrintJson(context.out, revocation);
    return kExitOk;
  }
  PrintFields(context.out, {{"Revoked", revocation.certificate()},
                            {"Reason", ReasonText(revocation.reason())},
                            {"At", TimeText(revocation.revoke_time())},
                            {"CRL shard", ShardText(revocation.crl_shard())}});
  return kExitOk;
}

// Hold and release: the same request under two names.
template <typename Request>
absl::StatusOr<Revocation> Change(const Certificate& certificate,
                                  absl::string_view method,
                                  const Arguments& args, Context& context) {
  Request request;
  request.set_name(certificate.name());
  request.set_etag(certificate.etag());
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  return channel->Unary<Revocation>(
      absl::StrCat("birthmark.revocation.v1.RevocationService.", method),
      request);
}

absl::StatusOr<int> Hold(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const Certificate certificate,
                             Fetch(args, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const Revocation held,
      Change<HoldCertificateRequest>(certificate, "HoldCertificate", args,
                                     context));
  if (context.json) {
    PrintJson(context.out, held);
  } else {
    context.out << held.certificate()
                << " is on hold: refused everywhere until it is released or "
                   "revoked\n";
  }
  return kExitOk;
}

absl::StatusOr<int> Release(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const Certificate certificate,
                             Fetch(args, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const Revocation released,
      Change<ReleaseCertificateRequest>(certificate, "ReleaseCertificate", args,
                                        context));
  if (context.json) {
    PrintJson(context.out, released);
  } else {
    context.out << released.certificate() << " is good again\n";
  }
  return kExitOk;
}

}  // namespace

std::vector<Command> CertificateCommands() {
  const Param name = {.name = "CERTIFICATE",
                      .help =
                          "serial number in hex, or "
                          "issuers/ISSUER/certificates/SERIAL",
                      .required = true};
  return {
      {.path = "certificate list",
       .summary = "Lists certificates, oldest first.",
       .examples = "birthmark certificate list --issuer ldevid --device UID",
       .params = {{.name = "--issuer",
                   .value = "ISSUER",
                   .help = "only those of this issuer"},
                  {.name = "--device",
                   .value = "DEVICE",
                   .help = "only those of this device: uid or full name"},
                  {.name = "--limit",
                   .value = "N",
                   .help = "at most this many; 0: all",
                   .kind = ParamKind::kInteger,
                   .default_value = "0"},
                  IdentityParam()},
       .run = List},
      {.path = "certificate get",
       .summary = "Shows one certificate.",
       .examples = "birthmark certificate get "
                   "019ab2c3d4e5f60718293a4b5c6d7e8f --out cert.pem",
       .params = {name,
                  {.name = "--out",
                   .value = "FILE",
                   .help = "write its PEM to this file"},
                  IdentityParam()},
       .run = Get},
      {.path = "certificate revoke",
       .summary = "Revokes one certificate for good.",
       .details = absl::StrCat("Reasons: ", ReasonNames(), "."),
       .examples = "birthmark certificate revoke "
                   "019ab2c3d4e5f60718293a4b5c6d7e8f --reason keyCompromise",
       .params = {name,
                  {.name = "--reason",
                   .value = "REASON",
                   .help = "why",
                   .default_value = "unspecified"},
                  {.name = "--invalidity-time",
                   .value = "TIME",
                   .help = "since when the key is suspected, in UTC"},
                  {.name = "--yes",
                   .help = "do not ask",
                   .kind = ParamKind::kSwitch},
                  IdentityParam()},
       .run = Revoke},
      {.path = "certificate hold",
       .summary = "Puts one certificate on hold, until it is released.",
       .details = "For a device that is lost and may be found. Whoever is on "
                  "hold is refused as if\nrevoked.",
       .examples = "birthmark certificate hold "
                   "019ab2c3d4e5f60718293a4b5c6d7e8f",
       .params = {name, IdentityParam()},
       .run = Hold},
      {.path = "certificate release",
       .summary = "Takes one certificate off hold: it is good again.",
       .details = "One that is revoked for good cannot be released.",
       .examples = "birthmark certificate release "
                   "019ab2c3d4e5f60718293a4b5c6d7e8f",
       .params = {name, IdentityParam()},
       .run = Release},
  };
}

}  // namespace birthmark::cli
