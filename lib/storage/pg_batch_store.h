#ifndef BIRTHMARK_LIB_STORAGE_PG_BATCH_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_BATCH_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/batch_store.h"
#include "lib/storage/database.h"
#include "lib/storage/device_row.h"
#include "lib/storage/key_row.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// PgBatchStore is the BatchStore on PostgreSQL. `database` must outlive it.
class PgBatchStore : public BatchStore {
 public:
  explicit PgBatchStore(Database& database) : database_(database) {}

  absl::StatusOr<BatchRow> Create(const BatchRow& row,
                                  const Mutation& mutation) override;
  absl::StatusOr<BatchRow> Get(absl::string_view fleet_id,
                               absl::string_view line_id,
                               absl::string_view batch_id) override;
  absl::StatusOr<BatchCounts> Count(int64_t batch_key) override;
  absl::StatusOr<std::vector<BatchRow>> List(absl::string_view fleet_id,
                                             absl::string_view line_id,
                                             int64_t after_key,
                                             int limit) override;
  absl::StatusOr<BatchRow> Close(absl::string_view fleet_id,
                                 absl::string_view line_id,
                                 absl::string_view batch_id,
                                 const Mutation& mutation) override;
  absl::StatusOr<std::vector<Admission>> Admit(
      const BatchRow& batch, absl::Span<const AdmissionRequest> requests,
      bool sent_before, const AlertMaker& alert_for) override;
  absl::Status RecordFailures(int64_t batch_key,
                              absl::Span<const ItemFailure> failures,
                              absl::Time time) override;
  absl::StatusOr<std::vector<ItemResult>> ListResults(int64_t batch_key,
                                                      absl::string_view after,
                                                      int limit) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_BATCH_STORE_H_
