#include "lib/storage/fake_device_store.h"

#include <algorithm>
#include <tuple>

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

bool Matches(const DeviceRow& row, const DeviceFilter& filter) {
  const auto same = [](const std::string& want, const std::string& got) {
    return want.empty() || want == got;
  };
  return same(filter.fleet_id, row.fleet_id) &&
         (!filter.state.has_value() || *filter.state == row.state) &&
         same(filter.model, row.model) &&
         same(filter.serial_number, row.serial_number) &&
         same(filter.line_id, row.line_id) &&
         same(filter.batch_id, row.batch_id);
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

absl::StatusOr<std::vector<DeviceRow>> FakeDeviceStore::List(
    const DeviceFilter& filter, const std::optional<DeviceCursor>& after,
    int limit) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<DeviceRow> rows;
  for (const auto& [uid, row] : transaction->devices) {
    const bool later = !after.has_value() ||
                       std::tie(row.create_time, row.device_uid) >
                           std::tie(after->create_time, after->device_uid);
    if (later && Matches(row, filter)) {
      rows.push_back(row);
    }
  }
  std::sort(rows.begin(), rows.end(),
            [](const DeviceRow& a, const DeviceRow& b) {
              return std::tie(a.create_time, a.device_uid) <
                     std::tie(b.create_time, b.device_uid);
            });
  rows.resize(std::min<size_t>(rows.size(), limit));
  return rows;
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

absl::StatusOr<std::vector<DeviceEventRow>> FakeDeviceStore::ListEvents(
    absl::string_view device_uid, const std::optional<EventCursor>& after,
    int limit) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<DeviceEventRow> rows;
  for (const DeviceEventRow& row : transaction->events) {
    const bool later =
        !after.has_value() || std::tie(row.create_time, row.event_id) >
                                  std::tie(after->create_time, after->event_id);
    if (later && row.device_uid == device_uid) {
      rows.push_back(row);
    }
  }
  std::sort(rows.begin(), rows.end(),
            [](const DeviceEventRow& a, const DeviceEventRow& b) {
              return std::tie(a.create_time, a.event_id) <
                     std::tie(b.create_time, b.event_id);
            });
  rows.resize(std::min<size_t>(rows.size(), limit));
  return rows;
}

absl::StatusOr<DeviceRow> FakeDeviceStore::Decommission(
    absl::string_view fleet_id, absl::string_view device_uid, int64_t version,
    const DeviceEventRow& event, const MutationMaker& mutation_for) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  const auto found = transaction->devices.find(std::string(device_uid));
  if (found == transaction->devices.end() ||
      (!fleet_id.empty() && found->second.fleet_id != fleet_id)) {
    return Fail(absl::StatusCode::kNotFound, reasons::kDeviceNotFound,
                device_uid);
  }
  DeviceRow& device = found->second;
  if (device.state == DeviceState::kDecommissioned) {
    return Fail(absl::StatusCode::kFailedPrecondition,
                reasons::kDeviceNotActive, device_uid);
  }
  if (device.version != version) {
    return Fail(absl::StatusCode::kAborted, reasons::kEtagMismatch, device_uid);
  }
  int keys = 0;
  for (auto& [spki, key] : transaction->keys) {
    if (key.device_uid == device_uid && key.state == KeyState::kActive) {
      key.state = KeyState::kRetired;
      key.retire_time = event.create_time;
      ++keys;
    }
  }
  int revoked = 0;
  for (const auto& [serial, certificate] : transaction->certificates) {
    if (certificate.device_uid == device_uid &&
        FakeRevoke(transaction.tables(), certificate, 5, event.actor,
                   event.create_time)) {
      ++revoked;
    }
  }
  DeviceEventRow full = event;
  full.device_uid = std::string(device_uid);
  full.from_state = static_cast<int>(device.state);
  full.to_state = DeviceState::kDecommissioned;
  full.details["revoked"] = absl::StrCat(revoked);
  full.details["keys"] = absl::StrCat(keys);
  transaction->events.push_back(full);
  device.state = DeviceState::kDecommissioned;
  device.decommission_time = event.create_time;
  device.update_time = event.create_time;
  ++device.version;
  BIRTHMARK_RETURN_IF_ERROR(
      FakeRecord(transaction.tables(), mutation_for(device)));
  transaction.Commit();
  return device;
}

}  // namespace birthmark::storage
