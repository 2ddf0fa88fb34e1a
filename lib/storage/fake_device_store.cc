#include "lib/storage/fake_device_store.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"

namespace birthmark::storage {
namespace {

absl::Status Fail(absl::StatusCode code, absl::string_view reason,
                  absl::string_view device_uid) {
  return MakeError(
      code, reason, "fake",
      {{"resource", absl::StrCat("fleets/-/devices/", device_uid)}});
}

absl::Status NotKept() {
  return absl::UnimplementedError("the fake does not keep this");
}

// What an act makes of a device in `state`; nothing if it is not for it.
std::optional<DeviceState> StateAfter(DeviceActKind kind, DeviceState state) {
  switch (kind) {
    case DeviceActKind::kQuarantine:
      if (state == DeviceState::kActive) {
        return DeviceState::kQuarantined;
      }
      break;
    case DeviceActKind::kRelease:
      if (state == DeviceState::kQuarantined) {
        return DeviceState::kActive;
      }
      break;
    case DeviceActKind::kDecommission:
      if (state == DeviceState::kRegistered) {
        return DeviceState::kDecommissioned;
      }
      if (state == DeviceState::kActive || state == DeviceState::kQuarantined) {
        return DeviceState::kDecommissioning;
      }
      break;
  }
  return std::nullopt;
}

const char* EventKind(DeviceState state) {
  switch (state) {
    case DeviceState::kQuarantined:
      return "quarantined";
    case DeviceState::kActive:
      return "released";
    case DeviceState::kDecommissioning:
      return "decommissioning";
    default:
      return "decommissioned";
  }
}

// RetireKeys returns how many keys it retired.
int RetireKeys(FakeDatabase::Tables& tables, absl::string_view device_uid,
               absl::Time time) {
  int keys = 0;
  for (auto& [spki, key] : tables.keys) {
    if (key.device_uid == device_uid && key.state == KeyState::kActive) {
      key.state = KeyState::kRetired;
      key.retire_time = time;
      ++keys;
    }
  }
  return keys;
}

}  // namespace

absl::StatusOr<DeviceRow> FakeDeviceStore::Get(absl::string_view fleet_id,
                                               absl::string_view device_uid) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto found = transaction->devices.find(std::string(device_uid));
  if (found == transaction->devices.end() ||
      (!fleet_id.empty() && found->second.fleet_id != fleet_id)) {
    return Fail(absl::StatusCode::kNotFound, reasons::kDeviceNotFound,
                device_uid);
  }
  return found->second;
}

absl::StatusOr<std::map<std::string, std::vector<FirmwareRow>>>
FakeDeviceStore::Firmware(absl::Span<const std::string> device_uids) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::map<std::string, std::vector<FirmwareRow>> firmware;
  for (const auto& [key, row] : transaction->firmware) {
    if (std::find(device_uids.begin(), device_uids.end(), key.first) !=
        device_uids.end()) {
      firmware[key.first].push_back(row);
    }
  }
  return firmware;
}

absl::StatusOr<std::vector<KeyRow>> FakeDeviceStore::ListKeys(
    absl::string_view device_uid, absl::string_view after, int limit) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<KeyRow> rows;
  for (const auto& [spki, row] : transaction->keys) {
    if (row.device_uid == device_uid) {
      rows.push_back(FakeKey(transaction.tables(), row));
    }
  }
  std::sort(rows.begin(), rows.end(), [](const KeyRow& a, const KeyRow& b) {
    return std::tie(a.create_time, a.spki_sha256) <
           std::tie(b.create_time, b.spki_sha256);
  });
  if (!after.empty()) {
    const auto last = std::find_if(
        rows.begin(), rows.end(),
        [&](const KeyRow& row) { return row.spki_sha256 == after; });
    rows.erase(rows.begin(), last == rows.end() ? last : last + 1);
  }
  rows.resize(std::min<size_t>(rows.size(), limit));
  return rows;
}

absl::StatusOr<std::map<std::string, std::vector<LabelRow>>>
FakeDeviceStore::Labels(absl::Span<const std::string>) {
  return std::map<std::string, std::vector<LabelRow>>();
}

absl::StatusOr<std::map<std::string, QuarantineRow>>
FakeDeviceStore::Quarantines(absl::Span<const std::string>) {
  return std::map<std::string, QuarantineRow>();
}

absl::StatusOr<std::vector<std::string>> FakeDeviceStore::FindByPersonalLabel(
    absl::string_view, absl::string_view, absl::string_view, absl::string_view,
    int) {
  return std::vector<std::string>();
}

absl::StatusOr<std::vector<DeviceEventRow>> FakeDeviceStore::ListEvents(
    absl::string_view fleet_id, absl::string_view device_uid,
    const std::optional<EventCursor>& after, bool newest_first, int limit) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto before = [newest_first](const auto& a, const auto& b) {
    return newest_first ? b < a : a < b;
  };
  const auto position = [](const auto& row) {
    return std::tie(row.create_time, row.event_id);
  };
  std::vector<DeviceEventRow> rows;
  for (const DeviceEventRow& row : transaction->events) {
    const bool follows =
        !after.has_value() || before(position(*after), position(row));
    if (follows && row.device_uid == device_uid &&
        (fleet_id.empty() || row.fleet_id == fleet_id)) {
      rows.push_back(row);
    }
  }
  std::sort(rows.begin(), rows.end(),
            [&](const DeviceEventRow& a, const DeviceEventRow& b) {
              return before(position(a), position(b));
            });
  rows.resize(std::min<size_t>(rows.size(), limit));
  return rows;
}

absl::StatusOr<std::vector<FirmwareRow>> FakeDeviceStore::ListReports(
    absl::string_view, absl::string_view, const std::optional<ReportCursor>&,
    int) {
  return NotKept();
}

absl::StatusOr<DeviceUpdated> FakeDeviceStore::Update(
    absl::string_view, absl::string_view, int64_t, const DeviceUpdate&,
    const DeviceEventRow&, const UpdateMutationMaker&) {
  return NotKept();
}

absl::StatusOr<DeviceRow> FakeDeviceStore::Act(
    absl::string_view fleet_id, absl::string_view device_uid, int64_t version,
    const DeviceAct& act, const std::function<std::string()>& new_id,
    const ActMutationMaker& mutation_for) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto found = transaction->devices.find(std::string(device_uid));
  if (found == transaction->devices.end() ||
      (!fleet_id.empty() && found->second.fleet_id != fleet_id)) {
    return Fail(absl::StatusCode::kNotFound, reasons::kDeviceNotFound,
                device_uid);
  }
  DeviceRow& device = found->second;
  const auto after = StateAfter(act.kind, device.state);
  if (!after.has_value()) {
    if (act.kind == DeviceActKind::kQuarantine &&
        device.state == DeviceState::kQuarantined) {
      return device;
    }
    return Fail(absl::StatusCode::kFailedPrecondition,
                act.kind == DeviceActKind::kQuarantine
                    ? reasons::kDeviceNotActive
                    : reasons::kDeviceState,
                device_uid);
  }
  if (version != 0 && device.version != version) {
    return Fail(absl::StatusCode::kAborted, reasons::kEtagMismatch, device_uid);
  }
  DeviceActResult result;
  result.outcome = DeviceActResult::Outcome::kDone;
  result.event = {.device_uid = device.device_uid,
                  .fleet_id = device.fleet_id,
                  .event_id = new_id(),
                  .kind = EventKind(*after),
                  .from_state = static_cast<int>(device.state),
                  .to_state = *after,
                  .actor = act.actor,
                  .reason = act.reason,
                  .create_time = act.time};
  if (act.kind == DeviceActKind::kDecommission) {
    result.event.details["keys"] =
        absl::StrCat(RetireKeys(transaction.tables(), device_uid, act.time));
    for (const auto& [serial, certificate] : transaction->certificates) {
      if (certificate.device_uid == device_uid &&
          FakeRevoke(transaction.tables(), certificate, 5, act.actor,
                     act.time)) {
        ++result.certificates;
      }
    }
    result.event.details["revoked"] = absl::StrCat(result.certificates);
  }
  transaction->events.push_back(result.event);
  device.state = *after;
  if (*after == DeviceState::kDecommissioned) {
    device.decommission_time = act.time;
  }
  device.update_time = act.time;
  ++device.version;
  result.device = device;
  BIRTHMARK_RETURN_IF_ERROR(
      FakeRecord(transaction.tables(), mutation_for(result)));
  transaction.Commit();
  return device;
}

absl::StatusOr<KeyRow> FakeDeviceStore::BlockKey(absl::string_view,
                                                 absl::string_view,
                                                 absl::string_view,
                                                 const DeviceEventRow&,
                                                 const KeyMutationMaker&) {
  return NotKept();
}

absl::StatusOr<ErasedData> FakeDeviceStore::Erase(absl::string_view,
                                                  absl::string_view, int64_t,
                                                  const DeviceEventRow&,
                                                  const ErasureMutationMaker&) {
  return NotKept();
}

absl::Status FakeDeviceStore::Note(const audit::Entry&) { return NotKept(); }

}  // namespace birthmark::storage
