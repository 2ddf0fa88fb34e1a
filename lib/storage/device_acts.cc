#include "lib/storage/device_acts.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/device_acts_work.h"
#include "lib/storage/device_sql.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

using Outcome = DeviceActResult::Outcome;

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
// which finds its partition. Those that are for good are left out. OFFSET 0 and
// the version, which is not in the index of shards: looked up one by one by the
// primary key, also by a plan made while there were few revocations.
constexpr Statement kCertificates = {"act_certificates", R"(
    SELECT k.device_uid, c.serial, c.issuer_id, c.crl_shard, c.not_after
    FROM unnest($1::uuid[]) AS u (device_uid)
    JOIN keys k ON k.device_uid = u.device_uid
    JOIN certificates c ON c.serial = k.serial
    LEFT JOIN LATERAL (SELECT state FROM revocations
                       WHERE serial = c.serial AND version > 0
                       OFFSET 0) r ON true
    WHERE r.state IS NULL OR r.state = 3 OR (r.state = 1 AND $2))"};

}  // namespace

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
