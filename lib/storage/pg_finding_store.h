#ifndef BIRTHMARK_LIB_STORAGE_PG_FINDING_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_FINDING_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lib/storage/database.h"
#include "lib/storage/finding_store.h"

namespace birthmark::storage {

// PgFindingStore is the FindingStore on PostgreSQL. `database` must outlive it.
class PgFindingStore : public FindingStore {
 public:
  explicit PgFindingStore(Database& database) : database_(database) {}

  absl::StatusOr<FindingRow> Get(absl::string_view fleet_id,
                                 absl::string_view finding_id) override;
  absl::StatusOr<std::vector<FindingRow>> List(
      const FindingFilter& filter, const std::optional<FindingCursor>& after,
      int limit) override;
  absl::StatusOr<std::vector<FindingRow>> Raise(
      absl::Span<const FindingRow> findings, absl::string_view actor,
      const std::function<std::string()>& new_id,
      const EntryMaker& entry_for) override;
  absl::StatusOr<FindingRow> Move(absl::string_view fleet_id,
                                  absl::string_view finding_id, int64_t version,
                                  absl::string_view event_id,
                                  const Change& change,
                                  const MutationMaker& mutation_for) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_FINDING_STORE_H_
