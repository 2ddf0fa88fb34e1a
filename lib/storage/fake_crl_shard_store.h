#ifndef BIRTHMARK_LIB_STORAGE_FAKE_CRL_SHARD_STORE_H_
#define BIRTHMARK_LIB_STORAGE_FAKE_CRL_SHARD_STORE_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/storage/crl_shard_store.h"
#include "lib/storage/fake_database.h"

namespace birthmark::storage {

// FakeCrlShardStore is the CrlShardStore in memory, for tests. `database` must
// outlive it.
class FakeCrlShardStore : public CrlShardStore {
 public:
  explicit FakeCrlShardStore(FakeDatabase& database) : database_(database) {}

  absl::StatusOr<ShardLease> Lease(absl::string_view issuer_id, int needed,
                                   int wanted, int capacity,
                                   absl::Time live_until,
                                   absl::Time now) override;
  absl::Status Record(absl::string_view issuer_id, int crl_shard, int places,
                      absl::Time live_until, absl::Time now) override;
  absl::StatusOr<std::vector<int>> List(absl::string_view issuer_id,
                                        absl::Time now) override;

 private:
  FakeDatabase& database_;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_FAKE_CRL_SHARD_STORE_H_
