#ifndef BIRTHMARK_SERVICES_CA_SHARD_PLACES_H_
#define BIRTHMARK_SERVICES_CA_SHARD_PLACES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/combiner.h"
#include "lib/policy/profile.h"
#include "lib/storage/crl_shard_store.h"

namespace birthmark::ca {

// How many certificates share a CRL shard.
inline constexpr int kDefaultShardSize = 20'000;
// Where CRLs are published nowhere there is one shard for all, shard 0:
// certificates do not say which is theirs.
inline constexpr int kOneShard = 0;

// IsOnCrl says whether certificates of `profile` belong to a CRL shard: those
// that are never revoked, and those of OCSP responders, do not.
bool IsOnCrl(const policy::Profile& profile);

// ShardPlaces gives an issuer's new certificates their CRL shards. It leases
// places in slices that grow with use, so that the database is asked once for
// thousands of certificates; what is left of a slice when the process ends is
// lost, and the shard stays smaller. Thread-safe: whoever needs a new slice
// fetches it for all who wait.
class ShardPlaces {
 public:
  static constexpr int kSmallestSlice = 64;
  static constexpr int kLargestSlice = 4096;
  // A lease ends then, since its shard promises when its last certificate will
  // have expired.
  static constexpr absl::Duration kLeaseLife = absl::Hours(1);

  // `capacity` is how many certificates a shard has room for, or kOneShard;
  // `longest` the longest validity of the issuer's certificates,
  // InfiniteDuration for no expiry. `shards` must outlive it.
  ShardPlaces(storage::CrlShardStore& shards, std::string issuer_id,
              int capacity, absl::Duration longest);

  // Take gives `count` places to certificates that are issued at `now`: nearly
  // always on one shard, on several where one has become full. Fails as
  // storage::CrlShardStore::Lease does.
  absl::StatusOr<std::vector<storage::ShardLease>> Take(int count,
                                                        absl::Time now);

 private:
  struct Job {
    int count = 0;
    absl::Time now;
    absl::StatusOr<std::vector<storage::ShardLease>> places;
  };

  void Serve(const std::vector<Job*>& jobs);
  absl::Status Fill(Job& job, int wanted);
  absl::Status Renew(int wanted, absl::Time now);

  storage::CrlShardStore& shards_;
  const std::string issuer_id_;
  const int capacity_;
  const absl::Duration longest_;
  // Only for who serves, which is one thread at a time.
  storage::ShardLease lease_;
  absl::Time lease_end_ = absl::InfinitePast();
  int slice_ = kSmallestSlice;
  Combiner<Job> combiner_;
};

}  // namespace birthmark::ca

#endif  // BIRTHMARK_SERVICES_CA_SHARD_PLACES_H_
