#include "services/ca/shard_places.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

#include "lib/base/status_macros.h"

namespace birthmark::ca {

bool IsOnCrl(const policy::Profile& profile) {
  return !profile.no_rev_avail &&
         profile.kind != policy::ProfileKind::kOcspResponder;
}

ShardPlaces::ShardPlaces(storage::CrlShardStore& shards, std::string issuer_id,
                         int capacity, absl::Duration longest)
    : shards_(shards),
      issuer_id_(std::move(issuer_id)),
      capacity_(capacity),
      longest_(longest),
      combiner_(std::numeric_limits<size_t>::max(), 1,
                [this](const std::vector<Job*>& jobs) { Serve(jobs); }) {}

absl::StatusOr<std::vector<storage::ShardLease>> ShardPlaces::Take(
    int count, absl::Time now) {
  Job job;
  job.count = count;
  job.now = now;
  combiner_.Run(job);
  return std::move(job.places);
}

void ShardPlaces::Serve(const std::vector<Job*>& jobs) {
  int wanted = 0;
  for (const Job* job : jobs) {
    wanted += job->count;
  }
  absl::Status status;
  for (Job* job : jobs) {
    job->places = std::vector<storage::ShardLease>();
    if (status.ok()) {
      status = Fill(*job, wanted);
    }
    if (!status.ok()) {
      job->places = status;
    }
    wanted -= job->count;
  }
}

absl::Status ShardPlaces::Fill(Job& job, int wanted) {
  for (int open = job.count; open > 0;) {
    if (lease_.places == 0 || job.now > lease_end_) {
      BIRTHMARK_RETURN_IF_ERROR(Renew(wanted, job.now));
    }
    const int taken = std::min(open, lease_.places);
    job.places->push_back({lease_.crl_shard, taken});
    lease_.places -= taken;
    open -= taken;
    wanted -= taken;
  }
  return absl::OkStatus();
}

absl::Status ShardPlaces::Renew(int wanted, absl::Time now) {
  const bool used_up = now <= lease_end_;
  slice_ = used_up ? std::min(2 * slice_, kLargestSlice) : kSmallestSlice;
  lease_.places = 0;
  const absl::Time live_until =
      std::min(now + kLeaseLife + longest_, policy::NoExpiry());
  const int asked = std::max(slice_, wanted);
  if (capacity_ == kOneShard) {
    BIRTHMARK_RETURN_IF_ERROR(
        shards_.Record(issuer_id_, 0, asked, live_until, now));
    lease_ = {0, asked};
  } else {
    BIRTHMARK_ASSIGN_OR_RETURN(
        lease_, shards_.Lease(issuer_id_, 1, std::min(asked, capacity_),
                              capacity_, live_until, now));
  }
  if (lease_.places < 1) {
    return absl::InternalError("a lease without a place");
  }
  lease_end_ = now + kLeaseLife;
  return absl::OkStatus();
}

}  // namespace birthmark::ca
