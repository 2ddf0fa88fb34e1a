// CrlSync keeps a verifier's file of CRLs current: it hears of revocations,
// gets the CRLs they are on, and passes them on.

#ifndef BIRTHMARK_SERVICES_CLI_CRL_SYNC_H_
#define BIRTHMARK_SERVICES_CLI_CRL_SYNC_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <ostream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "services/cli/crl_delivery.h"
#include "services/cli/crl_set.h"
#include "services/cli/retry_policy.h"

namespace birthmark::cli {

// CrlNews is a message of the revocation feed.
struct CrlNews {
  std::set<CrlName> changed;
  std::string token;
  int64_t revision = 0;
};

// CrlSource is where CRLs come from. Thread-safe.
class CrlSource {
 public:
  virtual ~CrlSource() = default;
  virtual absl::StatusOr<std::set<int>> ListShards(
      const std::string& issuer) = 0;
  virtual absl::StatusOr<std::string> GetCrl(const CrlName& name) = 0;
  virtual absl::Status Report(int64_t revision, absl::Time next_update) = 0;
  // Watch calls `on_news` for every message after `token`, from the present on
  // if that is empty, until the feed ends or CancelWatch is called.
  virtual absl::Status Watch(
      const std::string& token,
      const std::function<void(const CrlNews&)>& on_news) = 0;
  virtual void CancelWatch() = 0;
};

// CrlSync is thread-safe.
class CrlSync {
 public:
  // How often shards are listed: a certificate on a new one is not believed
  // before its CRL is there.
  static constexpr absl::Duration kListEvery = absl::Seconds(15);
  // How long the feed may be silent: it has a heartbeat.
  static constexpr absl::Duration kSilence = absl::Seconds(30);
  // Changes that come sooner after each other are fetched together.
  static constexpr absl::Duration kPause = absl::Milliseconds(400);

  struct Options {
    std::vector<std::string> issuers;  // ids
    // When the first CRL to run out is nearer to its end than this, there is an
    // alarm.
    absl::Duration warn_before;
    // Empty: none is written.
    std::string status_file;
  };

  // `source`, `clock` and `log` must outlive it. `set` may hold the CRLs of an
  // earlier run.
  CrlSync(Options options, CrlSource& source, CrlSet set, CrlDelivery delivery,
          Clock& clock, std::ostream& log);

  // RunOnce gets all that there is, writes, notifies and reports. Fails if
  // anything of that failed, and with kFailedPrecondition / CRL_EXPIRES if
  // there is an alarm all the same.
  absl::Status RunOnce();

  // Run goes on until `stop`, which is looked at twice a second.
  void Run(const std::atomic<bool>& stop);

  // The parts of Run, for tests.

  // Hear takes a message of the feed; EndOfFeed says why there will be no more.
  void Hear(const CrlNews& news);
  void EndOfFeed(const absl::Status& why);
  // Step does what is due, and returns what went wrong last.
  absl::Status Step();

  // enforced is the revision that is known to be enforced, 0 if none is.
  int64_t enforced() const;
  std::string token() const;
  // Alarm returns what is wrong with the CRLs that are there, "" if nothing is.
  std::string Alarm() const;
  // StatusJson is what the status file holds.
  std::string StatusJson() const;

 private:
  using Lock = std::unique_lock<std::mutex>;

  void Follow(const std::atomic<bool>& stop);
  void StopFollowing(std::thread& follower, const std::atomic<bool>& done);
  bool NothingPending() const;
  bool IsListed(const CrlName& name) const;
  absl::Time DueAt(const CrlName& name) const;
  void ListShards(absl::Status& error);
  void FetchDue(absl::Status& error);
  void Deliver(absl::Status& error);
  void Report(absl::Status& error);
  void Tell();
  std::string AlarmOf(absl::Time now) const;

  const Options options_;
  CrlSource& source_;
  CrlDelivery delivery_;
  Clock& clock_;
  std::ostream& log_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // What the feed said; under mutex_, as is all that StatusJson tells.
  std::set<CrlName> heard_;
  bool heard_all_ = true;  // all CRLs are to be fetched
  int64_t heard_revision_ = 0;
  std::string token_;
  bool connected_ = false;
  std::string feed_error_;  // why the feed ended, until it is back
  absl::Duration heard_at_ = -absl::InfiniteDuration();
  CrlSet set_;
  int64_t enforced_ = 0;
  std::string last_error_;
  absl::Time written_time_ = absl::InfinitePast();

  // Of the thread that calls Step alone.
  std::map<std::string, std::set<int>> shards_;
  std::set<CrlName> due_;
  std::map<CrlName, absl::Duration> not_before_;  // after a failure
  absl::Duration list_at_ = -absl::InfiniteDuration();
  absl::Duration delivered_at_ = -absl::InfiniteDuration();
  bool listed_ = false;  // the last time went well
  bool unwritten_ = false;
  bool unnotified_ = false;
  int64_t reported_ = 0;
  absl::Time reported_next_update_ = absl::InfinitePast();
  absl::Duration reported_at_ = -absl::InfiniteDuration();
  std::string told_alarm_;
  absl::Duration told_at_ = -absl::InfiniteDuration();
  std::string told_error_;
};

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_CRL_SYNC_H_
