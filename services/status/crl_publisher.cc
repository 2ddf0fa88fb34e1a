#include "services/status/crl_publisher.h"

#include <algorithm>

#include "lib/base/spread_delay.h"
#include "lib/base/status_macros.h"
#include "lib/telemetry/log.h"

namespace birthmark::status {
namespace {

// What is heard while the shards are looked through waits for the next turn.
constexpr absl::Duration kShortestTurn = absl::Milliseconds(100);
constexpr uint64_t kSpreadSteps = 1000;
// Four threads that are in no hurry then keep half a core busy.
constexpr int kRestToWork = 7;

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
      // Few wait, so that what is most urgent at the next turn goes first.
      pool_(options.threads, static_cast<size_t>(options.threads)) {}

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
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopped_) {
    woken_ = false;
    lock.unlock();
    const absl::Status status = Turn();
    if (!status.ok() && !failing_) {
      telemetry::Log(
          telemetry::Level::kError, "crl_shards_not_read",
          {{"error",
            status.ToString(absl::StatusToStringMode::kWithNoExtraData)}});
    }
    failing_ = !status.ok();
    lock.lock();
    wake_.wait_for(lock, absl::ToChronoNanoseconds(kShortestTurn),
                   [this] { return stopped_; });
    wake_.wait_for(lock, absl::ToChronoNanoseconds(options_.tick),
                   [this] { return woken_ || stopped_; });
  }
}

absl::Status CrlPublisher::Turn() {
  const bool owner = owner_();
  metrics_.crl_publisher.Set(owner ? 1 : 0);
  if (!owner) {
    Note({});
    return absl::OkStatus();
  }
  const absl::Time now = clock_.Now();
  BIRTHMARK_ASSIGN_OR_RETURN(std::vector<storage::ShardStatus> shards,
                             statuses_.ListShards(now));
  Note(shards);
  // What lacks a revocation first, then by age.
  std::sort(shards.begin(), shards.end(),
            [](const storage::ShardStatus& a, const storage::ShardStatus& b) {
              return std::make_pair(!IsBehind(a), a.this_update) <
                     std::make_pair(!IsBehind(b), b.this_update);
            });
  size_t scheduled = 0;
  for (const storage::ShardStatus& shard : shards) {
    if (IsBehind(shard)) {
      Begin(shard);
    } else if (now >= RenewTime(shard) &&
               scheduled < options_.scheduled_at_once && Begin(shard)) {
      ++scheduled;
    }
  }
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
  behind_ = behind;
  longest_behind_ = longest;
  metrics_.crl_shards.Set(static_cast<double>(shards.size()));
  metrics_.crl_pending.Set(behind);
  metrics_.crl_pending_seconds.Set(absl::ToDoubleSeconds(longest));
  metrics_.crl_expired.Set(expired);
  metrics_.crl_next_update.Set(
      first == absl::InfiniteFuture()
          ? 0
          : static_cast<double>(absl::ToUnixSeconds(first)));
}

bool CrlPublisher::Begin(const storage::ShardStatus& status) {
  const Key key(status.issuer_id, status.crl_shard);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    Shard& shard = shards_[key];
    if (shard.in_work || clock_.MonotonicNow() < shard.not_before) {
      return false;
    }
    shard.in_work = true;
  }
  if (pool_.TrySchedule([this, key] { Publish(key); })) {
    return true;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  shards_[key].in_work = false;
  return false;
}

void CrlPublisher::Publish(const Key& key) {
  const absl::Duration start = clock_.MonotonicNow();
  const auto revision = ca_.SignCrl(key.first, key.second);
  if (revision.ok()) {
    metrics_.crls_published.Increment();
  } else {
    metrics_.crl_failures.Increment();
    telemetry::Log(
        telemetry::Level::kError, "crl_not_published",
        {{"issuer", key.first},
         {"shard", key.second},
         {"error", revision.status().ToString(
                       absl::StatusToStringMode::kWithNoExtraData)}});
  }
  const absl::Duration end = clock_.MonotonicNow();
  std::unique_lock<std::mutex> lock(mutex_);
  Shard& shard = shards_[key];
  shard.in_work = false;
  if (revision.ok()) {
    shard.not_before = start + options_.interval;
    shard.retry = options_.first_retry;
  } else {
    shard.not_before = end + SpreadDelay(shard.retry);
    shard.retry = std::min(shard.retry * 2, options_.longest_retry);
  }
  Rest(lock, end - start);
}

void CrlPublisher::Rest(std::unique_lock<std::mutex>& lock,
                        absl::Duration worked) {
  if (behind_ > options_.threads && longest_behind_ < options_.patience) {
    wake_.wait_for(lock,
                   absl::ToChronoNanoseconds(
                       std::min(kRestToWork * worked, options_.longest_rest)),
                   [this] { return stopped_; });
  }
}

}  // namespace birthmark::status
