#ifndef BIRTHMARK_LIB_STORAGE_PG_DECOMMISSION_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_DECOMMISSION_STORE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/database.h"
#include "lib/storage/decommission_store.h"

namespace birthmark::storage {

// PgDecommissionStore is the DecommissionStore on PostgreSQL. `database` must
// outlive it.
class PgDecommissionStore : public DecommissionStore {
 public:
  explicit PgDecommissionStore(Database& database) : database_(database) {}

  absl::StatusOr<DecommissionRow> Get(absl::string_view fleet_id,
                                      absl::string_view device_uid) override;
  absl::StatusOr<int> End(absl::Time now, int limit,
                          const std::function<std::string()>& new_id,
                          const EntryMaker& entry_for) override;
  absl::StatusOr<std::vector<DecommissionedDevice>> ListUncertified(
      int limit) override;
  absl::StatusOr<int> Certify(absl::Span<const Certificate> certificates,
                              absl::Time now) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_DECOMMISSION_STORE_H_
