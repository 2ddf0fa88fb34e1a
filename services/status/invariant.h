// Invariant compares what is published with what ought to be, all the time:
// every revoked certificate that has not expired is on its shard's CRL, and
// nothing else is.

#ifndef BIRTHMARK_SERVICES_STATUS_INVARIANT_H_
#define BIRTHMARK_SERVICES_STATUS_INVARIANT_H_

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/storage/status_store.h"
#include "services/status/metrics.h"

namespace birthmark::status {

// Invariant goes through the shards one by one, in the process that publishes
// the CRLs. Thread-safe.
class Invariant {
 public:
  struct Options {
    // A pass over all shards takes about this long.
    absl::Duration pass = absl::Minutes(4);
    // The longest pause, so that a few shards are looked at more often.
    absl::Duration longest_pause = absl::Seconds(10);
    // A shard may be without a CRL for so long when it is new.
    absl::Duration grace = absl::Seconds(10);
  };

  // What it takes must outlive it. `owner` says whether this process is to
  // look.
  Invariant(storage::StatusStore& statuses, std::function<bool()> owner,
            Clock& clock, Metrics& metrics, Options options);
  // Ends the thread.
  ~Invariant();

  // Start begins to look.
  void Start();

  // Step looks at the next shard, or lists them anew after the last one, and
  // returns how long to wait before the next step. Not called while the thread
  // runs.
  absl::Duration Step();

  // Difference is how far a CRL is from the truth.
  struct Difference {
    std::vector<std::string> missing;  // serials
    std::vector<std::string> surplus;
  };

  // Compare compares one shard's CRL with the truth about it.
  static absl::StatusOr<Difference> Compare(
      const storage::StatusStore::ShardTruth& truth);

 private:
  using Key = std::pair<std::string, int>;
  struct Count {
    size_t missing = 0;
    size_t surplus = 0;
  };

  void Run();
  absl::Status List();
  absl::Status Look(const storage::ShardStatus& shard);
  void Export();

  storage::StatusStore& statuses_;
  const std::function<bool()> owner_;
  Clock& clock_;
  Metrics& metrics_;
  const Options options_;

  // Of the thread.
  std::vector<storage::ShardStatus> shards_;
  size_t next_ = 0;
  bool whole_pass_ = false;  // No look of this pass has failed.
  std::map<Key, Count> counts_;
  std::map<Key, absl::Duration> without_crl_since_;  // monotonic

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_INVARIANT_H_
