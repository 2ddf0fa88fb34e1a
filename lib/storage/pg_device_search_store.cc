#include "lib/storage/pg_device_search_store.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/base/status_macros.h"
#include "lib/storage/device_search.h"
#include "lib/storage/device_search_cursor.h"
#include "lib/storage/param.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

// What kDetails returns in its first column.
enum Part { kLabel = 1, kFirmware = 2, kQuarantine = 3, kHeld = 4 };

constexpr Statement kDetails = {"search_details", R"(
    SELECT 1 AS part, l.device_uid, l.label_key AS name, l.value, '' AS other,
           l.label_type AS number, 0 AS highest, l.personal AS flag,
           NULL::bytea AS octets, NULL::timestamptz AS earlier,
           NULL::timestamptz AS later, NULL::uuid AS id
    FROM unnest($1::uuid[]) u (device_uid)
    JOIN device_labels l ON l.device_uid = u.device_uid
    UNION ALL
    SELECT 2, f.device_uid, f.component, f.firmware_version, '',
           f.security_version, f.highest_security_version, false, f.digest,
           f.boot_time, f.report_time, NULL
    FROM unnest($1::uuid[]) u (device_uid)
    JOIN device_firmware f ON f.device_uid = u.device_uid
    UNION ALL
    SELECT 3, q.device_uid, q.reason, q.playbook, q.actor, 0, 0, false, NULL,
           q.create_time, NULL, q.quarantine_id
    FROM unnest($1::uuid[]) u (device_uid)
    JOIN quarantines q
      ON q.device_uid = u.device_uid AND q.release_time IS NULL
    UNION ALL
    SELECT 4, q.device_uid, r.issuer_id, '', '', 0, 0, false, r.serial, NULL,
           NULL, NULL
    FROM unnest($1::uuid[]) u (device_uid)
    JOIN quarantines q
      ON q.device_uid = u.device_uid AND q.release_time IS NULL
    CROSS JOIN LATERAL unnest(q.held) AS h (serial)
    JOIN revocations r ON r.serial = h.serial
    ORDER BY part, device_uid, name, octets)"};

// Devices that have not reported the component are all of them less those that
// have.
constexpr Statement kCount = {"search_count", R"(
    WITH counted AS (
      SELECT c.fleet_id, c.model, c.hardware_revision, c.state, c.component,
             c.firmware_version, c.devices
      FROM (SELECT $1::text COLLATE "C" AS fleet_id WHERE $1::text <> ''
            UNION ALL
            SELECT g.fleet_id COLLATE "C" FROM fleets g WHERE $1::text = '')
           AS g
      CROSS JOIN LATERAL (
        SELECT * FROM device_counts c
        WHERE c.fleet_id = g.fleet_id
          AND c.component = ANY ($2::text[]) AND c.devices <> 0) AS c
      UNION ALL
      SELECT fleet_id, model, hardware_revision, state, component,
             firmware_version, devices
      FROM device_count_changes
      WHERE ($1::text = '' OR fleet_id = $1::text)
        AND component = ANY ($2::text[])),
    wanted AS (
      SELECT fleet_id, model, hardware_revision, state,
             s.firmware_version, devices * s.sign AS devices
      FROM counted c
      CROSS JOIN LATERAL (
        SELECT c.firmware_version, 1 AS sign
        UNION ALL
        SELECT '', -1 WHERE $3::boolean AND c.component <> '') AS s
      WHERE ($4::smallint IS NULL OR c.state = $4::smallint)
        AND ($5::text IS NULL OR c.model = $5::text)
        AND ($6::text IS NULL OR c.hardware_revision = $6::text)
        AND ($7::text IS NULL OR s.firmware_version = $7::text))
    SELECT CASE WHEN $8::boolean THEN fleet_id ELSE '' END,
           CASE WHEN $9::boolean THEN model ELSE '' END,
           CASE WHEN $10::boolean THEN hardware_revision ELSE '' END,
           CASE WHEN $11::boolean THEN state ELSE 0 END,
           CASE WHEN $3::boolean THEN firmware_version ELSE '' END,
           sum(devices)
    FROM wanted GROUP BY 1, 2, 3, 4, 5 HAVING sum(devices) <> 0
    ORDER BY 1, 2, 3, 4, 5)"};
constexpr Statement kFold = {"search_fold", "SELECT fold_device_counts()"};

Param Flag(bool value) { return Text(value ? "true" : "false"); }

Param TextIfAny(const std::optional<std::string>& text) {
  return text.has_value() ? Text(*text) : Param();
}

void ReadPart(const pqxx::row& row, DeviceDetails& details) {
  switch (ReadInt(row[0])) {
    case kLabel:
      details.labels.push_back({.key = ReadText(row[2]),
                                .type = static_cast<LabelType>(ReadInt(row[5])),
                                .value = ReadText(row[3]),
                                .personal = ReadBool(row[7])});
      break;
    case kFirmware:
      details.firmware.push_back({.component = ReadText(row[2]),
                                  .firmware_version = ReadText(row[3]),
                                  .digest = ReadBytes(row[8]),
                                  .security_version = ReadInt(row[5]),
                                  .boot_time = ReadOptionalTime(row[9]),
                                  .report_time = ReadTime(row[10]),
                                  .highest_security_version = ReadInt(row[6])});
      break;
    case kQuarantine:
      details.quarantine = {.device_uid = ReadText(row[1]),
                            .quarantine_id = ReadText(row[11]),
                            .reason = ReadText(row[2]),
                            .playbook = ReadText(row[3]),
                            .actor = ReadText(row[4]),
                            .create_time = ReadTime(row[9])};
      break;
    default:
      if (details.quarantine.has_value()) {
        details.quarantine->held.push_back(
            {ReadText(row[2]), ReadBytes(row[8])});
      }
  }
}

}  // namespace

absl::StatusOr<DevicePage> PgDeviceSearchStore::Search(
    const DeviceFilter& filter, DeviceOrder order, absl::string_view cursor,
    int limit) {
  if (limit < 1) {
    return absl::InvalidArgumentError("a page has one device at least");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceSearchCursor after,
                             DecodeCursor(order, cursor));
  DevicePage page;
  BIRTHMARK_RETURN_IF_ERROR(database_.Read([&](Session& session) {
    page = DeviceSearch(session, filter, order, after, limit, limits_.budget,
                        limits_.few)
               .Run();
    return absl::OkStatus();
  }));
  return page;
}

absl::StatusOr<std::map<std::string, DeviceDetails>>
PgDeviceSearchStore::Details(absl::Span<const std::string> device_uids) {
  std::map<std::string, DeviceDetails> details;
  if (device_uids.empty()) {
    return details;
  }
  BIRTHMARK_RETURN_IF_ERROR(database_.Read([&](Session& session) {
    details.clear();
    for (const auto& row :
         session.Exec(kDetails, UuidArray(device_uids).Take())) {
      ReadPart(row, details[ReadText(row[1])]);
    }
    return absl::OkStatus();
  }));
  return details;
}

absl::StatusOr<std::vector<CountRow>> PgDeviceSearchStore::Count(
    const CountQuery& query) {
  // By version, devices that have none of it count too; else, of a component,
  // those alone that have reported it.
  TextArray components;
  if (query.component.empty() || query.by_firmware_version) {
    components.Add("");
  }
  if (!query.component.empty()) {
    components.Add(query.component);
  }
  const Param of = components.Take();
  std::vector<CountRow> counts;
  BIRTHMARK_RETURN_IF_ERROR(database_.Read([&](Session& session) {
    counts.clear();
    const auto rows = session.Exec(
        kCount, Text(query.fleet_id), of, Flag(query.by_firmware_version),
        query.state.has_value() ? Int(static_cast<int>(*query.state)) : Param(),
        TextIfAny(query.model), TextIfAny(query.hardware_revision),
        TextIfAny(query.firmware_version), Flag(query.by_fleet),
        Flag(query.by_model), Flag(query.by_hardware_revision),
        Flag(query.by_state));
    for (const auto& row : rows) {
      CountRow count = {.key = {.fleet_id = ReadText(row[0]),
                                .model = ReadText(row[1]),
                                .hardware_revision = ReadText(row[2]),
                                .firmware_version = ReadText(row[4])},
                        .devices = ReadInt(row[5])};
      if (query.by_state) {
        count.key.state = static_cast<DeviceState>(ReadInt(row[3]));
      }
      counts.push_back(std::move(count));
    }
    return absl::OkStatus();
  }));
  return counts;
}

absl::StatusOr<int64_t> PgDeviceSearchStore::FoldCounts() {
  int64_t folded = 0;
  BIRTHMARK_RETURN_IF_ERROR(database_.TransactInOne([&](Session& session) {
    folded = ReadInt(session.Exec(kFold)[0][0]);
    return absl::OkStatus();
  }));
  return folded;
}

}  // namespace birthmark::storage
