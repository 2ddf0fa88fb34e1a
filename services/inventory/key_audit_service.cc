#include "services/inventory/key_audit_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/resource_name.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "lib/rpc/idempotency.h"
#include "lib/rpc/read_page.h"
#include "lib/rpc/serve.h"
#include "lib/rpc/timestamp.h"

namespace birthmark::inventory {

namespace pb = device::v1;
using storage::KeyAuditRow;
using storage::KeyAuditState;

namespace {

std::string NameOf(absl::string_view audit_id) {
  return absl::StrCat("keyAudits/", audit_id);
}

pb::KeyAudit ToProto(const KeyAuditRow& row) {
  pb::KeyAudit audit;
  audit.set_name(NameOf(row.audit_id));
  audit.set_state(static_cast<pb::KeyAuditState>(row.state));
  audit.set_progress(row.progress);
  audit.set_key_count(row.key_count);
  audit.set_shared_count(row.shared_count);
  audit.set_finding_count(row.finding_count);
  audit.set_last_error(row.last_error);
  audit.set_actor(row.actor);
  *audit.mutable_create_time() = rpc::ToTimestamp(row.create_time);
  if (row.end_time.has_value()) {
    *audit.mutable_end_time() = rpc::ToTimestamp(*row.end_time);
  }
  return audit;
}

absl::StatusOr<std::string> IdOf(const std::string& name) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             ParseName("keyAudits/{audit}", name));
  if (!IsUid(ids[0])) {
    return MakeError(absl::StatusCode::kNotFound, reasons::kKeyAuditNotFound,
                     "there is no such key audit", {{"resource", name}});
  }
  return ids[0];
}

}  // namespace

void KeyAuditServiceImpl::Register(rpc::Router& router) {
  const auto serve = [this, &router](absl::string_view name, auto method) {
    rpc::ServeUnary(router,
                    absl::StrCat("birthmark.device.v1.KeyAuditService.", name),
                    this, method);
  };
  serve("StartKeyAudit", &KeyAuditServiceImpl::StartKeyAudit);
  serve("GetKeyAudit", &KeyAuditServiceImpl::GetKeyAudit);
  serve("ListKeyAudits", &KeyAuditServiceImpl::ListKeyAudits);
  serve("CancelKeyAudit", &KeyAuditServiceImpl::CancelKeyAudit);
}

absl::StatusOr<pb::KeyAudit> KeyAuditServiceImpl::StartKeyAudit(
    const rpc::CallContext& context, const pb::StartKeyAuditRequest& request) {
  return rpc::RunOnce<pb::KeyAudit>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record) -> absl::StatusOr<pb::KeyAudit> {
        KeyAuditRow row;
        row.audit_id = crypto::NewUid(with_.clock);
        row.actor = context.caller().actor;
        row.create_time = NowSeconds(with_.clock);
        pb::KeyAudit audit = ToProto(row);
        storage::Mutation mutation;
        mutation.audit.push_back(audit::NewEntry(
            with_.clock, row.actor, "key_audit.start", audit.name()));
        mutation.request = record(audit);
        BIRTHMARK_RETURN_IF_ERROR(with_.audits.Create(row, mutation));
        with_.wake();
        return audit;
      });
}

absl::StatusOr<pb::KeyAudit> KeyAuditServiceImpl::GetKeyAudit(
    const rpc::CallContext&, const pb::GetKeyAuditRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string id, IdOf(request.name()));
  BIRTHMARK_ASSIGN_OR_RETURN(const KeyAuditRow row, with_.audits.Get(id));
  return ToProto(row);
}

absl::StatusOr<pb::ListKeyAuditsResponse> KeyAuditServiceImpl::ListKeyAudits(
    const rpc::CallContext&, const pb::ListKeyAuditsRequest& request) {
  const auto fetch =
      [this](const std::string& text,
             int limit) -> absl::StatusOr<std::vector<KeyAuditRow>> {
    std::optional<storage::KeyAuditCursor> after;
    if (!text.empty()) {
      BIRTHMARK_ASSIGN_OR_RETURN(const rpc::Cursor cursor,
                                 rpc::DecodeCursor(text, 1));
      after = storage::KeyAuditCursor{cursor.time, cursor.keys[0]};
    }
    return with_.audits.List(after, limit);
  };
  BIRTHMARK_ASSIGN_OR_RETURN(
      const rpc::Page<KeyAuditRow> page,
      rpc::ReadPage<KeyAuditRow>(
          with_.page_tokens, request, fetch, [](const KeyAuditRow& row) {
            return rpc::EncodeCursor({row.create_time, {row.audit_id}});
          }));
  pb::ListKeyAuditsResponse response;
  for (const KeyAuditRow& row : page.rows) {
    *response.add_key_audits() = ToProto(row);
  }
  response.set_next_page_token(page.next_page_token);
  return response;
}

absl::StatusOr<pb::KeyAudit> KeyAuditServiceImpl::CancelKeyAudit(
    const rpc::CallContext& context, const pb::CancelKeyAuditRequest& request) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string id, IdOf(request.name()));
  return rpc::RunOnce<pb::KeyAudit>(
      with_.requests, context, request,
      [&](const rpc::Recorder& record) -> absl::StatusOr<pb::KeyAudit> {
        BIRTHMARK_ASSIGN_OR_RETURN(const KeyAuditRow seen,
                                   with_.audits.Get(id));
        BIRTHMARK_ASSIGN_OR_RETURN(
            const KeyAuditRow row,
            with_.audits.End(seen, KeyAuditState::kCancelled,
                             NowSeconds(with_.clock),
                             [&](const KeyAuditRow& ended) {
                               storage::Mutation mutation;
                               mutation.audit.push_back(audit::NewEntry(
                                   with_.clock, context.caller().actor,
                                   "key_audit.cancel", NameOf(ended.audit_id)));
                               mutation.request = record(ToProto(ended));
                               return mutation;
                             }));
        if (row.state != KeyAuditState::kCancelled) {
          return MakeError(absl::StatusCode::kFailedPrecondition,
                           reasons::kKeyAuditState, "the key audit is over",
                           {{"resource", NameOf(id)}, {"state", "done"}});
        }
        return ToProto(row);
      });
}

}  // namespace birthmark::inventory
