// Feed follows the changes of revocations in the database into the cache.

#ifndef BIRTHMARK_SERVICES_STATUS_FEED_H_
#define BIRTHMARK_SERVICES_STATUS_FEED_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/storage/revocation_log.h"
#include "services/status/issuers.h"
#include "services/status/metrics.h"
#include "services/status/moment.h"
#include "services/status/status_cache.h"

namespace birthmark::status {

// Feed reads on a thread of its own, at every Wake and twice a second, so that
// a notification that was lost costs half a second and nothing else.
// Thread-safe.
class Feed {
 public:
  struct Options {
    absl::Duration interval = absl::Milliseconds(500);
    int batch = 1000;  // at least 2
    // A database that has forgotten changes is given so long to get them back
    // from the journals (services/registration): until nothing has come for
    // `settle` after something came, for `give_up` while nothing comes, or for
    // `longest` whatever comes.
    absl::Duration settle = absl::Seconds(3);
    absl::Duration give_up = absl::Minutes(1);
    absl::Duration longest = absl::Minutes(5);
  };

  // What it takes must outlive it.
  Feed(storage::RevocationLog& log, const Issuers& issuers, StatusCache& cache,
       Clock& clock, Metrics& metrics, Options options);
  Feed(storage::RevocationLog& log, const Issuers& issuers, StatusCache& cache,
       Clock& clock, Metrics& metrics);
  // Ends the thread.
  ~Feed();

  // Start begins to follow.
  void Start();

  // Wake has the thread read now.
  void Wake();

  // followed is the newest moment up to which all changes are in the cache, as
  // wall time seen from `now`. InfinitePast: there is none yet. Whoever answers
  // from the cache asks first and looks then.
  absl::Time followed(const Moment& now) const;

  // trusted is false while the database has forgotten changes that were seen
  // here, and may not have them back: nothing must be said of any certificate.
  bool trusted() const { return trusted_; }

  // revision is the newest one that was seen. A database that has not got so
  // far has forgotten.
  int64_t revision() const { return revision_; }

  // Poll does what the thread does at each turn: reads what is new and applies
  // it. Not called while the thread runs.
  absl::Status Poll();

 private:
  void Run();
  absl::Status Begin();
  absl::Status ReadAll();
  bool IsNewest(const storage::RevocationChange& change) const;
  absl::Status Distrust();
  void TrustAgain();

  storage::RevocationLog& log_;
  const Issuers& issuers_;
  StatusCache& cache_;
  Clock& clock_;
  Metrics& metrics_;
  const Options options_;

  // Of the thread.
  bool begun_ = false;
  bool lost_ = true;  // The last turn failed.
  std::atomic<int64_t> revision_{0};
  // The change that made revision_, if it was seen.
  std::optional<storage::RevocationChange> newest_;
  // While it is not trusted: what had been seen, since when, and when the last
  // change came (monotonic).
  int64_t forgotten_ = 0;
  absl::Duration distrusted_since_;
  absl::Duration changed_last_;
  std::atomic<bool> trusted_{true};

  // The two clocks of a Moment, in nanoseconds; kNever: none yet. Whoever reads
  // one of them before and the other after a change gets an older moment.
  static constexpr int64_t kNever = INT64_MIN;
  std::atomic<int64_t> followed_wall_{kNever};
  std::atomic<int64_t> followed_monotonic_{kNever};

  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;    // under mutex_
  bool stopped_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace birthmark::status

#endif  // BIRTHMARK_SERVICES_STATUS_FEED_H_
