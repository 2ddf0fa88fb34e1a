#include "services/cli/crl_sync.h"

#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "services/cli/error_report.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

constexpr absl::Duration kFetchRetry = absl::Seconds(3);
constexpr absl::Duration kAgedRetry = absl::Minutes(1);
constexpr absl::Duration kListRetry = absl::Seconds(3);
constexpr absl::Duration kReportEvery = absl::Minutes(1);
constexpr std::chrono::milliseconds kLook(500);
// How long a single run waits to learn which revision it is about to get.
constexpr std::chrono::seconds kFirstNews(5);

// The first error counts: those after it may be its consequences.
void Note(const absl::Status& status, absl::Status& error) {
  if (error.ok()) {
    error = status;
  }
}

}  // namespace

CrlSync::CrlSync(Options options, CrlSource& source, CrlSet set,
                 CrlDelivery delivery, Clock& clock, std::ostream& log)
    : options_(std::move(options)),
      source_(source),
      delivery_(std::move(delivery)),
      clock_(clock),
      log_(log),
      set_(std::move(set)) {}

void CrlSync::Hear(const CrlNews& news) {
  {
    Lock lock(mutex_);
    heard_.insert(news.changed.begin(), news.changed.end());
    heard_revision_ = news.revision;
    token_ = news.token;
    connected_ = true;
    feed_error_.clear();
    heard_at_ = clock_.MonotonicNow();
  }
  wake_.notify_all();
}

void CrlSync::EndOfFeed(const absl::Status& why) {
  Lock lock(mutex_);
  connected_ = false;
  feed_error_ = why.ok() || absl::IsCancelled(why) ? "" : ErrorLine(why);
  if (Reason(why) == birthmark::reasons::kResumeTokenUnknown) {
    // The service's history is another one: what was heard of it is worthless.
    token_.clear();
    heard_all_ = true;
    heard_revision_ = 0;
  }
}

absl::Status CrlSync::Step() {
  int64_t revision = 0;
  {
    Lock lock(mutex_);
    revision = heard_revision_;
    for (const CrlName& name : heard_) {
      not_before_.erase(name);
      if (name.second >= 0 && !IsListed(name)) {
        list_at_ = -absl::InfiniteDuration();  // a new shard
      }
    }
    due_.merge(heard_);
    heard_.clear();
    if (std::exchange(heard_all_, false)) {
      list_at_ = -absl::InfiniteDuration();
      for (const auto& [issuer, shards] : shards_) {
        for (const int shard : shards) {
          due_.insert({issuer, shard});
        }
      }
      shards_.clear();  // all are new
    }
  }
  absl::Status error;
  ListShards(error);
  FetchDue(error);
  Deliver(error);
  {
    Lock lock(mutex_);
    // Everything up to `revision` is on the CRLs that were fetched after it was
    // heard of.
    if (error.ok() && NothingPending() && heard_revision_ >= revision) {
      enforced_ = revision;
    }
  }
  Report(error);
  {
    Lock lock(mutex_);
    // What failed and waits to be tried again has not gone away.
    if (!error.ok()) {
      last_error_ = ErrorLine(error);
    } else if (!feed_error_.empty() || NothingPending()) {
      last_error_ = feed_error_;
    }
  }
  Tell();
  return error;
}

bool CrlSync::NothingPending() const {
  return due_.empty() && listed_ && !unwritten_ && !unnotified_;
}

bool CrlSync::IsListed(const CrlName& name) const {
  const auto shards = shards_.find(name.first);
  return shards != shards_.end() && shards->second.count(name.second) > 0;
}

void CrlSync::ListShards(absl::Status& error) {
  const absl::Duration now = clock_.MonotonicNow();
  if (now < list_at_) {
    return;
  }
  list_at_ = now + kListEvery;
  listed_ = true;
  for (const std::string& issuer : options_.issuers) {
    const absl::StatusOr<std::set<int>> listed = source_.ListShards(issuer);
    if (!listed.ok()) {
      Note(listed.status(), error);
      list_at_ = now + kListRetry;
      listed_ = false;
      continue;
    }
    std::set<int>& known = shards_[issuer];
    for (const int shard : *listed) {
      if (known.count(shard) == 0) {
        due_.insert({issuer, shard});
      }
    }
    known = *listed;
    Lock lock(mutex_);
    unwritten_ = set_.Keep(issuer, known) || unwritten_;
  }
}

absl::Time CrlSync::DueAt(const CrlName& name) const {
  Lock lock(mutex_);
  return set_.DueAt(name);
}

void CrlSync::FetchDue(absl::Status& error) {
  const absl::Time wall = clock_.Now();
  for (const auto& [issuer, shards] : shards_) {
    for (const int shard : shards) {
      if (const CrlName name(issuer, shard); wall >= DueAt(name)) {
        due_.insert(name);
      }
    }
  }
  for (auto it = due_.begin(); it != due_.end();) {
    const CrlName name = *it;
    // Issuers that nobody asked for, certificates that are on no CRL.
    if (!IsListed(name)) {
      it = due_.erase(it);
      continue;
    }
    const absl::Duration now = clock_.MonotonicNow();
    if (const auto wait = not_before_.find(name);
        wait != not_before_.end() && now < wait->second) {
      ++it;
      continue;
    }
    const absl::StatusOr<std::string> der = source_.GetCrl(name);
    absl::Status status = der.status();
    if (der.ok()) {
      Lock lock(mutex_);
      const absl::StatusOr<bool> changed = set_.Put(name, *der, wall);
      status = changed.status();
      unwritten_ = unwritten_ || (changed.ok() && *changed);
    }
    if (status.ok()) {
      not_before_.erase(name);
      if (wall >= DueAt(name)) {
        not_before_[name] = now + kAgedRetry;  // there is no newer one yet
      }
      it = due_.erase(it);
    } else {
      Note(status, error);
      not_before_[name] = now + kFetchRetry;
      ++it;
    }
  }
}

void CrlSync::Deliver(absl::Status& error) {
  if (unwritten_) {
    std::string pem;
    {
      Lock lock(mutex_);
      pem = set_.Pem();
    }
    if (pem.empty()) {
      return;
    }
    const absl::Status written = delivery_.Write(pem);
    if (!written.ok()) {
      Note(written, error);
      return;
    }
    unwritten_ = false;
    unnotified_ = true;
    delivered_at_ = clock_.MonotonicNow();
    Lock lock(mutex_);
    written_time_ = clock_.Now();
  }
  if (unnotified_) {
    const absl::Status notified = delivery_.Notify();
    unnotified_ = !notified.ok();
    Note(notified, error);
  }
}

void CrlSync::Report(absl::Status& error) {
  int64_t revision = 0;
  std::optional<CrlSet::Earliest> earliest;
  {
    Lock lock(mutex_);
    revision = enforced_;
    earliest = set_.earliest();
  }
  const absl::Duration now = clock_.MonotonicNow();
  if (revision == 0 || !earliest.has_value() ||
      (revision == reported_ &&
       earliest->next_update == reported_next_update_ &&
       now - reported_at_ < kReportEvery)) {
    return;
  }
  const absl::Status status = source_.Report(revision, earliest->next_update);
  if (!status.ok()) {
    Note(status, error);
    return;
  }
  reported_ = revision;
  reported_next_update_ = earliest->next_update;
  reported_at_ = now;
}

absl::Status CrlSync::RunOnce() {
  absl::Status feed;
  std::atomic<bool> done{false};
  std::thread follower([&] {
    feed = source_.Watch("", [this](const CrlNews& news) { Hear(news); });
    done = true;
    wake_.notify_all();
  });
  {
    Lock lock(mutex_);
    wake_.wait_for(lock, kFirstNews, [&] { return connected_ || done; });
  }
  absl::Status error = Step();
  StopFollowing(follower, done);
  if (error.ok() && token().empty()) {
    error = feed;
  }
  const std::string alarm = Alarm();
  if (error.ok() && !alarm.empty()) {
    error = MakeError(absl::StatusCode::kFailedPrecondition,
                      reasons::kCrlExpires, alarm);
  }
  return error;
}

// The feed may be about to open when it is cancelled first.
void CrlSync::StopFollowing(std::thread& follower,
                            const std::atomic<bool>& done) {
  while (!done) {
    source_.CancelWatch();
    absl::SleepFor(absl::Milliseconds(10));
  }
  follower.join();
}

void CrlSync::Run(const std::atomic<bool>& stop) {
  std::atomic<bool> done{false};
  std::thread follower([&] {
    Follow(stop);
    done = true;
  });
  while (!stop) {
    (void)Step();
    bool silent = false;
    {
      Lock lock(mutex_);
      wake_.wait_for(lock, kLook, [&] {
        return stop || heard_all_ || !heard_.empty() ||
               heard_revision_ != enforced_;
      });
      silent = connected_ && clock_.MonotonicNow() - heard_at_ > kSilence;
    }
    if (silent) {
      source_.CancelWatch();
    }
    // The first change goes at once, those that follow it together.
    while (!stop && clock_.MonotonicNow() - delivered_at_ < kPause) {
      Lock lock(mutex_);
      wake_.wait_for(lock, std::chrono::milliseconds(50),
                     [&] { return stop.load(); });
    }
  }
  StopFollowing(follower, done);
}

void CrlSync::Follow(const std::atomic<bool>& stop) {
  Backoff backoff(absl::Milliseconds(200), absl::Seconds(5));
  while (!stop) {
    bool heard = false;
    const absl::Status why = source_.Watch(token(), [&](const CrlNews& news) {
      heard = true;
      Hear(news);
    });
    EndOfFeed(why);
    if (heard) {
      backoff.Reset();
    }
    const absl::Duration until = clock_.MonotonicNow() + backoff.Next(why);
    Lock lock(mutex_);
    while (!stop && clock_.MonotonicNow() < until) {
      wake_.wait_for(lock, std::chrono::milliseconds(50));
    }
  }
}

}  // namespace birthmark::cli
