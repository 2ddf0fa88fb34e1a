// PgTransferStore: boards that take the place of others.

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
#include "lib/crypto/random.h"
#include "lib/storage/device_acts.h"
#include "lib/storage/device_sql.h"
#include "lib/storage/device_update.h"
#include "lib/storage/param.h"
#include "lib/storage/pg_transfer_store.h"
#include "lib/storage/record.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr char kLowestUuid[] = "00000000-0000-0000-0000-000000000000";
constexpr size_t kSaltSize = 32;

#define BIRTHMARK_REPLACEMENT_COLUMNS                           \
  "replacement_id, fleet_id, old_uid, new_uid, state, reason, " \
  "create_actor, end_actor, create_time, end_time"
constexpr Statement kInsert = {"replacement_insert", R"(
    INSERT INTO device_replacements
      (replacement_id, fleet_id, old_uid, new_uid, state, reason, create_actor,
       create_time)
    VALUES ($1, $2, $3, $4, 1, $5, $6, $7))"};
constexpr Statement kGet = {"replacement_get",
                            "SELECT " BIRTHMARK_REPLACEMENT_COLUMNS R"(
    FROM device_replacements
    WHERE replacement_id = $1 AND ($2::text = '' OR fleet_id = $2::text))"};
constexpr Statement kLock = {"replacement_lock",
                             "SELECT " BIRTHMARK_REPLACEMENT_COLUMNS R"(
    FROM device_replacements WHERE replacement_id = $1 FOR UPDATE)"};
constexpr Statement kEnd = {"replacement_end", R"(
    UPDATE device_replacements SET state = $2, end_actor = $3, end_time = $4
    WHERE replacement_id = $1
    RETURNING )" BIRTHMARK_REPLACEMENT_COLUMNS};
constexpr Statement kLink = {"replacement_link", R"(
    UPDATE devices
    SET replaces = CASE WHEN device_uid = $2::uuid THEN $1::uuid
                        ELSE replaces END,
        replaced_by = CASE WHEN device_uid = $1::uuid THEN $2::uuid
                           ELSE replaced_by END,
        version = version + 1, update_time = $3
    WHERE device_uid IN ($1::uuid, $2::uuid))"};
constexpr Statement kListAll = {"replacement_list_all",
                                "SELECT " BIRTHMARK_REPLACEMENT_COLUMNS R"(
    FROM (SELECT fleet_id AS id FROM fleets) f
    CROSS JOIN LATERAL (
      SELECT * FROM device_replacements r
      WHERE r.fleet_id = f.id
        AND (r.create_time, r.replacement_id) > ($1::timestamptz, $2::uuid)
      ORDER BY r.create_time, r.replacement_id LIMIT $3) r
    ORDER BY create_time, replacement_id LIMIT $3)"};
constexpr Statement kList = {"replacement_list",
                             "SELECT " BIRTHMARK_REPLACEMENT_COLUMNS R"(
    FROM device_replacements
    WHERE fleet_id = $4
      AND (create_time, replacement_id) > ($1::timestamptz, $2::uuid)
    ORDER BY create_time, replacement_id LIMIT $3)"};

ReplacementRow ReadReplacement(const pqxx::row& row) {
  return {.replacement_id = ReadText(row[0]),
          .fleet_id = ReadText(row[1]),
          .old_uid = ReadText(row[2]),
          .new_uid = ReadText(row[3]),
          .state = static_cast<ReplacementState>(ReadInt(row[4])),
          .reason = ReadText(row[5]),
          .create_actor = ReadText(row[6]),
          .end_actor = ReadText(row[7]),
          .create_time = ReadTime(row[8]),
          .end_time = ReadOptionalTime(row[9])};
}

std::string NameOf(absl::string_view fleet_id,
                   absl::string_view replacement_id) {
  return absl::StrCat("fleets/", fleet_id.empty() ? "-" : fleet_id,
                      "/replacements/", replacement_id);
}

absl::Status Refuse(const ReplacementRow& row) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, reasons::kReplacementState,
      "the replacement's state does not allow this",
      {{"resource", NameOf(row.fleet_id, row.replacement_id)},
       {"state",
        row.state == ReplacementState::kApproved ? "APPROVED" : "REJECTED"}});
}

struct Pair {
  DeviceRow old_device;
  DeviceRow new_device;
};

// LockPair locks both devices, in order of their uids.
absl::StatusOr<Pair> LockPair(Session& session, const ReplacementRow& row) {
  Pair pair;
  const auto lock = [&](const std::string& uid,
                        DeviceRow& device) -> absl::Status {
    BIRTHMARK_ASSIGN_OR_RETURN(device, LockDevice(session, row.fleet_id, uid));
    return absl::OkStatus();
  };
  if (row.old_uid < row.new_uid) {
    BIRTHMARK_RETURN_IF_ERROR(lock(row.old_uid, pair.old_device));
    BIRTHMARK_RETURN_IF_ERROR(lock(row.new_uid, pair.new_device));
  } else {
    BIRTHMARK_RETURN_IF_ERROR(lock(row.new_uid, pair.new_device));
    BIRTHMARK_RETURN_IF_ERROR(lock(row.old_uid, pair.old_device));
  }
  return pair;
}

absl::Status CheckStates(const Pair& pair) {
  if (IsEnding(pair.old_device)) {
    return RefuseState(pair.old_device, reasons::kDeviceState);
  }
  if (pair.new_device.state != DeviceState::kRegistered &&
      pair.new_device.state != DeviceState::kActive) {
    return RefuseState(pair.new_device, reasons::kDeviceState);
  }
  return absl::OkStatus();
}

absl::StatusOr<ReplacementRow> Find(Session& session,
                                    absl::string_view fleet_id,
                                    absl::string_view replacement_id) {
  if (IsUid(replacement_id)) {
    const auto found = session.Exec(kGet, Text(replacement_id), Text(fleet_id));
    if (!found.empty()) {
      return ReadReplacement(found[0]);
    }
  }
  return MakeError(absl::StatusCode::kNotFound, reasons::kReplacementNotFound,
                   "there is no such replacement",
                   {{"resource", NameOf(fleet_id, replacement_id)}});
}

DeviceEventRow EventOf(const ReplacementRow& row, const DeviceRow& device,
                       absl::string_view kind, absl::string_view actor,
                       absl::Time now, std::string id) {
  const bool is_old = device.device_uid == row.old_uid;
  return {.device_uid = device.device_uid,
          .fleet_id = device.fleet_id,
          .event_id = std::move(id),
          .kind = std::string(kind),
          .from_state = static_cast<int>(device.state),
          .to_state = device.state,
          .actor = std::string(actor),
          .reason = row.reason,
          .details = {{"replacement", row.replacement_id},
                      {is_old ? "new_device" : "old_device",
                       is_old ? row.new_uid : row.old_uid}},
          .create_time = now};
}

// Inherit gives the new device labels and name of the old one, under salts of
// its own.
absl::Status Inherit(Session& session, const Pair& pair,
                     std::map<std::string, std::string>& details) {
  DeviceUpdate update;
  update.replace_labels = true;
  update.set_labels = ReadLabels(session, pair.old_device);
  for (LabelRow& label : update.set_labels) {
    if (label.personal) {
      label.salt = crypto::RandomBytes(kSaltSize);
    }
  }
  if (!pair.old_device.display_name.empty()) {
    update.display_name = pair.old_device.display_name;
    update.display_name_salt = crypto::RandomBytes(kSaltSize);
  }
  return ApplyUpdate(session, pair.new_device, update, details);
}

ReplacementRow End(Session& session, const ReplacementRow& row,
                   ReplacementState state, absl::string_view actor,
                   absl::Time now) {
  return ReadReplacement(session.Exec(kEnd, Text(row.replacement_id),
                                      Int(static_cast<int>(state)), Text(actor),
                                      At(now))[0]);
}

}  // namespace

absl::StatusOr<ReplacementRow> PgTransferStore::Request(
    const ReplacementRow& row, const NewId& new_id,
    const ReplacementMutation& mutation_for) {
  ReplacementRow pending = row;
  pending.state = ReplacementState::kPending;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(const Pair pair, LockPair(session, row));
        BIRTHMARK_RETURN_IF_ERROR(CheckStates(pair));
        const auto inserted = session.ExecUnlessTaken(
            kInsert, {Text(row.replacement_id), Text(row.fleet_id),
                      Text(row.old_uid), Text(row.new_uid), Text(row.reason),
                      Text(row.create_actor), At(row.create_time)});
        if (!inserted.has_value()) {
          return MakeError(
              absl::StatusCode::kAlreadyExists, reasons::kReplacementExists,
              "one of the devices is being replaced, or replaces, already",
              {{"resource", absl::StrCat("fleets/", row.fleet_id, "/devices/",
                                         row.old_uid)}});
        }
        const DeviceEventRow event =
            EventOf(row, pair.old_device, "replacement_requested",
                    row.create_actor, row.create_time, new_id());
        RecordEvents(session, {&event});
        return RecordMutation(session, mutation_for(pending));
      }));
  return pending;
}

absl::StatusOr<ReplacementRow> PgTransferStore::Approve(
    absl::string_view fleet_id, absl::string_view replacement_id,
    absl::string_view actor, absl::Time now, const NewId& new_id,
    const ReplacementMutation& mutation_for) {
  ReplacementRow row;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(row,
                                   Find(session, fleet_id, replacement_id));
        if (row.state == ReplacementState::kApproved) {
          return absl::OkStatus();
        }
        BIRTHMARK_ASSIGN_OR_RETURN(const Pair pair, LockPair(session, row));
        row = ReadReplacement(session.Exec(kLock, Text(replacement_id))[0]);
        if (row.state == ReplacementState::kApproved) {
          return absl::OkStatus();
        }
        if (row.state != ReplacementState::kPending) {
          return Refuse(row);
        }
        if (row.create_actor == actor) {
          return MakeError(
              absl::StatusCode::kPermissionDenied,
              reasons::kSecondOperatorNeeded,
              "another operator has to approve this",
              {{"resource", NameOf(row.fleet_id, row.replacement_id)}});
        }
        BIRTHMARK_RETURN_IF_ERROR(CheckStates(pair));
        DeviceEventRow arrives =
            EventOf(row, pair.new_device, "replaces", actor, now, new_id());
        DeviceEventRow leaves =
            EventOf(row, pair.old_device, "replaced", actor, now, new_id());
        BIRTHMARK_RETURN_IF_ERROR(Inherit(session, pair, arrives.details));
        session.Exec(kLink, Text(row.old_uid), Text(row.new_uid), At(now));
        RecordEvents(session, {&arrives, &leaves});
        DeviceAct act;
        act.kind = DeviceActKind::kDecommission;
        act.reason = row.reason;
        act.actor = std::string(actor);
        act.time = now;
        ActOnDevices(
            session, row.fleet_id, {row.old_uid}, act, new_id,
            [](const DeviceActResult&) { return std::vector<audit::Entry>(); });
        row = End(session, row, ReplacementState::kApproved, actor, now);
        return RecordMutation(session, mutation_for(row));
      }));
  return row;
}

absl::StatusOr<ReplacementRow> PgTransferStore::Reject(
    absl::string_view fleet_id, absl::string_view replacement_id,
    absl::string_view actor, absl::Time now,
    const ReplacementMutation& mutation_for) {
  ReplacementRow row;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(row,
                                   Find(session, fleet_id, replacement_id));
        row = ReadReplacement(session.Exec(kLock, Text(replacement_id))[0]);
        if (row.state == ReplacementState::kRejected) {
          return absl::OkStatus();
        }
        if (row.state != ReplacementState::kPending) {
          return Refuse(row);
        }
        row = End(session, row, ReplacementState::kRejected, actor, now);
        return RecordMutation(session, mutation_for(row));
      }));
  return row;
}

absl::StatusOr<std::vector<ReplacementRow>> PgTransferStore::ListReplacements(
    absl::string_view fleet_id, const std::optional<TransferCursor>& after,
    int limit) {
  std::vector<ReplacementRow> rows;
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
          rows.push_back(ReadReplacement(row));
        }
        return absl::OkStatus();
      }));
  return rows;
}

}  // namespace birthmark::storage
