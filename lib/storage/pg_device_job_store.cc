#include "lib/storage/pg_device_job_store.h"

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "lib/storage/device_job_count.h"
#include "lib/storage/device_job_step.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"
#include "lib/storage/session.h"

namespace birthmark::storage {
namespace {

constexpr Statement kInsert = {"device_job_insert", R"(
    INSERT INTO device_jobs
      (fleet_id, job_id, state, action, filter, reason, playbook, rate,
       next_step_time, create_actor, create_time, update_time)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
    ON CONFLICT DO NOTHING)"};
constexpr Statement kGet = {"device_job_get",
                            "SELECT " BIRTHMARK_DEVICE_JOB_COLUMNS R"(
    FROM device_jobs j WHERE j.fleet_id = $1 AND j.job_id = $2)"};
constexpr Statement kLock = {"device_job_lock",
                             "SELECT " BIRTHMARK_DEVICE_JOB_COLUMNS R"(
    FROM device_jobs j WHERE j.fleet_id = $1 AND j.job_id = $2 FOR UPDATE)"};
constexpr Statement kList = {"device_job_list",
                             "SELECT " BIRTHMARK_DEVICE_JOB_COLUMNS R"(
    FROM device_jobs j
    WHERE (j.create_time, j.fleet_id, j.job_id) >
          ($1::timestamptz, $2::text, $3::text)
      AND ($4 = '' OR j.fleet_id = $4)
    ORDER BY j.create_time, j.fleet_id, j.job_id LIMIT $5)"};
constexpr Statement kListItems = {"device_job_list_items", R"(
    SELECT i.item, i.device_uid, i.outcome, i.error_reason
    FROM device_job_items i
    WHERE i.fleet_id = $1 AND i.job_id = $2
      AND i.item > $3::bigint AND i.item <= $3::bigint + $4::bigint
      AND ($5::smallint = 0 OR i.outcome = $5::smallint)
    ORDER BY i.item LIMIT $6)"};
constexpr Statement kAdded = {"device_job_added", R"(
    UPDATE device_jobs AS j
    SET items = j.items + $3, update_time = $4, version = j.version + 1
    WHERE j.fleet_id = $1 AND j.job_id = $2
    RETURNING )" BIRTHMARK_DEVICE_JOB_COLUMNS};
constexpr Statement kMove = {"device_job_move", R"(
    UPDATE device_jobs AS j
    SET state = $3, approve_actor = $4, update_time = $5, end_time = $6,
        needs_approval = $7, next_step_time = $8, version = j.version + 1
    WHERE j.fleet_id = $1 AND j.job_id = $2
    RETURNING )" BIRTHMARK_DEVICE_JOB_COLUMNS};
// The one that has waited longest, so that all get on.
constexpr Statement kNextDue = {"device_job_next_due",
                                "SELECT " BIRTHMARK_DEVICE_JOB_COLUMNS R"(
    FROM device_jobs j
    WHERE (j.state = 3 OR (j.state = 1 AND j.filter <> ''))
      AND j.next_step_time <= $1
    ORDER BY j.next_step_time LIMIT 1
    FOR UPDATE SKIP LOCKED)"};
constexpr Statement kPostpone = {"device_job_postpone", R"(
    UPDATE device_jobs
    SET last_error = $3, next_step_time = $4, version = version + 1
    WHERE fleet_id = $1 AND job_id = $2 AND state IN (1, 3))"};

std::string Name(absl::string_view fleet_id, absl::string_view job_id) {
  return absl::StrCat("fleets/", fleet_id, "/deviceJobs/", job_id);
}

absl::Status NotFound(absl::string_view fleet_id, absl::string_view job_id) {
  return MakeError(absl::StatusCode::kNotFound, reasons::kDeviceJobNotFound,
                   "there is no such job",
                   {{"resource", Name(fleet_id, job_id)}});
}

// Lock finds a job and keeps others from it until the end of the transaction.
absl::StatusOr<DeviceJobPlace> Lock(Session& session,
                                    absl::string_view fleet_id,
                                    absl::string_view job_id) {
  const auto found = session.Exec(kLock, Text(fleet_id), Text(job_id));
  if (found.empty()) {
    return NotFound(fleet_id, job_id);
  }
  return ReadDeviceJob(found[0]);
}

}  // namespace

absl::StatusOr<DeviceJobStore::Preview> PgDeviceJobStore::Count(
    const DeviceFilter& filter, DeviceActKind action) {
  Preview preview;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        preview = CountForJob(session, filter, action);
        return absl::OkStatus();
      }));
  return preview;
}

absl::Status PgDeviceJobStore::Create(const DeviceJobRow& row,
                                      const Mutation& mutation) {
  return database_.Transact([&](Session& session) -> absl::Status {
    const auto inserted = session.Exec(
        kInsert, Text(row.fleet_id), Text(row.job_id),
        Int(static_cast<int>(row.state)), Int(static_cast<int>(row.action)),
        Text(row.filter), Text(row.reason), Text(row.playbook), Int(row.rate),
        At(row.next_step_time), Text(row.create_actor), At(row.create_time));
    if (inserted.affected_rows() == 0) {
      return MakeError(absl::StatusCode::kAlreadyExists,
                       reasons::kDeviceJobExists,
                       "there is a job of this name already",
                       {{"resource", Name(row.fleet_id, row.job_id)}});
    }
    return RecordMutation(session, mutation);
  });
}

absl::StatusOr<DeviceJobRow> PgDeviceJobStore::Add(
    absl::string_view fleet_id, absl::string_view job_id,
    absl::Span<const std::string> device_uids, absl::Time now) {
  DeviceJobRow job;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(const DeviceJobPlace place,
                                   Lock(session, fleet_id, job_id));
        job = place.job;
        if (job.state != DeviceJobState::kCollecting || !job.filter.empty()) {
          return MakeError(absl::StatusCode::kFailedPrecondition,
                           reasons::kDeviceJobState,
                           "the job takes no devices: it was started, or has "
                           "a filter",
                           {{"resource", Name(fleet_id, job_id)}});
        }
        const int64_t added = AddDeviceJobItems(session, job, device_uids);
        if (added > 0) {
          job = ReadDeviceJob(session.Exec(kAdded, Text(fleet_id), Text(job_id),
                                           Int(added), At(now))[0])
                    .job;
        }
        return absl::OkStatus();
      },
      // The next run finds on the job what this one put there.
      Database::InDoubt::kRerun));
  return job;
}

absl::StatusOr<DeviceJobRow> PgDeviceJobStore::Get(absl::string_view fleet_id,
                                                   absl::string_view job_id) {
  DeviceJobRow job;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        const auto found = session.Exec(kGet, Text(fleet_id), Text(job_id));
        if (found.empty()) {
          return NotFound(fleet_id, job_id);
        }
        job = ReadDeviceJob(found[0]).job;
        return absl::OkStatus();
      }));
  return job;
}

absl::StatusOr<std::vector<DeviceJobRow>> PgDeviceJobStore::List(
    absl::string_view fleet_id, const std::optional<DeviceJobCursor>& after,
    int limit) {
  std::vector<DeviceJobRow> jobs;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        jobs.clear();
        for (const auto& row : session.Exec(
                 kList,
                 after.has_value() ? At(after->create_time) : BeforeAllTime(),
                 Text(after.has_value() ? after->fleet_id : ""),
                 Text(after.has_value() ? after->job_id : ""), Text(fleet_id),
                 Int(limit))) {
          jobs.push_back(ReadDeviceJob(row).job);
        }
        return absl::OkStatus();
      }));
  return jobs;
}

absl::StatusOr<DeviceJobItemPage> PgDeviceJobStore::ListItems(
    absl::string_view fleet_id, absl::string_view job_id,
    std::optional<DeviceJobOutcome> outcome, int64_t after, int limit) {
  DeviceJobItemPage page;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Read([&](Session& session) -> absl::Status {
        page = {};
        const auto found = session.Exec(kGet, Text(fleet_id), Text(job_id));
        if (found.empty()) {
          return NotFound(fleet_id, job_id);
        }
        const int64_t items = ReadDeviceJob(found[0]).job.items;
        for (const auto& row : session.Exec(
                 kListItems, Text(fleet_id), Text(job_id), Int(after),
                 Int(kListReach),
                 Int(static_cast<int>(
                     outcome.value_or(static_cast<DeviceJobOutcome>(0)))),
                 Int(limit))) {
          page.items.push_back(
              {.item = ReadInt(row[0]),
               .device_uid = ReadText(row[1]),
               .outcome = static_cast<DeviceJobOutcome>(ReadInt(row[2])),
               .error_reason = ReadText(row[3])});
        }
        const int64_t seen = static_cast<int>(page.items.size()) == limit
                                 ? page.items.back().item
                                 : after + kListReach;
        page.next = seen < items ? seen : 0;
        return absl::OkStatus();
      }));
  return page;
}

absl::StatusOr<DeviceJobRow> PgDeviceJobStore::Move(
    absl::string_view fleet_id, absl::string_view job_id, const Change& change,
    const MutationMaker& mutation_for) {
  DeviceJobRow job;
  BIRTHMARK_RETURN_IF_ERROR(
      database_.Transact([&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(const DeviceJobPlace place,
                                   Lock(session, fleet_id, job_id));
        job = place.job;
        BIRTHMARK_RETURN_IF_ERROR(change(job));
        if (job.state == place.job.state) {
          return absl::OkStatus();
        }
        const auto moved = session.Exec(
            kMove, Text(fleet_id), Text(job_id),
            Int(static_cast<int>(job.state)), TextOrNull(job.approve_actor),
            At(job.update_time), AtOrNull(job.end_time),
            Text(job.needs_approval ? "t" : "f"), At(job.next_step_time));
        job = ReadDeviceJob(moved[0]).job;
        return RecordMutation(session, mutation_for(job));
      }));
  return job;
}

absl::StatusOr<std::optional<DeviceJobRow>> PgDeviceJobStore::Step(
    absl::Time now, int limit, const Makers& makers,
    std::optional<DeviceJobRow>& job) {
  std::optional<DeviceJobRow> after;
  DeviceJobPlace place;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        job.reset();
        after.reset();
        const auto due = session.Exec(kNextDue, At(now));
        if (due.empty()) {
          return absl::OkStatus();
        }
        place = ReadDeviceJob(due[0]);
        job = place.job;
        if (place.job.state == DeviceJobState::kRunning) {
          after = ActStep(session, place, now, limit, makers);
        }
        return absl::OkStatus();
      },
      // The next run goes on where this one got, committed or not.
      Database::InDoubt::kRerun));
  if (job.has_value() && !after.has_value()) {
    return Collect(place, now, makers);
  }
  return after;
}

// The search has a connection of its own: nobody holds one while waiting for
// another. Whoever else may have collected the same page has moved the job's
// position; then this one is not needed.
absl::StatusOr<std::optional<DeviceJobRow>> PgDeviceJobStore::Collect(
    const DeviceJobPlace& place, absl::Time now, const Makers& makers) {
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceFilter filter,
                             makers.filter_of(place.job));
  BIRTHMARK_ASSIGN_OR_RETURN(const DevicePage page,
                             search_.Search(filter, DeviceOrder::kOldestFirst,
                                            place.position, kCollectSize));
  std::optional<DeviceJobRow> after;
  BIRTHMARK_RETURN_IF_ERROR(database_.Transact(
      [&](Session& session) -> absl::Status {
        BIRTHMARK_ASSIGN_OR_RETURN(
            const DeviceJobPlace locked,
            Lock(session, place.job.fleet_id, place.job.job_id));
        if (locked.job.state == DeviceJobState::kCollecting &&
            locked.position == place.position) {
          after = CollectStep(session, locked, page, now, makers);
        } else {
          after = locked.job;
        }
        return absl::OkStatus();
      },
      Database::InDoubt::kRerun));
  return after;
}

absl::Status PgDeviceJobStore::Postpone(const DeviceJobRow& job,
                                        absl::string_view error,
                                        absl::Time until) {
  return database_.Transact([&](Session& session) -> absl::Status {
    session.Exec(kPostpone, Text(job.fleet_id), Text(job.job_id), Text(error),
                 At(until));
    return absl::OkStatus();
  });
}

}  // namespace birthmark::storage
