#ifndef BIRTHMARK_LIB_STORAGE_DEVICE_JOB_STORE_H_
#define BIRTHMARK_LIB_STORAGE_DEVICE_JOB_STORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lib/audit/entry.h"
#include "lib/storage/device_act.h"
#include "lib/storage/device_search_store.h"
#include "lib/storage/mutation.h"

namespace birthmark::storage {

// Stored; values never change.
enum class DeviceJobState : int16_t {
  kCollecting = 1,
  kPendingApproval = 2,
  kRunning = 3,
  kPaused = 4,
  kDone = 5,
  kCancelled = 6,
};
enum class DeviceJobOutcome : int16_t {
  kWaiting = 1,
  kDone = 2,
  kUnchanged = 3,
  kFailed = 4,
};

// DeviceJobRow is a row of `device_jobs`.
struct DeviceJobRow {
  std::string fleet_id;
  std::string job_id;
  DeviceJobState state = DeviceJobState::kCollecting;
  DeviceActKind action = DeviceActKind::kQuarantine;
  std::string filter;  // as the API has it; empty: by list
  std::string reason;
  std::string playbook;
  int rate = 0;  // devices a second; 0: as fast as it goes
  bool needs_approval = false;
  int64_t items = 0;
  int64_t done = 0;
  int64_t unchanged = 0;
  int64_t failed = 0;
  int64_t certificates = 0;
  absl::Time next_step_time;
  std::string last_error;
  std::string create_actor;
  std::string approve_actor;  // empty: nobody
  int64_t version = 1;
  absl::Time create_time;
  absl::Time update_time;
  std::optional<absl::Time> end_time;
};

// DeviceJobItemRow is a row of `device_job_items`.
struct DeviceJobItemRow {
  int64_t item = 0;
  std::string device_uid;
  DeviceJobOutcome outcome = DeviceJobOutcome::kWaiting;
  std::string error_reason;
};

// DeviceJobItemPage is a page of items.
struct DeviceJobItemPage {
  std::vector<DeviceJobItemRow> items;
  // After which item the next page begins; 0 if nothing follows. A page may be
  // short, even empty, and have one: it has cost enough.
  int64_t next = 0;
};

// DeviceJobCursor is where a page of jobs starts: after this row.
struct DeviceJobCursor {
  absl::Time create_time;
  std::string fleet_id;
  std::string job_id;
};

// DeviceJobStore keeps changes of many devices, and does them step by step.
// Thread-safe. Every method is one transaction, but a step that collects, which
// looks for devices before.
class DeviceJobStore {
 public:
  virtual ~DeviceJobStore() = default;

  // Preview is what a job would be about.
  struct Preview {
    std::map<DeviceState, int64_t> devices;
    int64_t certificates = 0;  // that would be revoked, held or released
    int64_t crl_entries = 0;   // of those, that CRLs do not have yet
  };
  // Count may take long for a selection that no index helps; it reads alone.
  virtual absl::StatusOr<Preview> Count(const DeviceFilter& filter,
                                        DeviceActKind action) = 0;

  // Create inserts a job. kAlreadyExists / DEVICE_JOB_EXISTS.
  virtual absl::Status Create(const DeviceJobRow& row,
                              const Mutation& mutation) = 0;
  // Add adds devices to a job by list that is collecting; those that are on it
  // stay once. kNotFound / DEVICE_JOB_NOT_FOUND, kFailedPrecondition /
  // DEVICE_JOB_STATE.
  virtual absl::StatusOr<DeviceJobRow> Add(
      absl::string_view fleet_id, absl::string_view job_id,
      absl::Span<const std::string> device_uids, absl::Time now) = 0;
  // Get returns one. kNotFound / DEVICE_JOB_NOT_FOUND.
  virtual absl::StatusOr<DeviceJobRow> Get(absl::string_view fleet_id,
                                           absl::string_view job_id) = 0;
  // List returns at most `limit` of a fleet (empty: all) in order of
  // (create_time, fleet_id, job_id).
  virtual absl::StatusOr<std::vector<DeviceJobRow>> List(
      absl::string_view fleet_id, const std::optional<DeviceJobCursor>& after,
      int limit) = 0;
  // ListItems returns at most `limit` after item `after`, in order.
  // kNotFound / DEVICE_JOB_NOT_FOUND.
  virtual absl::StatusOr<DeviceJobItemPage> ListItems(
      absl::string_view fleet_id, absl::string_view job_id,
      std::optional<DeviceJobOutcome> outcome, int64_t after, int limit) = 0;

  // Move lets `change` alter the job's state, need of approval, approver and
  // times under its lock, and stores what it made of it with the mutation that
  // `mutation_for` makes. Fails with what `change` fails with. If `change`
  // leaves the state as it is, nothing is stored.
  using Change = std::function<absl::Status(DeviceJobRow&)>;
  using MutationMaker = std::function<Mutation(const DeviceJobRow&)>;
  virtual absl::StatusOr<DeviceJobRow> Move(
      absl::string_view fleet_id, absl::string_view job_id,
      const Change& change, const MutationMaker& mutation_for) = 0;

  // Step does the next part of a job whose time has come, if there is one that
  // nobody else is at. Collecting: adds a page of the filter's devices; when
  // all are there, `needs_approval` says where it goes. Running: does its act
  // to at most `limit` devices, with their events and the audit entries that
  // `entries_for` makes; a job that is through is kDone, with the entry of
  // `end_for`. Returns the job, or nothing if there was nothing to do.
  // `filter_of` reads a job's filter. `job` is the one that it was at, also if
  // it failed; unset if there was none.
  struct Makers {
    std::function<absl::StatusOr<DeviceFilter>(const DeviceJobRow&)> filter_of;
    std::function<bool(const DeviceJobRow&)> needs_approval;
    std::function<std::string()> new_id;
    std::function<std::vector<audit::Entry>(const DeviceJobRow&,
                                            const DeviceActResult&)>
        entries_for;
    std::function<audit::Entry(const DeviceJobRow&)> end_for;
  };
  virtual absl::StatusOr<std::optional<DeviceJobRow>> Step(
      absl::Time now, int limit, const Makers& makers,
      std::optional<DeviceJobRow>& job) = 0;

  // Postpone notes what kept a job from going on; it is tried again after
  // `until`.
  virtual absl::Status Postpone(const DeviceJobRow& job,
                                absl::string_view error, absl::Time until) = 0;
};

}  // namespace birthmark::storage

#endif  // BIRTHMARK_LIB_STORAGE_DEVICE_JOB_STORE_H_
