#include "lib/storage/pg_registration_store.h"

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/contact_sql.h"
#include "lib/storage/device_sql.h"
#include "lib/storage/param.h"
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
}  // namespace

absl::StatusOr<KnownDevice> PgRegistrationStore::FindDeviceByCertificate(
    absl::string_view serial) {
  KnownDevice known;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        const auto found = session.Exec(kFind, Bytes(serial));
        if (found.empty()) {
          return MakeError(
              absl::StatusCode::kNotFound, reasons::kDeviceNotFound,
              "no device has this certificate",
              {{"resource",
                absl::StrCat("issuers/-/certificates/", HexEncode(serial))}});
        }
        known.device = ReadDevice(found[0]);
        known.ldevid_profile = ReadText(found[0][20]);
        return absl::OkStatus();
      }));
  return known;
}

absl::StatusOr<DeviceRow> PgRegistrationStore::Touch(const Contact& contact) {
  DeviceRow device;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(device,
                                   LockDevice(session, "", contact.device_uid));
        if (device.state != DeviceState::kActive) {
          return DeviceNotActive(device);
        }
        device = NoteContacts(session, {&contact}).at(contact.device_uid);
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun));
  return device;
}

}  // namespace birthmark::storage
