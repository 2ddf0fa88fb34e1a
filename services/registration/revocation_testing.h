// revocation_testing has what tests of those who follow revocations share.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_TESTING_H_
#define BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_TESTING_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/audit/entry.h"
#include "lib/storage/change_listener.h"
#include "lib/storage/revocation_journal.h"
#include "lib/storage/revocation_log.h"
#include "services/registration/revocation_follower.h"

namespace birthmark::registration {

// MakeChange returns a change of the certificate with this number.
storage::RevocationChange MakeChange(
    int certificate,
    storage::RevocationState state = storage::RevocationState::kRevoked,
    absl::string_view issuer_id = "idevid");

// TestLog is a RevocationLog whose database a test can set back. Thread-safe.
class TestLog : public storage::RevocationLog {
 public:
  // Commit appends a change under the next revision, which it returns.
  int64_t Commit(storage::RevocationChange change);
  // SetBack forgets what came after `revision`, as a restored backup does.
  void SetBack(int64_t revision);
  // Fail has all calls fail so until it is given OK.
  void Fail(absl::Status status);
  std::vector<storage::RevocationChange> changes() const;
  std::vector<audit::Entry> audit() const;
  // How often SkipTo was called.
  int skips() const;

  absl::StatusOr<int64_t> Latest() override;
  absl::StatusOr<int64_t> Highest() override;
  absl::StatusOr<std::vector<storage::RevocationChange>> Read(
      int64_t revision, absl::string_view issuer_id, int limit) override;
  absl::StatusOr<std::optional<storage::RevocationChange>> Get(
      int64_t revision) override;
  absl::Status SkipTo(int64_t revision) override;
  absl::StatusOr<int64_t> Restore(
      absl::Span<const storage::RevocationChange> changes,
      absl::Span<const audit::Entry> entries) override;

 private:
  mutable std::mutex mutex_;
  absl::Status failure_;
  std::vector<storage::RevocationChange> changes_;
  std::vector<audit::Entry> audit_;
  int64_t sequence_ = 0;
  int skips_ = 0;
};

// TestJournal is a RevocationJournal in memory. Thread-safe.
class TestJournal : public storage::RevocationJournal {
 public:
  // Fail has Append fail so until it is given OK; Delay has it wait.
  void Fail(absl::Status status);
  void Delay(absl::Duration delay);
  std::vector<storage::RevocationChange> changes() const;
  int appends() const;

  absl::Status Append(
      absl::Span<const storage::RevocationChange> changes) override;
  std::optional<storage::RevocationChange> last() const override;
  int64_t highest() const override;
  absl::Status ForEachLive(
      absl::Time now,
      const std::function<absl::Status(
          absl::Span<const storage::RevocationChange>)>& visit) const override;
  absl::Status Compact(absl::Time) override { return absl::OkStatus(); }
  int64_t bytes() const override { return 0; }

 private:
  mutable std::mutex mutex_;
  absl::Status failure_;
  absl::Duration delay_;
  int appends_ = 0;
  std::vector<storage::RevocationChange> changes_;
};

// TestListener hands a listener's callbacks to the test, which calls them.
class TestListener {
 public:
  RevocationFollower::Listen Listen();
  // Notify is what a commit causes, Connect a new connection, Beat a heartbeat.
  void Notify();
  void Connect();
  void Beat();

 private:
  storage::ChangeListener::Callbacks callbacks_;
};

// Eventually waits until `condition` holds, for some seconds at most; returns
// whether it does.
bool Eventually(const std::function<bool()>& condition);

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_REVOCATION_TESTING_H_
