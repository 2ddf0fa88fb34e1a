#include "lib/storage/pg_device_store.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/base/ids.h"
#include "lib/base/status_macros.h"
#include "lib/storage/device_sql.h"
#include "lib/storage/param.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr Statement kGet = {"device_get", "SELECT " BIRTHMARK_DEVICE_COLUMNS R"(
    FROM devices d
    WHERE d.device_uid = $1 AND ($2::text = '' OR d.fleet_id = $2::text))"};
constexpr Statement kFirmware = {"device_firmware", R"(
    SELECT f.device_uid, f.component, f.firmware_version, f.digest,
           f.security_version, f.boot_time, f.report_time,
           f.highest_security_version
    FROM unnest($1::uuid[]) u (device_uid)
    JOIN device_firmware f ON f.device_uid = u.device_uid
    ORDER BY f.device_uid, f.component)"};
constexpr Statement kLabels = {"device_labels", R"(
    SELECT l.device_uid, l.label_key, l.label_type, l.value, l.personal, l.salt
    FROM unnest($1::uuid[]) u (device_uid)
    JOIN device_labels l ON l.device_uid = u.device_uid
    ORDER BY l.device_uid, l.label_key)"};
// A row for each certificate that it put on hold, one at least.
constexpr Statement kQuarantines = {"device_quarantines", R"(
    SELECT q.device_uid, q.quarantine_id, q.reason, q.playbook, q.actor,
           q.create_time, c.issuer_id, c.serial
    FROM unnest($1::uuid[]) u (device_uid)
    JOIN quarantines q ON q.device_uid = u.device_uid
                          AND q.release_time IS NULL
    LEFT JOIN LATERAL (
      SELECT c.issuer_id, c.serial FROM unnest(q.held) h (serial)
      JOIN certificates c ON c.serial = h.serial) c ON true
    ORDER BY q.device_uid, c.serial)"};
constexpr Statement kFindByLabel = {"device_find_by_personal_label", R"(
    SELECT device_uid FROM device_labels
    WHERE fleet_id = $1 AND label_key = $2 AND value = $3 AND personal
      AND device_uid > $4
    ORDER BY device_uid LIMIT $5)"};
constexpr Statement kListKeys = {"device_keys",
                                 "SELECT " BIRTHMARK_KEY_COLUMNS R"(
    FROM keys k
    LEFT JOIN LATERAL (SELECT issuer_id FROM certificates
                       WHERE serial = k.serial LIMIT 1) c ON true
    WHERE k.device_uid = $1
      AND ($2::bytea IS NULL
           OR (k.create_time, k.spki_sha256) >
              (SELECT a.create_time, a.spki_sha256 FROM keys a
               WHERE a.spki_sha256 = $2::bytea))
    ORDER BY k.create_time, k.spki_sha256 LIMIT $3)"};
#define BIRTHMARK_EVENT_COLUMNS                                         \
  "device_uid, fleet_id, event_id, kind, from_state, to_state, actor, " \
  "reason, details, create_time"
constexpr Statement kListEvents = {"device_events",
                                   "SELECT " BIRTHMARK_EVENT_COLUMNS R"(
    FROM device_events
    WHERE device_uid = $1 AND ($2::text = '' OR fleet_id = $2::text)
      AND (create_time, event_id) > ($3::timestamptz, $4::uuid)
    ORDER BY create_time, event_id LIMIT $5)"};
constexpr Statement kListNewest = {"device_events_newest",
                                   "SELECT " BIRTHMARK_EVENT_COLUMNS R"(
    FROM device_events
    WHERE device_uid = $1 AND ($2::text = '' OR fleet_id = $2::text)
      AND (create_time, event_id) < ($3::timestamptz, $4::uuid)
    ORDER BY create_time DESC, event_id DESC LIMIT $5)"};
constexpr Statement kListReports = {"device_reports", R"(
    SELECT report_id, component, firmware_version, digest, security_version,
           boot_time, create_time
    FROM firmware_reports
    WHERE device_uid = $1 AND ($2::text = '' OR fleet_id = $2::text)
      AND (create_time, report_id) < ($3::timestamptz, $4::uuid)
    ORDER BY create_time DESC, report_id DESC LIMIT $5)"};

constexpr char kLowestUuid[] = "00000000-0000-0000-0000-000000000000";
constexpr char kHighestUuid[] = "ffffffff-ffff-ffff-ffff-ffffffffffff";

Param AfterAllTime() { return Text("infinity"); }

DeviceEventRow ReadEvent(const pqxx::row& row) {
  return {.device_uid = ReadText(row[0]),
          .fleet_id = ReadText(row[1]),
          .event_id = ReadText(row[2]),
          .kind = ReadText(row[3]),
          .from_state = static_cast<int>(ReadInt(row[4])),
          .to_state = static_cast<DeviceState>(ReadInt(row[5])),
          .actor = ReadText(row[6]),
          .reason = ReadText(row[7]),
          .details = ReadJson(row[8]),
          .create_time = ReadTime(row[9])};
}

}  // namespace

absl::StatusOr<DeviceRow> PgDeviceStore::Get(absl::string_view fleet_id,
                                             absl::string_view device_uid) {
  if (!IsUid(device_uid)) {
    return DeviceNotFound(fleet_id, device_uid);
  }
  DeviceRow device;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        const auto found = session.Exec(kGet, Text(device_uid), Text(fleet_id));
        if (found.empty()) {
          return DeviceNotFound(fleet_id, device_uid);
        }
        device = ReadDevice(found[0]);
        return absl::OkStatus();
      }));
  return device;
}

absl::StatusOr<std::map<std::string, std::vector<FirmwareRow>>>
PgDeviceStore::Firmware(absl::Span<const std::string> device_uids) {
  std::map<std::string, std::vector<FirmwareRow>> firmware;
  if (device_uids.empty()) {
    return firmware;
  }
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        firmware.clear();
        for (const auto& row :
             session.Exec(kFirmware, UuidArray(device_uids).Take())) {
          firmware[ReadText(row[0])].push_back(
              {.component = ReadText(row[1]),
               .firmware_version = ReadText(row[2]),
               .digest = ReadBytes(row[3]),
               .security_version = ReadInt(row[4]),
               .boot_time = ReadOptionalTime(row[5]),
               .report_time = ReadTime(row[6]),
               .highest_security_version = ReadInt(row[7])});
        }
        return absl::OkStatus();
      }));
  return firmware;
}

absl::StatusOr<std::map<std::string, std::vector<LabelRow>>>
PgDeviceStore::Labels(absl::Span<const std::string> device_uids) {
  std::map<std::string, std::vector<LabelRow>> labels;
  if (device_uids.empty()) {
    return labels;
  }
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        labels.clear();
        for (const auto& row :
             session.Exec(kLabels, UuidArray(device_uids).Take())) {
          labels[ReadText(row[0])].push_back(
              {.key = ReadText(row[1]),
               .type = static_cast<LabelType>(ReadInt(row[2])),
               .value = ReadText(row[3]),
               .personal = ReadBool(row[4]),
               .salt = ReadBytes(row[5])});
        }
        return absl::OkStatus();
      }));
  return labels;
}

absl::StatusOr<std::map<std::string, QuarantineRow>> PgDeviceStore::Quarantines(
    absl::Span<const std::string> device_uids) {
  std::map<std::string, QuarantineRow> quarantines;
  if (device_uids.empty()) {
    return quarantines;
  }
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        quarantines.clear();
        for (const auto& row :
             session.Exec(kQuarantines, UuidArray(device_uids).Take())) {
          QuarantineRow& quarantine = quarantines[ReadText(row[0])];
          quarantine.device_uid = ReadText(row[0]);
          quarantine.quarantine_id = ReadText(row[1]);
          quarantine.reason = ReadText(row[2]);
          quarantine.playbook = ReadText(row[3]);
          quarantine.actor = ReadText(row[4]);
          quarantine.create_time = ReadTime(row[5]);
          if (!row[7].is_null()) {
            quarantine.held.push_back({ReadText(row[6]), ReadBytes(row[7])});
          }
        }
        return absl::OkStatus();
      }));
  return quarantines;
}

absl::StatusOr<std::vector<std::string>> PgDeviceStore::FindByPersonalLabel(
    absl::string_view fleet_id, absl::string_view key, absl::string_view value,
    absl::string_view after, int limit) {
  std::vector<std::string> uids;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        uids.clear();
        for (const auto& row : session.Exec(
                 kFindByLabel, Text(fleet_id), Text(key), Text(value),
                 Text(after.empty() ? kLowestUuid : after), Int(limit))) {
          uids.push_back(ReadText(row[0]));
        }
        return absl::OkStatus();
      }));
  return uids;
}

absl::StatusOr<std::vector<KeyRow>> PgDeviceStore::ListKeys(
    absl::string_view device_uid, absl::string_view after, int limit) {
  std::vector<KeyRow> keys;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        keys.clear();
        for (const auto& row : session.Exec(kListKeys, Text(device_uid),
                                            BytesOrNull(after), Int(limit))) {
          keys.push_back(ReadKey(row));
        }
        return absl::OkStatus();
      }));
  return keys;
}

absl::StatusOr<std::vector<DeviceEventRow>> PgDeviceStore::ListEvents(
    absl::string_view fleet_id, absl::string_view device_uid,
    const std::optional<EventCursor>& after, bool newest_first, int limit) {
  std::vector<DeviceEventRow> events;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        events.clear();
        Param time = newest_first ? AfterAllTime() : BeforeAllTime();
        Param id = Text(newest_first ? kHighestUuid : kLowestUuid);
        if (after.has_value()) {
          time = At(after->create_time);
          id = Text(after->event_id);
        }
        for (const auto& row : session.Exec(
                 newest_first ? kListNewest : kListEvents, Text(device_uid),
                 Text(fleet_id), std::move(time), std::move(id), Int(limit))) {
          events.push_back(ReadEvent(row));
        }
        return absl::OkStatus();
      }));
  return events;
}

absl::StatusOr<std::vector<FirmwareRow>> PgDeviceStore::ListReports(
    absl::string_view fleet_id, absl::string_view device_uid,
    const std::optional<ReportCursor>& before, int limit) {
  std::vector<FirmwareRow> reports;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        reports.clear();
        const auto result = session.Exec(
            kListReports, Text(device_uid), Text(fleet_id),
            before.has_value() ? At(before->create_time) : AfterAllTime(),
            Text(before.has_value() ? before->report_id : kHighestUuid),
            Int(limit));
        for (const auto& row : result) {
          reports.push_back({.report_id = ReadText(row[0]),
                             .component = ReadText(row[1]),
                             .firmware_version = ReadText(row[2]),
                             .digest = ReadBytes(row[3]),
                             .security_version = ReadInt(row[4]),
                             .boot_time = ReadOptionalTime(row[5]),
                             .report_time = ReadTime(row[6])});
        }
        return absl::OkStatus();
      }));
  return reports;
}

}  // namespace birthmark::storage
