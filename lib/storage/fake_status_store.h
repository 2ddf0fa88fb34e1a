#ifndef BIRTHMARK_LIB_STORAGE_FAKE_STATUS_STORE_H_
#define BIRTHMARK_LIB_STORAGE_FAKE_STATUS_STORE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/storage/crl_store.h"
#include "lib/storage/fake_database.h"
#include "lib/storage/status_store.h"

namespace birthmark::storage {

// FakeStatusStore is the StatusStore in memory, for tests. `database` must
// outlive it.
class FakeStatusStore : public StatusStore {
 public:
  explicit FakeStatusStore(FakeDatabase& database) : database_(database) {}

  absl::StatusOr<Statuses> Find(absl::Span<const std::string> serials) override;
  absl::StatusOr<std::vector<ShardStatus>> ListShards(absl::Time now) override;
  absl::StatusOr<CrlRow> ReadCrl(absl::string_view issuer_id,
                                 int crl_shard) override;
  absl::StatusOr<ShardTruth> ReadTruth(absl::string_view issuer_id,
                                       int crl_shard) override;

 private:
  FakeDatabase& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FAKE_STATUS_STORE_H_
