#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_SEARCH_STORE_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_SEARCH_STORE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/device_row.h"
#include "lib/storage/device_store.h"

namespace birthmark::storage {

// TimeRange is [from, until).
struct TimeRange {
  std::optional<absl::Time> from;
  std::optional<absl::Time> until;
};

// DeviceFilter selects devices: all that is given must agree.
struct DeviceFilter {
  std::string fleet_id;  // empty: all fleets
  std::optional<DeviceState> state;
  std::optional<std::string> model;
  std::optional<std::string> hardware_revision;
  std::optional<std::string> line_id;   // of birth
  std::optional<std::string> batch_id;  // of birth; with or without line_id
  std::string birth_fleet_id;           // whose line it was; empty: whoever's
  std::optional<std::string> serial_number;
  std::optional<std::string> serial_number_prefix;
  struct Firmware {
    std::string component;
    std::string version;
  };
  std::vector<Firmware> firmware;
  struct Label {
    std::string key;
    std::optional<std::string> value;  // canonical; none: whatever it is
  };
  std::vector<Label> labels;
  std::string spki_sha256;         // 32 octets, or empty
  std::string certificate_serial;  // 16 octets, or empty
  TimeRange created;
  TimeRange last_contact;
};

// DeviceOrder is the order of a list.
enum class DeviceOrder {
  kOldestFirst,   // create_time, device_uid
  kNewestFirst,   // the same, descending
  kSerialNumber,  // serial_number, device_uid
  kLastContact,   // contact day (UTC), create_time, device_uid; first those
                  // that never called
};

// DevicePage is a page of devices.
struct DevicePage {
  std::vector<DeviceRow> devices;
  // Leads to what follows; empty if nothing does. A page may be short, even
  // empty, and have one: it has cost enough.
  std::string next_cursor;
};

// CountKey is what devices are counted by; what is not asked for is empty.
struct CountKey {
  std::string fleet_id;
  std::string model;
  std::string hardware_revision;
  std::optional<DeviceState> state;
  std::string firmware_version;
};

// CountRow is a count.
struct CountRow {
  CountKey key;
  int64_t devices = 0;
};

// CountQuery says what to count, by what.
struct CountQuery {
  std::string fleet_id;  // empty: all fleets
  std::optional<DeviceState> state;
  std::optional<std::string> model;
  std::optional<std::string> hardware_revision;
  std::string component;                        // empty: devices themselves
  std::optional<std::string> firmware_version;  // of `component`
  bool by_fleet = false;
  bool by_model = false;
  bool by_hardware_revision = false;
  bool by_state = false;
  bool by_firmware_version = false;  // of `component`
};

// DeviceDetails is what belongs to a device and is not in its row.
struct DeviceDetails {
  std::vector<LabelRow> labels;       // in order of their keys; no salts
  std::vector<FirmwareRow> firmware;  // in order of their components
  std::optional<QuarantineRow> quarantine;
};

// DeviceSearchStore finds and counts devices. Thread-safe. Every method is one
// consistent look.
class DeviceSearchStore {
 public:
  virtual ~DeviceSearchStore() = default;
  // Search returns a page of at most `limit` devices after `cursor` (empty:
  // from the start; else one that Search returned for the same filter and
  // order). Reads a bounded number of rows, however many devices there are.
  // kInvalidArgument for a cursor that it did not make.
  virtual absl::StatusOr<DevicePage> Search(const DeviceFilter& filter,
                                            DeviceOrder order,
                                            absl::string_view cursor,
                                            int limit) = 0;
  // Details returns what belongs to the devices, by uid; one round trip.
  virtual absl::StatusOr<std::map<std::string, DeviceDetails>> Details(
      absl::Span<const std::string> device_uids) = 0;
  // Count returns exact counts, none of them 0, in order of their keys. With
  // by_firmware_version, devices that have not reported the component count
  // under "".
  virtual absl::StatusOr<std::vector<CountRow>> Count(
      const CountQuery& query) = 0;
  // FoldCounts adds up what has changed, so that Count stays quick: about each
  // second, by anybody. Returns how many changes there were.
  virtual absl::StatusOr<int64_t> FoldCounts() = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_SEARCH_STORE_H_
