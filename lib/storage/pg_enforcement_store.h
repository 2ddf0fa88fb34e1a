#ifndef BIRTHMARK_LIB_STORAGE_PG_ENFORCEMENT_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_ENFORCEMENT_STORE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/database.h"
#include "lib/storage/enforcement_store.h"
#include "lib/storage/key_row.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// PgEnforcementStore is the EnforcementStore on PostgreSQL. `database` must
// outlive it.
class PgEnforcementStore : public EnforcementStore {
 public:
  explicit PgEnforcementStore(Database& database) : database_(database) {}

  absl::StatusOr<KeyRow> Create(const EnforcementPointRow& row,
                                const KeyRow& key,
                                const Mutation& mutation) override;
  absl::StatusOr<EnforcementPointRow> Get(absl::string_view point_id) override;
  absl::StatusOr<std::vector<EnforcementPointRow>> List(absl::string_view after,
                                                        int limit) override;
  absl::StatusOr<EnforcementPointRow> Report(absl::string_view point_id,
                                             int64_t revision,
                                             absl::Time next_update,
                                             absl::Time now) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_ENFORCEMENT_STORE_H_
