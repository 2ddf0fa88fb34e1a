// Acts: quarantine and release.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/storage/device_acts_work.h"
#include "lib/storage/param.h"

namespace birthmark::storage {
namespace {

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
// A row for each device, with nothing, and one for each certificate.
constexpr Statement kQuarantine = {"act_quarantine", R"(
    INSERT INTO quarantines
      (device_uid, quarantine_id, reason, playbook, actor, held, create_time)
    SELECT u.device_uid, u.quarantine_id, $4::text, $5::text, $6::text,
           coalesce(array_agg(u.serial ORDER BY u.serial)
                      FILTER (WHERE u.serial IS NOT NULL), '{}'),
           $7::timestamptz
    FROM unnest($1::uuid[], $2::uuid[], $3::bytea[])
      AS u (device_uid, quarantine_id, serial)
    GROUP BY u.device_uid, u.quarantine_id)"};
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

}  // namespace

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
    result.outcome = DeviceActResult::Outcome::kUnchanged;
    result.error_reason.clear();
  }
}

void Acts::Quarantine() {
  session_.Exec(kHoldUncertified, Uids().Take());
  const std::vector<RevocationRow> good = Certificates(/*held_too=*/false);
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
      Note(certificate.serial).held.push_back(std::move(certificate));
    }
  }
  UuidArray devices, ids;
  BytesArray held;
  for (DeviceActResult* todo : todo_) {
    DeviceActResult& result = *todo;
    const std::string id = new_id_();
    devices.Add(result.device.device_uid);
    ids.Add(id);
    held.AddNull();
    for (const HeldCertificate& certificate : result.held) {
      devices.Add(result.device.device_uid);
      ids.Add(id);
      held.Add(certificate.serial);
    }
    result.device.state = DeviceState::kQuarantined;
    result.event.kind = "quarantined";
    result.event.details["quarantine"] = id;
    result.event.details["held"] = absl::StrCat(result.certificates);
    if (!act_.playbook.empty()) {
      result.event.details["playbook"] = act_.playbook;
    }
  }
  session_.Exec(kQuarantine, devices.Take(), ids.Take(), held.Take(),
                Text(act_.reason), Text(act_.playbook), Text(act_.actor),
                At(act_.time));
}

void Acts::Release() {
  session_.Exec(kReleaseUncertified, Uids().Take());
  for (const auto& row : session_.Exec(kRelease, Uids().Take(),
                                       Text(act_.actor), At(act_.time))) {
    ++results_[ReadText(row[0])].certificates;
  }
  UuidArray uids = Uids();
  EndQuarantines(uids, act_.reason);
  for (DeviceActResult* result : todo_) {
    result->device.state = DeviceState::kActive;
    result->event.kind = "released";
    result->event.details["released"] = absl::StrCat(result->certificates);
  }
}

void Acts::EndQuarantines(UuidArray& uids, absl::string_view reason) {
  session_.Exec(kEndQuarantines, uids.Take(), Text(act_.actor), Text(reason),
                At(act_.time));
}

}  // namespace birthmark::storage
