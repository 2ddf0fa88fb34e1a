// PgRegistrationStore::EnrollNew and Enroll: fresh keys of devices.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/contact_sql.h"
#include "lib/storage/device_sql.h"
#include "lib/storage/finding_sql.h"
#include "lib/storage/key_sql.h"
#include "lib/storage/param.h"
#include "lib/storage/pg_registration_store.h"
#include "lib/storage/record.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr Statement kActivate = {"registration_activate", R"(
    UPDATE devices AS d
    SET state = 2, last_contact_time = $2,
        contact_day = ($2::timestamptz AT TIME ZONE 'UTC')::date,
        version = version + CASE WHEN state = 2 THEN 0 ELSE 1 END,
        update_time = CASE WHEN state = 2 THEN update_time
                           ELSE $2::timestamptz END
    WHERE device_uid = $1
    RETURNING )" BIRTHMARK_DEVICE_COLUMNS};
// All that enrollments are, of those devices that are still in their state of
// u and in the fleet that the key is for. Returns these. A key in use that
// somebody has locked is left alone, so that nobody waits for it in a circle.
constexpr Statement kEnrollNew = {"registration_enroll_new", R"(
    WITH d AS (
      UPDATE devices AS d
      SET state = 2, last_contact_time = u.contact_time,
          contact_day = (u.contact_time AT TIME ZONE 'UTC')::date,
          version = d.version + CASE WHEN d.state = 2 THEN 0 ELSE 1 END,
          update_time = CASE WHEN d.state = 2 THEN d.update_time
                             ELSE u.contact_time END
      FROM unnest($1::uuid[], $2::smallint[], $3::timestamptz[], $4::bytea[],
                  $5::text[], $6::smallint[], $7::smallint[], $8::integer[],
                  $9::bytea[], $10::text[], $11::timestamptz[], $12::uuid[],
                  $13::text[], $14::text[], $15::text[], $16::jsonb[],
                  $17::timestamptz[], $18::timestamptz[], $19::uuid[],
                  $20::text[], $21::text[], $22::text[], $23::text[],
                  $24::bytea[], $25::smallint[], $26::bytea[])
        AS u (device_uid, from_state, contact_time, spki_sha256, owner, usage,
              algorithm, bits, serial, profile, key_time, event_id, kind,
              event_actor, reason, details, event_time, entry_time, entry_id,
              actor, action, resource, entry, leaf_hash, protection,
              contact_serial)
      WHERE d.device_uid = u.device_uid AND d.state = u.from_state
        AND d.denials = 0
        AND u.owner = 'fleets/' || d.fleet_id || '/devices/' || d.device_uid
      RETURNING u.*, d.fleet_id),
    key AS (
      INSERT INTO keys (spki_sha256, device_uid, owner, usage, state, algorithm,
                        bits, serial, profile, create_time, protection)
      SELECT spki_sha256, device_uid, owner, usage, 1, algorithm, bits, serial,
             profile, key_time, protection
      FROM d ORDER BY spki_sha256),
    event AS (
      INSERT INTO device_events (device_uid, event_id, kind, from_state,
                                 to_state, actor, reason, details, create_time,
                                 fleet_id)
      SELECT device_uid, event_id, kind, from_state, 2, event_actor, reason,
             details, event_time, fleet_id
      FROM d),
    audit AS (
      INSERT INTO audit_entries ()" BIRTHMARK_AUDIT_COLUMNS R"()
      SELECT )" BIRTHMARK_AUDIT_COLUMNS R"( FROM d),
    used AS MATERIALIZED (
      SELECT k.spki_sha256, d.contact_time
      FROM d JOIN LATERAL (SELECT spki_sha256 FROM certificates
                           WHERE serial = d.contact_serial LIMIT 1) c ON true
      JOIN keys k ON k.spki_sha256 = c.spki_sha256
      WHERE k.last_use_time IS NULL
         OR k.last_use_time <= d.contact_time - interval '5 minutes'
      FOR NO KEY UPDATE OF k SKIP LOCKED),
    noted AS (
      UPDATE keys k
      SET first_use_time = coalesce(k.first_use_time, used.contact_time),
          last_use_time = used.contact_time
      FROM used WHERE k.spki_sha256 = used.spki_sha256)
    SELECT device_uid FROM d)"};
constexpr Statement kCertificate = {
    "registration_certificate",
    "SELECT certificate_der FROM certificates WHERE serial = $1"};

// Earlier completes `enrolled` from an earlier call with the same key.
absl::Status Earlier(Session& session, const DeviceRow& device,
                     const KeyRow& known, const KeyRow& wanted,
                     Enrolled& enrolled) {
  if (known.device_uid != device.device_uid || known.usage != wanted.usage) {
    return KeyAlreadyEnrolled(wanted.spki_sha256);
  }
  if (known.state != KeyState::kActive) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kKeyBlocked, "this key was taken out of use",
                     {{"resource", HexEncode(wanted.spki_sha256)}});
  }
  enrolled.device = device;
  enrolled.serial = known.serial;
  const auto found = session.Exec(kCertificate, Bytes(known.serial));
  if (!found.empty()) {
    enrolled.certificate_der = ReadBytes(found[0][0]);
  } else if (device.denials > 0) {
    return DeniedByFindings(session, device);
  }
  return absl::OkStatus();
}

// IsOfFleet tells whether `key` is for the device as it is now: it may have
// gone to another fleet since the caller looked.
bool IsOfFleet(const KeyRow& key, const DeviceRow& device) {
  return key.owner == absl::StrCat("fleets/", device.fleet_id, "/devices/",
                                   device.device_uid);
}

// MayBeNew tells whether InsertNew is for `attempt`.
bool MayBeNew(const EnrollmentAttempt& attempt) {
  const int state = attempt.enrollment.event.from_state;
  return IsUid(attempt.contact.device_uid) &&
         (state == static_cast<int>(DeviceState::kRegistered) ||
          state == static_cast<int>(DeviceState::kActive)) &&
         attempt.enrollment.mutation.audit.size() == 1 &&
         !attempt.enrollment.mutation.request.has_value();
}

// InsertNew enrolls the keys of `attempts`, which are of different devices, and
// returns the devices whose state was the one that was taken for granted. None,
// and nothing is done, if one of the keys is known.
std::set<std::string> InsertNew(
    Session& session, const std::vector<const EnrollmentAttempt*>& attempts) {
  UuidArray devices, event_ids, entry_ids;
  SmallintArray states, usages, algorithms, protections;
  IntegerArray bits;
  TimeArray contact_times, key_times, event_times, entry_times;
  BytesArray spkis, serials, hashes, contact_serials;
  TextArray owners, profiles, kinds, event_actors, reasons, actors, actions,
      resources, entries;
  JsonArray details;
  for (const EnrollmentAttempt* attempt : attempts) {
    const KeyRow& key = attempt->enrollment.key;
    const DeviceEventRow& event = attempt->enrollment.event;
    const audit::Entry& entry = attempt->enrollment.mutation.audit.front();
    const std::string canonical = audit::Canonical(entry);
    devices.Add(attempt->contact.device_uid);
    states.Add(event.from_state);
    contact_times.Add(attempt->contact.time);
    spkis.Add(key.spki_sha256);
    owners.Add(key.owner);
    usages.Add(static_cast<int>(key.usage));
    algorithms.Add(static_cast<int>(key.algorithm));
    bits.Add(key.bits);
    serials.Add(key.serial);
    profiles.Add(key.profile);
    key_times.Add(key.create_time);
    event_ids.Add(event.event_id);
    kinds.Add(event.kind);
    event_actors.Add(event.actor);
    reasons.Add(event.reason);
    details.Add(event.details);
    event_times.Add(event.create_time);
    entry_times.Add(EntryTime(entry));
    entry_ids.Add(entry.id);
    actors.Add(entry.actor);
    actions.Add(entry.action);
    resources.Add(entry.resource);
    entries.Add(canonical);
    hashes.Add(audit::LeafHash(canonical));
    protections.Add(static_cast<int>(key.protection));
    contact_serials.Add(attempt->contact.serial);
  }
  const auto rows = session.ExecUnlessTaken(
      kEnrollNew,
      {devices.Take(),     states.Take(),         contact_times.Take(),
       spkis.Take(),       owners.Take(),         usages.Take(),
       algorithms.Take(),  bits.Take(),           serials.Take(),
       profiles.Take(),    key_times.Take(),      event_ids.Take(),
       kinds.Take(),       event_actors.Take(),   reasons.Take(),
       details.Take(),     event_times.Take(),    entry_times.Take(),
       entry_ids.Take(),   actors.Take(),         actions.Take(),
       resources.Take(),   entries.Take(),        hashes.Take(),
       protections.Take(), contact_serials.Take()});
  std::set<std::string> enrolled;
  if (rows.has_value()) {
    for (const auto& row : *rows) {
      enrolled.insert(ReadText(row[0]));
    }
  }
  return enrolled;
}

}  // namespace

absl::StatusOr<std::vector<bool>> PgRegistrationStore::EnrollNew(
    absl::Span<const EnrollmentAttempt* const> attempts) {
  // One of each device, and in one order everywhere, so that transactions do
  // not wait in a circle.
  std::map<absl::string_view, const EnrollmentAttempt*> by_device;
  for (const EnrollmentAttempt* attempt : attempts) {
    if (MayBeNew(*attempt)) {
      by_device.emplace(attempt->contact.device_uid, attempt);
    }
  }
  std::vector<const EnrollmentAttempt*> ordered;
  ordered.reserve(by_device.size());
  for (const auto& [device, attempt] : by_device) {
    ordered.push_back(attempt);
  }
  std::set<std::string> enrolled;
  if (!ordered.empty()) {
    BIRTHMARK_RETURN_IF_ERROR(database_.TransactInOne(
        [&](Session& session) -> absl::Status {
          enrolled = InsertNew(session, ordered);
          return absl::OkStatus();
        },
        Database::InDoubt::kRerun));
  }
  std::vector<bool> done;
  done.reserve(attempts.size());
  for (const EnrollmentAttempt* attempt : attempts) {
    const auto chosen = by_device.find(attempt->contact.device_uid);
    done.push_back(chosen != by_device.end() && chosen->second == attempt &&
                   enrolled.count(attempt->contact.device_uid) > 0);
  }
  return done;
}

absl::StatusOr<Enrolled> PgRegistrationStore::Enroll(
    const Contact& contact, const Enrollment& enrollment) {
  Enrolled enrolled;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        enrolled = {};
        BIRTHMARK_ASSIGN_OR_RETURN(const DeviceRow device,
                                   LockDevice(session, "", contact.device_uid));
        if (device.state != DeviceState::kRegistered &&
            device.state != DeviceState::kActive) {
          return DeviceNotActive(device);
        }
        const std::optional<KeyRow> known =
            FindKey(session, enrollment.key.spki_sha256);
        if (known.has_value()) {
          return Earlier(session, device, *known, enrollment.key, enrolled);
        }
        if (device.denials > 0) {
          return DeniedByFindings(session, device);
        }
        if (!IsOfFleet(enrollment.key, device)) {
          return MakeError(absl::StatusCode::kAborted,
                           reasons::kTransactionConflict,
                           "the device has changed fleets; try again");
        }
        if (InsertKeys(session, {&enrollment.key}, IfTaken::kInsertRest) == 0) {
          return session.Rerun();
        }
        const auto activated =
            session.Exec(kActivate, Text(contact.device_uid), At(contact.time));
        NoteKeyUse(session, {&contact});
        enrolled.device = ReadDevice(activated[0]);
        enrolled.serial = enrollment.key.serial;
        DeviceEventRow event = enrollment.event;
        event.device_uid = contact.device_uid;
        event.fleet_id = device.fleet_id;
        event.from_state = static_cast<int>(device.state);
        event.to_state = DeviceState::kActive;
        RecordEvents(session, {&event});
        return RecordMutation(session, enrollment.mutation);
      },
      Database::InDoubt::kRerun));
  return enrolled;
}

}  // namespace birthmark::storage
