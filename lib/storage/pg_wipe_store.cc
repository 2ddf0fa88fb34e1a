#include "lib/storage/pg_wipe_store.h"

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/decommission_store.h"
#include "lib/storage/device_sql.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr Statement kDevice = {"wipe_device",
                               "SELECT device_uid FROM certificates "
                               "WHERE serial = $1 AND device_uid IS NOT NULL"};
constexpr Statement kFind = {"wipe_find", R"(
    SELECT w.device_uid, d.fleet_id, w.wipe_instruction, w.wipe_deadline,
           w.wipe_time
    FROM decommissions w JOIN devices d ON d.device_uid = w.device_uid
    WHERE w.device_uid = $1 AND d.state = 4 AND w.end_time IS NULL
      AND w.wipe_instruction IS NOT NULL)"};
constexpr Statement kConfirm = {"wipe_confirm", R"(
    UPDATE decommissions
    SET wipe_outcome = $2, wipe_receipt = $3, wipe_key = $4, wipe_time = $5
    WHERE device_uid = $1)"};

absl::StatusOr<std::string> DeviceOf(Session& session,
                                     absl::string_view serial) {
  const auto found = session.Exec(kDevice, Bytes(serial));
  if (found.empty()) {
    return MakeError(absl::StatusCode::kNotFound, reasons::kDeviceNotFound,
                     "no device has this certificate",
                     {{"resource", absl::StrCat("issuers/-/certificates/",
                                                HexEncode(serial))}});
  }
  return ReadText(found[0][0]);
}

// FindWipe returns the device's open instruction at the time `now`.
absl::StatusOr<Wipe> FindWipe(Session& session, absl::string_view device_uid,
                              absl::Time now) {
  const auto found = session.Exec(kFind, Text(device_uid));
  Wipe wipe;
  if (!found.empty()) {
    wipe = {.device_uid = ReadText(found[0][0]),
            .fleet_id = ReadText(found[0][1]),
            .instruction = ReadText(found[0][2]),
            .deadline = ReadTime(found[0][3]),
            .confirm_time = ReadOptionalTime(found[0][4])};
  }
  if (found.empty() ||
      (!wipe.confirm_time.has_value() && now > wipe.deadline)) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, reasons::kWipeNotRequired,
        found.empty() ? "nobody has told the device to wipe itself"
                      : "the time for the receipt is over",
        {{"resource", absl::StrCat("fleets/-/devices/", device_uid)}});
  }
  return wipe;
}

}  // namespace

absl::StatusOr<Wipe> PgWipeStore::Find(absl::string_view serial,
                                       absl::Time now) {
  Wipe wipe;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(const std::string device,
                                   DeviceOf(session, serial));
        BIRTHMARK_ASSIGN_OR_RETURN(wipe, FindWipe(session, device, now));
        return absl::OkStatus();
      }));
  return wipe;
}

absl::StatusOr<Wipe> PgWipeStore::Confirm(absl::string_view serial,
                                          const WipeReceipt& receipt,
                                          const DeviceEventRow& event,
                                          const Mutation& mutation) {
  Wipe wipe;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(const std::string uid,
                                   DeviceOf(session, serial));
        BIRTHMARK_ASSIGN_OR_RETURN(const DeviceRow device,
                                   LockDevice(session, "", uid));
        BIRTHMARK_ASSIGN_OR_RETURN(wipe, FindWipe(session, uid, receipt.time));
        if (wipe.instruction != receipt.instruction) {
          return MakeError(
              absl::StatusCode::kInvalidArgument, reasons::kReceiptMismatch,
              "the receipt is of another instruction", {{"field", "receipt"}});
        }
        if (wipe.confirm_time.has_value()) {
          return absl::OkStatus();
        }
        session.Exec(kConfirm, Text(uid),
                     Int(static_cast<int>(WipeOutcome::kConfirmed)),
                     Text(receipt.jws), Bytes(receipt.key), At(receipt.time));
        wipe.confirm_time = receipt.time;
        DeviceEventRow full = event;
        full.device_uid = uid;
        full.fleet_id = device.fleet_id;
        full.from_state = static_cast<int>(device.state);
        full.to_state = device.state;
        RecordEvents(session, {&full});
        return RecordMutation(session, mutation);
      },
      Database::InDoubt::kRerun));
  return wipe;
}

}  // namespace birthmark::storage
