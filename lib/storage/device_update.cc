#include "lib/storage/device_update.h"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/storage/param.h"
#include "lib/storage/personal_data.h"

namespace birthmark::storage {
namespace {

constexpr size_t kMaxLabels = 64;

constexpr Statement kRead = {"labels_read", R"(
    SELECT label_key, label_type, value, personal, salt FROM device_labels
    WHERE device_uid = $1 ORDER BY label_key)"};
constexpr Statement kRemove = {"labels_remove", R"(
    DELETE FROM device_labels
    WHERE device_uid = $1 AND label_key = ANY ($2::text[]))"};
constexpr Statement kSet = {"labels_set", R"(
    INSERT INTO device_labels
      (device_uid, label_key, label_type, value, personal, salt, fleet_id,
       create_time)
    SELECT $1::uuid, u.label_key, u.label_type, u.value, u.salt IS NOT NULL,
           u.salt, $2::text, $3::timestamptz
    FROM unnest($4::text[], $5::smallint[], $6::text[], $7::bytea[])
      AS u (label_key, label_type, value, salt)
    ON CONFLICT (device_uid, label_key) DO UPDATE
    SET label_type = excluded.label_type, value = excluded.value,
        personal = excluded.personal, salt = excluded.salt)"};
constexpr Statement kName = {"device_name", R"(
    UPDATE devices SET display_name = $2, display_name_salt = $3
    WHERE device_uid = $1)"};

bool Same(const LabelRow& a, const LabelRow& b) {
  return a.type == b.type && a.value == b.value && a.personal == b.personal;
}

absl::Status TooMany(const DeviceRow& device) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, reasons::kTooManyLabels,
      absl::StrCat("a device may have ", kMaxLabels, " labels"),
      {{"limit", absl::StrCat(kMaxLabels)},
       {"resource", absl::StrCat("fleets/", device.fleet_id, "/devices/",
                                 device.device_uid)}});
}

void SetLabels(Session& session, const DeviceRow& device,
               const std::vector<const LabelRow*>& labels) {
  TextArray keys, values;
  SmallintArray types;
  BytesArray salts;
  for (const LabelRow* label : labels) {
    keys.Add(label->key);
    types.Add(static_cast<int>(label->type));
    values.Add(label->value);
    salts.AddUnlessEmpty(label->personal ? label->salt : "");
  }
  session.Exec(kSet, Text(device.device_uid), Text(device.fleet_id),
               At(device.create_time), keys.Take(), types.Take(), values.Take(),
               salts.Take());
}

void SetName(Session& session, const DeviceRow& device,
             const DeviceUpdate& update,
             std::map<std::string, std::string>& details) {
  const std::string& name = *update.display_name;
  const std::string& salt = update.display_name_salt;
  session.Exec(kName, Text(device.device_uid), Text(name),
               BytesOrNull(name.empty() ? "" : salt));
  details["display_name"] = name.empty() ? "removed" : Commitment(salt, name);
}

}  // namespace

std::vector<LabelRow> ReadLabels(Session& session, const DeviceRow& device) {
  std::vector<LabelRow> labels;
  for (const auto& row : session.Exec(kRead, Text(device.device_uid))) {
    labels.push_back({.key = ReadText(row[0]),
                      .type = static_cast<LabelType>(ReadInt(row[1])),
                      .value = ReadText(row[2]),
                      .personal = ReadBool(row[3]),
                      .salt = ReadBytes(row[4])});
  }
  return labels;
}

absl::Status ApplyUpdate(Session& session, const DeviceRow& device,
                         const DeviceUpdate& update,
                         std::map<std::string, std::string>& details) {
  std::map<std::string, LabelRow> old;
  for (LabelRow& label : ReadLabels(session, device)) {
    old.emplace(label.key, std::move(label));
  }
  std::set<std::string> removed;
  if (update.replace_labels) {
    for (const auto& [key, label] : old) {
      removed.insert(key);
    }
  }
  for (const std::string& key : update.remove_labels) {
    if (old.count(key) != 0) {
      removed.insert(key);
    }
  }
  std::vector<const LabelRow*> set;
  size_t added = 0;
  for (const LabelRow& label : update.set_labels) {
    const auto before = old.find(label.key);
    removed.erase(label.key);
    added += before == old.end() ? 1 : 0;
    if (before == old.end() || !Same(before->second, label)) {
      set.push_back(&label);
      details[absl::StrCat("label.", label.key)] =
          label.personal ? Commitment(label.salt, label.value) : "set";
    }
  }
  if (old.size() + added - removed.size() > kMaxLabels) {
    return TooMany(device);
  }
  if (!removed.empty()) {
    session.Exec(kRemove, Text(device.device_uid), TextArray(removed).Take());
    for (const std::string& key : removed) {
      details[absl::StrCat("label.", key)] = "removed";
    }
  }
  if (!set.empty()) {
    SetLabels(session, device, set);
  }
  if (update.display_name.has_value() &&
      *update.display_name != device.display_name) {
    SetName(session, device, update, details);
  }
  return absl::OkStatus();
}

}  // namespace birthmark::storage
