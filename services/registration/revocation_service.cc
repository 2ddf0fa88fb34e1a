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
#include "lib/rpc/idempotency.h"
#include "lib/rpc/read_page.h"
#include "lib/rpc/serve.h"
#include "lib/x509/serial.h"
#include "services/registration/convert.h"
#include "services/registration/revocation_fields.h"

namespace birthmark::registration {
namespace {

namespace pb = revocation::v1;

constexpr char kCertificatePattern[] = "issuers/{issuer}/certificates/{serial}";

// The row of a change of the certificate `name`; the actor is still missing.
absl::StatusOr<storage::RevocationRow> RowOf(absl::string_view name,
                                             absl::Time now) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseName(kCertificatePattern, name, "name"));
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
  row.revoke_time = now;
  row.update_time = now;
  return row;
}

absl::StatusOr<storage::RevocationRow> RowOf(
    const pb::RevokeCertificateRequest& request, absl::Time now) {
  BIRTHMARK_ASSIGN_OR_RETURN(storage::RevocationRow row,
                             RowOf(request.name(), now));
  BIRTHMARK_ASSIGN_OR_RETURN(row.reason,
                             ParseReason(request.reason(), "reason"));
  if (request.has_invalidity_time()) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        row.invalidity_time,
        ParseInvalidityTime(request.invalidity_time(), "invalidity_time", now));
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
  serve("HoldCertificate", &RevocationServiceImpl::HoldCertificate);
  serve("ReleaseCertificate", &RevocationServiceImpl::ReleaseCertificate);
  serve("ListRevocations", &RevocationServiceImpl::ListRevocations);
  serve("GetCrl", &RevocationServiceImpl::GetCrl);
  serve("ListCrlShards", &RevocationServiceImpl::ListCrlShards);
}

template <typename Request, typename StoreMethod>
absl::StatusOr<pb::Revocation> RevocationServiceImpl::Change(
    const rpc::CallContext& context, const Request& request,
    absl::StatusOr<storage::RevocationRow> row, absl::string_view action,
    StoreMethod store_method) {
  BIRTHMARK_RETURN_IF_ERROR(row.status());
  row->actor = context.caller().actor;
  BIRTHMARK_ASSIGN_OR_RETURN(const int64_t version,
                             rpc::ParseEtag(request.etag()));
  BIRTHMARK_ASSIGN_OR_RETURN(
      pb::Revocation done,
      rpc::RunOnce<pb::Revocation>(
          with_.requests, context, request,
          [&](const rpc::Recorder& record) -> absl::StatusOr<pb::Revocation> {
            const auto mutation_for = [&](const storage::RevocationRow& after) {
              const pb::Revocation answer = ToProto(after);
              storage::Mutation mutation;
              mutation.audit.push_back(audit::NewEntry(
                  with_.clock, row->actor, action, request.name(),
                  {{"reason",
                    certificate::v1::RevocationReason_Name(answer.reason())}}));
              mutation.request = record(answer);
              return mutation;
            };
            BIRTHMARK_ASSIGN_OR_RETURN(
                const storage::RevocationRow stored,
                (with_.revocations.*store_method)(*row, version, mutation_for));
            return ToProto(stored);
          }));
  barrier_.Settle();
  return done;
}

absl::StatusOr<pb::Revocation> RevocationServiceImpl::RevokeCertificate(
    const rpc::CallContext& context,
    const pb::RevokeCertificateRequest& request) {
  return Change(context, request, RowOf(request, NowSeconds(with_.clock)),
                "certificate.revoke", &storage::RevocationStore::Revoke);
}

absl::StatusOr<pb::Revocation> RevocationServiceImpl::HoldCertificate(
    const rpc::CallContext& context,
    const pb::HoldCertificateRequest& request) {
  return Change(context, request,
                RowOf(request.name(), NowSeconds(with_.clock)),
                "certificate.hold", &storage::RevocationStore::Hold);
}

absl::StatusOr<pb::Revocation> RevocationServiceImpl::ReleaseCertificate(
    const rpc::CallContext& context,
    const pb::ReleaseCertificateRequest& request) {
  return Change(context, request,
                RowOf(request.name(), NowSeconds(with_.clock)),
                "certificate.release", &storage::RevocationStore::Release);
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

absl::StatusOr<pb::ListCrlShardsResponse> RevocationServiceImpl::ListCrlShards(
    const rpc::CallContext&, const pb::ListCrlShardsRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      ParseName("issuers/{issuer}", request.parent(), "parent"));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<int> shards,
      with_.crl_shards.List(ids[0], NowSeconds(with_.clock)));
  if (shards.empty()) {
    // One that has issued nothing yet, or none of ours.
    BIRTHMARK_RETURN_IF_ERROR(ca_.IssuerChain(ids[0]).status());
  }
  pb::ListCrlShardsResponse response;
  for (const int shard : shards) {
    response.add_shards(shard);
  }
  return response;
}

}  // namespace birthmark::registration
