#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_STORE_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_STORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/storage/device_act.h"
#include "lib/storage/device_row.h"
#include "lib/storage/key_row.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// EventCursor is where a page of events starts: after this row.
struct EventCursor {
  absl::Time create_time;
  std::string event_id;
};

// ReportCursor is where a page of firmware reports starts: before this row.
struct ReportCursor {
  absl::Time create_time;
  std::string report_id;
};

// QuarantineRow is a row of `quarantines`.
struct QuarantineRow {
  std::string device_uid;
  std::string quarantine_id;
  std::string reason;
  std::string playbook;
  std::string actor;
  absl::Time create_time;
  std::vector<HeldCertificate> held;  // in order of serial numbers
};

// DeviceUpdate is what UpdateDevice changes.
struct DeviceUpdate {
  std::optional<std::string> display_name;
  std::string display_name_salt;  // 32 octets, with a name that is not empty
  bool replace_labels = false;    // all of them, by set_labels
  std::vector<LabelRow> set_labels;
  std::vector<std::string> remove_labels;  // keys
};

// DeviceUpdated is what an update made of a device.
struct DeviceUpdated {
  DeviceRow device;
  std::vector<LabelRow> labels;  // all that it has, in order of their keys
  DeviceEventRow event;  // what was recorded; no id: nothing was changed
};

// ErasedData is what an erasure took: commitments, hex SHA-256 of salt and
// value.
struct ErasedData {
  std::map<std::string, std::string> labels;  // of personal ones, by key
  std::string display_name;                   // empty: there was none
};

// DeviceStore reads devices and changes them: the inventory's side.
// Thread-safe. Every method is one transaction. `fleet_id` empty: in any fleet;
// a device of another fleet is kNotFound / DEVICE_NOT_FOUND. `version` 0: any;
// a stale one is kAborted / ETAG_MISMATCH. A state that does not allow it is
// kFailedPrecondition / DEVICE_STATE or DEVICE_NOT_ACTIVE, with the state.
class DeviceStore {
 public:
  virtual ~DeviceStore() = default;
  // The device as it is afterwards, and what was recorded.
  using UpdateMutationMaker = std::function<Mutation(const DeviceUpdated&)>;
  using ActMutationMaker = std::function<Mutation(const DeviceActResult&)>;

  // Get returns one device.
  virtual absl::StatusOr<DeviceRow> Get(absl::string_view fleet_id,
                                        absl::string_view device_uid) = 0;
  // Firmware returns what the devices last reported, by uid, one round trip.
  virtual absl::StatusOr<std::map<std::string, std::vector<FirmwareRow>>>
  Firmware(absl::Span<const std::string> device_uids) = 0;
  // Labels returns the labels of devices, by uid, in order of their keys.
  virtual absl::StatusOr<std::map<std::string, std::vector<LabelRow>>> Labels(
      absl::Span<const std::string> device_uids) = 0;
  // Quarantines returns the quarantines that devices are in, by uid.
  virtual absl::StatusOr<std::map<std::string, QuarantineRow>> Quarantines(
      absl::Span<const std::string> device_uids) = 0;
  // FindByLabel returns at most `limit` uids above `after` of devices of a
  // fleet with a personal label of this key and canonical value, in order.
  virtual absl::StatusOr<std::vector<std::string>> FindByPersonalLabel(
      absl::string_view fleet_id, absl::string_view key,
      absl::string_view value, absl::string_view after, int limit) = 0;

  // ListKeys returns at most `limit` keys of a device, in order of
  // (create_time, spki_sha256), after the key `after` (32 octets; empty: from
  // the start).
  virtual absl::StatusOr<std::vector<KeyRow>> ListKeys(
      absl::string_view device_uid, absl::string_view after, int limit) = 0;
  // ListEvents returns at most `limit` events of a device from the time in
  // which it was `fleet_id`'s, oldest first, or newest first.
  virtual absl::StatusOr<std::vector<DeviceEventRow>> ListEvents(
      absl::string_view fleet_id, absl::string_view device_uid,
      const std::optional<EventCursor>& after, bool newest_first,
      int limit) = 0;
  // ListReports returns at most `limit` firmware reports of a device from the
  // time in which it was `fleet_id`'s, newest first.
  virtual absl::StatusOr<std::vector<FirmwareRow>> ListReports(
      absl::string_view fleet_id, absl::string_view device_uid,
      const std::optional<ReportCursor>& before, int limit) = 0;

  // Update changes labels and name, with the event `updated`, which the store
  // completes (states, fleet; details: label.{key} and display_name with `set`,
  // `removed` or, of what is personal, the commitment). If all is so already,
  // nothing is changed and recorded. At most 64 labels: kInvalidArgument /
  // TOO_MANY_LABELS.
  virtual absl::StatusOr<DeviceUpdated> Update(
      absl::string_view fleet_id, absl::string_view device_uid, int64_t version,
      const DeviceUpdate& update, const DeviceEventRow& event,
      const UpdateMutationMaker& mutation_for) = 0;
  // Act does `act` to one device (device_act.h). In the state wanted already:
  // returns the device and changes nothing, but a device that is being
  // decommissioned cannot be decommissioned again.
  virtual absl::StatusOr<DeviceRow> Act(
      absl::string_view fleet_id, absl::string_view device_uid, int64_t version,
      const DeviceAct& act, const std::function<std::string()>& new_id,
      const ActMutationMaker& mutation_for) = 0;
  // BlockKey blocks a key of a device for ever and revokes its certificate
  // (cessationOfOperation), with the event `key_blocked`. Blocked already:
  // changes nothing. kNotFound / KEY_NOT_FOUND.
  using KeyMutationMaker = std::function<Mutation(const KeyRow&)>;
  virtual absl::StatusOr<KeyRow> BlockKey(
      absl::string_view fleet_id, absl::string_view device_uid,
      absl::string_view spki_sha256, const DeviceEventRow& event,
      const KeyMutationMaker& mutation_for) = 0;
  // Erase takes away what is personal, with the event `personal_data_erased`
  // (details: the commitments). Nothing is there: writes the audit entry alone.
  using ErasureMutationMaker = std::function<Mutation(const ErasedData&)>;
  virtual absl::StatusOr<ErasedData> Erase(
      absl::string_view fleet_id, absl::string_view device_uid, int64_t version,
      const DeviceEventRow& event,
      const ErasureMutationMaker& mutation_for) = 0;
  // Note writes an audit entry of who has read what must not go unnoticed.
  virtual absl::Status Note(const audit::Entry& entry) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_STORE_H_
