#include "services/status/feed.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "lib/base/status_macros.h"
#include "lib/telemetry/log.h"
#include "services/status/fact.h"

namespace birthmark::status {
namespace {

bool SameChange(const storage::RevocationChange& a,
                const storage::RevocationChange& b) {
  return a.serial == b.serial && a.state == b.state &&
         a.update_time == b.update_time;
}

}  // namespace

Feed::Feed(storage::RevocationLog& log, const Issuers& issuers,
           StatusCache& cache, Clock& clock, Metrics& metrics, Options options)
    : log_(log),
      issuers_(issuers),
      cache_(cache),
      clock_(clock),
      metrics_(metrics),
      options_(options) {}

Feed::Feed(storage::RevocationLog& log, const Issuers& issuers,
           StatusCache& cache, Clock& clock, Metrics& metrics)
    : Feed(log, issuers, cache, clock, metrics, Options()) {}

Feed::~Feed() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Feed::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Feed::Wake() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
  }
  wake_.notify_all();
}

absl::Time Feed::followed(const Moment& now) const {
  const int64_t wall = followed_wall_.load(std::memory_order_acquire);
  const int64_t monotonic = followed_monotonic_.load(std::memory_order_acquire);
  if (wall == kNever || monotonic == kNever) {
    return absl::InfinitePast();
  }
  return Moment{absl::FromUnixNanos(wall), absl::Nanoseconds(monotonic)}
      .SeenFrom(now);
}

void Feed::Run() {
  const auto interval = absl::ToChronoNanoseconds(options_.interval);
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopped_) {
    woken_ = false;
    lock.unlock();
    const bool was_lost = lost_;
    const absl::Status status = Poll();
    if (!status.ok() && !was_lost) {
      telemetry::Log(
          telemetry::Level::kError, "revocations_not_followed",
          {{"error",
            status.ToString(absl::StatusToStringMode::kWithNoExtraData)}});
    } else if (status.ok() && was_lost) {
      telemetry::Log(telemetry::Level::kInfo, "revocations_followed",
                     {{"revision", revision()}});
    }
    lock.lock();
    wake_.wait_for(lock, interval, [this] { return woken_ || stopped_; });
  }
}

absl::Status Feed::Poll() {
  const Moment start = Moment::Now(clock_);
  absl::Status status = begun_ ? absl::OkStatus() : Begin();
  if (status.ok()) {
    status = ReadAll();
  }
  if (status.ok() && !trusted_) {
    TrustAgain();
  }
  lost_ = !status.ok();
  metrics_.feed_connected.Set(lost_ ? 0 : 1);
  metrics_.feed_trusted.Set(trusted_ ? 1 : 0);
  if (status.ok()) {
    metrics_.feed_revision.Set(static_cast<double>(revision()));
    followed_wall_.store(absl::ToUnixNanos(start.wall),
                         std::memory_order_release);
    followed_monotonic_.store(absl::ToInt64Nanoseconds(start.monotonic),
                              std::memory_order_release);
  }
  const StatusCache::Size size = cache_.size();
  metrics_.cache_entries.Set(static_cast<double>(size.entries));
  metrics_.cache_bytes.Set(static_cast<double>(size.bytes));
  metrics_.cache_evictions.Set(static_cast<double>(size.evictions));
  const Moment now = Moment::Now(clock_);
  if (const absl::Time followed_at = followed(now);
      followed_at != absl::InfinitePast()) {
    metrics_.feed_lag_seconds.Set(
        absl::ToDoubleSeconds(now.wall - followed_at));
  }
  return status;
}

absl::Status Feed::Begin() {
  BIRTHMARK_ASSIGN_OR_RETURN(revision_, log_.Latest());
  newest_.reset();
  cache_.Restart(revision_);
  begun_ = true;
  return absl::OkStatus();
}

absl::Status Feed::ReadAll() {
  while (true) {
    const Moment start = Moment::Now(clock_);
    // The newest change that is known comes again, and must: a database that
    // was restored from a backup, or a standby that lagged, may have forgotten
    // it and tell something else under its revision.
    BIRTHMARK_ASSIGN_OR_RETURN(
        const std::vector<storage::RevocationChange> changes,
        log_.Read(std::max<int64_t>(revision() - 1, 0), /*issuer_id=*/"",
                  options_.batch));
    if (revision_ > 0 && (changes.empty() || !IsNewest(changes.front()))) {
      return Distrust();
    }
    const size_t known = revision_ > 0 ? 1 : 0;
    for (size_t i = known; i < changes.size(); ++i) {
      cache_.Apply(changes[i].serial, FactOf(changes[i], start, issuers_));
    }
    metrics_.feed_changes.Increment(
        static_cast<double>(changes.size() - known));
    if (changes.size() > known) {
      changed_last_ = start.monotonic;
    }
    if (!changes.empty()) {
      revision_ = changes.back().revision;
      newest_ = changes.back();
    }
    if (changes.size() < static_cast<size_t>(options_.batch)) {
      return absl::OkStatus();
    }
  }
}

absl::Status Feed::Distrust() {
  telemetry::Log(telemetry::Level::kError, "revocation_history_changed",
                 {{"revision", revision()}});
  metrics_.feed_restarts.Increment();
  forgotten_ = std::max(forgotten_, revision());
  distrusted_since_ = changed_last_ = clock_.MonotonicNow();
  trusted_ = false;
  return Begin();
}

// What comes back from a journal has revisions above all that were ever seen.
void Feed::TrustAgain() {
  const absl::Duration now = clock_.MonotonicNow();
  const absl::Duration quiet = now - changed_last_;
  const bool came_back = revision_ > forgotten_;
  if (quiet < (came_back ? options_.settle : options_.give_up) &&
      now - distrusted_since_ < options_.longest) {
    return;
  }
  telemetry::Log(telemetry::Level::kWarning, "revocation_history_trusted",
                 {{"revision", revision()}, {"came_back", came_back}});
  cache_.Restart(revision_);
  forgotten_ = 0;
  trusted_ = true;
}

bool Feed::IsNewest(const storage::RevocationChange& change) const {
  return change.revision == revision_ &&
         (!newest_.has_value() || SameChange(change, *newest_));
}

}  // namespace birthmark::status
