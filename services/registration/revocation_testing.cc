#include "services/registration/revocation_testing.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <utility>

#include "absl/time/clock.h"

namespace birthmark::registration {
namespace {

using storage::RevocationChange;
using storage::RevocationState;

class NoListener : public storage::ChangeListener {
 public:
  bool owner() const override { return false; }
  bool connected() const override { return true; }
};

}  // namespace

RevocationChange MakeChange(int certificate, RevocationState state,
                            absl::string_view issuer_id) {
  static std::atomic<int64_t> made{0};
  RevocationChange change;
  change.serial = std::string(16, '\1');
  memcpy(change.serial.data() + 4, &certificate, sizeof(certificate));
  change.issuer_id = std::string(issuer_id);
  change.not_after = absl::FromUnixSeconds(253402300799);
  change.state = state;
  change.reason = state == RevocationState::kRevoked ? 1 : 6;
  change.revoke_time = absl::FromUnixSeconds(1767225600);
  change.update_time = change.revoke_time + absl::Seconds(++made);
  return change;
}

int64_t TestLog::Commit(RevocationChange change) {
  std::lock_guard<std::mutex> lock(mutex_);
  change.revision = ++sequence_;
  changes_.push_back(std::move(change));
  return sequence_;
}

void TestLog::SetBack(int64_t revision) {
  std::lock_guard<std::mutex> lock(mutex_);
  while (!changes_.empty() && changes_.back().revision > revision) {
    changes_.pop_back();
  }
  sequence_ = revision;
}

void TestLog::Fail(absl::Status status) {
  std::lock_guard<std::mutex> lock(mutex_);
  failure_ = std::move(status);
}

std::vector<RevocationChange> TestLog::changes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return changes_;
}

std::vector<audit::Entry> TestLog::audit() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return audit_;
}

int TestLog::skips() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return skips_;
}

absl::StatusOr<int64_t> TestLog::Latest() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!failure_.ok()) {
    return failure_;
  }
  return changes_.empty() ? 0 : changes_.back().revision;
}

absl::StatusOr<int64_t> TestLog::Highest() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!failure_.ok()) {
    return failure_;
  }
  return sequence_;
}

absl::StatusOr<std::vector<RevocationChange>> TestLog::Read(
    int64_t revision, absl::string_view issuer_id, int limit) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!failure_.ok()) {
    return failure_;
  }
  std::vector<RevocationChange> read;
  for (const RevocationChange& change : changes_) {
    if (change.revision > revision &&
        (issuer_id.empty() || change.issuer_id == issuer_id) &&
        static_cast<int>(read.size()) < limit) {
      read.push_back(change);
    }
  }
  return read;
}

absl::StatusOr<std::optional<RevocationChange>> TestLog::Get(int64_t revision) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!failure_.ok()) {
    return failure_;
  }
  for (const RevocationChange& change : changes_) {
    if (change.revision == revision) {
      return change;
    }
  }
  return std::nullopt;
}

absl::Status TestLog::SkipTo(int64_t revision) {
  std::lock_guard<std::mutex> lock(mutex_);
  sequence_ = std::max(sequence_, revision);
  ++skips_;
  return failure_;
}

absl::StatusOr<int64_t> TestLog::Restore(
    absl::Span<const RevocationChange> changes,
    absl::Span<const audit::Entry> entries) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!failure_.ok()) {
    return failure_;
  }
  int64_t restored = 0;
  for (size_t i = 0; i < changes.size(); ++i) {
    const auto known = std::find_if(changes_.rbegin(), changes_.rend(),
                                    [&](const RevocationChange& c) {
                                      return c.serial == changes[i].serial;
                                    });
    if (known != changes_.rend() &&
        (known->state == RevocationState::kRevoked ||
         known->update_time >= changes[i].update_time)) {
      continue;
    }
    RevocationChange change = changes[i];
    change.revision = ++sequence_;
    changes_.push_back(std::move(change));
    audit_.push_back(entries[i]);
    ++restored;
  }
  return restored;
}

void TestJournal::Fail(absl::Status status) {
  std::lock_guard<std::mutex> lock(mutex_);
  failure_ = std::move(status);
}

void TestJournal::Delay(absl::Duration delay) {
  std::lock_guard<std::mutex> lock(mutex_);
  delay_ = delay;
}

std::vector<RevocationChange> TestJournal::changes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return changes_;
}

int TestJournal::appends() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return appends_;
}

absl::Status TestJournal::Append(absl::Span<const RevocationChange> changes) {
  absl::Duration delay;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    delay = delay_;
  }
  absl::SleepFor(delay);
  std::lock_guard<std::mutex> lock(mutex_);
  if (!failure_.ok()) {
    return failure_;
  }
  ++appends_;
  changes_.insert(changes_.end(), changes.begin(), changes.end());
  return absl::OkStatus();
}

std::optional<RevocationChange> TestJournal::last() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return changes_.empty() ? std::nullopt : std::optional(changes_.back());
}

int64_t TestJournal::highest() const {
  std::lock_guard<std::mutex> lock(mutex_);
  int64_t highest = 0;
  for (const RevocationChange& change : changes_) {
    highest = std::max(highest, change.revision);
  }
  return highest;
}

absl::Status TestJournal::ForEachLive(
    absl::Time now,
    const std::function<absl::Status(absl::Span<const RevocationChange>)>&
        visit) const {
  std::map<std::string, RevocationChange> newest;
  for (const RevocationChange& change : changes()) {
    newest[change.serial] = change;
  }
  for (const auto& [serial, change] : newest) {
    if (change.not_after < now) {
      continue;
    }
    const absl::Status status = visit({change});
    if (!status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

RevocationFollower::Listen TestListener::Listen() {
  return [this](storage::ChangeListener::Callbacks callbacks) {
    callbacks_ = std::move(callbacks);
    return std::make_unique<NoListener>();
  };
}

void TestListener::Notify() {
  callbacks_.on_notification(storage::kRevocationsChannel, "");
}

void TestListener::Connect() { (void)callbacks_.on_connected(); }

void TestListener::Beat() { callbacks_.on_alive(); }

bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 12000; ++i) {
    if (condition()) {
      return true;
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  return condition();
}

}  // namespace birthmark::registration
