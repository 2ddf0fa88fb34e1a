#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_STORE_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_STORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/device_row.h"
#include "lib/storage/key_row.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// DeviceFilter selects devices; empty fields select all.
struct DeviceFilter {
  std::string fleet_id;  // empty: all fleets
  std::optional<DeviceState> state;
  std::string model;
  std::string serial_number;
  std::string line_id;
  std::string batch_id;
};

// DeviceCursor is where a page of devices starts: after this row.
struct DeviceCursor {
  absl::Time create_time;
  std::string device_uid;
};

// EventCursor is where a page of events starts: after this row.
struct EventCursor {
  absl::Time create_time;
  std::string event_id;
};

// DeviceStore reads devices and ends them: the inventory's side. Thread-safe.
// Every method is one transaction.
class DeviceStore {
 public:
  virtual ~DeviceStore() = default;
  // Get returns one device. `fleet_id` empty: in any fleet. kNotFound /
  // DEVICE_NOT_FOUND.
  virtual absl::StatusOr<DeviceRow> Get(absl::string_view fleet_id,
                                        absl::string_view device_uid) = 0;
  // List returns at most `limit` devices in order of (create_time, device_uid).
  virtual absl::StatusOr<std::vector<DeviceRow>> List(
      const DeviceFilter& filter, const std::optional<DeviceCursor>& after,
      int limit) = 0;
  // Firmware returns what the devices last reported, by uid, one round trip.
  virtual absl::StatusOr<std::map<std::string, std::vector<FirmwareRow>>>
  Firmware(absl::Span<const std::string> device_uids) = 0;
  // ListKeys returns at most `limit` keys of a device, in order of
  // (create_time, spki_sha256), after the key `after` (32 octets; empty: from
  // the start).
  virtual absl::StatusOr<std::vector<KeyRow>> ListKeys(
      absl::string_view device_uid, absl::string_view after, int limit) = 0;
  // ListEvents returns at most `limit` events of a device, oldest first.
  virtual absl::StatusOr<std::vector<DeviceEventRow>> ListEvents(
      absl::string_view device_uid, const std::optional<EventCursor>& after,
      int limit) = 0;
  // Decommission, in one transaction: revokes every certificate of the device
  // that is not revoked (cessationOfOperation), retires every key that is
  // active, moves the state to decommissioned and writes `event` (whose
  // from_state and details the store completes with `revoked`, `keys`). The
  // mutation is made by `mutation_for` from the device as it will be. Returns
  // that device. kNotFound / DEVICE_NOT_FOUND, kFailedPrecondition /
  // DEVICE_NOT_ACTIVE if it is decommissioned already, kAborted / ETAG_MISMATCH
  // if `version` is stale.
  using MutationMaker = std::function<Mutation(const DeviceRow&)>;
  virtual absl::StatusOr<DeviceRow> Decommission(
      absl::string_view fleet_id, absl::string_view device_uid, int64_t version,
      const DeviceEventRow& event, const MutationMaker& mutation_for) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_STORE_H_
