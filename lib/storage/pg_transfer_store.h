#ifndef BIRTHMARK_LIB_STORAGE_PG_TRANSFER_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_TRANSFER_STORE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/database.h"
#include "lib/storage/transfer_store.h"

namespace birthmark::storage {

// PgTransferStore is the TransferStore on PostgreSQL. `database` must outlive
// it.
class PgTransferStore : public TransferStore {
 public:
  explicit PgTransferStore(Database& database) : database_(database) {}

  absl::StatusOr<TransferRow> Offer(
      const TransferRow& row, const NewId& new_id,
      const TransferMutation& mutation_for) override;
  absl::StatusOr<TransferRow> Accept(
      absl::string_view transfer_id, absl::string_view actor, absl::Time now,
      const NewId& new_id, const TransferMutation& mutation_for) override;
  absl::StatusOr<TransferRow> Cancel(
      absl::string_view transfer_id, absl::string_view actor, absl::Time now,
      const NewId& new_id, const TransferMutation& mutation_for) override;
  absl::StatusOr<TransferRow> GetTransfer(
      absl::string_view transfer_id) override;
  absl::StatusOr<std::vector<TransferRow>> ListTransfers(
      absl::string_view fleet_id, const std::optional<TransferCursor>& after,
      int limit) override;

  // pg_replacement.cc
  absl::StatusOr<ReplacementRow> Request(
      const ReplacementRow& row, const NewId& new_id,
      const ReplacementMutation& mutation_for) override;
  absl::StatusOr<ReplacementRow> Approve(
      absl::string_view fleet_id, absl::string_view replacement_id,
      absl::string_view actor, absl::Time now, const NewId& new_id,
      const ReplacementMutation& mutation_for) override;
  absl::StatusOr<ReplacementRow> Reject(
      absl::string_view fleet_id, absl::string_view replacement_id,
      absl::string_view actor, absl::Time now,
      const ReplacementMutation& mutation_for) override;
  absl::StatusOr<std::vector<ReplacementRow>> ListReplacements(
      absl::string_view fleet_id, const std::optional<TransferCursor>& after,
      int limit) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_TRANSFER_STORE_H_
