// Acts: the end.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/storage/device_acts_work.h"
#include "lib/storage/param.h"
#include "lib/storage/personal_data.h"
#include "lib/storage/revoke_sql.h"

namespace birthmark::storage {
namespace {

constexpr int kCessationOfOperation = 5;

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

}  // namespace

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
    EndQuarantines(quarantined, "decommissioned");
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

}  // namespace birthmark::storage
