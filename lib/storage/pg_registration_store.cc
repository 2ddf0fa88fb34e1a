#include "lib/storage/pg_registration_store.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
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
#include "lib/crypto/random.h"
#include "lib/storage/key_sql.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/revoke_sql.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

// c.fleet_id keeps the planner from reading the index by device alone, all of
// it: to a planner who last saw the table empty that looks as good as the
// primary key.
constexpr Statement kFind = {"registration_find",
                             "SELECT " BIRTHMARK_DEVICE_COLUMNS R"(,
      f.ldevid_profile
    FROM certificates c JOIN devices d ON d.device_uid = c.device_uid
    JOIN fleets f ON f.fleet_id = d.fleet_id
    WHERE c.serial = $1 AND c.fleet_id IS NOT NULL)"};
// FOR NO KEY UPDATE: rows that refer to the device may come meanwhile.
constexpr Statement kLock = {"registration_lock",
                             "SELECT " BIRTHMARK_DEVICE_COLUMNS R"(
    FROM devices d WHERE d.device_uid = $1 FOR NO KEY UPDATE)"};
constexpr Statement kActivate = {"registration_activate", R"(
    UPDATE devices AS d
    SET state = 2, last_contact_time = $2,
        version = version + CASE WHEN state = 2 THEN 0 ELSE 1 END,
        update_time = CASE WHEN state = 2 THEN update_time
                           ELSE $2::timestamptz END
    WHERE device_uid = $1
    RETURNING )" BIRTHMARK_DEVICE_COLUMNS};
// All that enrollments are, of those devices that are still in their state of
// u. Returns these.
constexpr Statement kEnrollNew = {"registration_enroll_new", R"(
    WITH d AS (
      UPDATE devices AS d
      SET state = 2, last_contact_time = u.contact_time,
          version = d.version + CASE WHEN d.state = 2 THEN 0 ELSE 1 END,
          update_time = CASE WHEN d.state = 2 THEN d.update_time
                             ELSE u.contact_time END
      FROM unnest($1::uuid[], $2::smallint[], $3::timestamptz[], $4::bytea[],
                  $5::text[], $6::smallint[], $7::smallint[], $8::integer[],
                  $9::bytea[], $10::text[], $11::timestamptz[], $12::uuid[],
                  $13::text[], $14::text[], $15::text[], $16::jsonb[],
                  $17::timestamptz[], $18::timestamptz[], $19::uuid[],
                  $20::text[], $21::text[], $22::text[], $23::text[],
                  $24::bytea[])
        AS u (device_uid, from_state, contact_time, spki_sha256, owner, usage,
              algorithm, bits, serial, profile, key_time, event_id, kind,
              event_actor, reason, details, event_time, entry_time, entry_id,
              actor, action, resource, entry, leaf_hash)
      WHERE d.device_uid = u.device_uid AND d.state = u.from_state
      RETURNING u.*, d.fleet_id),
    key AS (
      INSERT INTO keys (spki_sha256, device_uid, owner, usage, state, algorithm,
                        bits, serial, profile, create_time)
      SELECT spki_sha256, device_uid, owner, usage, 1, algorithm, bits, serial,
             profile, key_time
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
      SELECT )" BIRTHMARK_AUDIT_COLUMNS R"( FROM d)
    SELECT device_uid FROM d)"};
constexpr Statement kCertificate = {
    "registration_certificate",
    "SELECT certificate_der FROM certificates WHERE serial = $1"};
// Notes the contact; the certificate becomes the current one if it is an
// operational one of this device and newer.
constexpr Statement kTouch = {"registration_touch", R"(
    UPDATE devices AS d
    SET last_contact_time = greatest(d.last_contact_time, $3::timestamptz),
        current_serial = CASE WHEN n.newer THEN $2::bytea
                              ELSE d.current_serial END,
        version = d.version + CASE WHEN n.newer THEN 1 ELSE 0 END,
        update_time = CASE WHEN n.newer THEN $3::timestamptz
                           ELSE d.update_time END
    FROM (SELECT o.device_uid,
                 EXISTS (SELECT FROM keys k
                         WHERE k.device_uid = o.device_uid
                           AND k.serial = $2::bytea AND k.usage = 2)
                 AND (o.current_serial IS NULL
                      OR o.current_serial < $2::bytea) AS newer
          FROM devices o WHERE o.device_uid = $1) n
    WHERE d.device_uid = n.device_uid
    RETURNING )" BIRTHMARK_DEVICE_COLUMNS ", n.newer"};
constexpr Statement kInsertReports = {"firmware_report", R"(
    INSERT INTO firmware_reports
      (device_uid, report_id, component, firmware_version, digest,
       security_version, boot_time, create_time, fleet_id)
    SELECT $1::uuid, u.*,
           (SELECT fleet_id FROM devices WHERE device_uid = $1::uuid)
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::bigint[],
                $7::timestamptz[], $8::timestamptz[]) u)"};
constexpr Statement kUpsertFirmware = {"firmware_current", R"(
    INSERT INTO device_firmware AS f
      (device_uid, component, firmware_version, digest, security_version,
       boot_time, report_time, fleet_id, device_time, highest_security_version)
    SELECT $1::uuid, u.*, d.fleet_id, d.create_time, u.security_version
    FROM unnest($2::text[], $3::text[], $4::bytea[], $5::bigint[],
                $6::timestamptz[], $7::timestamptz[])
         AS u (component, firmware_version, digest, security_version, boot_time,
               report_time),
         devices d
    WHERE d.device_uid = $1::uuid
    ON CONFLICT (device_uid, component) DO UPDATE
    SET firmware_version = excluded.firmware_version,
        digest = excluded.digest,
        security_version = excluded.security_version,
        boot_time = excluded.boot_time, report_time = excluded.report_time,
        highest_security_version = greatest(f.highest_security_version,
                                            excluded.security_version)
    WHERE f.report_time <= excluded.report_time)"};
constexpr Statement kNoteContact = {"registration_note_contact", R"(
    UPDATE devices
    SET last_contact_time = greatest(last_contact_time, $2::timestamptz)
    WHERE device_uid = $1)"};

absl::string_view StateName(DeviceState state) {
  switch (state) {
    case DeviceState::kRegistered:
      return "REGISTERED";
    case DeviceState::kActive:
      return "ACTIVE";
    case DeviceState::kQuarantined:
      return "QUARANTINED";
    case DeviceState::kDecommissioning:
      return "DECOMMISSIONING";
    case DeviceState::kDecommissioned:
      return "DECOMMISSIONED";
  }
  return "";
}

absl::Status NotFound(absl::string_view resource) {
  return MakeError(absl::StatusCode::kNotFound, reasons::kDeviceNotFound,
                   "there is no such device", {{"resource", resource}});
}

absl::Status NotActive(const DeviceRow& device) {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   reasons::kDeviceNotActive,
                   "the device's state does not allow this",
                   {{"resource", absl::StrCat("fleets/", device.fleet_id,
                                              "/devices/", device.device_uid)},
                    {"state", StateName(device.state)}});
}

// Lock returns the device and keeps others from changing it until the end of
// the transaction.
absl::StatusOr<DeviceRow> Lock(Session& session, absl::string_view device_uid) {
  if (!IsUid(device_uid)) {
    return NotFound(absl::StrCat("fleets/-/devices/", device_uid));
  }
  const auto found = session.Exec(kLock, Text(device_uid));
  if (found.empty()) {
    return NotFound(absl::StrCat("fleets/-/devices/", device_uid));
  }
  return ReadDevice(found[0]);
}

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
  }
  return absl::OkStatus();
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
  SmallintArray states, usages, algorithms;
  IntegerArray bits;
  TimeArray contact_times, key_times, event_times, entry_times;
  BytesArray spkis, serials, hashes;
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
  }
  const auto rows = session.ExecUnlessTaken(
      kEnrollNew, {devices.Take(),    states.Take(),       contact_times.Take(),
                   spkis.Take(),      owners.Take(),       usages.Take(),
                   algorithms.Take(), bits.Take(),         serials.Take(),
                   profiles.Take(),   key_times.Take(),    event_ids.Take(),
                   kinds.Take(),      event_actors.Take(), reasons.Take(),
                   details.Take(),    event_times.Take(),  entry_times.Take(),
                   entry_ids.Take(),  actors.Take(),       actions.Take(),
                   resources.Take(),  entries.Take(),      hashes.Take()});
  std::set<std::string> enrolled;
  if (rows.has_value()) {
    for (const auto& row : *rows) {
      enrolled.insert(ReadText(row[0]));
    }
  }
  return enrolled;
}

audit::Entry SupersededEntry(const RevocationRow& revocation,
                             const Contact& contact) {
  return {
      .id = FormatUid(contact.time, crypto::RandomBytes(kUidRandomBytes)),
      .time = contact.time,
      .actor = contact.actor,
      .action = "certificate.revoke",
      .resource = absl::StrCat("issuers/", revocation.issuer_id,
                               "/certificates/", HexEncode(revocation.serial)),
      .details = {{"reason", "superseded"},
                  {"superseded_by", HexEncode(contact.serial)}}};
}

void InsertFirmware(Session& session, absl::string_view device_uid,
                    absl::Span<const FirmwareRow> reports) {
  UuidArray ids;
  TextArray components, versions;
  BytesArray digests;
  BigintArray security;
  TimeArray boots, times;
  // The last word on each component: one statement may not write a row twice.
  std::map<absl::string_view, const FirmwareRow*> newest;
  for (const FirmwareRow& report : reports) {
    ids.Add(report.report_id);
    components.Add(report.component);
    versions.Add(report.firmware_version);
    digests.Add(report.digest);
    security.Add(report.security_version);
    boots.AddIfAny(report.boot_time);
    times.Add(report.report_time);
    newest[report.component] = &report;
  }
  session.Exec(kInsertReports, Text(device_uid), ids.Take(), components.Take(),
               versions.Take(), digests.Take(), security.Take(), boots.Take(),
               times.Take());
  TextArray now_components, now_versions;
  BytesArray now_digests;
  BigintArray now_security;
  TimeArray now_boots, now_times;
  for (const auto& [component, report] : newest) {
    now_components.Add(component);
    now_versions.Add(report->firmware_version);
    now_digests.Add(report->digest);
    now_security.Add(report->security_version);
    now_boots.AddIfAny(report->boot_time);
    now_times.Add(report->report_time);
  }
  session.Exec(kUpsertFirmware, Text(device_uid), now_components.Take(),
               now_versions.Take(), now_digests.Take(), now_security.Take(),
               now_boots.Take(), now_times.Take());
}

}  // namespace

absl::StatusOr<KnownDevice> PgRegistrationStore::FindDeviceByCertificate(
    absl::string_view serial) {
  KnownDevice known;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        const auto found = session.Exec(kFind, Bytes(serial));
        if (found.empty()) {
          return NotFound(
              absl::StrCat("issuers/-/certificates/", HexEncode(serial)));
        }
        known.device = ReadDevice(found[0]);
        known.ldevid_profile = ReadText(found[0][20]);
        return absl::OkStatus();
      }));
  return known;
}

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
                                   Lock(session, contact.device_uid));
        if (device.state != DeviceState::kRegistered &&
            device.state != DeviceState::kActive) {
          return NotActive(device);
        }
        const std::optional<KeyRow> known =
            FindKey(session, enrollment.key.spki_sha256);
        if (known.has_value()) {
          return Earlier(session, device, *known, enrollment.key, enrolled);
        }
        if (InsertKeys(session, {&enrollment.key}, IfTaken::kInsertRest) == 0) {
          return session.Rerun();
        }
        const auto activated =
            session.Exec(kActivate, Text(contact.device_uid), At(contact.time));
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

absl::StatusOr<DeviceRow> PgRegistrationStore::Touch(const Contact& contact) {
  DeviceRow device;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(device, Lock(session, contact.device_uid));
        if (device.state != DeviceState::kActive) {
          return NotActive(device);
        }
        const auto touched =
            session.Exec(kTouch, Text(contact.device_uid),
                         Bytes(contact.serial), At(contact.time));
        device = ReadDevice(touched[0]);
        if (!ReadBool(touched[0][20])) {
          return absl::OkStatus();
        }
        const auto revoked =
            RevokeSuperseded(session, contact.device_uid, contact.serial,
                             contact.actor, contact.time);
        std::vector<audit::Entry> entries;
        entries.reserve(revoked.size());
        for (const RevocationRow& revocation : revoked) {
          entries.push_back(SupersededEntry(revocation, contact));
        }
        RecordAudit(session, entries);
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun));
  return device;
}

absl::Status PgRegistrationStore::ReportFirmware(
    const Contact& contact, absl::Span<const FirmwareRow> reports,
    const DeviceEventRow& event, const Mutation& mutation) {
  return database_.Transact([&](Session& session) -> absl::Status {
    BIRTHMARK_ASSIGN_OR_RETURN(const DeviceRow device,
                               Lock(session, contact.device_uid));
    if (device.state != DeviceState::kActive) {
      return NotActive(device);
    }
    if (!reports.empty()) {
      InsertFirmware(session, contact.device_uid, reports);
    }
    session.Exec(kNoteContact, Text(contact.device_uid), At(contact.time));
    DeviceEventRow full = event;
    full.device_uid = contact.device_uid;
    full.fleet_id = device.fleet_id;
    full.from_state = static_cast<int>(device.state);
    full.to_state = device.state;
    RecordEvents(session, {&full});
    return RecordMutation(session, mutation);
  });
}

}  // namespace birthmark::storage
