#ifndef BIRTHMARK_LIB_STORAGE_PG_DEVICE_JOB_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_DEVICE_JOB_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/database.h"
#include "lib/storage/device_job_sql.h"
#include "lib/storage/device_job_store.h"
#include "lib/storage/device_search_store.h"

namespace birthmark::storage {

// PgDeviceJobStore is the DeviceJobStore on PostgreSQL. What its constructor
// takes must outlive it; jobs collect their devices by `search`.
class PgDeviceJobStore : public DeviceJobStore {
 public:
  // Devices that a job collects in one step.
  static constexpr int kCollectSize = 5000;
  // Items that ListItems reads at most for a page.
  static constexpr int kListReach = 20000;

  PgDeviceJobStore(Database& database, DeviceSearchStore& search)
      : database_(database), search_(search) {}

  absl::StatusOr<Preview> Count(const DeviceFilter& filter,
                                DeviceActKind action) override;
  absl::Status Create(const DeviceJobRow& row,
                      const Mutation& mutation) override;
  absl::StatusOr<DeviceJobRow> Add(absl::string_view fleet_id,
                                   absl::string_view job_id,
                                   absl::Span<const std::string> device_uids,
                                   absl::Time now) override;
  absl::StatusOr<DeviceJobRow> Get(absl::string_view fleet_id,
                                   absl::string_view job_id) override;
  absl::StatusOr<std::vector<DeviceJobRow>> List(
      absl::string_view fleet_id, const std::optional<DeviceJobCursor>& after,
      int limit) override;
  absl::StatusOr<DeviceJobItemPage> ListItems(
      absl::string_view fleet_id, absl::string_view job_id,
      std::optional<DeviceJobOutcome> outcome, int64_t after,
      int limit) override;
  absl::StatusOr<DeviceJobRow> Move(absl::string_view fleet_id,
                                    absl::string_view job_id,
                                    const Change& change,
                                    const MutationMaker& mutation_for) override;
  absl::StatusOr<std::optional<DeviceJobRow>> Step(
      absl::Time now, int limit, const Makers& makers,
      std::optional<DeviceJobRow>& job) override;
  absl::Status Postpone(const DeviceJobRow& job, absl::string_view error,
                        absl::Time until) override;

 private:
  // The second half of a step of a job that was collecting at `place`.
  absl::StatusOr<std::optional<DeviceJobRow>> Collect(
      const DeviceJobPlace& place, absl::Time now, const Makers& makers);

  Database& database_;
  DeviceSearchStore& search_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_DEVICE_JOB_STORE_H_
