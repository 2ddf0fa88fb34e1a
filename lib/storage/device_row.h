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
  std::string display_name;
  std::map<std::string, std::string> labels;
  std::string current_serial;  // 16 octets, or empty
  int64_t version = 1;
  absl::Time create_time;
  absl::Time update_time;
  std::optional<absl::Time> last_contact_time;
  std::optional<absl::Time> decommission_time;
};

// DeviceEventRow is a row of `device_events`.
struct DeviceEventRow {
  std::string device_uid;
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
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_ROW_H_
