#include "lib/storage/pg_line_store.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/key_sql.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

// Models as JSON: PostgreSQL's own array text would need a parser.
#define LINE_COLUMNS                                                    \
  "fleet_id, line_id, state, to_json(models), quota, issued, version, " \
  "create_time "

constexpr Statement kFleetExists = {"line_fleet_exists",
                                    "SELECT FROM fleets WHERE fleet_id = $1"};
constexpr Statement kInsert = {"line_insert", R"(
    INSERT INTO lines
      (fleet_id, line_id, state, models, quota, issued, version, create_time)
    VALUES ($1, $2, $3, $4::text[], $5, 0, 1, $6)
    ON CONFLICT DO NOTHING)"};
constexpr Statement kGet = {"line_get", "SELECT " LINE_COLUMNS R"(
    FROM lines WHERE fleet_id = $1 AND line_id = $2)"};
constexpr Statement kList = {"line_list", "SELECT " LINE_COLUMNS R"(
    FROM lines
    WHERE (create_time, fleet_id, line_id) >
          ($2::timestamptz, $3::text, $4::text)
      AND ($1::text = '' OR fleet_id = $1::text)
    ORDER BY create_time, fleet_id, line_id LIMIT $5)"};
constexpr Statement kDisable = {"line_disable", R"(
    UPDATE lines SET state = 2, version = version + 1
    WHERE fleet_id = $1 AND line_id = $2 AND state = 1
      AND ($3::bigint IS NULL OR version = $3::bigint)
    RETURNING )" LINE_COLUMNS};

LineRow ReadLine(const pqxx::row& row) {
  return {.fleet_id = ReadText(row[0]),
          .line_id = ReadText(row[1]),
          .state = static_cast<LineState>(ReadInt(row[2])),
          .models = ReadJsonTexts(row[3]),
          .quota = ReadInt(row[4]),
          .issued = ReadInt(row[5]),
          .version = ReadInt(row[6]),
          .create_time = ReadTime(row[7])};
}

std::string Name(absl::string_view fleet_id, absl::string_view line_id) {
  return absl::StrCat("fleets/", fleet_id, "/lines/", line_id);
}

absl::Status NotFound(absl::string_view fleet_id, absl::string_view line_id) {
  return MakeError(absl::StatusCode::kNotFound, reasons::kLineNotFound,
                   "there is no such line",
                   {{"resource", Name(fleet_id, line_id)}});
}

// Repeat returns the key of an earlier call for the same line and key, if that
// call has come to no certificate yet.
absl::StatusOr<KeyRow> Repeat(Session& session, const LineRow& row,
                              const KeyRow& key) {
  const absl::Status exists =
      MakeError(absl::StatusCode::kAlreadyExists, reasons::kLineExists,
                "there is a line of this name already",
                {{"resource", Name(row.fleet_id, row.line_id)}});
  const auto lines = session.Exec(kGet, Text(row.fleet_id), Text(row.line_id));
  if (lines.empty()) {
    return session.Rerun();
  }
  const LineRow line = ReadLine(lines[0]);
  const std::optional<KeyRow> stored = FindKey(session, key.spki_sha256);
  if (!stored.has_value() || stored->owner != key.owner ||
      stored->usage != key.usage || !stored->issuer_id.empty() ||
      line.state != LineState::kActive || line.models != row.models ||
      line.quota != row.quota) {
    return exists;
  }
  return *stored;
}

}  // namespace

absl::StatusOr<KeyRow> PgLineStore::Create(const LineRow& row,
                                           const KeyRow& key,
                                           const Mutation& mutation) {
  KeyRow stored;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        if (session.Exec(kFleetExists, Text(row.fleet_id)).empty()) {
          return MakeError(
              absl::StatusCode::kNotFound, reasons::kFleetNotFound,
              "there is no such fleet",
              {{"resource", absl::StrCat("fleets/", row.fleet_id)}});
        }
        const auto inserted = session.Exec(
            kInsert, Text(row.fleet_id), Text(row.line_id),
            Int(static_cast<int>(row.state)), TextArray(row.models).Take(),
            Int(row.quota), At(row.create_time));
        if (inserted.affected_rows() == 0) {
          BIRTHMARK_ASSIGN_OR_RETURN(stored, Repeat(session, row, key));
          return absl::OkStatus();
        }
        if (InsertKeys(session, {&key}, IfTaken::kInsertRest) == 0) {
          return KeyAlreadyEnrolled(key.spki_sha256);
        }
        stored = key;
        return RecordMutation(session, mutation);
      }));
  return stored;
}

absl::StatusOr<LineRow> PgLineStore::Get(absl::string_view fleet_id,
                                         absl::string_view line_id) {
  LineRow row;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        const auto result = session.Exec(kGet, Text(fleet_id), Text(line_id));
        if (result.empty()) {
          return NotFound(fleet_id, line_id);
        }
        row = ReadLine(result[0]);
        return absl::OkStatus();
      }));
  return row;
}

absl::StatusOr<std::vector<LineRow>> PgLineStore::List(
    absl::string_view fleet_id, const std::optional<LineCursor>& after,
    int limit) {
  std::vector<LineRow> rows;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        rows.clear();
        const auto result = session.Exec(
            kList, Text(fleet_id),
            after.has_value() ? At(after->create_time) : BeforeAllTime(),
            Text(after.has_value() ? after->fleet_id : ""),
            Text(after.has_value() ? after->line_id : ""), Int(limit));
        for (const auto& row : result) {
          rows.push_back(ReadLine(row));
        }
        return absl::OkStatus();
      }));
  return rows;
}

absl::StatusOr<LineRow> PgLineStore::Disable(absl::string_view fleet_id,
                                             absl::string_view line_id,
                                             std::optional<int64_t> version,
                                             const Mutation& mutation) {
  LineRow line;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        const auto updated =
            session.Exec(kDisable, Text(fleet_id), Text(line_id),
                         version.has_value() ? Int(*version) : Param());
        if (!updated.empty()) {
          line = ReadLine(updated[0]);
          return RecordMutation(session, mutation);
        }
        const auto found = session.Exec(kGet, Text(fleet_id), Text(line_id));
        if (found.empty()) {
          return NotFound(fleet_id, line_id);
        }
        if (ReadLine(found[0]).state == LineState::kDisabled) {
          return MakeError(
              absl::StatusCode::kFailedPrecondition, reasons::kLineDisabled,
              "the line is disabled",
              {{"resource", Name(fleet_id, line_id)}, {"state", "DISABLED"}});
        }
        return MakeError(absl::StatusCode::kAborted, reasons::kEtagMismatch,
                         "the line has changed",
                         {{"resource", Name(fleet_id, line_id)}});
      }));
  return line;
}

}  // namespace birthmark::storage
