#include "lib/storage/record.h"

#include <stdexcept>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/storage/bulk.h"
#include "lib/storage/device_row.h"
#include "lib/storage/mutation.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr BulkColumn kAuditColumns[] = {
    Column<sql::Timestamptz>("entry_time"),
    Column<sql::Uuid>("entry_id"),
    Column<sql::Text>("actor"),
    Column<sql::Text>("action"),
    Column<sql::Text>("resource"),
    Column<sql::Text>("entry"),
    Column<sql::Bytea>("leaf_hash"),
};
constexpr BulkTable kAudit = {"audit_entries", kAuditColumns};

constexpr BulkColumn kEventColumns[] = {
    Column<sql::Uuid>("device_uid"),
    Column<sql::Uuid>("event_id"),
    Column<sql::Text>("kind"),
    Column<sql::Smallint>("from_state"),
    Column<sql::Smallint>("to_state"),
    Column<sql::Text>("actor"),
    Column<sql::Text>("reason"),
    Column<sql::Jsonb>("details"),
    Column<sql::Timestamptz>("create_time"),
    Column<sql::Text>("fleet_id"),
};
constexpr BulkTable kEvents = {"device_events", kEventColumns};

constexpr Statement kInsertRequest = {"request_insert", R"(
    INSERT INTO requests
      (caller, method, request_id, request_hash, response, create_time)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT DO NOTHING)"};

// Their identifiers are random: one that is taken is a mistake of ours, and
// must not leave the transaction looking good.
void InsertAll(Session& session, const BulkRows& rows) {
  if (session.InsertBulk(rows, IfTaken::kInsertNone) != rows.size()) {
    throw std::logic_error(
        absl::StrCat(rows.table().name, ": an identifier is taken"));
  }
}

}  // namespace

absl::Time EntryTime(const audit::Entry& entry) {
  return absl::FromUnixMillis(absl::ToUnixMillis(entry.time));
}

void RecordAudit(Session& session, absl::Span<const audit::Entry> entries) {
  std::vector<const audit::Entry*> pointers;
  pointers.reserve(entries.size());
  for (const audit::Entry& entry : entries) {
    pointers.push_back(&entry);
  }
  RecordAudit(session, pointers);
}

void RecordAudit(Session& session,
                 absl::Span<const audit::Entry* const> entries) {
  BulkRows rows(kAudit, entries.size());
  for (const audit::Entry* entry : entries) {
    const std::string canonical = audit::Canonical(*entry);
    rows.Add<sql::Timestamptz>(EntryTime(*entry))
        .Add<sql::Uuid>(entry->id)
        .Add<sql::Text>(entry->actor)
        .Add<sql::Text>(entry->action)
        .Add<sql::Text>(entry->resource)
        .Add<sql::Text>(canonical)
        .Add<sql::Bytea>(audit::LeafHash(canonical));
  }
  InsertAll(session, rows);
}

void AddAudit(const audit::Entry& entry, std::vector<Param>& params) {
  std::string canonical = audit::Canonical(entry);
  std::string hash = audit::LeafHash(canonical);
  params.push_back(At(EntryTime(entry)));
  params.push_back(Text(entry.id));
  params.push_back(Text(entry.actor));
  params.push_back(Text(entry.action));
  params.push_back(Text(entry.resource));
  params.push_back(Text(canonical));
  params.push_back(Bytes(hash));
}

void RecordEvents(Session& session,
                  absl::Span<const DeviceEventRow* const> events) {
  BulkRows rows(kEvents, events.size());
  for (const DeviceEventRow* event : events) {
    if (event->fleet_id.empty()) {
      throw std::logic_error("an event of no fleet");
    }
    rows.Add<sql::Uuid>(event->device_uid)
        .Add<sql::Uuid>(event->event_id)
        .Add<sql::Text>(event->kind)
        .Add<sql::Smallint>(event->from_state)
        .Add<sql::Smallint>(static_cast<int>(event->to_state))
        .Add<sql::Text>(event->actor)
        .Add<sql::Text>(event->reason)
        .Add<sql::Jsonb>(event->details)
        .Add<sql::Timestamptz>(event->create_time)
        .Add<sql::Text>(event->fleet_id);
  }
  InsertAll(session, rows);
}

absl::Status RecordMutation(Session& session, const Mutation& mutation) {
  if (mutation.audit.empty()) {
    return absl::InternalError("a mutation without an audit entry");
  }
  RecordAudit(session, mutation.audit);
  if (!mutation.request.has_value()) {
    return absl::OkStatus();
  }
  const RequestRecord& request = *mutation.request;
  const auto result =
      session.Exec(kInsertRequest, Text(request.caller), Text(request.method),
                   Text(request.request_id), Bytes(request.request_hash),
                   Bytes(request.response), At(mutation.audit.front().time));
  if (result.affected_rows() == 0) {
    return MakeError(absl::StatusCode::kAborted, reasons::kTransactionConflict,
                     "another request with the same request_id was faster");
  }
  return absl::OkStatus();
}

}  // namespace birthmark::storage
