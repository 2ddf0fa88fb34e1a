#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_ROW_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_ROW_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace birthmark::storage {

// Stored; values never change.
enum class DeviceState : int16_t {
  kRegistered = 1,
  kActive = 2,
  kQuarantined = 3,
  kDecommissioning = 4,
  kDecommissioned = 5,
};

// DeviceRow is a row of `devices`.
struct DeviceRow {
  std::string device_uid;  // lower-case UUIDv7
  std::string fleet_id;
  DeviceState state = DeviceState::kRegistered;
  std::string model;
  std::string serial_number;
  std::string hardware_revision;
  std::string line_id;
  std::string batch_id;
  std::string display_name;    // personal
  std::string current_serial;  // 16 octets, or empty
  int64_t version = 1;
  absl::Time create_time;
  absl::Time update_time;
  std::optional<absl::Time> last_contact_time;
  std::optional<absl::Time> decommission_time;
  // Whose line made it, if that is another fleet than fleet_id; else empty.
  std::string birth_fleet_id;
  std::optional<absl::Time> fleet_time;  // when another fleet gave it to this
  int denials = 0;                       // findings that deny it renewals
  std::string replaces;                  // uid, or empty
  std::string replaced_by;               // uid, or empty
};

// Stored; values never change.
enum class LabelType : int16_t {
  kText = 1,
  kInteger = 2,
  kFlag = 3,
  kTime = 4
};

// LabelRow is a row of `device_labels`.
struct LabelRow {
  std::string key;
  LabelType type = LabelType::kText;
  // Canonical: text as it is; decimal; `true` or `false`; RFC 3339 in UTC,
  // whole seconds.
  std::string value;  // personal if `personal`
  bool personal = false;
  std::string salt;  // 32 octets if personal
};

// DeviceEventRow is a row of `device_events`.
struct DeviceEventRow {
  std::string device_uid;
  std::string fleet_id;  // whose device it was then
  std::string event_id;  // UUIDv7
  std::string kind;
  int from_state = 0;  // 0: there was no device
  DeviceState to_state = DeviceState::kRegistered;
  std::string actor;
  std::string reason;
  std::map<std::string, std::string> details;
  absl::Time create_time;
};

// FirmwareRow is what a device said about one component.
struct FirmwareRow {
  std::string report_id;  // UUIDv7
  std::string component;
  std::string firmware_version;
  std::string digest;  // 32 octets
  int64_t security_version = 0;
  std::optional<absl::Time> boot_time;
  absl::Time report_time;
  int64_t highest_security_version = 0;  // ever; of current states only
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_ROW_H_
