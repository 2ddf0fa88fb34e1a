#ifndef BIRTHMARK_LIB_STORAGE_FAKE_DEVICE_STORE_H_
#define BIRTHMARK_LIB_STORAGE_FAKE_DEVICE_STORE_H_

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
#include "lib/storage/device_store.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/key_row.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// FakeDeviceStore is the DeviceStore in memory, for tests of those who meet
// devices in whatever state: it reads, and acts. It keeps no labels, names and
// quarantines: what changes these fails with kUnimplemented. `database` must
// outlive it.
class FakeDeviceStore : public DeviceStore {
 public:
  explicit FakeDeviceStore(FakeDatabase& database) : database_(database) {}

  absl::StatusOr<DeviceRow> Get(absl::string_view fleet_id,
                                absl::string_view device_uid) override;
  absl::StatusOr<std::map<std::string, std::vector<FirmwareRow>>> Firmware(
      absl::Span<const std::string> device_uids) override;
  absl::StatusOr<std::map<std::string, std::vector<LabelRow>>> Labels(
      absl::Span<const std::string> device_uids) override;
  absl::StatusOr<std::map<std::string, QuarantineRow>> Quarantines(
      absl::Span<const std::string> device_uids) override;
  absl::StatusOr<std::vector<std::string>> FindByPersonalLabel(
      absl::string_view fleet_id, absl::string_view key,
      absl::string_view value, absl::string_view after, int limit) override;
  absl::StatusOr<std::vector<KeyRow>> ListKeys(absl::string_view device_uid,
                                               absl::string_view after,
                                               int limit) override;
  absl::StatusOr<std::vector<DeviceEventRow>> ListEvents(
      absl::string_view fleet_id, absl::string_view device_uid,
      const std::optional<EventCursor>& after, bool newest_first,
      int limit) override;
  absl::StatusOr<std::vector<FirmwareRow>> ListReports(
      absl::string_view fleet_id, absl::string_view device_uid,
      const std::optional<ReportCursor>& before, int limit) override;
  absl::StatusOr<DeviceUpdated> Update(
      absl::string_view fleet_id, absl::string_view device_uid, int64_t version,
      const DeviceUpdate& update, const DeviceEventRow& event,
      const UpdateMutationMaker& mutation_for) override;
  absl::StatusOr<DeviceRow> Act(absl::string_view fleet_id,
                                absl::string_view device_uid, int64_t version,
                                const DeviceAct& act,
                                const std::function<std::string()>& new_id,
                                const ActMutationMaker& mutation_for) override;
  absl::StatusOr<KeyRow> BlockKey(
      absl::string_view fleet_id, absl::string_view device_uid,
      absl::string_view spki_sha256, const DeviceEventRow& event,
      const KeyMutationMaker& mutation_for) override;
  absl::StatusOr<ErasedData> Erase(
      absl::string_view fleet_id, absl::string_view device_uid, int64_t version,
      const DeviceEventRow& event,
      const ErasureMutationMaker& mutation_for) override;
  absl::Status Note(const audit::Entry& entry) override;

 private:
  FakeDatabase& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FAKE_DEVICE_STORE_H_
