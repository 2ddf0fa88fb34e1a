#include "lib/storage/pg_transfer_store.h"

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
#include "lib/storage/certificate_store.h"
#include "lib/storage/device_sql.h"
#include "lib/storage/param.h"
#include "lib/storage/personal_data.h"
#include "lib/storage/record.h"
#include "lib/storage/revoke_sql.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr int kAffiliationChanged = 3;
constexpr char kLowestUuid[] = "00000000-0000-0000-0000-000000000000";

#define BIRTHMARK_TRANSFER_COLUMNS                               \
  "transfer_id, device_uid, from_fleet_id, to_fleet_id, state, " \
  "reason, offer_actor, end_actor, create_time, end_time"
constexpr Statement kFleet = {"transfer_fleet",
                              "SELECT FROM fleets WHERE fleet_id = $1"};
constexpr Statement kInsert = {"transfer_insert", R"(
    INSERT INTO device_transfers
      (transfer_id, device_uid, from_fleet_id, to_fleet_id, state, reason,
       offer_actor, create_time)
    VALUES ($1, $2, $3, $4, 1, $5, $6, $7))"};
constexpr Statement kGet = {"transfer_get",
                            "SELECT " BIRTHMARK_TRANSFER_COLUMNS R"(
    FROM device_transfers WHERE transfer_id = $1)"};
constexpr Statement kLock = {"transfer_lock",
                             "SELECT " BIRTHMARK_TRANSFER_COLUMNS R"(
    FROM device_transfers WHERE transfer_id = $1 FOR UPDATE)"};
constexpr Statement kEnd = {"transfer_end", R"(
    UPDATE device_transfers SET state = $2, end_actor = $3, end_time = $4
    WHERE transfer_id = $1
    RETURNING )" BIRTHMARK_TRANSFER_COLUMNS};
constexpr Statement kListAll = {"transfer_list_all",
                                "SELECT " BIRTHMARK_TRANSFER_COLUMNS R"(
    FROM device_transfers
    WHERE (create_time, transfer_id) > ($1::timestamptz, $2::uuid)
    ORDER BY create_time, transfer_id LIMIT $3)"};
constexpr Statement kList = {"transfer_list", R"(
    (SELECT )" BIRTHMARK_TRANSFER_COLUMNS R"(
     FROM device_transfers
     WHERE from_fleet_id = $4
       AND (create_time, transfer_id) > ($1::timestamptz, $2::uuid)
     ORDER BY create_time, transfer_id LIMIT $3)
    UNION ALL
    (SELECT )" BIRTHMARK_TRANSFER_COLUMNS R"(
     FROM device_transfers
     WHERE to_fleet_id = $4
       AND (create_time, transfer_id) > ($1::timestamptz, $2::uuid)
     ORDER BY create_time, transfer_id LIMIT $3)
    ORDER BY create_time, transfer_id LIMIT $3)"};

constexpr Statement kRetireKeys = {"transfer_retire_keys", R"(
    WITH locked AS MATERIALIZED (
      SELECT spki_sha256 FROM keys
      WHERE device_uid = $1 AND usage = 2 AND state = 1
      ORDER BY spki_sha256 FOR NO KEY UPDATE)
    UPDATE keys k SET state = 2, retire_time = $2
    FROM locked l WHERE k.spki_sha256 = l.spki_sha256)"};
constexpr Statement kCertificates = {"transfer_certificates", R"(
    SELECT c.serial, c.issuer_id, c.crl_shard, c.not_after
    FROM keys k JOIN certificates c ON c.serial = k.serial
    LEFT JOIN revocations r ON r.serial = c.serial
    WHERE k.device_uid = $1 AND k.usage = 2
      AND (r.state IS NULL OR r.state <> 2))"};
constexpr Statement kMove = {"transfer_move", R"(
    UPDATE devices
    SET birth_fleet_id = nullif(coalesce(birth_fleet_id, fleet_id), $2::text),
        fleet_id = $2::text, fleet_time = $3, state = 1, replaces = NULL,
        version = version + 1, update_time = $3
    WHERE device_uid = $1)"};
// Never in one statement with the device: its counts.
constexpr Statement kMoveFirmware = {"transfer_move_firmware", R"(
    UPDATE device_firmware SET fleet_id = $2 WHERE device_uid = $1)"};
// What is open about a device is its new fleet's to close.
constexpr Statement kMoveFindings = {"transfer_move_findings", R"(
    UPDATE findings SET fleet_id = $2 WHERE device_uid = $1 AND state <> 3)"};

TransferRow ReadTransfer(const pqxx::row& row) {
  return {.transfer_id = ReadText(row[0]),
          .device_uid = ReadText(row[1]),
          .from_fleet_id = ReadText(row[2]),
          .to_fleet_id = ReadText(row[3]),
          .state = static_cast<TransferState>(ReadInt(row[4])),
          .reason = ReadText(row[5]),
          .offer_actor = ReadText(row[6]),
          .end_actor = ReadText(row[7]),
          .create_time = ReadTime(row[8]),
          .end_time = ReadOptionalTime(row[9])};
}

absl::Status Fail(absl::StatusCode code, absl::string_view reason,
                  absl::string_view text, const std::string& resource) {
  return MakeError(code, reason, text, {{"resource", resource}});
}

absl::Status NotFound(absl::string_view transfer_id) {
  return Fail(absl::StatusCode::kNotFound, reasons::kTransferNotFound,
              "there is no such transfer",
              absl::StrCat("transfers/", transfer_id));
}

absl::Status RefuseTransfer(const TransferRow& row) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, reasons::kTransferState,
      "the transfer's state does not allow this",
      {{"resource", absl::StrCat("transfers/", row.transfer_id)},
       {"state",
        row.state == TransferState::kAccepted ? "ACCEPTED" : "CANCELLED"}});
}

bool MayMove(const DeviceRow& device) {
  return device.state == DeviceState::kRegistered ||
         device.state == DeviceState::kActive;
}

DeviceEventRow EventOf(const TransferRow& row, const DeviceRow& device,
                       absl::string_view kind, absl::string_view actor,
                       absl::Time now, std::string id) {
  return {.device_uid = device.device_uid,
          .fleet_id = device.fleet_id,
          .event_id = std::move(id),
          .kind = std::string(kind),
          .from_state = static_cast<int>(device.state),
          .to_state = device.state,
          .actor = std::string(actor),
          .reason = row.reason,
          .details = {{"transfer", row.transfer_id},
                      {"from_fleet", row.from_fleet_id},
                      {"to_fleet", row.to_fleet_id}},
          .create_time = now};
}

// LockBoth locks the device of a transfer, then the transfer.
absl::Status LockBoth(Session& session, absl::string_view transfer_id,
                      DeviceRow& device, TransferRow& row) {
  if (!IsUid(transfer_id)) {
    return NotFound(transfer_id);
  }
  auto found = session.Exec(kGet, Text(transfer_id));
  if (found.empty()) {
    return NotFound(transfer_id);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      device, LockDevice(session, "", ReadTransfer(found[0]).device_uid));
  found = session.Exec(kLock, Text(transfer_id));
  row = ReadTransfer(found[0]);
  return absl::OkStatus();
}

// EndCertificates ends what the device had in the fleet that gives it away.
void EndCertificates(Session& session, const DeviceRow& device,
                     absl::string_view actor, absl::Time now,
                     std::map<std::string, std::string>& details) {
  const auto keys = session.Exec(kRetireKeys, Text(device.device_uid), At(now));
  std::vector<RevocationRow> rows;
  for (const auto& found :
       session.Exec(kCertificates, Text(device.device_uid))) {
    RevocationRow& row = rows.emplace_back();
    row.serial = ReadBytes(found[0]);
    row.issuer_id = ReadText(found[1]);
    row.crl_shard = static_cast<int>(ReadInt(found[2]));
    row.not_after = ReadTime(found[3]);
    row.reason = kAffiliationChanged;
    row.actor = std::string(actor);
    row.revoke_time = row.update_time = now;
  }
  const size_t revoked = rows.empty() ? 0 : RevokeThese(session, rows).size();
  details["keys"] = absl::StrCat(keys.affected_rows());
  details["revoked"] = absl::StrCat(revoked);
}

absl::Status MoveDevice(Session& session, const TransferRow& row,
                        const DeviceRow& device, absl::string_view actor,
                        absl::Time now, const TransferStore::NewId& new_id) {
  DeviceEventRow away =
      EventOf(row, device, "transferred_away", actor, now, new_id());
  EndCertificates(session, device, actor, now, away.details);
  AddCommitments(
      EraseLabelsAndNames(session, {device.device_uid})[device.device_uid],
      away.details);
  if (!session
           .ExecUnlessTaken(
               kMove, {Text(device.device_uid), Text(row.to_fleet_id), At(now)})
           .has_value()) {
    return Fail(absl::StatusCode::kAlreadyExists, reasons::kDeviceExists,
                "the fleet has a device of this model and serial number",
                absl::StrCat("fleets/", row.to_fleet_id));
  }
  session.Exec(kMoveFirmware, Text(device.device_uid), Text(row.to_fleet_id));
  session.Exec(kMoveFindings, Text(device.device_uid), Text(row.to_fleet_id));
  away.to_state = DeviceState::kRegistered;
  DeviceEventRow arrived =
      EventOf(row, device, "transferred", actor, now, new_id());
  arrived.fleet_id = row.to_fleet_id;
  arrived.to_state = DeviceState::kRegistered;
  RecordEvents(session, {&away, &arrived});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TransferRow> PgTransferStore::Offer(
    const TransferRow& row, const NewId& new_id,
    const TransferMutation& mutation_for) {
  TransferRow offered = row;
  offered.state = TransferState::kOffered;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(
            const DeviceRow device,
            LockDevice(session, row.from_fleet_id, row.device_uid));
        if (session.Exec(kFleet, Text(row.to_fleet_id)).empty()) {
          return Fail(absl::StatusCode::kNotFound, reasons::kFleetNotFound,
                      "there is no such fleet",
                      absl::StrCat("fleets/", row.to_fleet_id));
        }
        if (!MayMove(device)) {
          return RefuseState(device, reasons::kDeviceState);
        }
        const auto inserted = session.ExecUnlessTaken(
            kInsert,
            {Text(row.transfer_id), Text(row.device_uid),
             Text(row.from_fleet_id), Text(row.to_fleet_id), Text(row.reason),
             Text(row.offer_actor), At(row.create_time)});
        if (!inserted.has_value()) {
          return Fail(absl::StatusCode::kAlreadyExists,
                      reasons::kTransferExists,
                      "the device is being offered already",
                      absl::StrCat("fleets/", row.from_fleet_id, "/devices/",
                                   row.device_uid));
        }
        const DeviceEventRow event =
            EventOf(row, device, "transfer_offered", row.offer_actor,
                    row.create_time, new_id());
        RecordEvents(session, {&event});
        return RecordMutation(session, mutation_for(offered));
      }));
  return offered;
}

absl::StatusOr<TransferRow> PgTransferStore::Accept(
    absl::string_view transfer_id, absl::string_view actor, absl::Time now,
    const NewId& new_id, const TransferMutation& mutation_for) {
  TransferRow row;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        DeviceRow device;
        BIRTHMARK_RETURN_IF_ERROR(LockBoth(session, transfer_id, device, row));
        if (row.state == TransferState::kAccepted) {
          return absl::OkStatus();
        }
        if (row.state != TransferState::kOffered) {
          return RefuseTransfer(row);
        }
        if (!MayMove(device)) {
          return RefuseState(device, reasons::kDeviceState);
        }
        BIRTHMARK_RETURN_IF_ERROR(
            MoveDevice(session, row, device, actor, now, new_id));
        row = ReadTransfer(
            session.Exec(kEnd, Text(transfer_id),
                         Int(static_cast<int>(TransferState::kAccepted)),
                         Text(actor), At(now))[0]);
        return RecordMutation(session, mutation_for(row));
      }));
  return row;
}

absl::StatusOr<TransferRow> PgTransferStore::Cancel(
    absl::string_view transfer_id, absl::string_view actor, absl::Time now,
    const NewId& new_id, const TransferMutation& mutation_for) {
  TransferRow row;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        DeviceRow device;
        BIRTHMARK_RETURN_IF_ERROR(LockBoth(session, transfer_id, device, row));
        if (row.state == TransferState::kCancelled) {
          return absl::OkStatus();
        }
        if (row.state != TransferState::kOffered) {
          return RefuseTransfer(row);
        }
        row = ReadTransfer(
            session.Exec(kEnd, Text(transfer_id),
                         Int(static_cast<int>(TransferState::kCancelled)),
                         Text(actor), At(now))[0]);
        const DeviceEventRow event =
            EventOf(row, device, "transfer_cancelled", actor, now, new_id());
        RecordEvents(session, {&event});
        return RecordMutation(session, mutation_for(row));
      }));
  return row;
}

absl::StatusOr<TransferRow> PgTransferStore::GetTransfer(
    absl::string_view transfer_id) {
  if (!IsUid(transfer_id)) {
    return NotFound(transfer_id);
  }
  TransferRow row;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        const auto found = session.Exec(kGet, Text(transfer_id));
        if (found.empty()) {
          return NotFound(transfer_id);
        }
        row = ReadTransfer(found[0]);
        return absl::OkStatus();
      }));
  return row;
}

absl::StatusOr<std::vector<TransferRow>> PgTransferStore::ListTransfers(
    absl::string_view fleet_id, const std::optional<TransferCursor>& after,
    int limit) {
  std::vector<TransferRow> rows;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        rows.clear();
        Param time =
            after.has_value() ? At(after->create_time) : BeforeAllTime();
        Param id = Text(after.has_value() ? after->id : kLowestUuid);
        const auto result =
            fleet_id.empty()
                ? session.Exec(kListAll, std::move(time), std::move(id),
                               Int(limit))
                : session.Exec(kList, std::move(time), std::move(id),
                               Int(limit), Text(fleet_id));
        for (const auto& row : result) {
          rows.push_back(ReadTransfer(row));
        }
        return absl::OkStatus();
      }));
  return rows;
}

}  // namespace birthmark::storage
