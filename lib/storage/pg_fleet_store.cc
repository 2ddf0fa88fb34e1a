#include "lib/storage/pg_fleet_store.h"

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
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

#define FLEET_COLUMNS                                                 \
  "fleet_id, display_name, idevid_profile, ldevid_profile, version, " \
  "create_time, update_time, firmware_rollback_policy, "              \
  "firmware_digest_policy, shared_prime_policy, wipe_timeout_seconds "

constexpr Statement kInsert = {"fleet_insert", R"(
    INSERT INTO fleets
      (fleet_id, display_name, idevid_profile, ldevid_profile, version,
       create_time, update_time, firmware_rollback_policy,
       firmware_digest_policy, shared_prime_policy, wipe_timeout_seconds)
    VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9, $10)
    ON CONFLICT DO NOTHING)"};
constexpr Statement kGet = {
    "fleet_get", "SELECT " FLEET_COLUMNS "FROM fleets WHERE fleet_id = $1"};
constexpr Statement kList = {"fleet_list", "SELECT " FLEET_COLUMNS R"(
    FROM fleets
    WHERE (create_time, fleet_id) > ($1::timestamptz, $2::text)
    ORDER BY create_time, fleet_id LIMIT $3)"};
constexpr Statement kUpdate = {"fleet_update", R"(
    UPDATE fleets
    SET display_name = $3, idevid_profile = $4, ldevid_profile = $5,
        update_time = $6, version = version + 1,
        firmware_rollback_policy = $7, firmware_digest_policy = $8,
        shared_prime_policy = $9, wipe_timeout_seconds = $10
    WHERE fleet_id = $1 AND version = $2
    RETURNING )" FLEET_COLUMNS};

FleetRow ReadFleet(const pqxx::row& row) {
  return {.fleet_id = ReadText(row[0]),
          .display_name = ReadText(row[1]),
          .idevid_profile = ReadText(row[2]),
          .ldevid_profile = ReadText(row[3]),
          .version = ReadInt(row[4]),
          .create_time = ReadTime(row[5]),
          .update_time = ReadTime(row[6]),
          .firmware_rollback = static_cast<FindingPolicy>(ReadInt(row[7])),
          .firmware_digest = static_cast<FindingPolicy>(ReadInt(row[8])),
          .shared_prime = static_cast<FindingPolicy>(ReadInt(row[9])),
          .wipe_timeout = absl::Seconds(ReadInt(row[10]))};
}

Param Policy(FindingPolicy policy) { return Int(static_cast<int>(policy)); }

Param Timeout(const FleetRow& row) {
  return Int(absl::ToInt64Seconds(row.wipe_timeout));
}

absl::Status NotFound(absl::string_view fleet_id) {
  return MakeError(absl::StatusCode::kNotFound, reasons::kFleetNotFound,
                   "there is no such fleet",
                   {{"resource", absl::StrCat("fleets/", fleet_id)}});
}

}  // namespace

absl::Status PgFleetStore::Create(const FleetRow& row,
                                  const Mutation& mutation) {
  return database_.Transact([&](Session& session) -> absl::Status {
    const auto result = session.Exec(
        kInsert, Text(row.fleet_id), Text(row.display_name),
        Text(row.idevid_profile), Text(row.ldevid_profile), At(row.create_time),
        At(row.update_time), Policy(row.firmware_rollback),
        Policy(row.firmware_digest), Policy(row.shared_prime), Timeout(row));
    if (result.affected_rows() == 0) {
      return MakeError(absl::StatusCode::kAlreadyExists, reasons::kFleetExists,
                       "there is a fleet of this name already",
                       {{"resource", absl::StrCat("fleets/", row.fleet_id)}});
    }
    return RecordMutation(session, mutation);
  });
}

absl::StatusOr<FleetRow> PgFleetStore::Get(absl::string_view fleet_id) {
  FleetRow row;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        const auto result = session.Exec(kGet, Text(fleet_id));
        if (result.empty()) {
          return NotFound(fleet_id);
        }
        row = ReadFleet(result[0]);
        return absl::OkStatus();
      }));
  return row;
}

absl::StatusOr<std::vector<FleetRow>> PgFleetStore::List(
    const std::optional<FleetCursor>& after, int limit) {
  std::vector<FleetRow> rows;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        rows.clear();
        const auto result = session.Exec(
            kList, after.has_value() ? At(after->create_time) : BeforeAllTime(),
            Text(after.has_value() ? after->fleet_id : ""), Int(limit));
        for (const auto& row : result) {
          rows.push_back(ReadFleet(row));
        }
        return absl::OkStatus();
      }));
  return rows;
}

absl::StatusOr<FleetRow> PgFleetStore::Update(const FleetRow& row,
                                              const Mutation& mutation) {
  FleetRow updated;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        const auto result = session.Exec(
            kUpdate, Text(row.fleet_id), Int(row.version),
            Text(row.display_name), Text(row.idevid_profile),
            Text(row.ldevid_profile), At(row.update_time),
            Policy(row.firmware_rollback), Policy(row.firmware_digest),
            Policy(row.shared_prime), Timeout(row));
        if (result.empty()) {
          if (session.Exec(kGet, Text(row.fleet_id)).empty()) {
            return NotFound(row.fleet_id);
          }
          return MakeError(
              absl::StatusCode::kAborted, reasons::kEtagMismatch,
              "the fleet has changed",
              {{"resource", absl::StrCat("fleets/", row.fleet_id)}});
        }
        updated = ReadFleet(result[0]);
        return RecordMutation(session, mutation);
      }));
  return updated;
}

}  // namespace birthmark::storage
