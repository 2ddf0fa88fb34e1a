#include "lib/storage/record.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/storage/device_row.h"
#include "lib/storage/mutation.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr Statement kInsertAudit = {"audit_insert", R"(
    INSERT INTO audit_entries
      ()" BIRTHMARK_AUDIT_COLUMNS R"()
    SELECT * FROM unnest($1::timestamptz[], $2::uuid[], $3::text[], $4::text[],
                         $5::text[], $6::text[], $7::bytea[]))"};

// To the millisecond, like the canonical bytes.
absl::Time EntryTime(const audit::Entry& entry) {
  return absl::FromUnixMillis(absl::ToUnixMillis(entry.time));
}

constexpr Statement kInsertEvents = {"events_insert", R"(
    INSERT INTO device_events
      (device_uid, event_id, kind, from_state, to_state, actor, reason, details,
       create_time)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::smallint[],
                         $5::smallint[], $6::text[], $7::text[], $8::jsonb[],
                         $9::timestamptz[]))"};

constexpr Statement kInsertRequest = {"request_insert", R"(
    INSERT INTO requests
      (caller, method, request_id, request_hash, response, create_time)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT DO NOTHING)"};

}  // namespace

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
  if (entries.empty()) {
    return;
  }
  TimeArray times;
  UuidArray ids;
  TextArray actors, actions, resources, texts;
  BytesArray hashes;
  for (const audit::Entry* entry : entries) {
    const std::string canonical = audit::Canonical(*entry);
    times.Add(EntryTime(*entry));
    ids.Add(entry->id);
    actors.Add(entry->actor);
    actions.Add(entry->action);
    resources.Add(entry->resource);
    hashes.Add(audit::LeafHash(canonical));
    texts.Add(canonical);
  }
  session.Exec(kInsertAudit, times.Take(), ids.Take(), actors.Take(),
               actions.Take(), resources.Take(), texts.Take(), hashes.Take());
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
  if (events.empty()) {
    return;
  }
  UuidArray uids, ids;
  TextArray kinds, actors, reasons;
  SmallintArray froms, tos;
  JsonArray details;
  TimeArray times;
  for (const DeviceEventRow* event : events) {
    uids.Add(event->device_uid);
    ids.Add(event->event_id);
    kinds.Add(event->kind);
    froms.Add(event->from_state);
    tos.Add(static_cast<int>(event->to_state));
    actors.Add(event->actor);
    reasons.Add(event->reason);
    details.Add(event->details);
    times.Add(event->create_time);
  }
  session.Exec(kInsertEvents, uids.Take(), ids.Take(), kinds.Take(),
               froms.Take(), tos.Take(), actors.Take(), reasons.Take(),
               details.Take(), times.Take());
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
