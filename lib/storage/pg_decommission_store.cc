#include "lib/storage/pg_decommission_store.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/key_row.h"
#include "lib/storage/param.h"
#include "lib/storage/personal_data.h"
#include "lib/storage/record.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

#define BIRTHMARK_DECOMMISSION_COLUMNS                                       \
  "x.device_uid, x.fleet_id, x.reason, x.actor, x.job_id, x.create_time, "   \
  "x.revoked, x.keys, x.wipe_outcome, x.wipe_instruction, x.wipe_deadline, " \
  "x.wipe_receipt, x.wipe_key, x.wipe_time, x.end_time, x.certificate"
constexpr int kDecommissionColumns = 16;

constexpr Statement kGet = {"decommission_get",
                            "SELECT " BIRTHMARK_DECOMMISSION_COLUMNS R"(
    FROM decommissions x
    WHERE x.device_uid = $1 AND ($2::text = '' OR x.fleet_id = $2::text))"};
// Confirmed, or too late.
constexpr Statement kDue = {"decommission_due", R"(
    (SELECT device_uid FROM decommissions
     WHERE end_time IS NULL AND wipe_outcome = 2
     ORDER BY wipe_time LIMIT $2)
    UNION ALL
    (SELECT device_uid FROM decommissions
     WHERE end_time IS NULL AND wipe_outcome = 1 AND wipe_deadline <= $1
     ORDER BY wipe_deadline LIMIT $2)
    LIMIT $2)"};
// Devices first, as all do who change them; those that somebody else is at, the
// next time.
constexpr Statement kLockDue = {"decommission_lock_due", R"(
    SELECT d.device_uid FROM devices d
    WHERE d.device_uid = ANY ($1::uuid[]) AND d.state = 4
    ORDER BY d.device_uid FOR NO KEY UPDATE SKIP LOCKED)"};
constexpr Statement kEnd = {"decommission_end", R"(
    UPDATE decommissions x
    SET end_time = $2, wipe_outcome = CASE WHEN wipe_outcome = 1 THEN 3
                                           ELSE wipe_outcome END
    FROM unnest($1::uuid[]) AS u (device_uid)
    WHERE x.device_uid = u.device_uid AND x.end_time IS NULL
    RETURNING )" BIRTHMARK_DECOMMISSION_COLUMNS};
constexpr Statement kMove = {"decommission_move", R"(
    UPDATE devices d
    SET state = 5, version = version + 1, update_time = $2,
        decommission_time = $2
    FROM unnest($1::uuid[]) AS u (device_uid)
    WHERE d.device_uid = u.device_uid)"};
constexpr Statement kUncertified = {"decommission_uncertified",
                                    "SELECT " BIRTHMARK_DECOMMISSION_COLUMNS
                                    ", " BIRTHMARK_DEVICE_COLUMNS R"(
    FROM decommissions x JOIN devices d ON d.device_uid = x.device_uid
    WHERE x.end_time IS NOT NULL AND x.certificate IS NULL
    ORDER BY x.end_time LIMIT $1)"};
constexpr Statement kKeys = {"decommission_keys", R"(
    SELECT k.device_uid, k.spki_sha256, k.usage, c.issuer_id, c.serial
    FROM unnest($1::uuid[]) AS u (device_uid)
    JOIN keys k ON k.device_uid = u.device_uid
    LEFT JOIN certificates c ON c.serial = k.serial
    ORDER BY k.spki_sha256)"};
// By the device: the index of those without certificate would do too.
constexpr Statement kCertify = {"decommission_certify", R"(
    UPDATE decommissions x SET certificate = u.jws, certificate_time = $3
    FROM unnest($1::uuid[], $2::text[]) AS u (device_uid, jws)
    WHERE x.device_uid = u.device_uid AND x.end_time IS NOT NULL
      AND coalesce(x.certificate, '') = ''
    RETURNING x.device_uid)"};

DecommissionRow ReadDecommission(const pqxx::row& row) {
  return {.device_uid = ReadText(row[0]),
          .fleet_id = ReadText(row[1]),
          .reason = ReadText(row[2]),
          .actor = ReadText(row[3]),
          .job_id = ReadText(row[4]),
          .create_time = ReadTime(row[5]),
          .revoked = static_cast<int>(ReadInt(row[6])),
          .keys = static_cast<int>(ReadInt(row[7])),
          .wipe_outcome = static_cast<WipeOutcome>(ReadInt(row[8])),
          .wipe_instruction = ReadText(row[9]),
          .wipe_deadline = ReadOptionalTime(row[10]),
          .wipe_receipt = ReadText(row[11]),
          .wipe_key = ReadBytes(row[12]),
          .wipe_time = ReadOptionalTime(row[13]),
          .end_time = ReadOptionalTime(row[14]),
          .certificate = ReadText(row[15])};
}

absl::string_view OutcomeName(WipeOutcome outcome) {
  switch (outcome) {
    case WipeOutcome::kWaiting:
      return "waiting";
    case WipeOutcome::kConfirmed:
      return "confirmed";
    case WipeOutcome::kTimedOut:
      return "timed out";
    case WipeOutcome::kNotAsked:
      return "not asked";
  }
  return "";
}

DeviceEventRow EventOf(const DecommissionRow& row, absl::string_view event_id,
                       absl::Time now) {
  return {.device_uid = row.device_uid,
          .fleet_id = row.fleet_id,
          .event_id = std::string(event_id),
          .kind = "decommissioned",
          .from_state = static_cast<int>(DeviceState::kDecommissioning),
          .to_state = DeviceState::kDecommissioned,
          .actor = row.actor,
          .reason = row.reason,
          .details = {{"wipe", std::string(OutcomeName(row.wipe_outcome))}},
          .create_time = now};
}

std::vector<std::string> LockDue(Session& session, absl::Time now, int limit) {
  UuidArray due;
  for (const auto& row : session.Exec(kDue, At(now), Int(limit))) {
    due.Add(ReadText(row[0]));
  }
  std::vector<std::string> uids;
  for (const auto& row : session.Exec(kLockDue, due.Take())) {
    uids.push_back(ReadText(row[0]));
  }
  return uids;
}

}  // namespace

absl::StatusOr<DecommissionRow> PgDecommissionStore::Get(
    absl::string_view fleet_id, absl::string_view device_uid) {
  std::optional<DecommissionRow> row;
  if (IsUid(device_uid)) {
    BIRTHMARK_RETURN_IF_ERROR(
        database_.Read([&](Session& session) -> absl::Status {
          const auto found =
              session.Exec(kGet, Text(device_uid), Text(fleet_id));
          if (!found.empty()) {
            row = ReadDecommission(found[0]);
          }
          return absl::OkStatus();
        }));
  }
  if (!row.has_value()) {
    return MakeError(
        absl::StatusCode::kNotFound, reasons::kDecommissionNotFound,
        "there is no such decommissioned device",
        {{"resource", absl::StrCat("fleets/", fleet_id.empty() ? "-" : fleet_id,
                                   "/devices/", device_uid)}});
  }
  return *std::move(row);
}

absl::StatusOr<int> PgDecommissionStore::End(
    absl::Time now, int limit, const std::function<std::string()>& new_id,
    const EntryMaker& entry_for) {
  int ended = 0;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        ended = 0;
        const std::vector<std::string> uids = LockDue(session, now, limit);
        if (uids.empty()) {
          return absl::OkStatus();
        }
        auto erased = ErasePersonalData(session, uids);
        std::vector<DeviceEventRow> events;
        std::vector<audit::Entry> entries;
        for (const auto& row :
             session.Exec(kEnd, UuidArray(uids).Take(), At(now))) {
          const DecommissionRow decommission = ReadDecommission(row);
          DeviceEventRow& event =
              events.emplace_back(EventOf(decommission, new_id(), now));
          AddCommitments(erased[decommission.device_uid], event.details);
          entries.push_back(entry_for(decommission, event));
        }
        session.Exec(kMove, UuidArray(uids).Take(), At(now));
        std::vector<const DeviceEventRow*> pointers;
        for (const DeviceEventRow& event : events) {
          pointers.push_back(&event);
        }
        RecordEvents(session, pointers);
        RecordAudit(session, entries);
        ended = static_cast<int>(events.size());
        return absl::OkStatus();
      }));
  return ended;
}

absl::StatusOr<std::vector<DecommissionedDevice>>
PgDecommissionStore::ListUncertified(int limit) {
  std::vector<DecommissionedDevice> devices;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        devices.clear();
        UuidArray uids;
        std::map<std::string, size_t> places;
        for (const auto& row : session.Exec(kUncertified, Int(limit))) {
          DecommissionedDevice& device = devices.emplace_back();
          device.decommission = ReadDecommission(row);
          device.device = ReadDevice(row, kDecommissionColumns);
          uids.Add(device.device.device_uid);
          places[device.device.device_uid] = devices.size() - 1;
        }
        for (const auto& row : session.Exec(kKeys, uids.Take())) {
          DecommissionedDevice& device = devices[places[ReadText(row[0])]];
          device.keys.push_back(ReadBytes(row[1]));
          if (ReadInt(row[2]) == static_cast<int>(KeyUsage::kIdevid) &&
              !row[4].is_null()) {
            device.birth_issuer_id = ReadText(row[3]);
            device.birth_serial = ReadBytes(row[4]);
          }
        }
        return absl::OkStatus();
      }));
  return devices;
}

absl::StatusOr<int> PgDecommissionStore::Certify(
    absl::Span<const Certificate> certificates, absl::Time now) {
  // In order of their uids, so that two who do this do not wait in a circle.
  std::map<std::string, const Certificate*> ordered;
  for (const Certificate& certificate : certificates) {
    ordered[certificate.device_uid] = &certificate;
  }
  int stored = 0;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        UuidArray uids;
        TextArray texts;
        for (const auto& [uid, certificate] : ordered) {
          uids.Add(uid);
          texts.Add(certificate->jws);
        }
        std::vector<audit::Entry> entries;
        for (const auto& row :
             session.Exec(kCertify, uids.Take(), texts.Take(), At(now))) {
          entries.push_back(ordered[ReadText(row[0])]->entry);
        }
        RecordAudit(session, entries);
        stored = static_cast<int>(entries.size());
        return absl::OkStatus();
      }));
  return stored;
}

}  // namespace birthmark::storage
