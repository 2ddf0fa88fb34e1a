// RevocationFollower reads the revocations of all processes in the order of
// their commits, writes them to this process's journal, and keeps the latest
// for those who follow them.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_FOLLOWER_H_
#define BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_FOLLOWER_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/thread_pool.h"
#include "lib/storage/change_listener.h"
#include "lib/storage/revocation_journal.h"
#include "lib/storage/revocation_log.h"
#include "services/registration/metrics.h"
#include "services/registration/revocation_barrier.h"

namespace birthmark::registration {

// RevocationFollower is thread-safe. What New takes must outlive it.
class RevocationFollower : public RevocationBarrier {
 public:
  // Changes that are kept in memory.
  static constexpr size_t kKept = 10000;
  // How long a revocation waits for the journal.
  static constexpr absl::Duration kSettleTime = absl::Seconds(2);
  // Who stays without a sign of life from the database for so long does not
  // know what is revoked.
  static constexpr absl::Duration kAliveTime = absl::Seconds(5);

  // Listen starts a listener on the channel kRevocationsChannel.
  using Listen = std::function<std::unique_ptr<storage::ChangeListener>(
      storage::ChangeListener::Callbacks)>;

  // New compares the database with the journal, gives it back what it has
  // forgotten, and begins to follow. Fails if the database cannot be read. No
  // `journal`: none is kept.
  static absl::StatusOr<std::unique_ptr<RevocationFollower>> New(
      storage::RevocationLog& log, storage::RevocationJournal* journal,
      Clock& clock, Metrics& metrics, const Listen& listen);
  ~RevocationFollower() override;

  // Settle returns within kSettleTime. What could not be written is counted,
  // logged, and tried again.
  void Settle() override;

  // View is how far the follower is.
  struct View {
    int64_t revision = 0;
    // MarkOf the change with this revision; empty if it is 0.
    std::string mark;
    // Grows when it turns out that the database has another history than
    // before: revisions mean other changes.
    int64_t history = 0;
    // Whether the database was heard of lately.
    bool alive = false;
  };
  View view() const;

  // Since returns the changes after `revision`, at most `limit`. Nothing if
  // they are not kept any more: then the log has them.
  std::optional<std::vector<storage::RevocationChange>> Since(
      int64_t revision, size_t limit) const;

  // MarkOf returns what tells a change from another one that has its revision
  // in another history: a few letters and digits.
  static std::string MarkOf(const storage::RevocationChange& change);

  // Observe has `observer` called after every change of the view but `alive`,
  // on the follower's thread. Once Observe returns,
  // the one before is not called any more.
  void Observe(std::function<void()> observer);

 private:
  RevocationFollower(storage::RevocationLog& log,
                     storage::RevocationJournal* journal, Clock& clock,
                     Metrics& metrics);

  void Work();
  absl::Status Pass(bool check);
  absl::Status CheckHistory();
  absl::Status Follow();
  absl::Status BeginAtLatest();
  absl::Status CatchUpJournal();
  void TellObserver();
  void Publish(std::vector<storage::RevocationChange> changes);
  void NoteJournal(const absl::Status& status);
  void CompactIfGrown();
  void Wake(bool check);

  storage::RevocationLog& log_;
  storage::RevocationJournal* const journal_;
  Clock& clock_;
  Metrics& metrics_;

  // Of the thread alone.
  int64_t journal_position_ = 0;
  int64_t compacted_bytes_ = 0;
  bool journal_failing_ = false;

  std::mutex observer_mutex_;
  std::function<void()> observer_;  // under observer_mutex_

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  int64_t position_ = 0;  // all below under mutex_
  std::string mark_;
  int64_t history_ = 1;
  std::deque<storage::RevocationChange> kept_;  // those after kept_from_
  int64_t kept_from_ = 0;
  absl::Duration alive_at_ = -absl::InfiniteDuration();
  bool failing_ = false;  // the database could not be read
  bool dirty_ = false;
  bool check_ = false;
  bool stopped_ = false;
  // Calls of Settle, up to which the last pass had them, up to which it went
  // well.
  int64_t wanted_ = 0;
  int64_t tried_ = 0;
  int64_t settled_ = 0;

  ThreadPool compactor_{1, 1};
  std::thread worker_;
  std::unique_ptr<storage::ChangeListener> listener_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_FOLLOWER_H_
