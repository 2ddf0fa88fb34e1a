// CrlPublisher sees to it that every shard has a current CRL: it asks `ca` for
// one when a revocation came, and well before the old one runs out.

#ifndef BIRTHMARK_SERVICES_STATUS_CRL_PUBLISHER_H_
#define BIRTHMARK_SERVICES_STATUS_CRL_PUBLISHER_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/thread_pool.h"
#include "lib/storage/status_store.h"
#include "services/status/ca_client.h"
#include "services/status/metrics.h"

namespace birthmark::status {

// CrlPublisher works while this process is the owner; two at once would only
// ask for the same. A few CRLs are made at a time, so that a slow one does not
// hold the others up. When many shards are behind at once it takes its time,
// since the cores that make CRLs are those that revoke and issue; it hurries
// when one has been behind for `patience`. Thread-safe.
class CrlPublisher {
 public:
  struct Options {
    // A shard is published again no sooner than this.
    absl::Duration interval = absl::Seconds(2);
    // How often the shards are looked through if nothing is heard.
    absl::Duration tick = absl::Seconds(1);
    int threads = 4;
    // How long a shard may lack a revocation before the threads stop to rest:
    // half of what is promised.
    absl::Duration patience = absl::Seconds(5);
    // A thread that is in no hurry rests seven times as long as it worked, at
    // most this.
    absl::Duration longest_rest = absl::Milliseconds(500);
    // CRLs that are made only because the old one has become old, started at
    // one turn.
    size_t scheduled_at_once = 4;
    absl::Duration first_retry = absl::Seconds(1);
    absl::Duration longest_retry = absl::Seconds(30);
  };

  // What it takes must outlive it. `owner` says whether this process is the one
  // that publishes.
  CrlPublisher(storage::StatusStore& statuses, CaClient& ca,
               std::function<bool()> owner, Clock& clock, Metrics& metrics,
               Options options);
  // Ends when the CRLs in work are made.
  ~CrlPublisher();

  // Start begins to publish.
  void Start();

  // Wake has the shards looked through now.
  void Wake();

  // Turn does what the thread does each time: looks through the shards and has
  // made what is due. Not called while the thread runs.
  absl::Status Turn();

  // RenewTime is when a CRL is to be replaced though nothing was revoked: after
  // half of its life and, so that they do not all come at once, up to a tenth
  // of it more, by the shard.
  static absl::Time RenewTime(const storage::ShardStatus& shard);

 private:
  using Key = std::pair<std::string, int>;

  struct Shard {
    bool in_work = false;
    absl::Duration not_before = -absl::InfiniteDuration();  // monotonic
    absl::Duration retry;
    std::optional<absl::Duration> behind_since;
  };

  void Run();
  void Note(const std::vector<storage::ShardStatus>& shards);
  bool Begin(const storage::ShardStatus& shard);
  void Publish(const Key& key);
  void Rest(std::unique_lock<std::mutex>& lock, absl::Duration worked);

  storage::StatusStore& statuses_;
  CaClient& ca_;
  const std::function<bool()> owner_;
  Clock& clock_;
  Metrics& metrics_;
  const Options options_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;             // under mutex_
  bool stopped_ = false;           // under mutex_
  std::map<Key, Shard> shards_;    // under mutex_
  int behind_ = 0;                 // shards, at the last turn; under mutex_
  absl::Duration longest_behind_;  // under mutex_
  bool failing_ = false;           // of the thread
  ThreadPool pool_;
  std::thread thread_;
};

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_CRL_PUBLISHER_H_
