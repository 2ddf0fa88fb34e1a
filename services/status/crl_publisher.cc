#include "services/status/crl_publisher.h"

#include <algorithm>

#include "lib/base/spread_delay.h"
#include "lib/base/status_macros.h"
#include "lib/telemetry/log.h"

namespace birthmark::status {
namespace {

// What is heard while the shards are looked through waits for the next look.
constexpr absl::Duration kShortestTick = absl::Milliseconds(100);
// In haste.
constexpr absl::Duration kShortestPause = absl::Milliseconds(5);
constexpr uint64_t kSpreadSteps = 1000;

bool IsBehind(const storage::ShardStatus& shard) {
  return shard.number == 0 || shard.latest_revision > shard.revision;
}

}  // namespace

CrlPublisher::CrlPublisher(storage::StatusStore& statuses, CaClient& ca,
                           std::function<bool()> owner, Clock& clock,
                           Metrics& metrics, Options options)
    : statuses_(statuses),
      ca_(ca),
      owner_(std::move(owner)),
      clock_(clock),
      metrics_(metrics),
      options_(options),
      pause_(options.longest_pause),
      // None waits there for long: what is most urgent goes first.
      pool_(options.threads, 1) {}

CrlPublisher::~CrlPublisher() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
  pool_.Drain();
}

void CrlPublisher::Start() {
  thread_ = std::thread([this] { Run(); });
}

void CrlPublisher::Wake() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
  }
  wake_.notify_all();
}

absl::Time CrlPublisher::RenewTime(const storage::ShardStatus& shard) {
  const absl::Duration life = shard.next_update - shard.this_update;
  // The same in every process and at every start.
  uint64_t spread = 14695981039346656037u;
  for (const char c : shard.issuer_id) {
    spread = (spread ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  spread = (spread ^ static_cast<uint64_t>(shard.crl_shard)) * 1099511628211u;
  spread = (spread ^ (spread >> 29)) * 0xbf58476d1ce4e5b9u;
  spread ^= spread >> 32;
  return shard.this_update + life / 2 +
         life / 10 * static_cast<double>(spread % kSpreadSteps) / kSpreadSteps;
}

void CrlPublisher::Run() {
  absl::Duration looked = -absl::InfiniteDuration();
  absl::Duration started = -absl::InfiniteDuration();
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopped_) {
    const bool woken = woken_;
    const absl::Duration now = clock_.MonotonicNow();
    const absl::Duration next_look =
        looked + (woken ? kShortestTick : options_.tick);
    const absl::Duration next_start =
        due_.empty() ? absl::InfiniteDuration() : started + pause_;
    if (now >= next_look) {
      woken_ = false;
      lock.unlock();
      looked = now;
      NoteLook(Look());
      lock.lock();
    } else if (now >= next_start) {
      lock.unlock();
      started = now;
      Next();
      lock.lock();
    } else {
      wake_.wait_for(
          lock,
          absl::ToChronoNanoseconds(std::min(next_look, next_start) - now),
          [this, woken] { return stopped_ || woken_ != woken; });
    }
  }
}

void CrlPublisher::NoteLook(const absl::Status& status) {
  if (!status.ok() && !failing_) {
    telemetry::Log(
        telemetry::Level::kError, "crl_shards_not_read",
        {{"error",
          status.ToString(absl::StatusToStringMode::kWithNoExtraData)}});
  }
  failing_ = !status.ok();
}

absl::Status CrlPublisher::Look() {
  due_.clear();
  const bool owner = owner_();
  metrics_.crl_publisher.Set(owner ? 1 : 0);
  if (!owner) {
    Note({});
    return absl::OkStatus();
  }
  BIRTHMARK_ASSIGN_OR_RETURN(std::vector<storage::ShardStatus> shards,
                             statuses_.ListShards(clock_.Now()));
  Note(shards);
  List(std::move(shards));
  return absl::OkStatus();
}

void CrlPublisher::Note(const std::vector<storage::ShardStatus>& shards) {
  const absl::Time now = clock_.Now();
  const absl::Duration monotonic = clock_.MonotonicNow();
  int behind = 0;
  int expired = 0;
  absl::Duration longest = absl::ZeroDuration();
  absl::Time first = absl::InfiniteFuture();
  const std::lock_guard<std::mutex> lock(mutex_);
  std::map<Key, Shard> known;
  known.swap(shards_);
  for (const storage::ShardStatus& status : shards) {
    const Key key(status.issuer_id, status.crl_shard);
    Shard& shard = shards_[key];
    shard.retry = options_.first_retry;
    if (const auto before = known.find(key); before != known.end()) {
      shard = before->second;
      known.erase(before);
    }
    if (!IsBehind(status)) {
      shard.behind_since.reset();
    } else {
      if (!shard.behind_since.has_value()) {
        shard.behind_since = monotonic;
      }
      ++behind;
      longest = std::max(longest, monotonic - *shard.behind_since);
    }
    if (status.number > 0) {
      expired += status.next_update <= now ? 1 : 0;
      first = std::min(first, status.next_update);
    }
  }
  // Publish looks for them when it is done.
  for (auto& [key, shard] : known) {
    if (shard.in_work) {
      shards_.emplace(key, shard);
    }
  }
  metrics_.crl_shards.Set(static_cast<double>(shards.size()));
  metrics_.crl_pending.Set(behind);
  metrics_.crl_pending_seconds.Set(absl::ToDoubleSeconds(longest));
  metrics_.crl_expired.Set(expired);
  metrics_.crl_next_update.Set(
      first == absl::InfiniteFuture()
          ? 0
          : static_cast<double>(absl::ToUnixSeconds(first)));
}

void CrlPublisher::List(std::vector<storage::ShardStatus> shards) {
  const absl::Time now = clock_.Now();
  const absl::Duration monotonic = clock_.MonotonicNow();
  std::sort(shards.begin(), shards.end(),
            [](const storage::ShardStatus& a, const storage::ShardStatus& b) {
              return a.this_update < b.this_update;
            });
  std::vector<std::pair<absl::Duration, Key>> behind;  // since when
  std::vector<Key> old;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const storage::ShardStatus& status : shards) {
      const Key key(status.issuer_id, status.crl_shard);
      const Shard& shard = shards_[key];
      if (shard.in_work || monotonic < shard.not_before) {
        continue;
      }
      if (shard.behind_since.has_value()) {
        behind.emplace_back(*shard.behind_since, key);
      } else if (now >= RenewTime(status)) {
        old.push_back(key);
      }
    }
  }
  std::stable_sort(
      behind.begin(), behind.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  pause_ = options_.longest_pause;
  if (!behind.empty()) {
    const absl::Duration left =
        behind.front().first + options_.patience - monotonic;
    pause_ = std::clamp(left / static_cast<double>(behind.size()),
                        std::min(kShortestPause, pause_), pause_);
  }
  for (const auto& [since, key] : behind) {
    due_.push_back(key);
  }
  due_.insert(due_.end(), old.begin(), old.end());
}

void CrlPublisher::Next() {
  if (due_.empty()) {
    return;
  }
  const Key key = due_.front();
  // Held until it is scheduled, so that it is in work before it is done.
  const std::lock_guard<std::mutex> lock(mutex_);
  if (pool_.TrySchedule([this, key] { Publish(key); })) {
    shards_[key].in_work = true;
    due_.pop_front();
  }
}

void CrlPublisher::Publish(const Key& key) {
  const absl::Duration start = clock_.MonotonicNow();
  const auto revision = ca_.SignCrl(key.first, key.second);
  if (!revision.ok()) {
    telemetry::Log(
        telemetry::Level::kError, "crl_not_published",
        {{"issuer", key.first},
         {"shard", key.second},
         {"error", revision.status().ToString(
                       absl::StatusToStringMode::kWithNoExtraData)}});
  }
  const absl::Duration end = clock_.MonotonicNow();
  const std::lock_guard<std::mutex> lock(mutex_);
  Shard& shard = shards_[key];
  shard.in_work = false;
  if (revision.ok()) {
    shard.not_before = start + options_.interval;
    shard.retry = options_.first_retry;
    // What it lacks now came after the start.
    if (shard.behind_since.has_value()) {
      shard.behind_since = std::max(*shard.behind_since, start);
    }
    metrics_.crls_published.Increment();
  } else {
    shard.not_before = end + SpreadDelay(shard.retry);
    shard.retry = std::min(shard.retry * 2, options_.longest_retry);
    metrics_.crl_failures.Increment();
  }
}

}  // namespace birthmark::status
