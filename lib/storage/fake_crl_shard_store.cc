#include "lib/storage/fake_crl_shard_store.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/status_macros.h"

namespace birthmark::storage {

absl::StatusOr<ShardLease> FakeCrlShardStore::Lease(absl::string_view issuer_id,
                                                    int needed, int wanted,
                                                    int capacity,
                                                    absl::Time live_until,
                                                    absl::Time /*now*/) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  if (needed < 1 || needed > capacity) {
    return absl::InvalidArgumentError("so many places are on no shard");
  }
  const std::string issuer(issuer_id);
  ShardLease lease;
  for (const auto& [key, shard] : transaction->crl_shards) {
    if (key.first == issuer) {
      lease.crl_shard =
          shard.assigned > capacity - needed ? key.second + 1 : key.second;
    }
  }
  FakeDatabase::Shard& shard =
      transaction->crl_shards[{issuer, lease.crl_shard}];
  lease.places = std::min(std::max(wanted, needed), capacity - shard.assigned);
  shard.assigned += lease.places;
  shard.live_until = std::max(shard.live_until, live_until);
  transaction.Commit();
  return lease;
}

absl::Status FakeCrlShardStore::Record(absl::string_view issuer_id,
                                       int crl_shard, int places,
                                       absl::Time live_until,
                                       absl::Time /*now*/) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  FakeDatabase::Shard& shard =
      transaction->crl_shards[{std::string(issuer_id), crl_shard}];
  shard.assigned = static_cast<int>(std::min<int64_t>(
      int64_t{shard.assigned} + places, std::numeric_limits<int>::max()));
  shard.live_until = std::max(shard.live_until, live_until);
  transaction.Commit();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int>> FakeCrlShardStore::List(
    absl::string_view issuer_id, absl::Time now) {
  FakeDatabase::Transaction transaction(database_);
  BIRTHMARK_RETURN_IF_ERROR(transaction.failure());
  std::vector<int> shards;
  for (const auto& [key, shard] : transaction->crl_shards) {
    if (key.first == issuer_id &&
        FakeIsLive(transaction.tables(), key, shard, now)) {
      shards.push_back(key.second);
    }
  }
  return shards;
}

}  // namespace birthmark::storage
