#include "lib/storage/pg_enforcement_store.h"

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

#define POINT_COLUMNS \
  "point_id, revision, report_time, next_update, create_time "

constexpr Statement kInsert = {"enforcement_point_insert", R"(
    INSERT INTO enforcement_points (point_id, create_time) VALUES ($1, $2)
    ON CONFLICT DO NOTHING)"};
constexpr Statement kGet = {"enforcement_point_get", "SELECT " POINT_COLUMNS R"(
    FROM enforcement_points WHERE point_id = $1)"};
constexpr Statement kList = {"enforcement_point_list",
                             "SELECT " POINT_COLUMNS R"(
    FROM enforcement_points WHERE point_id > $1 ORDER BY point_id LIMIT $2)"};
constexpr Statement kReport = {"enforcement_point_report", R"(
    UPDATE enforcement_points
    SET revision = $2, next_update = $3, report_time = $4
    WHERE point_id = $1
    RETURNING )" POINT_COLUMNS};

EnforcementPointRow ReadPoint(const pqxx::row& row) {
  return {.point_id = ReadText(row[0]),
          .revision = ReadInt(row[1]),
          .report_time = ReadOptionalTime(row[2]),
          .next_update = ReadOptionalTime(row[3]),
          .create_time = ReadTime(row[4])};
}

std::string Name(absl::string_view point_id) {
  return absl::StrCat("enforcementPoints/", point_id);
}

absl::Status NotFound(absl::string_view point_id) {
  return MakeError(
      absl::StatusCode::kNotFound, reasons::kEnforcementPointNotFound,
      "there is no such enforcement point", {{"resource", Name(point_id)}});
}

}  // namespace

absl::StatusOr<KeyRow> PgEnforcementStore::Create(
    const EnforcementPointRow& row, const KeyRow& key,
    const Mutation& mutation) {
  KeyRow stored;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        const auto inserted =
            session.Exec(kInsert, Text(row.point_id), At(row.create_time));
        if (inserted.affected_rows() == 0) {
          // An earlier call for the same key that has come to no certificate.
          const std::optional<KeyRow> known = FindKey(session, key.spki_sha256);
          if (!known.has_value() || known->owner != key.owner ||
              known->usage != key.usage || !known->issuer_id.empty()) {
            return MakeError(
                absl::StatusCode::kAlreadyExists,
                reasons::kEnforcementPointExists,
                "there is an enforcement point of this name already",
                {{"resource", Name(row.point_id)}});
          }
          stored = *known;
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

absl::StatusOr<EnforcementPointRow> PgEnforcementStore::Get(
    absl::string_view point_id) {
  EnforcementPointRow point;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        const auto found = session.Exec(kGet, Text(point_id));
        if (found.empty()) {
          return NotFound(point_id);
        }
        point = ReadPoint(found[0]);
        return absl::OkStatus();
      }));
  return point;
}

absl::StatusOr<std::vector<EnforcementPointRow>> PgEnforcementStore::List(
    absl::string_view after, int limit) {
  std::vector<EnforcementPointRow> points;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        points.clear();
        for (const auto& row : session.Exec(kList, Text(after), Int(limit))) {
          points.push_back(ReadPoint(row));
        }
        return absl::OkStatus();
      }));
  return points;
}

absl::StatusOr<EnforcementPointRow> PgEnforcementStore::Report(
    absl::string_view point_id, int64_t revision, absl::Time next_update,
    absl::Time now) {
  EnforcementPointRow point;
  BIRTHMARK_RETURN_IF_ERROR(database_.TransactInOne(
      [&](Session& session) -> absl::Status {
        const auto updated = session.Exec(
            kReport, Text(point_id), Int(revision), At(next_update), At(now));
        if (updated.empty()) {
          return NotFound(point_id);
        }
        point = ReadPoint(updated[0]);
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun));
  return point;
}

}  // namespace birthmark::storage
