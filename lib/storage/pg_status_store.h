#ifndef BIRTHMARK_LIB_STORAGE_PG_STATUS_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_STATUS_STORE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/crl_store.h"
#include "lib/storage/database.h"
#include "lib/storage/status_store.h"

namespace birthmark::storage {

// PgStatusStore is the StatusStore on PostgreSQL. `database` must outlive it.
class PgStatusStore : public StatusStore {
 public:
  explicit PgStatusStore(Database& database) : database_(database) {}

  absl::StatusOr<Statuses> Find(absl::Span<const std::string> serials) override;
  absl::StatusOr<std::vector<ShardStatus>> ListShards(absl::Time now) override;
  absl::StatusOr<CrlRow> ReadCrl(absl::string_view issuer_id,
                                 int crl_shard) override;
  absl::StatusOr<ShardTruth> ReadTruth(absl::string_view issuer_id,
                                       int crl_shard) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_STATUS_STORE_H_
