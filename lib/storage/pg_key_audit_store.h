#ifndef BIRTHMARK_LIB_STORAGE_PG_KEY_AUDIT_STORE_H_
#define BIRTHMARK_LIB_STORAGE_PG_KEY_AUDIT_STORE_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/database.h"
#include "lib/storage/key_audit_store.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// PgKeyAuditStore is the KeyAuditStore on PostgreSQL, for the role `inventory`.
// `database` must outlive it.
class PgKeyAuditStore : public KeyAuditStore {
 public:
  explicit PgKeyAuditStore(Database& database) : database_(database) {}

  absl::Status Create(const KeyAuditRow& row,
                      const Mutation& mutation) override;
  absl::StatusOr<KeyAuditRow> Get(absl::string_view audit_id) override;
  absl::StatusOr<std::vector<KeyAuditRow>> List(
      const std::optional<KeyAuditCursor>& after, int limit) override;
  absl::StatusOr<std::optional<KeyAuditRow>> Running() override;
  absl::StatusOr<bool> Note(const KeyAuditRow& row) override;
  absl::StatusOr<KeyAuditRow> End(const KeyAuditRow& row, KeyAuditState state,
                                  absl::Time now,
                                  const MutationMaker& mutation_for) override;
  absl::StatusOr<std::vector<RsaKeyRow>> ListRsaKeys(absl::string_view after,
                                                     int limit) override;

 private:
  Database& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_PG_KEY_AUDIT_STORE_H_
