#ifndef BIRTHMARK_LIB_STORAGE_REVOCATION_JOB_STORE_H_
#define BIRTHMARK_LIB_STORAGE_REVOCATION_JOB_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/audit/entry.h"
#include "lib/storage/certificate_store.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// Stored; values never change.
enum class RevocationJobState : int16_t {
  kPendingApproval = 1,
  kRunning = 2,
  kPaused = 3,
  kDone = 4,
  kCancelled = 5,
};

// CertificateSelector says which certificates: all that is not empty must
// agree.
struct CertificateSelector {
  std::string issuer_id;
  std::string spki_sha256;  // 32 octets
  std::string fleet_id;
  std::string model;
  std::string line_id;   // with fleet_id
  std::string batch_id;  // with line_id
  std::string firmware_component;
  std::string firmware_version;  // with firmware_component
};

// RevocationJobRow is a row of `revocation_jobs`.
struct RevocationJobRow {
  std::string job_id;
  RevocationJobState state = RevocationJobState::kRunning;
  CertificateSelector selector;
  absl::Time issued_before;
  int reason = 0;
  std::optional<absl::Time> invalidity_time;
  int rate = 0;  // certificates a second
  // Counted when it was created, as Preview.
  int64_t expected = 0;
  int64_t expected_entries = 0;
  int expected_shards = 0;
  int64_t revoked = 0;
  int64_t already_revoked = 0;
  int64_t expired = 0;
  absl::Time next_step_time;
  std::string last_error;
  std::string create_actor;
  std::string approve_actor;  // empty: nobody
  int64_t version = 1;
  absl::Time create_time;
  absl::Time update_time;
  std::optional<absl::Time> end_time;
};

// JobCursor is where a page of jobs starts: after this row.
struct JobCursor {
  absl::Time create_time;
  std::string job_id;
};

// RevocationJobStore keeps mass revocations and does them, step by step.
// Thread-safe. Every method is one transaction.
class RevocationJobStore {
 public:
  virtual ~RevocationJobStore() = default;

  // Preview is what a job would be about.
  struct Preview {
    int64_t certificates = 0;  // not expired, not revoked for good
    int64_t crl_entries = 0;   // of those, not held already and on a shard
    int shards = 0;
  };
  // Count may take long for a selection that no index helps; it reads alone.
  virtual absl::StatusOr<Preview> Count(const CertificateSelector& selector,
                                        absl::Time issued_before) = 0;

  // Create inserts a job. kAlreadyExists / REVOCATION_JOB_EXISTS.
  virtual absl::Status Create(const RevocationJobRow& row,
                              const Mutation& mutation) = 0;
  // Get returns one. kNotFound / REVOCATION_JOB_NOT_FOUND.
  virtual absl::StatusOr<RevocationJobRow> Get(absl::string_view job_id) = 0;
  // List returns at most `limit` in order of (create_time, job_id).
  virtual absl::StatusOr<std::vector<RevocationJobRow>> List(
      const std::optional<JobCursor>& after, int limit) = 0;

  // Move lets `change` alter the job's state, approver and times under its
  // lock, and stores what it made of it with the mutation that `mutation_for`
  // makes.
  // Fails with what `change` fails with. If `change` leaves the state as it is,
  // nothing is stored.
  using Change = std::function<absl::Status(RevocationJobRow&)>;
  using MutationMaker = std::function<Mutation(const RevocationJobRow&)>;
  virtual absl::StatusOr<RevocationJobRow> Move(
      absl::string_view job_id, const Change& change,
      const MutationMaker& mutation_for) = 0;

  // Step does the next part of a running job whose time has come, if there is
  // one that nobody else is at: revokes at most `limit` certificates, with an
  // event each (if a device's) and the audit entries that `entry_for` makes,
  // counts them, moves the job's position and says when the next step may be
  // (by its rate). A job that is through is kDone, with the entry of `end_for`.
  // Returns the job, or nothing if there was nothing to do. `job_id` is the job
  // that it was at, also if it failed; empty if there was none.
  using EntryMaker = std::function<audit::Entry(const RevocationJobRow& job,
                                                const RevocationRow& revoked)>;
  using EndMaker = std::function<audit::Entry(const RevocationJobRow& job)>;
  virtual absl::StatusOr<std::optional<RevocationJobRow>> Step(
      absl::Time now, int limit, const EntryMaker& entry_for,
      const EndMaker& end_for, std::string& job_id) = 0;

  // Postpone notes what kept a job from going on; it is tried again after
  // `until`.
  virtual absl::Status Postpone(absl::string_view job_id,
                                absl::string_view error, absl::Time until) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_REVOCATION_JOB_STORE_H_
