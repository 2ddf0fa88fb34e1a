#include "lib/storage/finding_sql.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/storage/device_act.h"
#include "lib/storage/device_acts.h"
#include "lib/storage/device_row.h"
#include "lib/storage/finding_store.h"
#include "lib/storage/fleet_store.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

// How many findings an error names.
constexpr size_t kMaxNamed = 8;

constexpr Statement kPolicies = {"finding_policies", R"(
    SELECT d.device_uid, d.fleet_id, d.state, f.firmware_rollback_policy,
           f.firmware_digest_policy, f.shared_prime_policy
    FROM devices d JOIN LATERAL (
           SELECT * FROM fleets WHERE fleet_id = d.fleet_id LIMIT 1) f ON true
    WHERE d.device_uid = ANY ($1::uuid[]))"};
// Those that are there, not closed, count once more. xmax tells an updated row
// from an inserted one.
constexpr Statement kRaise = {"finding_raise", R"(
    INSERT INTO findings AS g
      (finding_id, fleet_id, device_uid, kind, subject, state, effect, details,
       create_time, last_time)
    SELECT u.finding_id, u.fleet_id, u.device_uid, u.kind, u.subject, 1,
           u.effect, u.details, u.time, u.time
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::smallint[], $5::text[],
                $6::smallint[], $7::jsonb[], $8::timestamptz[])
      AS u (finding_id, fleet_id, device_uid, kind, subject, effect, details,
            time)
    ORDER BY u.device_uid, u.kind, u.subject
    ON CONFLICT (device_uid, kind, subject) WHERE state <> 3 DO UPDATE
    SET times = g.times + 1, details = excluded.details,
        last_time = greatest(g.last_time, excluded.last_time),
        version = g.version + 1
    RETURNING )" BIRTHMARK_FINDING_COLUMNS ", g.xmax = 0"};
constexpr Statement kDenying = {"finding_denying",
                                "SELECT " BIRTHMARK_FINDING_COLUMNS R"(
    FROM findings g WHERE g.device_uid = $1 AND g.effect = 2 AND g.state <> 3
    ORDER BY g.create_time, g.finding_id LIMIT $2)"};

// Known is what the database has on a device that something was found on.
struct Known {
  std::string fleet_id;
  DeviceState state = DeviceState::kRegistered;
  std::map<FindingKind, FindingPolicy> policies;
};

std::map<std::string, Known> ReadPolicies(
    Session& session, absl::Span<const FindingRow> findings) {
  std::set<absl::string_view> uids;
  for (const FindingRow& finding : findings) {
    uids.insert(finding.device_uid);
  }
  std::map<std::string, Known> known;
  for (const auto& row : session.Exec(kPolicies, UuidArray(uids).Take())) {
    const auto policy = [&row](int column) {
      return static_cast<FindingPolicy>(ReadInt(row[column]));
    };
    known[ReadText(row[0])] = {ReadText(row[1]),
                               static_cast<DeviceState>(ReadInt(row[2])),
                               {{FindingKind::kFirmwareRollback, policy(3)},
                                {FindingKind::kFirmwareDigest, policy(4)},
                                {FindingKind::kSharedPrime, policy(5)}}};
  }
  return known;
}

FindingEffect EffectOf(FindingPolicy policy, DeviceState state) {
  switch (policy) {
    case FindingPolicy::kAllow:
    case FindingPolicy::kWarn:
      return FindingEffect::kWarn;
    case FindingPolicy::kDenyRenewal:
      return FindingEffect::kDenyRenewal;
    case FindingPolicy::kQuarantine:
      // Who has no operational certificate yet cannot be isolated, and must
      // not get one either.
      return state == DeviceState::kRegistered ? FindingEffect::kDenyRenewal
                                               : FindingEffect::kQuarantine;
  }
  return FindingEffect::kWarn;
}

absl::string_view KindName(FindingKind kind) {
  switch (kind) {
    case FindingKind::kFirmwareRollback:
      return "firmware rollback";
    case FindingKind::kFirmwareDigest:
      return "firmware digest";
    case FindingKind::kSharedPrime:
      return "shared prime";
  }
  return "";
}

std::string DeviceName(const FindingRow& row) {
  return absl::StrCat("fleets/", row.fleet_id, "/devices/", row.device_uid);
}

DeviceEventRow RaisedEvent(const FindingRow& row, DeviceState state,
                           absl::string_view actor, std::string event_id) {
  return {.device_uid = row.device_uid,
          .fleet_id = row.fleet_id,
          .event_id = std::move(event_id),
          .kind = "finding_raised",
          .from_state = static_cast<int>(state),
          .to_state = state,
          .actor = std::string(actor),
          .reason = absl::StrCat(KindName(row.kind), " of ", row.subject),
          .details = {{"finding", FindingName(row)}},
          .create_time = row.create_time};
}

// Isolate quarantines the device of a new finding.
void Isolate(Session& session, const FindingRow& row,
             const std::function<std::string()>& new_id) {
  DeviceAct act;
  act.kind = DeviceActKind::kQuarantine;
  act.reason = absl::StrCat(FindingName(row), ": ", KindName(row.kind), " of ",
                            row.subject);
  act.actor = kPolicyActor;
  act.time = row.create_time;
  ActOnDevices(session, row.fleet_id, {row.device_uid}, act, new_id,
               [&](const DeviceActResult& result) -> std::vector<audit::Entry> {
                 return {{.id = new_id(),
                          .time = act.time,
                          .actor = act.actor,
                          .action = "device.quarantine",
                          .resource = DeviceName(row),
                          .details = {{"reason", act.reason},
                                      {"finding", FindingName(row)},
                                      {"certificates",
                                       absl::StrCat(result.certificates)}}}};
               });
}

}  // namespace

FindingRow ReadFinding(const pqxx::row& row) {
  return {.finding_id = ReadText(row[0]),
          .fleet_id = ReadText(row[1]),
          .device_uid = ReadText(row[2]),
          .kind = static_cast<FindingKind>(ReadInt(row[3])),
          .subject = ReadText(row[4]),
          .state = static_cast<FindingState>(ReadInt(row[5])),
          .effect = static_cast<FindingEffect>(ReadInt(row[6])),
          .details = ReadJson(row[7]),
          .times = ReadInt(row[8]),
          .note = ReadText(row[9]),
          .acknowledge_actor = ReadText(row[10]),
          .acknowledge_time = ReadOptionalTime(row[11]),
          .close_actor = ReadText(row[12]),
          .close_time = ReadOptionalTime(row[13]),
          .version = ReadInt(row[14]),
          .create_time = ReadTime(row[15]),
          .last_time = ReadTime(row[16])};
}

std::string FindingName(const FindingRow& row) {
  return absl::StrCat("fleets/", row.fleet_id, "/findings/", row.finding_id);
}

audit::Entry RaisedEntry(const FindingRow& row, absl::string_view actor,
                         std::string id) {
  audit::Entry entry = {.id = std::move(id),
                        .time = row.create_time,
                        .actor = std::string(actor),
                        .action = "finding.raise",
                        .resource = FindingName(row),
                        .details = row.details};
  entry.details["device"] = DeviceName(row);
  entry.details["kind"] = std::string(KindName(row.kind));
  entry.details["subject"] = row.subject;
  return entry;
}

std::vector<FindingRow> RaiseFindings(
    Session& session, absl::Span<const FindingRow> findings,
    absl::string_view actor, const std::function<std::string()>& new_id,
    const FindingStore::EntryMaker& entry_for) {
  const std::map<std::string, Known> known = ReadPolicies(session, findings);
  UuidArray ids, devices;
  TextArray fleets, subjects;
  SmallintArray kinds, effects;
  JsonArray details;
  TimeArray times;
  // One statement may not write a row twice.
  std::set<std::tuple<absl::string_view, FindingKind, absl::string_view>> seen;
  for (const FindingRow& finding : findings) {
    const auto device = known.find(finding.device_uid);
    if (device == known.end() ||
        device->second.policies.at(finding.kind) == FindingPolicy::kAllow ||
        !seen.emplace(finding.device_uid, finding.kind, finding.subject)
             .second) {
      continue;
    }
    ids.Add(finding.finding_id);
    fleets.Add(device->second.fleet_id);
    devices.Add(finding.device_uid);
    kinds.Add(static_cast<int>(finding.kind));
    subjects.Add(finding.subject);
    effects.Add(static_cast<int>(EffectOf(
        device->second.policies.at(finding.kind), device->second.state)));
    details.Add(finding.details);
    times.Add(finding.create_time);
  }
  std::vector<FindingRow> raised;
  if (seen.empty()) {
    return raised;
  }
  std::vector<DeviceEventRow> events;
  std::vector<audit::Entry> entries;
  std::vector<FindingRow> isolating;
  std::set<std::string> isolated;
  for (const auto& row : session.Exec(
           kRaise, ids.Take(), fleets.Take(), devices.Take(), kinds.Take(),
           subjects.Take(), effects.Take(), details.Take(), times.Take())) {
    FindingRow finding = ReadFinding(row);
    if (ReadBool(row[17])) {
      const DeviceState state = known.at(finding.device_uid).state;
      events.push_back(RaisedEvent(finding, state, actor, new_id()));
      entries.push_back(entry_for(finding));
      // A quarantine is ordered once, by the first finding that wants it:
      // whoever releases the device knows what is open.
      if (finding.effect == FindingEffect::kQuarantine &&
          state == DeviceState::kActive &&
          isolated.insert(finding.device_uid).second) {
        isolating.push_back(finding);
      }
    }
    raised.push_back(std::move(finding));
  }
  std::vector<const DeviceEventRow*> pointers;
  for (const DeviceEventRow& event : events) {
    pointers.push_back(&event);
  }
  RecordEvents(session, pointers);
  RecordAudit(session, entries);
  for (const FindingRow& finding : isolating) {
    Isolate(session, finding, new_id);
  }
  return raised;
}

absl::Status DeniedByFindings(Session& session, const DeviceRow& device) {
  std::vector<std::string> names;
  for (const auto& row :
       session.Exec(kDenying, Text(device.device_uid), Int(kMaxNamed))) {
    names.push_back(FindingName(ReadFinding(row)));
  }
  const std::string findings = absl::StrJoin(names, ",");
  return MakeError(
      absl::StatusCode::kFailedPrecondition, reasons::kFindingDeniesRenewal,
      absl::StrCat("no new certificate until these findings are closed: ",
                   findings),
      {{"resource", absl::StrCat("fleets/", device.fleet_id, "/devices/",
                                 device.device_uid)},
       {"findings", findings}});
}

}  // namespace birthmark::storage
