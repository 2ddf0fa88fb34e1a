#include "lib/storage/device_acts.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/device_sql.h"
#include "lib/storage/param.h"
#include "lib/storage/personal_data.h"
#include "lib/storage/record.h"
#include "lib/storage/revoke_sql.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

using Outcome = DeviceActResult::Outcome;

constexpr int kCessationOfOperation = 5;

constexpr Statement kLock = {"act_lock", "SELECT " BIRTHMARK_DEVICE_COLUMNS R"(
    FROM devices d
    WHERE d.device_uid = ANY ($1::uuid[])
      AND ($2::text = '' OR d.fleet_id = $2::text)
    ORDER BY d.device_uid FOR NO KEY UPDATE)"};
constexpr Statement kMove = {"act_move", R"(
    UPDATE devices d
    SET state = u.state, version = version + 1, update_time = $3::timestamptz
    FROM unnest($1::uuid[], $2::smallint[]) AS u (device_uid, state)
    WHERE d.device_uid = u.device_uid)"};
// Who quarantines by policy may not do this.
constexpr Statement kMoveToEnd = {"act_move_to_end", R"(
    UPDATE devices d
    SET state = u.state, version = version + 1, update_time = $3::timestamptz,
        decommission_time = CASE WHEN u.state = 5 THEN $3::timestamptz END
    FROM unnest($1::uuid[], $2::smallint[]) AS u (device_uid, state)
    WHERE d.device_uid = u.device_uid)"};
// A device's certificates by its keys: each has the serial number of its own,
// which finds its partition. Those that are for good are left out.
constexpr Statement kCertificates = {"act_certificates", R"(
    SELECT k.device_uid, c.serial, c.issuer_id, c.crl_shard, c.not_after
    FROM unnest($1::uuid[]) AS u (device_uid)
    JOIN keys k ON k.device_uid = u.device_uid
    JOIN certificates c ON c.serial = k.serial
    LEFT JOIN revocations r ON r.serial = c.serial
    WHERE r.state IS NULL OR r.state = 3 OR (r.state = 1 AND $2))"};

constexpr Statement kHoldUncertified = {
    "act_hold_uncertified", "SELECT hold_uncertified_keys($1::uuid[])"};
constexpr Statement kHold = {"act_hold", R"(
    INSERT INTO revocations AS r
      (serial, issuer_id, crl_shard, not_after, state, reason, actor, version,
       revoke_time, update_time)
    SELECT u.serial, u.issuer_id, u.crl_shard, u.not_after, 1, 6, $5::text, 2,
           $6::timestamptz, $6::timestamptz
    FROM unnest($1::bytea[], $2::text[], $3::integer[], $4::timestamptz[])
      AS u (serial, issuer_id, crl_shard, not_after)
    ORDER BY u.serial
    ON CONFLICT (serial) DO UPDATE
    SET state = 1, reason = 6, actor = excluded.actor, version = r.version + 1,
        revoke_time = excluded.revoke_time, update_time = excluded.update_time
    WHERE r.state = 3
    RETURNING r.issuer_id, r.serial)"};
constexpr Statement kQuarantine = {"act_quarantine", R"(
    INSERT INTO quarantines
      (device_uid, quarantine_id, reason, playbook, actor, held, create_time)
    SELECT u.device_uid, u.quarantine_id, $3::text, $4::text, $5::text,
           coalesce(h.serials, '{}'), $6::timestamptz
    FROM unnest($1::uuid[], $2::uuid[]) AS u (device_uid, quarantine_id)
    LEFT JOIN (
      SELECT device_uid, array_agg(serial ORDER BY serial) AS serials
      FROM unnest($7::uuid[], $8::bytea[]) AS h (device_uid, serial)
      GROUP BY device_uid) h ON h.device_uid = u.device_uid)"};

// Only in a state that tells whether it was quarantined ever.
constexpr Statement kWereQuarantined = {"act_were_quarantined", R"(
    SELECT u.device_uid FROM unnest($1::uuid[]) AS u (device_uid)
    WHERE EXISTS (SELECT FROM quarantines q
                  WHERE q.device_uid = u.device_uid))"};
constexpr Statement kReleaseUncertified = {
    "act_release_uncertified", "SELECT release_uncertified_keys($1::uuid[])"};
// Not those that somebody has put on hold anew since.
constexpr Statement kRelease = {"act_release", R"(
    WITH locked AS MATERIALIZED (
      SELECT r.serial, q.device_uid
      FROM unnest($1::uuid[]) AS u (device_uid)
      JOIN quarantines q ON q.device_uid = u.device_uid
                            AND q.release_time IS NULL
      CROSS JOIN LATERAL unnest(q.held) AS h (serial)
      JOIN revocations r ON r.serial = h.serial
      WHERE r.state = 1 AND (r.revoke_time = q.create_time
                             OR r.actor = 'birthmark:quarantine')
      ORDER BY r.serial FOR UPDATE OF r)
    UPDATE revocations r
    SET state = 3, actor = $2, version = version + 1, update_time = $3
    FROM locked l WHERE r.serial = l.serial AND r.state = 1
    RETURNING l.device_uid, r.serial)"};
constexpr Statement kEndQuarantines = {"act_end_quarantines", R"(
    UPDATE quarantines q
    SET release_actor = $2, release_reason = $3, release_time = $4
    FROM unnest($1::uuid[]) AS u (device_uid)
    WHERE q.device_uid = u.device_uid AND q.release_time IS NULL)"};

constexpr Statement kTimeouts = {"act_timeouts", R"(
    SELECT fleet_id, wipe_timeout_seconds FROM fleets
    WHERE fleet_id = ANY ($1::text[]))"};
// Keys before certificates: one that is being recorded for one of them waits,
// and then learns that its key is retired.
constexpr Statement kRetireKeys = {"act_retire_keys", R"(
    WITH locked AS MATERIALIZED (
      SELECT k.spki_sha256, k.device_uid
      FROM unnest($1::uuid[]) AS u (device_uid)
      JOIN keys k ON k.device_uid = u.device_uid
      WHERE k.state = 1
      ORDER BY k.spki_sha256 FOR NO KEY UPDATE OF k)
    UPDATE keys k SET state = 2, retire_time = $2
    FROM locked l WHERE k.spki_sha256 = l.spki_sha256
    RETURNING l.device_uid)"};
constexpr Statement kDecommission = {"act_decommission", R"(
    INSERT INTO decommissions
      (device_uid, fleet_id, reason, actor, job_id, create_time, revoked, keys,
       wipe_outcome, wipe_instruction, wipe_deadline, end_time)
    SELECT u.device_uid, u.fleet_id, $3::text, $4::text, $5::text,
           $6::timestamptz, u.revoked, u.keys,
           CASE WHEN u.instruction IS NULL THEN 4 ELSE 1 END, u.instruction,
           u.deadline,
           CASE WHEN u.instruction IS NULL THEN $6::timestamptz END
    FROM unnest($1::uuid[], $2::text[], $7::integer[], $8::integer[],
                $9::uuid[], $10::timestamptz[])
      AS u (device_uid, fleet_id, revoked, keys, instruction, deadline))"};

// Acts is one call of ActOnDevices.
class Acts {
 public:
  Acts(Session& session, const DeviceAct& act,
       const std::function<std::string()>& new_id)
      : session_(session), act_(act), new_id_(new_id) {}

  void Run(absl::string_view fleet_id,
           absl::Span<const std::string> device_uids);
  DeviceActResult ResultOf(const std::string& device_uid) const;
  void Record(const DeviceEntryMaker& entries_for);

 private:
  void Decide(DeviceActResult& result) const;
  void FindWhoWereQuarantined();
  void Quarantine();
  void Release();
  void Decommission();
  void SetUpWipes();
  std::vector<RevocationRow> Certificates(bool held_too);
  DeviceActResult& Note(const std::string& serial);
  void Move();
  UuidArray Uids() const;

  Session& session_;
  const DeviceAct& act_;
  const std::function<std::string()>& new_id_;
  std::map<std::string, DeviceActResult> results_;
  std::vector<DeviceActResult*> todo_;  // in order of their uids
  std::map<std::string, DeviceActResult*> by_serial_;
  std::map<std::string, int64_t> keys_;
  std::map<std::string, std::pair<std::string, absl::Time>> wipes_;
};

void Acts::Run(absl::string_view fleet_id,
               absl::Span<const std::string> device_uids) {
  std::vector<std::string> uids;
  std::copy_if(device_uids.begin(), device_uids.end(), std::back_inserter(uids),
               [](const std::string& uid) { return IsUid(uid); });
  for (const auto& row :
       session_.Exec(kLock, UuidArray(uids).Take(), Text(fleet_id))) {
    DeviceActResult result;
    result.device = ReadDevice(row);
    Decide(result);
    results_.emplace(result.device.device_uid, std::move(result));
  }
  if (act_.kind == DeviceActKind::kRelease) {
    FindWhoWereQuarantined();
  }
  for (auto& [uid, result] : results_) {
    if (result.outcome == Outcome::kDone) {
      result.event.device_uid = uid;
      result.event.fleet_id = result.device.fleet_id;
      result.event.event_id = new_id_();
      result.event.from_state = static_cast<int>(result.device.state);
      result.event.actor = act_.actor;
      result.event.reason = act_.reason;
      result.event.create_time = act_.time;
      if (!act_.job_id.empty()) {
        result.event.details["job"] = act_.job_id;
      }
      todo_.push_back(&result);
    }
  }
  if (todo_.empty()) {
    return;
  }
  switch (act_.kind) {
    case DeviceActKind::kQuarantine:
      Quarantine();
      break;
    case DeviceActKind::kRelease:
      Release();
      break;
    case DeviceActKind::kDecommission:
      Decommission();
      break;
  }
  Move();
}

DeviceActResult Acts::ResultOf(const std::string& device_uid) const {
  const auto found = results_.find(device_uid);
  if (found != results_.end()) {
    return found->second;
  }
  DeviceActResult none;
  none.error_reason = std::string(reasons::kDeviceNotFound);
  return none;
}

void Acts::Record(const DeviceEntryMaker& entries_for) {
  std::vector<const DeviceEventRow*> events;
  std::vector<audit::Entry> entries;
  for (const DeviceActResult* result : todo_) {
    events.push_back(&result->event);
    for (audit::Entry& entry : entries_for(*result)) {
      entries.push_back(std::move(entry));
    }
  }
  RecordEvents(session_, events);
  RecordAudit(session_, entries);
}

void Acts::Decide(DeviceActResult& result) const {
  const DeviceState state = result.device.state;
  const auto decide = [&](bool possible, bool done, absl::string_view reason) {
    result.outcome = possible ? Outcome::kDone
                     : done   ? Outcome::kUnchanged
                              : Outcome::kFailed;
    if (result.outcome == Outcome::kFailed) {
      result.error_reason = std::string(reason);
    }
  };
  switch (act_.kind) {
    case DeviceActKind::kQuarantine:
      return decide(state == DeviceState::kActive,
                    state == DeviceState::kQuarantined,
                    reasons::kDeviceNotActive);
    case DeviceActKind::kRelease:
      return decide(state == DeviceState::kQuarantined, false,
                    reasons::kDeviceState);
    case DeviceActKind::kDecommission:
      return decide(!IsEnding(result.device), true, reasons::kDeviceState);
  }
}

void Acts::FindWhoWereQuarantined() {
  UuidArray active;
  bool any = false;
  for (const auto& [uid, result] : results_) {
    if (result.device.state == DeviceState::kActive) {
      active.Add(uid);
      any = true;
    }
  }
  if (!any) {
    return;
  }
  for (const auto& row : session_.Exec(kWereQuarantined, active.Take())) {
    DeviceActResult& result = results_[ReadText(row[0])];
    result.outcome = Outcome::kUnchanged;
    result.error_reason.clear();
  }
}

void Acts::Quarantine() {
  session_.Exec(kHoldUncertified, Uids().Take());
  const std::vector<RevocationRow> good = Certificates(/*held_too=*/false);
  UuidArray holders;
  BytesArray held;
  if (!good.empty()) {
    BytesArray serials;
    TextArray issuers;
    IntegerArray shards;
    TimeArray not_after;
    for (const RevocationRow& row : good) {
      serials.Add(row.serial);
      issuers.Add(row.issuer_id);
      shards.Add(row.crl_shard);
      not_after.Add(row.not_after);
    }
    for (const auto& row :
         session_.Exec(kHold, serials.Take(), issuers.Take(), shards.Take(),
                       not_after.Take(), Text(act_.actor), At(act_.time))) {
      HeldCertificate certificate = {ReadText(row[0]), ReadBytes(row[1])};
      DeviceActResult& result = Note(certificate.serial);
      holders.Add(result.device.device_uid);
      held.Add(certificate.serial);
      result.held.push_back(std::move(certificate));
    }
  }
  UuidArray ids;
  for (DeviceActResult* todo : todo_) {
    DeviceActResult& result = *todo;
    const std::string id = new_id_();
    ids.Add(id);
    result.device.state = DeviceState::kQuarantined;
    result.event.kind = "quarantined";
    result.event.details["quarantine"] = id;
    result.event.details["held"] = absl::StrCat(result.certificates);
    if (!act_.playbook.empty()) {
      result.event.details["playbook"] = act_.playbook;
    }
  }
  session_.Exec(kQuarantine, Uids().Take(), ids.Take(), Text(act_.reason),
                Text(act_.playbook), Text(act_.actor), At(act_.time),
                holders.Take(), held.Take());
}

void Acts::Release() {
  session_.Exec(kReleaseUncertified, Uids().Take());
  for (const auto& row : session_.Exec(kRelease, Uids().Take(),
                                       Text(act_.actor), At(act_.time))) {
    ++results_[ReadText(row[0])].certificates;
  }
  session_.Exec(kEndQuarantines, Uids().Take(), Text(act_.actor),
                Text(act_.reason), At(act_.time));
  for (DeviceActResult* result : todo_) {
    result->device.state = DeviceState::kActive;
    result->event.kind = "released";
    result->event.details["released"] = absl::StrCat(result->certificates);
  }
}

void Acts::Decommission() {
  SetUpWipes();
  for (const auto& row :
       session_.Exec(kRetireKeys, Uids().Take(), At(act_.time))) {
    ++keys_[ReadText(row[0])];
  }
  std::vector<RevocationRow> living = Certificates(/*held_too=*/true);
  if (!living.empty()) {
    living.front().reason = kCessationOfOperation;
    living.front().actor = act_.actor;
    living.front().revoke_time = act_.time;
    living.front().update_time = act_.time;
    for (const RevocationRow& row : RevokeThese(session_, living)) {
      Note(row.serial);
    }
  }
  UuidArray quarantined, instructions;
  std::vector<std::string> ended;
  TextArray fleets;
  IntegerArray revoked, keys;
  TimeArray deadlines;
  bool any_quarantined = false;
  for (DeviceActResult* todo : todo_) {
    DeviceActResult& result = *todo;
    const std::string& uid = result.device.device_uid;
    if (result.device.state == DeviceState::kQuarantined) {
      quarantined.Add(uid);
      any_quarantined = true;
    }
    fleets.Add(result.device.fleet_id);
    revoked.Add(result.certificates);
    keys.Add(keys_[uid]);
    result.event.details["revoked"] = absl::StrCat(result.certificates);
    result.event.details["keys"] = absl::StrCat(keys_[uid]);
    const auto wipe = wipes_.find(uid);
    if (wipe == wipes_.end()) {
      instructions.AddNull();
      deadlines.AddNull();
      ended.push_back(uid);
      result.device.state = DeviceState::kDecommissioned;
      result.device.decommission_time = act_.time;
      result.event.kind = "decommissioned";
    } else {
      instructions.Add(wipe->second.first);
      deadlines.Add(wipe->second.second);
      result.device.state = DeviceState::kDecommissioning;
      result.event.kind = "decommissioning";
    }
  }
  if (any_quarantined) {
    session_.Exec(kEndQuarantines, quarantined.Take(), Text(act_.actor),
                  Text("decommissioned"), At(act_.time));
  }
  session_.Exec(kDecommission, Uids().Take(), fleets.Take(), Text(act_.reason),
                Text(act_.actor), TextOrNull(act_.job_id), At(act_.time),
                revoked.Take(), keys.Take(), instructions.Take(),
                deadlines.Take());
  if (!ended.empty()) {
    for (const auto& [uid, erased] : ErasePersonalData(session_, ended)) {
      results_[uid].device.display_name.clear();
      AddCommitments(erased, results_[uid].event.details);
    }
  }
}

// Who was in the field is asked to wipe itself, if its fleet waits for that.
void Acts::SetUpWipes() {
  std::map<std::string, int64_t> timeouts;
  for (const DeviceActResult* result : todo_) {
    timeouts[result->device.fleet_id] = 0;
  }
  TextArray fleets;
  for (const auto& [fleet, seconds] : timeouts) {
    fleets.Add(fleet);
  }
  for (const auto& row : session_.Exec(kTimeouts, fleets.Take())) {
    timeouts[ReadText(row[0])] = ReadInt(row[1]);
  }
  for (const DeviceActResult* result : todo_) {
    const DeviceRow& device = result->device;
    const int64_t seconds = timeouts[device.fleet_id];
    if (device.state != DeviceState::kRegistered && seconds > 0) {
      wipes_[device.device_uid] = {new_id_(),
                                   act_.time + absl::Seconds(seconds)};
    }
  }
}

// Certificates returns those that can be revoked or put on hold, and remembers
// whose they are.
std::vector<RevocationRow> Acts::Certificates(bool held_too) {
  std::vector<RevocationRow> rows;
  for (const auto& row : session_.Exec(kCertificates, Uids().Take(),
                                       Text(held_too ? "t" : "f"))) {
    RevocationRow& revocation = rows.emplace_back();
    revocation.serial = ReadBytes(row[1]);
    revocation.issuer_id = ReadText(row[2]);
    revocation.crl_shard = static_cast<int>(ReadInt(row[3]));
    revocation.not_after = ReadTime(row[4]);
    by_serial_[revocation.serial] = &results_[ReadText(row[0])];
  }
  return rows;
}

// Note counts a certificate that was revoked or put on hold.
DeviceActResult& Acts::Note(const std::string& serial) {
  DeviceActResult& result = *by_serial_[serial];
  ++result.certificates;
  return result;
}

void Acts::Move() {
  SmallintArray states;
  for (DeviceActResult* todo : todo_) {
    DeviceActResult& result = *todo;
    states.Add(static_cast<int>(result.device.state));
    ++result.device.version;
    result.device.update_time = act_.time;
    result.event.to_state = result.device.state;
  }
  session_.Exec(act_.kind == DeviceActKind::kDecommission ? kMoveToEnd : kMove,
                Uids().Take(), states.Take(), At(act_.time));
}

UuidArray Acts::Uids() const {
  UuidArray uids;
  for (const DeviceActResult* result : todo_) {
    uids.Add(result->device.device_uid);
  }
  return uids;
}

}  // namespace

std::vector<DeviceActResult> ActOnDevices(
    Session& session, absl::string_view fleet_id,
    absl::Span<const std::string> device_uids, const DeviceAct& act,
    const std::function<std::string()>& new_id,
    const DeviceEntryMaker& entries_for) {
  Acts acts(session, act, new_id);
  acts.Run(fleet_id, device_uids);
  acts.Record(entries_for);
  std::vector<DeviceActResult> results;
  results.reserve(device_uids.size());
  for (const std::string& uid : device_uids) {
    results.push_back(acts.ResultOf(uid));
  }
  return results;
}

}  // namespace birthmark::storage
