// PgDeviceStore: what changes one device.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/device_acts.h"
#include "lib/storage/device_sql.h"
#include "lib/storage/device_update.h"
#include "lib/storage/key_sql.h"
#include "lib/storage/param.h"
#include "lib/storage/personal_data.h"
#include "lib/storage/pg_device_store.h"
#include "lib/storage/record.h"
#include "lib/storage/revoke_sql.h"
#include "lib/storage/rows.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr int kCessationOfOperation = 5;

constexpr Statement kTouch = {"device_touch", R"(
    UPDATE devices AS d SET version = version + 1, update_time = $2
    WHERE device_uid = $1 RETURNING )" BIRTHMARK_DEVICE_COLUMNS};
constexpr Statement kCertificateOfKey = {"device_certificate_of_key", R"(
    SELECT serial, issuer_id, crl_shard, not_after FROM certificates
    WHERE serial = $1)"};

// Completes an event of a device that stays in its state.
DeviceEventRow Complete(const DeviceEventRow& event, const DeviceRow& device) {
  DeviceEventRow full = event;
  full.device_uid = device.device_uid;
  full.fleet_id = device.fleet_id;
  full.from_state = static_cast<int>(device.state);
  full.to_state = device.state;
  return full;
}

DeviceRow Touch(Session& session, const DeviceRow& device, absl::Time time) {
  return ReadDevice(session.Exec(kTouch, Text(device.device_uid), At(time))[0]);
}

absl::Status Refusal(const DeviceActResult& result, absl::string_view fleet_id,
                     absl::string_view device_uid) {
  if (result.error_reason == reasons::kDeviceNotFound) {
    return DeviceNotFound(fleet_id, device_uid);
  }
  return RefuseState(result.device, result.error_reason);
}

}  // namespace

absl::StatusOr<DeviceUpdated> PgDeviceStore::Update(
    absl::string_view fleet_id, absl::string_view device_uid, int64_t version,
    const DeviceUpdate& update, const DeviceEventRow& event,
    const UpdateMutationMaker& mutation_for) {
  DeviceUpdated updated;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        updated = {};
        BIRTHMARK_ASSIGN_OR_RETURN(updated.device,
                                   LockDevice(session, fleet_id, device_uid));
        if (IsEnding(updated.device)) {
          return RefuseState(updated.device, reasons::kDeviceState);
        }
        BIRTHMARK_RETURN_IF_ERROR(CheckVersion(updated.device, version));
        std::map<std::string, std::string> changes;
        BIRTHMARK_RETURN_IF_ERROR(
            ApplyUpdate(session, updated.device, update, changes));
        updated.labels = ReadLabels(session, updated.device);
        if (changes.empty()) {
          return absl::OkStatus();
        }
        updated.event = Complete(event, updated.device);
        updated.event.details.merge(changes);
        updated.device = Touch(session, updated.device, event.create_time);
        RecordEvents(session, {&updated.event});
        return RecordMutation(session, mutation_for(updated));
      }));
  return updated;
}

absl::StatusOr<DeviceRow> PgDeviceStore::Act(
    absl::string_view fleet_id, absl::string_view device_uid, int64_t version,
    const DeviceAct& act, const std::function<std::string()>& new_id,
    const ActMutationMaker& mutation_for) {
  DeviceRow device;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        const DeviceActResult result =
            ActOnDevices(session, fleet_id, {std::string(device_uid)}, act,
                         new_id, [](const DeviceActResult&) {
                           return std::vector<audit::Entry>();
                         })[0];
        device = result.device;
        switch (result.outcome) {
          case DeviceActResult::Outcome::kFailed:
            return Refusal(result, fleet_id, device_uid);
          case DeviceActResult::Outcome::kUnchanged:
            return act.kind == DeviceActKind::kDecommission
                       ? RefuseState(device, reasons::kDeviceState)
                       : absl::OkStatus();
          case DeviceActResult::Outcome::kDone:
            break;
        }
        if (version != 0) {
          // It has become a version newer just now.
          BIRTHMARK_RETURN_IF_ERROR(CheckVersion(device, version + 1));
        }
        return RecordMutation(session, mutation_for(result));
      }));
  return device;
}

absl::StatusOr<KeyRow> PgDeviceStore::BlockKey(
    absl::string_view fleet_id, absl::string_view device_uid,
    absl::string_view spki_sha256, const DeviceEventRow& event,
    const KeyMutationMaker& mutation_for) {
  std::optional<KeyRow> key;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(const DeviceRow device,
                                   LockDevice(session, fleet_id, device_uid));
        key = FindKey(session, spki_sha256);
        if (!key.has_value() || key->device_uid != device_uid) {
          return MakeError(
              absl::StatusCode::kNotFound, reasons::kKeyNotFound,
              "the device has no such key",
              {{"resource",
                absl::StrCat("fleets/", device.fleet_id, "/devices/",
                             device_uid, "/keys/", HexEncode(spki_sha256))}});
        }
        if (key->state == KeyState::kBlocked) {
          return absl::OkStatus();
        }
        BlockKeys(session, {key->spki_sha256}, event.create_time);
        DeviceEventRow full = Complete(event, device);
        full.details["key"] = HexEncode(spki_sha256);
        const auto found = session.Exec(kCertificateOfKey, Bytes(key->serial));
        if (!found.empty()) {
          RevocationRow row;
          row.serial = ReadBytes(found[0][0]);
          row.issuer_id = ReadText(found[0][1]);
          row.crl_shard = static_cast<int>(ReadInt(found[0][2]));
          row.not_after = ReadTime(found[0][3]);
          row.reason = kCessationOfOperation;
          row.actor = event.actor;
          row.revoke_time = row.update_time = event.create_time;
          full.details["revoked"] =
              absl::StrCat(RevokeThese(session, {row}).size());
        }
        key = FindKey(session, spki_sha256);
        RecordEvents(session, {&full});
        return RecordMutation(session, mutation_for(*key));
      }));
  return *key;
}

absl::StatusOr<ErasedData> PgDeviceStore::Erase(
    absl::string_view fleet_id, absl::string_view device_uid, int64_t version,
    const DeviceEventRow& event, const ErasureMutationMaker& mutation_for) {
  ErasedData erased;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(const DeviceRow device,
                                   LockDevice(session, fleet_id, device_uid));
        BIRTHMARK_RETURN_IF_ERROR(CheckVersion(device, version));
        auto all = ErasePersonalData(session, {device.device_uid});
        erased = std::move(all[device.device_uid]);
        if (!erased.labels.empty() || !erased.display_name.empty()) {
          Touch(session, device, event.create_time);
          DeviceEventRow full = Complete(event, device);
          AddCommitments(erased, full.details);
          RecordEvents(session, {&full});
        }
        return RecordMutation(session, mutation_for(erased));
      }));
  return erased;
}

absl::Status PgDeviceStore::Note(const audit::Entry& entry) {
  return database_.Transact([&](Session& session) {
    RecordAudit(session, {entry});
    return absl::OkStatus();
  });
}

}  // namespace birthmark::storage
