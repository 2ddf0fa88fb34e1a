#include "services/registration/revocation_follower.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/hash.h"
#include "lib/telemetry/log.h"
#include "services/registration/journal_repair.h"

namespace birthmark::registration {
namespace {

using storage::RevocationChange;

constexpr int kReadAtOnce = 1000;
constexpr absl::Duration kRetry = absl::Milliseconds(200);
// A journal smaller than this is not worth a compaction.
constexpr int64_t kWorthCompacting = int64_t{4} << 20;

}  // namespace

RevocationFollower::RevocationFollower(storage::RevocationLog& log,
                                       storage::RevocationJournal* journal,
                                       Clock& clock, Metrics& metrics)
    : log_(log), journal_(journal), clock_(clock), metrics_(metrics) {}

absl::StatusOr<std::unique_ptr<RevocationFollower>> RevocationFollower::New(
    storage::RevocationLog& log, storage::RevocationJournal* journal,
    Clock& clock, Metrics& metrics, const Listen& listen) {
  std::unique_ptr<RevocationFollower> follower(
      new RevocationFollower(log, journal, clock, metrics));
  RevocationFollower* const f = follower.get();
  if (journal == nullptr) {
    telemetry::Log(telemetry::Level::kWarning, "no_revocation_journal",
                   {{"text",
                     "registration.revocation_journal_dir is not set: if the "
                     "database is restored from a backup, later revocations "
                     "are lost"}});
  } else if (journal->last().has_value()) {
    f->journal_position_ = journal->last()->revision;
  }
  BIRTHMARK_RETURN_IF_ERROR(f->BeginAtLatest());
  f->alive_at_ = clock.MonotonicNow();
  const absl::Status first = f->Pass(/*check=*/true);
  // A journal that cannot be written keeps nobody from revoking.
  if (!first.ok() && Reason(first) != reasons::kJournalUnavailable) {
    return first;
  }
  f->dirty_ = !first.ok();
  f->worker_ = std::thread([f] { f->Work(); });
  f->listener_ = listen({
      .on_connected =
          [f] {
            f->Wake(/*check=*/true);
            return absl::OkStatus();
          },
      .on_notification = [f](absl::string_view,
                             absl::string_view) { f->Wake(/*check=*/false); },
      .on_alive =
          [f] {
            // Each second it looks by itself: nobody is told by a notification
            // that got lost.
            f->Wake(/*check=*/false);
            std::lock_guard<std::mutex> lock(f->mutex_);
            if (!f->failing_) {
              f->alive_at_ = f->clock_.MonotonicNow();
            }
          },
      .on_lost =
          [](const absl::Status& status) {
            telemetry::Log(telemetry::Level::kWarning, "revocations_not_heard",
                           {{"error", status.message()}});
          },
  });
  return follower;
}

RevocationFollower::~RevocationFollower() {
  listener_.reset();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  if (worker_.joinable()) {
    worker_.join();
  }
  compactor_.Drain();
}

void RevocationFollower::Wake(bool check) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    dirty_ = true;
    check_ = check_ || check;
  }
  wake_.notify_all();
}

void RevocationFollower::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopped_ || dirty_; });
    if (stopped_) {
      return;
    }
    dirty_ = false;
    const bool check = std::exchange(check_, false);
    const int64_t wanted = wanted_;
    lock.unlock();
    const absl::Status status = Pass(check);
    lock.lock();
    tried_ = wanted;
    const bool failing =
        !status.ok() && Reason(status) != reasons::kJournalUnavailable;
    if (failing && !failing_) {
      telemetry::Log(telemetry::Level::kWarning, "revocations_not_read",
                     {{"error", status.message()}});
    }
    failing_ = failing;
    if (status.ok()) {
      settled_ = wanted;
    } else {
      dirty_ = true;
      check_ = check_ || check;
    }
    done_.notify_all();
    if (!status.ok()) {
      wake_.wait_for(lock, absl::ToChronoNanoseconds(kRetry),
                     [this, wanted] { return stopped_ || wanted_ > wanted; });
    }
  }
}

void RevocationFollower::Settle() {
  if (journal_ == nullptr) {
    return;
  }
  bool settled = false;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    const int64_t mine = ++wanted_;
    dirty_ = true;
    wake_.notify_all();
    done_.wait_for(lock, absl::ToChronoNanoseconds(kSettleTime),
                   [this, mine] { return stopped_ || tried_ >= mine; });
    settled = settled_ >= mine;
  }
  if (!settled) {
    metrics_.journal_errors.Increment();
    telemetry::Log(telemetry::Level::kError, "revocation_not_in_journal",
                   {{"text",
                     "a revocation is in the database and not yet in the "
                     "journal"}});
  }
}

RevocationFollower::View RevocationFollower::view() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return {position_, mark_, history_,
          clock_.MonotonicNow() - alive_at_ <= kAliveTime};
}

std::optional<std::vector<RevocationChange>> RevocationFollower::Since(
    int64_t revision, size_t limit) const {
  std::lock_guard<std::mutex> lock(mutex_);
  if (revision < kept_from_) {
    return std::nullopt;
  }
  const auto first =
      std::upper_bound(kept_.begin(), kept_.end(), revision,
                       [](int64_t wanted, const RevocationChange& change) {
                         return wanted < change.revision;
                       });
  const size_t count =
      std::min(limit, static_cast<size_t>(kept_.end() - first));
  return std::vector<RevocationChange>(
      first, first + static_cast<std::ptrdiff_t>(count));
}

void RevocationFollower::Observe(std::function<void()> observer) {
  std::lock_guard<std::mutex> lock(observer_mutex_);
  observer_ = std::move(observer);
}

void RevocationFollower::TellObserver() {
  std::lock_guard<std::mutex> lock(observer_mutex_);
  if (observer_) {
    observer_();
  }
}

absl::Status RevocationFollower::Pass(bool check) {
  absl::Status status;
  if (check && journal_ != nullptr) {
    status = CheckHistory();
  }
  if (status.ok()) {
    status = Follow();
  }
  if (!status.ok() || journal_ == nullptr) {
    return status;
  }
  status = CatchUpJournal();
  NoteJournal(status);
  CompactIfGrown();
  return status;
}

absl::Status RevocationFollower::CheckHistory() {
  BIRTHMARK_ASSIGN_OR_RETURN(const bool behind,
                             IsBehindJournal(log_, *journal_, clock_));
  if (!behind) {
    return absl::OkStatus();
  }
  BIRTHMARK_RETURN_IF_ERROR(BringBack(log_, *journal_, clock_, metrics_));
  // What the database has and the journal does not, nobody can tell by its
  // revision: all of it is written again.
  journal_position_ = 0;
  BIRTHMARK_RETURN_IF_ERROR(BeginAtLatest());
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ++history_;
  }
  TellObserver();
  return absl::OkStatus();
}

absl::Status RevocationFollower::BeginAtLatest() {
  BIRTHMARK_ASSIGN_OR_RETURN(const int64_t latest, log_.Latest());
  std::string mark;
  if (latest > 0) {
    BIRTHMARK_ASSIGN_OR_RETURN(const std::optional<RevocationChange> change,
                               log_.Get(latest));
    if (!change.has_value()) {
      return absl::AbortedError("the log of revocations changed its past");
    }
    mark = MarkOf(*change);
  }
  std::lock_guard<std::mutex> lock(mutex_);
  position_ = latest;
  mark_ = std::move(mark);
  kept_.clear();
  kept_from_ = latest;
  return absl::OkStatus();
}

std::string RevocationFollower::MarkOf(const RevocationChange& change) {
  return HexEncode(
      crypto::Sha256(absl::StrCat(change.serial, " ",
                                  static_cast<int>(change.state), " ",
                                  absl::ToUnixMicros(change.update_time)))
          .substr(0, 8));
}

absl::Status RevocationFollower::Follow() {
  while (true) {
    const int64_t position = view().revision;
    BIRTHMARK_ASSIGN_OR_RETURN(std::vector<RevocationChange> changes,
                               log_.Read(position, "", kReadAtOnce));
    if (changes.empty()) {
      metrics_.revision.Set(static_cast<double>(position));
      return absl::OkStatus();
    }
    // Most of the time the journal is as far as this, and what was read once
    // need not be read again. Verifiers are told first: they wait for it.
    const bool in_step = journal_ != nullptr && journal_position_ == position;
    Publish(changes);
    if (in_step && journal_->Append(changes).ok()) {
      journal_position_ = changes.back().revision;
    }
  }
}

absl::Status RevocationFollower::CatchUpJournal() {
  const int64_t position = view().revision;
  while (journal_position_ < position) {
    BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<RevocationChange> changes,
                               log_.Read(journal_position_, "", kReadAtOnce));
    if (changes.empty()) {
      break;
    }
    BIRTHMARK_RETURN_IF_ERROR(journal_->Append(changes));
    journal_position_ = changes.back().revision;
  }
  return absl::OkStatus();
}

void RevocationFollower::Publish(std::vector<RevocationChange> changes) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    position_ = changes.back().revision;
    mark_ = MarkOf(changes.back());
    for (RevocationChange& change : changes) {
      kept_.push_back(std::move(change));
    }
    while (kept_.size() > kKept) {
      kept_from_ = kept_.front().revision;
      kept_.pop_front();
    }
  }
  TellObserver();
}

void RevocationFollower::NoteJournal(const absl::Status& status) {
  metrics_.journal_bytes.Set(static_cast<double>(journal_->bytes()));
  metrics_.journal_revision.Set(static_cast<double>(journal_position_));
  if (!status.ok() && !journal_failing_) {
    telemetry::Log(
        telemetry::Level::kError, "revocation_journal_failing",
        {{"error", status.message()},
         {"text",
          "revocations are taken all the same; they are not safe from a "
          "restore of the database until the journal can be written"}});
  } else if (status.ok() && journal_failing_) {
    telemetry::Log(telemetry::Level::kInfo, "revocation_journal_recovered",
                   {{"revision", journal_position_}});
  }
  journal_failing_ = !status.ok();
}

void RevocationFollower::CompactIfGrown() {
  const int64_t bytes = journal_->bytes();
  if (bytes < std::max(2 * compacted_bytes_, kWorthCompacting)) {
    return;
  }
  // Whether or not it gets smaller: it is looked at when it has doubled again.
  compacted_bytes_ = bytes;
  const bool scheduled = compactor_.TrySchedule([this] {
    const absl::Status status = journal_->Compact(clock_.Now());
    if (!status.ok()) {
      telemetry::Log(telemetry::Level::kError,
                     "revocation_journal_not_compacted",
                     {{"error", status.message()}});
    }
  });
  if (!scheduled) {
    compacted_bytes_ = bytes / 2;
  }
}

}  // namespace birthmark::registration
