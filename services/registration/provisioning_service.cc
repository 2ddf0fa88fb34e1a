#include "services/registration/provisioning_service.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/policy/device_fields.h"
#include "lib/rpc/etag.h"
#include "lib/rpc/fields.h"
#include "lib/rpc/idempotency.h"
#include "lib/rpc/read_page.h"
#include "lib/rpc/serve.h"
#include "services/registration/convert.h"
#include "services/registration/csr_check.h"
#include "services/registration/key_protection.h"

namespace birthmark::registration {
namespace {

namespace pb = provisioning::v1;

absl::Status LineDisabled(const LineName& name) {
  const std::string line = name.Format();
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   reasons::kLineDisabled,
                   absl::StrCat(line, " is disabled: create another line"),
                   {{"resource", line}});
}

// A line that is created by `request`, without its key.
absl::StatusOr<storage::LineRow> RowOf(const pb::CreateLineRequest& request,
                                       const std::string& fleet_id,
                                       absl::Time now) {
  BIRTHMARK_RETURN_IF_ERROR(rpc::CheckId(request.line_id(), "line_id"));
  storage::LineRow row;
  row.fleet_id = fleet_id;
  row.line_id = request.line_id();
  row.models.assign(request.line().models().begin(),
                    request.line().models().end());
  row.quota = request.line().quota();
  row.create_time = now;
  BIRTHMARK_RETURN_IF_ERROR(policy::CheckModels(row.models));
  if (row.quota < 0) {
    return rpc::InvalidField("line.quota", "must not be negative");
  }
  return row;
}

}  // namespace

void ProvisioningServiceImpl::Register(rpc::Router& router) {
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(router,
                    absl::StrCat("birthmark.provisioning.v1."
                                 "ProvisioningService.",
                                 name),
                    this, method);
  };
  serve("GetLine", &ProvisioningServiceImpl::GetLine);
  serve("ListLines", &ProvisioningServiceImpl::ListLines);
  serve("CreateLine", &ProvisioningServiceImpl::CreateLine);
  serve("DisableLine", &ProvisioningServiceImpl::DisableLine);
  serve("CreateBatch", &ProvisioningServiceImpl::CreateBatch);
  serve("GetBatch", &ProvisioningServiceImpl::GetBatch);
  serve("ListBatches", &ProvisioningServiceImpl::ListBatches);
  serve("CloseBatch", &ProvisioningServiceImpl::CloseBatch);
  serve("ListBatchResults", &ProvisioningServiceImpl::ListBatchResults);
}

absl::StatusOr<pb::Line> ProvisioningServiceImpl::GetLine(
    const rpc::CallContext& context, const pb::GetLineRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const LineName name,
                             ParseLineName(request.name(), "name"));
  BIRTHMARK_RETURN_IF_ERROR(AuthorizeLine(context, name));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::LineRow row,
                             with_.lines.Get(name.fleet, name.line));
  return ToProto(row);
}

absl::StatusOr<pb::ListLinesResponse> ProvisioningServiceImpl::ListLines(
    const rpc::CallContext&, const pb::ListLinesRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseParent("fleets/{fleet}", request.parent()));
  const std::string fleet_id = ids[0] == "-" ? "" : ids[0];
  if (!fleet_id.empty()) {
    BIRTHMARK_RETURN_IF_ERROR(with_.fleets.Get(fleet_id).status());
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<storage::LineRow> page,
      rpc::ReadPage<storage::LineRow>(
          with_.page_tokens, request,
          [&](const std::string& text,
              int limit) -> absl::StatusOr<std::vector<storage::LineRow>> {
            std::optional<storage::LineCursor> after;
            if (!text.empty()) {
              BIRTHMARK_ASSIGN_OR_RETURN(rpc::Cursor cursor,
                                         rpc::DecodeCursor(text, 2));
              after = storage::LineCursor{cursor.time, cursor.keys[0],
                                          cursor.keys[1]};
            }
            return with_.lines.List(fleet_id, after, limit);
          },
          [](const storage::LineRow& row) {
            return rpc::EncodeCursor(
                {row.create_time, {row.fleet_id, row.line_id}});
          }));
  pb::ListLinesResponse response;
  for (const storage::LineRow& row : page.rows) {
    *response.add_lines() = ToProto(row);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

absl::StatusOr<pb::CreateLineResponse> ProvisioningServiceImpl::CreateLine(
    const rpc::CallContext& context, const pb::CreateLineRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> ids,
      ParseName("fleets/{fleet}", request.parent(), "parent"));
  const absl::Time now = NowSeconds(with_.clock);
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::LineRow row,
                             RowOf(request, ids[0], now));
  BIRTHMARK_ASSIGN_OR_RETURN(const CertifiableKey key,
                             CheckCsr(request.csr_der(), profiles_.line()));
  const LineName name{row.fleet_id, row.line_id};
  const std::string& actor = context.caller().actor;

  // What is recorded for the request id is the order to the CA, whose answer
  // is the same for ever: the certificate does not exist yet when the line
  // does.
  BIRTHMARK_ASSIGN_OR_RETURN(
      ca::v1::CertificateRequest order,
      rpc::RunOnce<ca::v1::CertificateRequest>(
          with_.requests, context, request,
          [&](const rpc::Recorder& record)
              -> absl::StatusOr<ca::v1::CertificateRequest> {
            const storage::KeyRow proposal =
                MakeKeyRow(key, storage::KeyUsage::kClient, "", name.Format(),
                           with_.serials.Next(), profiles_.line().id, now);
            ca::v1::CertificateRequest first;
            first.set_serial(proposal.serial);
            first.set_spki_der(key.spki_der);
            first.mutable_line()->set_fleet(name.fleet);
            first.mutable_line()->set_line(name.line);
            storage::Mutation mutation;
            mutation.audit.push_back(audit::NewEntry(
                with_.clock, actor, "line.create", name.Format(),
                {{"key", HexEncode(key.spki_sha256)},
                 {"quota", absl::StrCat(row.quota)}}));
            mutation.request = record(first);
            BIRTHMARK_ASSIGN_OR_RETURN(
                const storage::KeyRow stored,
                with_.lines.Create(row, proposal, mutation));
            // That of an earlier call, if the CA was away then.
            first.set_serial(stored.serial);
            return first;
          }));
  BIRTHMARK_ASSIGN_OR_RETURN(
      std::vector<std::string> chain,
      ca_.IssueOne(profiles_.line().id, std::move(order), actor));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::LineRow line,
                             with_.lines.Get(name.fleet, name.line));
  pb::CreateLineResponse response;
  *response.mutable_line() = ToProto(line);
  for (std::string& der : chain) {
    response.add_certificate_chain_der(std::move(der));
  }
  return response;
}

absl::StatusOr<pb::Line> ProvisioningServiceImpl::DisableLine(
    const rpc::CallContext& context, const pb::DisableLineRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const LineName name,
                             ParseLineName(request.name(), "name"));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::optional<int64_t> version,
                             rpc::ParseOptionalEtag(request.etag()));
  return rpc::RunOnce<pb::Line>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record) -> absl::StatusOr<pb::Line> {
        // The answer is recorded with the change, so it is made from the row
        // as it will be; the version sees to it that it will.
        BIRTHMARK_ASSIGN_OR_RETURN(storage::LineRow row,
                                   with_.lines.Get(name.fleet, name.line));
        const int64_t read_version = version.value_or(row.version);
        row.state = storage::LineState::kDisabled;
        row.version = read_version + 1;
        storage::Mutation mutation;
        mutation.audit.push_back(
            audit::NewEntry(with_.clock, context.caller().actor, "line.disable",
                            name.Format()));
        mutation.request = record(ToProto(row));
        BIRTHMARK_ASSIGN_OR_RETURN(
            const storage::LineRow disabled,
            with_.lines.Disable(name.fleet, name.line, read_version, mutation));
        return ToProto(disabled);
      });
}

absl::StatusOr<std::string> ProvisioningServiceImpl::DefaultBatchProfile(
    absl::string_view fleet_id) {
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::FleetRow fleet,
                             with_.fleets.Get(fleet_id));
  return fleet.idevid_profile;
}

absl::StatusOr<pb::Batch> ProvisioningServiceImpl::WithCounts(
    const storage::BatchRow& row) {
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::BatchCounts counts,
                             with_.batches.Count(row.batch_key));
  return ToProto(row, counts);
}

absl::StatusOr<pb::Batch> ProvisioningServiceImpl::CreateBatch(
    const rpc::CallContext& context, const pb::CreateBatchRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const LineName line,
                             ParseLineName(request.parent(), "parent"));
  BIRTHMARK_RETURN_IF_ERROR(AuthorizeLine(context, line));
  BIRTHMARK_RETURN_IF_ERROR(rpc::CheckId(request.batch_id(), "batch_id"));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::KeyProtection protection,
                             CheckProtection(request.batch().key_protection(),
                                             "batch.key_protection"));
  std::string profile_id;
  if (!request.batch().profile().empty()) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        const std::vector<std::string> ids,
        ParseName("profiles/{profile}", request.batch().profile(),
                  "batch.profile"));
    profile_id = ids[0];
  }

  BIRTHMARK_ASSIGN_OR_RETURN(const storage::LineRow line_row,
                             with_.lines.Get(line.fleet, line.line));
  if (profile_id.empty()) {
    // Whoever resumes by name gets the batch as it is, whatever became of the
    // fleet's default since.
    auto existing =
        with_.batches.Get(line.fleet, line.line, request.batch_id());
    if (existing.ok() && (protection == storage::KeyProtection::kNotSaid ||
                          protection == existing->key_protection)) {
      return WithCounts(*existing);
    }
    if (!existing.ok() &&
        existing.status().code() != absl::StatusCode::kNotFound) {
      return existing.status();
    }
    BIRTHMARK_ASSIGN_OR_RETURN(profile_id, DefaultBatchProfile(line.fleet));
  }
  if (line_row.state == storage::LineState::kDisabled) {
    return LineDisabled(line);
  }
  BIRTHMARK_RETURN_IF_ERROR(
      profiles_.Find(profile_id, policy::ProfileKind::kIdevid).status());

  storage::BatchRow row;
  row.fleet_id = line.fleet;
  row.line_id = line.line;
  row.batch_id = request.batch_id();
  row.profile = profile_id;
  row.key_protection = protection;
  row.create_time = NowSeconds(with_.clock);
  storage::Mutation mutation;
  mutation.audit.push_back(audit::NewEntry(
      with_.clock, context.caller().actor, "batch.create",
      BatchName{line, row.batch_id}.Format(), {{"profile", profile_id}}));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::BatchRow stored,
                             with_.batches.Create(row, mutation));
  return WithCounts(stored);
}

absl::StatusOr<pb::Batch> ProvisioningServiceImpl::GetBatch(
    const rpc::CallContext& context, const pb::GetBatchRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const BatchName name,
                             ParseBatchName(request.name(), "name"));
  BIRTHMARK_RETURN_IF_ERROR(AuthorizeLine(context, name.line));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const storage::BatchRow row,
      with_.batches.Get(name.line.fleet, name.line.line, name.batch));
  return WithCounts(row);
}

absl::StatusOr<pb::ListBatchesResponse> ProvisioningServiceImpl::ListBatches(
    const rpc::CallContext& context, const pb::ListBatchesRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const LineName line,
                             ParseLineName(request.parent(), "parent"));
  BIRTHMARK_RETURN_IF_ERROR(AuthorizeLine(context, line));
  BIRTHMARK_RETURN_IF_ERROR(with_.lines.Get(line.fleet, line.line).status());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<storage::BatchRow> page,
      rpc::ReadPage<storage::BatchRow>(
          with_.page_tokens, request,
          [&](const std::string& text,
              int limit) -> absl::StatusOr<std::vector<storage::BatchRow>> {
            int64_t after = 0;
            if (!text.empty() && !absl::SimpleAtoi(text, &after)) {
              return rpc::InvalidField("page_token", "is not one of ours");
            }
            return with_.batches.List(line.fleet, line.line, after, limit);
          },
          [](const storage::BatchRow& row) {
            return absl::StrCat(row.batch_key);
          }));
  pb::ListBatchesResponse response;
  for (const storage::BatchRow& row : page.rows) {
    BIRTHMARK_ASSIGN_OR_RETURN(*response.add_batches(), WithCounts(row));
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

absl::StatusOr<pb::Batch> ProvisioningServiceImpl::CloseBatch(
    const rpc::CallContext& context, const pb::CloseBatchRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const BatchName name,
                             ParseBatchName(request.name(), "name"));
  BIRTHMARK_RETURN_IF_ERROR(AuthorizeLine(context, name.line));
  storage::Mutation mutation;
  mutation.audit.push_back(audit::NewEntry(with_.clock, context.caller().actor,
                                           "batch.close", name.Format()));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const storage::BatchRow row,
      with_.batches.Close(name.line.fleet, name.line.line, name.batch,
                          mutation));
  return WithCounts(row);
}

absl::StatusOr<pb::ListBatchResultsResponse>
ProvisioningServiceImpl::ListBatchResults(
    const rpc::CallContext& context,
    const pb::ListBatchResultsRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const BatchName name,
                             ParseBatchName(request.parent(), "parent"));
  BIRTHMARK_RETURN_IF_ERROR(AuthorizeLine(context, name.line));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const storage::BatchRow batch,
      with_.batches.Get(name.line.fleet, name.line.line, name.batch));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<storage::ItemResult> page,
      rpc::ReadPage<storage::ItemResult>(
          with_.page_tokens, request,
          [&](const std::string& after, int limit) {
            return with_.batches.ListResults(batch.batch_key, after, limit);
          },
          [](const storage::ItemResult& row) { return row.item_id; }));
  pb::ListBatchResultsResponse response;
  for (const storage::ItemResult& row : page.rows) {
    *response.add_results() = ToProto(row);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

absl::StatusOr<IssueStream::Opened> ProvisioningServiceImpl::OpenBatchFor(
    const rpc::CallContext& context, const pb::IssueBatchRequest::Open& open) {
  BIRTHMARK_ASSIGN_OR_RETURN(const BatchName name,
                             ParseBatchName(open.batch(), "open.batch"));
  BIRTHMARK_RETURN_IF_ERROR(AuthorizeLine(context, name.line));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const storage::BatchRow row,
      with_.batches.Get(name.line.fleet, name.line.line, name.batch));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::LineRow line,
                             with_.lines.Get(name.line.fleet, name.line.line));
  if (line.state == storage::LineState::kDisabled) {
    return LineDisabled(name.line);
  }
  if (row.state == storage::BatchState::kClosed) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kBatchClosed,
                     absl::StrCat(name.Format(),
                                  " is closed: its results are "
                                  "listed, new items need "
                                  "another batch"),
                     {{"resource", name.Format()}});
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const policy::Profile* profile,
      profiles_.Find(row.profile, policy::ProfileKind::kIdevid));
  BIRTHMARK_ASSIGN_OR_RETURN(const storage::BatchCounts counts,
                             with_.batches.Count(row.batch_key));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> chain,
                             ca_.IssuerChain(profile->issuer));
  IssueStream::Opened opened;
  opened.batch.row = row;
  opened.batch.models = line.models;
  opened.batch.profile = profile;
  opened.batch.actor = context.caller().actor;
  opened.batch.resumed = counts.issued > 0;
  opened.message.set_results_done(counts.issued);
  for (const std::string& der : chain) {
    opened.message.add_issuer_chain_der(der);
  }
  return opened;
}

}  // namespace birthmark::registration
