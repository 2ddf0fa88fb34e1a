// CrlPublisher sees to it that every shard has a current CRL: it asks `ca` for
// one when a revocation came, and well before the old one runs out.

#ifndef BIRTHMARK_SERVICES_STATUS_CRL_PUBLISHER_H_
#define BIRTHMARK_SERVICES_STATUS_CRL_PUBLISHER_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
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
// ask for the same. The first shard that falls behind gets its CRL at once.
// Many get theirs one after the other, evenly spread over the time that is
// left, since the cores that make CRLs are those that revoke and issue. One
// that takes long does not hold the next ones up. Thread-safe.
class CrlPublisher {
 public:
  struct Options {
    // A shard is published again no sooner than this.
    absl::Duration interval = absl::Seconds(2);
    // How often the shards are looked through if nothing is heard.
    absl::Duration tick = absl::Seconds(1);
    // CRLs in work at a time.
    int threads = 4;
    // All shards that are behind are to have their CRL when the first of them
    // has been behind for so long: half of what is promised.
    absl::Duration patience = absl::Seconds(5);
    // From one CRL to the next, when there is that much time.
    absl::Duration longest_pause = absl::Milliseconds(250);
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

  // What the thread does, not called while it runs. Look lists the shards that
  // are due: those that lack a revocation, the one that has for longest first,
  // and then those whose CRL is old. Next has the first of the list made, if
  // there is a thread for it. pause is how long to wait then.
  absl::Status Look();
  void Next();
  size_t due() const { return due_.size(); }
  absl::Duration pause() const { return pause_; }

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
  void NoteLook(const absl::Status& status);
  void Note(const std::vector<storage::ShardStatus>& shards);
  void List(std::vector<storage::ShardStatus> shards);
  void Publish(const Key& key);

  storage::StatusStore& statuses_;
  CaClient& ca_;
  const std::function<bool()> owner_;
  Clock& clock_;
  Metrics& metrics_;
  const Options options_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;           // under mutex_
  bool stopped_ = false;         // under mutex_
  std::map<Key, Shard> shards_;  // under mutex_
  // Of the thread alone.
  std::deque<Key> due_;
  absl::Duration pause_;
  bool failing_ = false;
  ThreadPool pool_;
  std::thread thread_;
};

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_CRL_PUBLISHER_H_
