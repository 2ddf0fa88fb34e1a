#ifndef BIRTHMARK_LIB_STORAGE_FAKE_KEY_AUDIT_STORE_H_
#define BIRTHMARK_LIB_STORAGE_FAKE_KEY_AUDIT_STORE_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/key_audit_store.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// FakeKeyAuditStore is the KeyAuditStore on tables in memory.
// `database` must outlive it.
class FakeKeyAuditStore : public KeyAuditStore {
 public:
  explicit FakeKeyAuditStore(FakeDatabase& database) : database_(database) {}

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
  FakeDatabase& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FAKE_KEY_AUDIT_STORE_H_
