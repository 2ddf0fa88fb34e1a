#ifndef BIRTHMARK_LIB_STORAGE_CRL_SHARD_STORE_H_
#define BIRTHMARK_LIB_STORAGE_CRL_SHARD_STORE_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace birthmark::storage {

// ShardLease is a right to put so many certificates on a shard. What is not
// used is lost: the shard stays smaller.
struct ShardLease {
  int crl_shard = 0;
  int places = 0;
};

// CrlShardStore gives places on CRL shards away. Thread-safe. Every method is
// one transaction.
class CrlShardStore {
 public:
  virtual ~CrlShardStore() = default;

  // Lease takes up to `wanted` places, at least `needed`, on the newest shard
  // of `issuer_id` if it has so many left of `capacity`, else on a new one.
  // Nothing that is put there may be valid after `live_until`. `needed` must
  // not exceed `capacity`: kInvalidArgument.
  virtual absl::StatusOr<ShardLease> Lease(absl::string_view issuer_id,
                                           int needed, int wanted, int capacity,
                                           absl::Time live_until,
                                           absl::Time now) = 0;

  // Record makes a shard known that has `places` certificates for which nobody
  // has leased places, none of them valid after `live_until`.
  virtual absl::Status Record(absl::string_view issuer_id, int crl_shard,
                              int places, absl::Time live_until,
                              absl::Time now) = 0;

  // List returns the shards of `issuer_id` on which a certificate may still be
  // valid at `now`, or was at the last CRL, by number.
  virtual absl::StatusOr<std::vector<int>> List(absl::string_view issuer_id,
                                                absl::Time now) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_CRL_SHARD_STORE_H_
