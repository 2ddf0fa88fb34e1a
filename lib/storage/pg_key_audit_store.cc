#include "lib/storage/pg_key_audit_store.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/session.h"
#include "pqxx/row"

namespace birthmark::storage {
namespace {

#define AUDIT_COLUMNS                                                   \
  "audit_id, state, progress, key_count, shared_count, finding_count, " \
  "last_error, actor, create_time, end_time "

constexpr Statement kInsert = {"key_audit_insert", R"(
    INSERT INTO key_audits (audit_id, state, actor, create_time)
    VALUES ($1, 1, $2, $3)
    ON CONFLICT (state) WHERE state = 1 DO NOTHING)"};
constexpr Statement kGet = {"key_audit_get", "SELECT " AUDIT_COLUMNS R"(
    FROM key_audits WHERE audit_id = $1)"};
constexpr Statement kLock = {"key_audit_lock", "SELECT " AUDIT_COLUMNS R"(
    FROM key_audits WHERE audit_id = $1 FOR UPDATE)"};
constexpr Statement kList = {"key_audit_list", "SELECT " AUDIT_COLUMNS R"(
    FROM key_audits WHERE (create_time, audit_id) > ($1, $2::uuid)
    ORDER BY create_time, audit_id LIMIT $3)"};
constexpr Statement kRunning = {"key_audit_running", "SELECT " AUDIT_COLUMNS R"(
    FROM key_audits WHERE state = 1)"};
constexpr Statement kNote = {"key_audit_note", R"(
    UPDATE key_audits
    SET progress = $2, key_count = $3, shared_count = $4, finding_count = $5,
        last_error = $6
    WHERE audit_id = $1 AND state = 1)"};
constexpr Statement kEnd = {"key_audit_end", R"(
    UPDATE key_audits
    SET state = $2, end_time = $3, progress = $4, key_count = $5,
        shared_count = $6, finding_count = $7, last_error = $8
    WHERE audit_id = $1
    RETURNING )" AUDIT_COLUMNS};
// Each key has one certificate at most. The look-ups are sub-selects, so that
// the keys are walked in their order and no further than the page.
constexpr Statement kListRsa = {"key_audit_list_rsa", R"(
    SELECT k.spki_sha256, k.device_uid, d.fleet_id, c.certificate_der
    FROM keys k
    JOIN LATERAL (SELECT certificate_der FROM certificates
                  WHERE serial = k.serial LIMIT 1) c ON true
    LEFT JOIN LATERAL (SELECT fleet_id FROM devices
                       WHERE device_uid = k.device_uid LIMIT 1) d ON true
    WHERE k.algorithm = 4 AND k.spki_sha256 > $1
    ORDER BY k.spki_sha256 LIMIT $2)"};

constexpr char kNoId[] = "00000000-0000-0000-0000-000000000000";

KeyAuditRow ReadAudit(const pqxx::row& row) {
  return {.audit_id = ReadText(row[0]),
          .state = static_cast<KeyAuditState>(ReadInt(row[1])),
          .progress = ReadText(row[2]),
          .key_count = ReadInt(row[3]),
          .shared_count = ReadInt(row[4]),
          .finding_count = ReadInt(row[5]),
          .last_error = ReadText(row[6]),
          .actor = ReadText(row[7]),
          .create_time = ReadTime(row[8]),
          .end_time = ReadOptionalTime(row[9])};
}

std::string Name(absl::string_view audit_id) {
  return absl::StrCat("keyAudits/", audit_id);
}

absl::Status NotFound(absl::string_view audit_id) {
  return MakeError(absl::StatusCode::kNotFound, reasons::kKeyAuditNotFound,
                   "there is no such key audit",
                   {{"resource", Name(audit_id)}});
}

}  // namespace

absl::Status PgKeyAuditStore::Create(const KeyAuditRow& row,
                                     const Mutation& mutation) {
  return database_.Transact([&](Session& session) -> absl::Status {
    const auto inserted = session.Exec(kInsert, Text(row.audit_id),
                                       Text(row.actor), At(row.create_time));
    if (inserted.affected_rows() == 0) {
      return MakeError(absl::StatusCode::kFailedPrecondition,
                       reasons::kKeyAuditRunning, "a key audit runs already",
                       {{"resource", "keyAudits/-"}});
    }
    return RecordMutation(session, mutation);
  });
}

absl::StatusOr<KeyAuditRow> PgKeyAuditStore::Get(absl::string_view audit_id) {
  KeyAuditRow audit;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        const auto found = session.Exec(kGet, Text(audit_id));
        if (found.empty()) {
          return NotFound(audit_id);
        }
        audit = ReadAudit(found[0]);
        return absl::OkStatus();
      }));
  return audit;
}

absl::StatusOr<std::vector<KeyAuditRow>> PgKeyAuditStore::List(
    const std::optional<KeyAuditCursor>& after, int limit) {
  std::vector<KeyAuditRow> audits;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        audits.clear();
        for (const auto& row : session.Exec(
                 kList,
                 after.has_value() ? At(after->create_time) : BeforeAllTime(),
                 Text(after.has_value() ? after->audit_id : kNoId),
                 Int(limit))) {
          audits.push_back(ReadAudit(row));
        }
        return absl::OkStatus();
      }));
  return audits;
}

absl::StatusOr<std::optional<KeyAuditRow>> PgKeyAuditStore::Running() {
  std::optional<KeyAuditRow> audit;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        audit.reset();
        for (const auto& row : session.Exec(kRunning)) {
          audit = ReadAudit(row);
        }
        return absl::OkStatus();
      }));
  return audit;
}

absl::StatusOr<bool> PgKeyAuditStore::Note(const KeyAuditRow& row) {
  bool runs = false;
  BIRTHMARK_RETURN_IF_ERROR(database_.TransactInOne(
      [&](Session& session) -> absl::Status {
        runs = session
                   .Exec(kNote, Text(row.audit_id), Text(row.progress),
                         Int(row.key_count), Int(row.shared_count),
                         Int(row.finding_count), Text(row.last_error))
                   .affected_rows() > 0;
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun));
  return runs;
}

absl::StatusOr<KeyAuditRow> PgKeyAuditStore::End(
    const KeyAuditRow& row, KeyAuditState state, absl::Time now,
    const MutationMaker& mutation_for) {
  KeyAuditRow audit;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        const auto found = session.Exec(kLock, Text(row.audit_id));
        if (found.empty()) {
          return NotFound(row.audit_id);
        }
        audit = ReadAudit(found[0]);
        if (audit.state != KeyAuditState::kRunning) {
          return absl::OkStatus();
        }
        const auto ended = session.Exec(
            kEnd, Text(row.audit_id), Int(static_cast<int64_t>(state)), At(now),
            Text(row.progress), Int(row.key_count), Int(row.shared_count),
            Int(row.finding_count), Text(row.last_error));
        audit = ReadAudit(ended[0]);
        return RecordMutation(session, mutation_for(audit));
      }));
  return audit;
}

absl::StatusOr<std::vector<RsaKeyRow>> PgKeyAuditStore::ListRsaKeys(
    absl::string_view after, int limit) {
  std::vector<RsaKeyRow> keys;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        keys.clear();
        for (const auto& row :
             session.Exec(kListRsa, Bytes(after), Int(limit))) {
          keys.push_back({.spki_sha256 = ReadBytes(row[0]),
                          .device_uid = ReadText(row[1]),
                          .fleet_id = ReadText(row[2]),
                          .certificate_der = ReadBytes(row[3])});
        }
        return absl::OkStatus();
      }));
  return keys;
}

}  // namespace birthmark::storage
