#ifndef BIRTHMARK_LIB_STORAGE_PG_LINE_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_LINE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/database.h"
#include "lib/storage/key_row.h"
#include "lib/storage/line_store.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// PgLineStore is the LineStore on PostgreSQL. `database` must outlive it.
class PgLineStore : public LineStore {
 public:
  explicit PgLineStore(Database& database) : database_(database) {}

  absl::StatusOr<KeyRow> Create(const LineRow& row, const KeyRow& key,
                                const Mutation& mutation) override;
  absl::StatusOr<LineRow> Get(absl::string_view fleet_id,
                              absl::string_view line_id) override;
  absl::StatusOr<std::vector<LineRow>> List(
      absl::string_view fleet_id, const std::optional<LineCursor>& after,
      int limit) override;
  absl::StatusOr<LineRow> Disable(absl::string_view fleet_id,
                                  absl::string_view line_id,
                                  std::optional<int64_t> version,
                                  const Mutation& mutation) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_LINE_STORE_H_
