#ifndef BIRTHMARK_LIB_STORAGE_FAKE_REVOCATION_STORE_H_
#define BIRTHMARK_LIB_STORAGE_FAKE_REVOCATION_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/mutation.h"
#include "lib/storage/revocation_act.h"
#include "lib/storage/revocation_store.h"

namespace birthmark::storage {

// FakeRevocationStore is the RevocationStore in memory, for tests. `database`
// must outlive it.
class FakeRevocationStore : public RevocationStore {
 public:
  explicit FakeRevocationStore(FakeDatabase& database) : database_(database) {}

  absl::StatusOr<RevocationRow> Revoke(
      const RevocationRow& row, int64_t version,
      const MutationMaker& mutation_for) override;
  absl::StatusOr<RevocationRow> Hold(
      const RevocationRow& row, int64_t version,
      const MutationMaker& mutation_for) override;
  absl::StatusOr<RevocationRow> Release(
      const RevocationRow& row, int64_t version,
      const MutationMaker& mutation_for) override;
  absl::StatusOr<RevocationRow> RevokeKey(
      absl::string_view spki_sha256, const RevocationRow& row,
      const MutationMaker& mutation_for) override;
  absl::StatusOr<std::vector<RevocationRow>> List(absl::string_view issuer_id,
                                                  absl::string_view after,
                                                  int limit) override;

 private:
  absl::StatusOr<RevocationRow> Do(const RevocationAct& act,
                                   const MutationMaker& mutation_for);

  FakeDatabase& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FAKE_REVOCATION_STORE_H_
