#include "lib/storage/pg_device_store.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/revoke_sql.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr int kCessationOfOperation = 5;

constexpr Statement kGet = {"device_get", "SELECT " BIRTHMARK_DEVICE_COLUMNS R"(
    FROM devices d
    WHERE d.device_uid = $1 AND ($2::text = '' OR d.fleet_id = $2::text))"};
constexpr Statement kLock = {"device_lock",
                             "SELECT " BIRTHMARK_DEVICE_COLUMNS R"(
    FROM devices d
    WHERE d.device_uid = $1 AND ($2::text = '' OR d.fleet_id = $2::text)
    FOR UPDATE)"};
// Fleet by fleet, because that is how the index is ordered: a page costs a page
// of each fleet, however many devices there are.
constexpr Statement kList = {"device_list",
                             "SELECT " BIRTHMARK_DEVICE_COLUMNS R"(
    FROM (SELECT fleet_id FROM fleets
          WHERE $1::text = '' OR fleet_id = $1::text) f
    CROSS JOIN LATERAL (
      SELECT * FROM devices d
      WHERE d.fleet_id = f.fleet_id
        AND (d.create_time, d.device_uid) > ($2::timestamptz, $3::uuid)
        AND ($4::smallint IS NULL OR d.state = $4::smallint)
        AND ($5::text IS NULL OR d.model = $5::text)
        AND ($6::text IS NULL OR d.serial_number = $6::text)
        AND ($7::text IS NULL OR d.line_id = $7::text)
        AND ($8::text IS NULL OR d.batch_id = $8::text)
      ORDER BY d.create_time, d.device_uid LIMIT $9) d
    ORDER BY d.create_time, d.device_uid LIMIT $9)"};
constexpr Statement kFirmware = {"device_firmware", R"(
    SELECT f.device_uid, f.component, f.firmware_version, f.digest,
           f.security_version, f.boot_time, f.report_time
    FROM unnest($1::uuid[]) u (device_uid)
    JOIN device_firmware f ON f.device_uid = u.device_uid
    ORDER BY f.device_uid, f.component)"};
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
constexpr Statement kListEvents = {"device_events", R"(
    SELECT device_uid, event_id, kind, from_state, to_state, actor, reason,
           details, create_time
    FROM device_events
    WHERE device_uid = $1
      AND (create_time, event_id) > ($2::timestamptz, $3::uuid)
    ORDER BY create_time, event_id LIMIT $4)"};
constexpr Statement kRetireKeys = {"device_retire_keys", R"(
    WITH locked AS MATERIALIZED (
      SELECT spki_sha256 FROM keys WHERE device_uid = $1 AND state = 1
      ORDER BY spki_sha256 FOR UPDATE)
    UPDATE keys k SET state = 2, retire_time = $2
    FROM locked l WHERE k.spki_sha256 = l.spki_sha256)"};
constexpr Statement kRetire = {"device_retire", R"(
    UPDATE devices AS d
    SET state = 5, decommission_time = $2, update_time = $2,
        version = version + 1
    WHERE device_uid = $1
    RETURNING )" BIRTHMARK_DEVICE_COLUMNS};

constexpr char kLowestUuid[] = "00000000-0000-0000-0000-000000000000";

absl::Status NotFound(absl::string_view fleet_id,
                      absl::string_view device_uid) {
  return MakeError(
      absl::StatusCode::kNotFound, reasons::kDeviceNotFound,
      "there is no such device",
      {{"resource", absl::StrCat("fleets/", fleet_id.empty() ? "-" : fleet_id,
                                 "/devices/", device_uid)}});
}

DeviceEventRow ReadEvent(const pqxx::row& row) {
  return {.device_uid = ReadText(row[0]),
          .event_id = ReadText(row[1]),
          .kind = ReadText(row[2]),
          .from_state = static_cast<int>(ReadInt(row[3])),
          .to_state = static_cast<DeviceState>(ReadInt(row[4])),
          .actor = ReadText(row[5]),
          .reason = ReadText(row[6]),
          .details = ReadJson(row[7]),
          .create_time = ReadTime(row[8])};
}

}  // namespace

absl::StatusOr<DeviceRow> PgDeviceStore::Get(absl::string_view fleet_id,
                                             absl::string_view device_uid) {
  if (!IsUid(device_uid)) {
    return NotFound(fleet_id, device_uid);
  }
  DeviceRow device;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        const auto found = session.Exec(kGet, Text(device_uid), Text(fleet_id));
        if (found.empty()) {
          return NotFound(fleet_id, device_uid);
        }
        device = ReadDevice(found[0]);
        return absl::OkStatus();
      }));
  return device;
}

absl::StatusOr<std::vector<DeviceRow>> PgDeviceStore::List(
    const DeviceFilter& filter, const std::optional<DeviceCursor>& after,
    int limit) {
  std::vector<DeviceRow> devices;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        devices.clear();
        const auto result = session.Exec(
            kList, Text(filter.fleet_id),
            after.has_value() ? At(after->create_time) : BeforeAllTime(),
            Text(after.has_value() ? after->device_uid : kLowestUuid),
            filter.state.has_value() ? Int(static_cast<int>(*filter.state))
                                     : Param(),
            TextOrNull(filter.model), TextOrNull(filter.serial_number),
            TextOrNull(filter.line_id), TextOrNull(filter.batch_id),
            Int(limit));
        for (const auto& row : result) {
          devices.push_back(ReadDevice(row));
        }
        return absl::OkStatus();
      }));
  return devices;
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
               .report_time = ReadTime(row[6])});
        }
        return absl::OkStatus();
      }));
  return firmware;
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
    absl::string_view device_uid, const std::optional<EventCursor>& after,
    int limit) {
  std::vector<DeviceEventRow> events;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        events.clear();
        const auto result = session.Exec(
            kListEvents, Text(device_uid),
            after.has_value() ? At(after->create_time) : BeforeAllTime(),
            Text(after.has_value() ? after->event_id : kLowestUuid),
            Int(limit));
        for (const auto& row : result) {
          events.push_back(ReadEvent(row));
        }
        return absl::OkStatus();
      }));
  return events;
}

absl::StatusOr<DeviceRow> PgDeviceStore::Decommission(
    absl::string_view fleet_id, absl::string_view device_uid, int64_t version,
    const DeviceEventRow& event, const MutationMaker& mutation_for) {
  if (!IsUid(device_uid)) {
    return NotFound(fleet_id, device_uid);
  }
  DeviceRow device;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        const auto found =
            session.Exec(kLock, Text(device_uid), Text(fleet_id));
        if (found.empty()) {
          return NotFound(fleet_id, device_uid);
        }
        const DeviceRow before = ReadDevice(found[0]);
        const std::string name =
            absl::StrCat("fleets/", before.fleet_id, "/devices/", device_uid);
        if (before.state == DeviceState::kDecommissioned) {
          return MakeError(absl::StatusCode::kFailedPrecondition,
                           reasons::kDeviceNotActive,
                           "the device is decommissioned already",
                           {{"resource", name}, {"state", "DECOMMISSIONED"}});
        }
        if (before.version != version) {
          return MakeError(absl::StatusCode::kAborted, reasons::kEtagMismatch,
                           "the device has changed", {{"resource", name}});
        }
        // Keys first: a certificate that is being recorded for one of them
        // waits, and then learns that its key is retired.
        const auto keys =
            session.Exec(kRetireKeys, Text(device_uid), At(event.create_time));
        const auto revoked =
            RevokeAllOfDevice(session, device_uid, kCessationOfOperation,
                              event.actor, event.create_time);
        const auto retired =
            session.Exec(kRetire, Text(device_uid), At(event.create_time));
        device = ReadDevice(retired[0]);
        DeviceEventRow full = event;
        full.device_uid = std::string(device_uid);
        full.from_state = static_cast<int>(before.state);
        full.to_state = DeviceState::kDecommissioned;
        full.details["revoked"] = absl::StrCat(revoked.size());
        full.details["keys"] = absl::StrCat(keys.affected_rows());
        RecordEvents(session, {&full});
        return RecordMutation(session, mutation_for(device));
      }));
  return device;
}

}  // namespace birthmark::storage
