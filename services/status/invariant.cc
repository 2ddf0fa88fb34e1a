#include "services/status/invariant.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "absl/strings/str_join.h"
#include "lib/base/status_macros.h"
#include "lib/telemetry/log.h"
#include "lib/x509/crl.h"
#include "lib/x509/serial.h"

namespace birthmark::status {
namespace {

constexpr size_t kSerialsInLog = 5;

using Serials = std::vector<std::string>;

Serials Without(const Serials& from, const Serials& those) {
  Serials rest;
  std::set_difference(from.begin(), from.end(), those.begin(), those.end(),
                      std::back_inserter(rest));
  return rest;
}

std::string SomeOf(const Serials& serials) {
  Serials some;
  for (size_t i = 0; i < std::min(serials.size(), kSerialsInLog); ++i) {
    some.push_back(x509::SerialToHex(serials[i]));
  }
  return absl::StrJoin(some, ",");
}

absl::StatusOr<Serials> SerialsOn(const storage::CrlRow& row) {
  BIRTHMARK_ASSIGN_OR_RETURN(const x509::Crl crl,
                             x509::Crl::Parse(row.crl_der));
  Serials serials;
  serials.reserve(crl->entry_count);
  x509::CrlEntryReader entries = crl.Entries();
  for (x509::CrlEntryView entry; entries.Next(&entry);) {
    serials.emplace_back(entry.serial);
  }
  std::sort(serials.begin(), serials.end());
  return serials;
}

}  // namespace

Invariant::Invariant(storage::StatusStore& statuses,
                     std::function<bool()> owner, Clock& clock,
                     Metrics& metrics, Options options)
    : statuses_(statuses),
      owner_(std::move(owner)),
      clock_(clock),
      metrics_(metrics),
      options_(options) {}

Invariant::~Invariant() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Invariant::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Invariant::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopped_) {
    lock.unlock();
    const absl::Duration pause = Step();
    lock.lock();
    wake_.wait_for(lock, absl::ToChronoNanoseconds(pause),
                   [this] { return stopped_; });
  }
}

absl::StatusOr<Invariant::Difference> Invariant::Compare(
    const storage::StatusStore::ShardTruth& truth) {
  BIRTHMARK_ASSIGN_OR_RETURN(const Serials there, SerialsOn(truth.crl));
  return Difference{Without(Without(truth.revoked, there), truth.changed),
                    Without(Without(there, truth.revoked), truth.changed)};
}

absl::Duration Invariant::Step() {
  if (!owner_()) {
    shards_.clear();
    next_ = 0;
    counts_.clear();
    without_crl_since_.clear();
    Export();
    return absl::Seconds(1);
  }
  absl::Status status;
  if (next_ < shards_.size()) {
    status = Look(shards_[next_++]);
    if (status.ok()) {
      metrics_.invariant_checks.Increment();
    }
    if (next_ == shards_.size() && status.ok() && whole_pass_) {
      metrics_.invariant_last_pass.Set(
          static_cast<double>(absl::ToUnixSeconds(clock_.Now())));
    }
  } else {
    status = List();
  }
  if (!status.ok()) {
    whole_pass_ = false;
    metrics_.invariant_failures.Increment();
    telemetry::Log(
        telemetry::Level::kWarning, "crl_not_compared",
        {{"error",
          status.ToString(absl::StatusToStringMode::kWithNoExtraData)}});
  }
  Export();
  return std::min(options_.longest_pause,
                  options_.pass / static_cast<double>(shards_.size() + 1));
}

absl::Status Invariant::List() {
  BIRTHMARK_ASSIGN_OR_RETURN(shards_, statuses_.ListShards(clock_.Now()));
  next_ = 0;
  whole_pass_ = true;
  std::set<Key> there;
  for (const storage::ShardStatus& shard : shards_) {
    there.emplace(shard.issuer_id, shard.crl_shard);
  }
  const auto gone = [&there](const auto& one) {
    return !there.contains(one.first);
  };
  std::erase_if(counts_, gone);
  std::erase_if(without_crl_since_, gone);
  return absl::OkStatus();
}

absl::Status Invariant::Look(const storage::ShardStatus& shard) {
  const Key key(shard.issuer_id, shard.crl_shard);
  auto truth = statuses_.ReadTruth(shard.issuer_id, shard.crl_shard);
  if (absl::IsNotFound(truth.status())) {
    // It is new, or nobody publishes. Whatever was revoked on it is missing.
    const absl::Duration now = clock_.MonotonicNow();
    const auto since = without_crl_since_.try_emplace(key, now).first->second;
    const bool late =
        shard.latest_revision > 0 && now - since >= options_.grace;
    counts_[key] = {.missing = late ? size_t{1} : size_t{0}};
    return absl::OkStatus();
  }
  BIRTHMARK_RETURN_IF_ERROR(truth.status());
  without_crl_since_.erase(key);
  BIRTHMARK_ASSIGN_OR_RETURN(const Difference difference, Compare(*truth));
  counts_[key] = {difference.missing.size(), difference.surplus.size()};
  if (!difference.missing.empty() || !difference.surplus.empty()) {
    telemetry::Log(telemetry::Level::kError, "crl_is_wrong",
                   {{"issuer", key.first},
                    {"shard", key.second},
                    {"number", truth->crl.number},
                    {"missing", difference.missing.size()},
                    {"missing_serials", SomeOf(difference.missing)},
                    {"surplus", difference.surplus.size()},
                    {"surplus_serials", SomeOf(difference.surplus)}});
  }
  return absl::OkStatus();
}

void Invariant::Export() {
  Count sum;
  for (const auto& [key, count] : counts_) {
    sum.missing += count.missing;
    sum.surplus += count.surplus;
  }
  metrics_.crl_missing_entries.Set(static_cast<double>(sum.missing));
  metrics_.crl_surplus_entries.Set(static_cast<double>(sum.surplus));
}

}  // namespace birthmark::status
