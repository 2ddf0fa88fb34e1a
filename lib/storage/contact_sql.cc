#include "lib/storage/contact_sql.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/crypto/random.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/device_row.h"
#include "lib/storage/device_sql.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/registration_store.h"
#include "lib/storage/revoke_sql.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

// FOR NO KEY UPDATE: rows that refer to the device may come meanwhile.
constexpr Statement kLock = {"contact_lock",
                             "SELECT " BIRTHMARK_DEVICE_COLUMNS R"(
    FROM devices d WHERE d.device_uid = ANY ($1::uuid[])
    ORDER BY d.device_uid FOR NO KEY UPDATE)"};

// The key of each contact's certificate, by the certificate: its serial number
// and its key lead to one partition each.
#define CONTACT_KEYS                                                        \
  "SELECT u.device_uid, u.serial, u.contact_time, k.spki_sha256, k.usage, " \
  "       k.last_use_time IS NULL "                                         \
  "       OR k.last_use_time <= u.contact_time - interval '5 minutes' "     \
  "       AS due "                                                          \
  "FROM unnest($1::uuid[], $2::bytea[], $3::timestamptz[]) "                \
  "     AS u (device_uid, serial, contact_time) "                           \
  "LEFT JOIN LATERAL (SELECT spki_sha256 FROM certificates "                \
  "                   WHERE serial = u.serial LIMIT 1) c ON true "          \
  "LEFT JOIN LATERAL (SELECT spki_sha256, usage, last_use_time FROM keys "  \
  "                   WHERE spki_sha256 = c.spki_sha256 "                   \
  "                     AND device_uid = u.device_uid LIMIT 1) k ON true"
// A key that somebody has locked is left alone: nothing here is worth waiting
// for, least of all in a circle.
#define USED_KEYS                                          \
  "used AS MATERIALIZED ("                                 \
  "  SELECT k.spki_sha256, n.contact_time "                \
  "  FROM n JOIN keys k ON k.spki_sha256 = n.spki_sha256 " \
  "  WHERE n.due FOR NO KEY UPDATE OF k SKIP LOCKED)"
#define USE_KEYS                                                         \
  "UPDATE keys k "                                                       \
  "SET first_use_time = coalesce(k.first_use_time, used.contact_time), " \
  "    last_use_time = used.contact_time "                               \
  "FROM used WHERE k.spki_sha256 = used.spki_sha256"

constexpr Statement kUse = {"contact_use",
                            "WITH n AS MATERIALIZED (" CONTACT_KEYS
                            "), " USED_KEYS " " USE_KEYS};
// The certificate becomes the current one if it is an operational one of this
// device and newer.
constexpr Statement kNote = {"contact_note",
                             "WITH n AS MATERIALIZED (" CONTACT_KEYS
                             "), " USED_KEYS ", noted AS (" USE_KEYS R"()
    UPDATE devices AS d
    SET last_contact_time = greatest(d.last_contact_time, n.contact_time),
        contact_day = greatest(d.contact_day,
                               (n.contact_time AT TIME ZONE 'UTC')::date),
        current_serial = CASE WHEN w.newer THEN n.serial
                              ELSE d.current_serial END,
        version = d.version + CASE WHEN w.newer THEN 1 ELSE 0 END,
        update_time = CASE WHEN w.newer THEN n.contact_time
                           ELSE d.update_time END
    FROM n JOIN LATERAL (
           SELECT n.usage IS NOT DISTINCT FROM 2
                  AND (o.current_serial IS NULL
                       OR o.current_serial < n.serial) AS newer
           FROM devices o WHERE o.device_uid = n.device_uid) w ON true
    WHERE d.device_uid = n.device_uid
    RETURNING )" BIRTHMARK_DEVICE_COLUMNS ", w.newer"};

struct ContactArrays {
  UuidArray devices;
  BytesArray serials;
  TimeArray times;

  explicit ContactArrays(absl::Span<const Contact* const> contacts) {
    for (const Contact* contact : contacts) {
      devices.Add(contact->device_uid);
      serials.Add(contact->serial);
      times.Add(contact->time);
    }
  }
};

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

// Supersede revokes what is older than the certificates that `contacts` came
// with for the first time.
void Supersede(Session& session, absl::Span<const Contact* const> contacts) {
  std::vector<Superseding> newest;
  std::map<absl::string_view, const Contact*> by_device;
  for (const Contact* contact : contacts) {
    newest.push_back(
        {contact->device_uid, contact->serial, contact->actor, contact->time});
    by_device[contact->device_uid] = contact;
  }
  std::vector<audit::Entry> entries;
  for (const auto& [device_uid, revocation] :
       RevokeSuperseded(session, newest)) {
    entries.push_back(SupersededEntry(revocation, *by_device.at(device_uid)));
  }
  RecordAudit(session, entries);
}

}  // namespace

absl::Status DeviceNotActive(const DeviceRow& device) {
  if (device.state != DeviceState::kDecommissioning) {
    return RefuseState(device, reasons::kDeviceNotActive);
  }
  return MakeError(
      absl::StatusCode::kFailedPrecondition, reasons::kWipeRequired,
      "the device is being decommissioned: it has to ask for its "
      "instruction and to wipe itself",
      {{"resource", absl::StrCat("fleets/", device.fleet_id, "/devices/",
                                 device.device_uid)}});
}

std::map<std::string, DeviceRow> LockDevices(
    Session& session, absl::Span<const absl::string_view> device_uids) {
  UuidArray uids;
  for (const absl::string_view uid : device_uids) {
    if (IsUid(uid)) {
      uids.Add(uid);
    }
  }
  std::map<std::string, DeviceRow> devices;
  for (const auto& row : session.Exec(kLock, uids.Take())) {
    DeviceRow device = ReadDevice(row);
    std::string uid = device.device_uid;
    devices.emplace(std::move(uid), std::move(device));
  }
  return devices;
}

std::map<std::string, DeviceRow> NoteContacts(
    Session& session, absl::Span<const Contact* const> contacts) {
  ContactArrays arrays(contacts);
  std::map<std::string, DeviceRow> devices;
  std::vector<const Contact*> newer;
  for (const auto& row :
       session.Exec(kNote, arrays.devices.Take(), arrays.serials.Take(),
                    arrays.times.Take())) {
    DeviceRow device = ReadDevice(row);
    if (ReadBool(row[20])) {
      for (const Contact* contact : contacts) {
        if (contact->device_uid == device.device_uid) {
          newer.push_back(contact);
        }
      }
    }
    std::string uid = device.device_uid;
    devices.emplace(std::move(uid), std::move(device));
  }
  if (!newer.empty()) {
    Supersede(session, newer);
  }
  return devices;
}

void NoteKeyUse(Session& session, absl::Span<const Contact* const> contacts) {
  ContactArrays arrays(contacts);
  session.Exec(kUse, arrays.devices.Take(), arrays.serials.Take(),
               arrays.times.Take());
}

}  // namespace birthmark::storage
