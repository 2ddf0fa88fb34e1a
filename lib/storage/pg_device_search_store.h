// PgDeviceSearchStore is DeviceSearchStore on PostgreSQL.
//
// A search goes along one index. If the filter has but one condition with an
// index in the order that is asked for, that is the one. Of several a probe
// tells how many devices they have, up to a few thousand, and how far in age
// those reach: a condition with few is read whole and sorted, else the one that
// gets on fastest is walked. What was chosen is in the cursor; a walk that ran
// out of its budget is probed again on the next page.
//
// Round trips: one a page; one more on the first, and after each page that was
// cut short, if there is something to choose. Ordered by contact, one more
// where those that never called end.

#ifndef BIRTHMARK_LIB_STORAGE_PG_DEVICE_SEARCH_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_DEVICE_SEARCH_STORE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/storage/database.h"
#include "lib/storage/device_search_store.h"

namespace birthmark::storage {

class PgDeviceSearchStore : public DeviceSearchStore {
 public:
  // Rows that a page reads at most, where a search walks; and of how many a set
  // may be read whole.
  struct Limits {
    int budget = 5000;
    int few = 2000;
  };

  // `database` must outlive the store.
  explicit PgDeviceSearchStore(Database& database)
      : PgDeviceSearchStore(database, Limits()) {}
  PgDeviceSearchStore(Database& database, const Limits& limits)
      : database_(database), limits_(limits) {}

  absl::StatusOr<DevicePage> Search(const DeviceFilter& filter,
                                    DeviceOrder order, absl::string_view cursor,
                                    int limit) override;
  absl::StatusOr<std::map<std::string, DeviceDetails>> Details(
      absl::Span<const std::string> device_uids) override;
  absl::StatusOr<std::vector<CountRow>> Count(const CountQuery& query) override;
  absl::StatusOr<int64_t> FoldCounts() override;

 private:
  Database& database_;
  const Limits limits_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_DEVICE_SEARCH_STORE_H_
