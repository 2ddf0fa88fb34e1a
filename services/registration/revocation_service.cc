#include "services/registration/revocation_service.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/etag.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/idempotency.h"
#include "lib/rpc/read_page.h"
#include "lib/rpc/serve.h"
#include "lib/rpc/timestamp.h"
#include "lib/x509/serial.h"
#include "services/registration/convert.h"

namespace birthmark::registration {
namespace {

namespace pb = revocation::v1;

constexpr char kCertificatePattern[] = "issuers/{issuer}/certificates/{serial}";

// Reads name, reason and times of a revocation; the actor is still missing.
absl::StatusOr<storage::RevocationRow> RowOf(
    const pb::RevokeCertificateRequest& request, absl::Time now) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      ParseName(kCertificatePattern, request.name(), "name"));
  storage::RevocationRow row;
  row.issuer_id = ids[0];
  const absl::StatusOr<std::string> serial = x509::SerialFromHex(ids[1]);
  if (!serial.ok()) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, reasons::kBadResourceName,
        absl::StrCat("the field name must be ", kCertificatePattern,
                     " with a serial of 32 lower-case hex digits"),
        {{"field", "name"}, {"expected", kCertificatePattern}});
  }
  row.serial = *serial;
  if (!certificate::v1::RevocationReason_IsValid(request.reason())) {
    return rpc::InvalidField("reason", "is none of RFC 5280, 5.3.1");
  }
  if (request.reason() == certificate::v1::REVOCATION_REASON_CERTIFICATE_HOLD) {
    return rpc::InvalidField(
        "reason", "certificateHold is reversible: use HoldCertificate");
  }
  row.reason = static_cast<int>(request.reason());
  row.revoke_time = now;
  row.update_time = now;
  if (request.has_invalidity_time()) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        const absl::Time since,
        rpc::FromTimestamp(request.invalidity_time(), "invalidity_time"));
    if (since > now) {
      return rpc::InvalidField("invalidity_time", "must not be in the future");
    }
    row.invalidity_time = absl::FromUnixSeconds(absl::ToUnixSeconds(since));
  }
  return row;
}

}  // namespace

void RevocationServiceImpl::Register(rpc::Router& router) {
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(
        router,
        absl::StrCat("birthmark.revocation.v1.RevocationService.", name), this,
        method);
  };
  serve("RevokeCertificate", &RevocationServiceImpl::RevokeCertificate);
  serve("ListRevocations", &RevocationServiceImpl::ListRevocations);
  serve("GetCrl", &RevocationServiceImpl::GetCrl);
}

absl::StatusOr<pb::Revocation> RevocationServiceImpl::RevokeCertificate(
    const rpc::CallContext& context,
    const pb::RevokeCertificateRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(storage::RevocationRow row,
                             RowOf(request, NowSeconds(with_.clock)));
  row.actor = context.caller().actor;
  BIRTHMARK_ASSIGN_OR_RETURN(const int64_t version,
                             rpc::ParseEtag(request.etag()));
  return rpc::RunOnce<pb::Revocation>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record) -> absl::StatusOr<pb::Revocation> {
        const auto mutation_for = [&](const storage::RevocationRow& stored) {
          storage::Mutation mutation;
          mutation.audit.push_back(audit::NewEntry(
              with_.clock, row.actor, "certificate.revoke", request.name(),
              {{"reason",
                certificate::v1::RevocationReason_Name(request.reason())}}));
          mutation.request = record(ToProto(stored));
          return mutation;
        };
        BIRTHMARK_ASSIGN_OR_RETURN(
            const storage::RevocationRow stored,
            with_.revocations.Revoke(row, version, mutation_for));
        return ToProto(stored);
      });
}

absl::StatusOr<pb::ListRevocationsResponse>
RevocationServiceImpl::ListRevocations(
    const rpc::CallContext&, const pb::ListRevocationsRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseParent("issuers/{issuer}", request.parent()));
  const std::string issuer_id = ids[0] == "-" ? "" : ids[0];
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<storage::RevocationRow> page,
      rpc::ReadPage<storage::RevocationRow>(
          with_.page_tokens, request,
          [&](const std::string& after, int limit) {
            return with_.revocations.List(issuer_id, after, limit);
          },
          [](const storage::RevocationRow& row) { return row.serial; }));
  pb::ListRevocationsResponse response;
  for (const storage::RevocationRow& row : page.rows) {
    *response.add_revocations() = ToProto(row);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

absl::StatusOr<pb::Crl> RevocationServiceImpl::GetCrl(
    const rpc::CallContext&, const pb::GetCrlRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      ParseName("issuers/{issuer}/crls/{shard}", request.name(), "name"));
  int shard = 0;
  if (!absl::SimpleAtoi(ids[1], &shard) || shard < 0 ||
      absl::StrCat(shard) != ids[1]) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, reasons::kBadResourceName,
        "the field name must be issuers/{issuer}/crls/{shard} "
        "with the shard's number, from 0",
        {{"field", "name"}, {"expected", "issuers/{issuer}/crls/{shard}"}});
  }
  BIRTHMARK_ASSIGN_OR_RETURN(ca::v1::SignCrlResponse made,
                             ca_.SignCrl(ids[0], shard));
  pb::Crl crl;
  crl.set_name(request.name());
  crl.set_crl_der(std::move(*made.mutable_crl_der()));
  crl.set_number(made.number());
  *crl.mutable_this_update_time() = made.this_update_time();
  *crl.mutable_next_update_time() = made.next_update_time();
  return crl;
}

}  // namespace birthmark::registration
