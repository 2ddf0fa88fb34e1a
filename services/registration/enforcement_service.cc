#include "services/registration/enforcement_service.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/bytes.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/idempotency.h"
#include "lib/rpc/read_page.h"
#include "lib/rpc/serve.h"
#include "lib/rpc/timestamp.h"
#include "services/registration/convert.h"
#include "services/registration/csr_check.h"

namespace birthmark::registration {
namespace {

namespace pb = revocation::v1;

}  // namespace

void EnforcementService::Register(rpc::Router& router) {
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(
        router,
        absl::StrCat("birthmark.revocation.v1.RevocationService.", name), this,
        method);
  };
  serve("CreateEnforcementPoint", &EnforcementService::CreateEnforcementPoint);
  serve("ListEnforcementPoints", &EnforcementService::ListEnforcementPoints);
  serve("ReportEnforcement", &EnforcementService::ReportEnforcement);
}

absl::StatusOr<pb::CreateEnforcementPointResponse>
EnforcementService::CreateEnforcementPoint(
    const rpc::CallContext& context,
    const pb::CreateEnforcementPointRequest& request) {
  BIRTHMARK_RETURN_IF_ERROR(
      rpc::CheckId(request.enforcement_point_id(), "enforcement_point_id"));
  BIRTHMARK_ASSIGN_OR_RETURN(const policy::Profile* profile,
                             profiles_.EnforcementPoint());
  BIRTHMARK_ASSIGN_OR_RETURN(const CertifiableKey key,
                             CheckCsr(request.csr_der(), *profile));
  const std::string& id = request.enforcement_point_id();
  const std::string name = FormatName("enforcementPoints/{point}", {id});
  const std::string& actor = context.caller().actor;
  const absl::Time now = NowSeconds(with_.clock);

  // As for lines: what is recorded is the order to the CA.
  BIRTHMARK_ASSIGN_OR_RETURN(
      ca::v1::CertificateRequest order,
      rpc::RunOnce<ca::v1::CertificateRequest>(
          with_.requests, context, request,
          [&](const rpc::Recorder& record)
              -> absl::StatusOr<ca::v1::CertificateRequest> {
            const storage::KeyRow proposal =
                MakeKeyRow(key, storage::KeyUsage::kClient, "", name,
                           with_.serials.Next(), profile->id, now);
            ca::v1::CertificateRequest first;
            first.set_serial(proposal.serial);
            first.set_spki_der(key.spki_der);
            first.mutable_enforcement_point()->set_enforcement_point(id);
            storage::Mutation mutation;
            mutation.audit.push_back(
                audit::NewEntry(with_.clock, actor, "enforcement_point.create",
                                name, {{"key", HexEncode(key.spki_sha256)}}));
            mutation.request = record(first);
            BIRTHMARK_ASSIGN_OR_RETURN(
                const storage::KeyRow stored,
                with_.enforcement.Create({.point_id = id, .create_time = now},
                                         proposal, mutation));
            // That of an earlier call, if the CA was away then.
            first.set_serial(stored.serial);
            return first;
          }));
  BIRTHMARK_ASSIGN_OR_RETURN(
      std::vector<std::string> chain,
      ca_.IssueOne(profile->id, std::move(order), actor));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::EnforcementPointRow point,
                             with_.enforcement.Get(id));
  BIRTHMARK_ASSIGN_OR_RETURN(const int64_t latest,
                             with_.revocation_log.Latest());
  pb::CreateEnforcementPointResponse response;
  *response.mutable_enforcement_point() = ToProto(point, latest);
  for (std::string& der : chain) {
    response.add_certificate_chain_der(std::move(der));
  }
  return response;
}

absl::StatusOr<pb::ListEnforcementPointsResponse>
EnforcementService::ListEnforcementPoints(
    const rpc::CallContext&, const pb::ListEnforcementPointsRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const rpc::Page<storage::EnforcementPointRow> page,
                             rpc::ReadPage<storage::EnforcementPointRow>(
                                 with_.page_tokens, request,
                                 [&](const std::string& after, int limit) {
                                   return with_.enforcement.List(after, limit);
                                 },
                                 [](const storage::EnforcementPointRow& row) {
                                   return row.point_id;
                                 }));
  BIRTHMARK_ASSIGN_OR_RETURN(const int64_t latest,
                             with_.revocation_log.Latest());
  pb::ListEnforcementPointsResponse response;
  for (const storage::EnforcementPointRow& row : page.rows) {
    *response.add_enforcement_points() = ToProto(row, latest);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

absl::StatusOr<pb::EnforcementPoint> EnforcementService::ReportEnforcement(
    const rpc::CallContext& context,
    const pb::ReportEnforcementRequest& request) {
  if (request.revision() < 0) {
    return rpc::InvalidField("revision", "must not be negative");
  }
  if (!request.has_next_update_time()) {
    return rpc::InvalidField("next_update_time", "is required");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const absl::Time next_update,
      rpc::FromTimestamp(request.next_update_time(), "next_update_time"));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const storage::EnforcementPointRow row,
      with_.enforcement.Report(context.caller().name, request.revision(),
                               next_update, NowSeconds(with_.clock)));
  BIRTHMARK_ASSIGN_OR_RETURN(const int64_t latest,
                             with_.revocation_log.Latest());
  return ToProto(row, latest);
}

}  // namespace birthmark::registration
