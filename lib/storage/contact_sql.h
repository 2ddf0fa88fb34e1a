// Devices that call: their rows, locked, and what a call leaves behind. Only
// for lib/storage.

#ifndef BIRTHMARK_LIB_STORAGE_CONTACT_SQL_H_
#define BIRTHMARK_LIB_STORAGE_CONTACT_SQL_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/storage/device_row.h"
#include "lib/storage/registration_store.h"
#include "lib/storage/session.h"

namespace birthmark::storage {

// LockDevices returns those of the devices that exist, by uid, and keeps others
// from changing them until the end of the transaction. Locks in order of uid,
// as everybody does.
std::map<std::string, DeviceRow> LockDevices(
    Session& session, absl::Span<const absl::string_view> device_uids);

// NoteContacts notes what RegistrationStore::Touch says, for contacts of
// different devices, all locked. The devices' state stays. Returns the devices
// as they are then, by uid.
std::map<std::string, DeviceRow> NoteContacts(
    Session& session, absl::Span<const Contact* const> contacts);

// NoteKeyUse notes that the keys of the contacts' certificates were used.
// Skips those that somebody has locked: a contact waits for nothing.
void NoteKeyUse(Session& session, absl::Span<const Contact* const> contacts);

// DeviceNotActive is kFailedPrecondition / DEVICE_NOT_ACTIVE, or WIPE_REQUIRED
// for a device that is being decommissioned.
absl::Status DeviceNotActive(const DeviceRow& device);

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_CONTACT_SQL_H_
