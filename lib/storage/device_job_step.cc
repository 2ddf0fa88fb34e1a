#include "lib/storage/device_job_step.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/storage/device_acts.h"
#include "lib/storage/param.h"
#include "lib/storage/record.h"

namespace birthmark::storage {
namespace {

using Outcome = DeviceActResult::Outcome;

constexpr Statement kCollected = {"device_job_collected", R"(
    UPDATE device_jobs AS j
    SET items = j.items + $3, position = $4, state = $5, needs_approval = $6,
        next_step_time = $7, update_time = $8, last_error = '',
        version = j.version + 1
    WHERE j.fleet_id = $1 AND j.job_id = $2
    RETURNING )" BIRTHMARK_DEVICE_JOB_COLUMNS};

constexpr Statement kNextItems = {"device_job_next_items", R"(
    SELECT i.device_uid FROM device_job_items i
    WHERE i.fleet_id = $1 AND i.job_id = $2
      AND i.item >= $3::bigint AND i.item < $3::bigint + $4::bigint
    ORDER BY i.item)"};
// The items of a step follow each other, so their places in the arrays are
// known: a join might be planned the wrong way round while the table is small.
constexpr Statement kOutcomes = {"device_job_outcomes", R"(
    UPDATE device_job_items AS i
    SET outcome = ($4::smallint[])[i.item - $3::bigint + 1],
        error_reason = ($5::text[])[i.item - $3::bigint + 1]
    WHERE i.fleet_id = $1 AND i.job_id = $2
      AND i.item >= $3::bigint
      AND i.item < $3::bigint + cardinality($4::smallint[]))"};
// A step that comes a little late is made good, so that the rate is kept.
constexpr Statement kAdvance = {"device_job_advance", R"(
    UPDATE device_jobs AS j
    SET done = j.done + $3, unchanged = j.unchanged + $4,
        failed = j.failed + $5, certificates = j.certificates + $6,
        next_item = j.next_item + $3 + $4 + $5, state = $7, end_time = $8,
        next_step_time = CASE WHEN j.rate = 0 THEN $9::timestamptz ELSE
          greatest(j.next_step_time, $9::timestamptz - interval '200 ms')
          + make_interval(secs => ($3 + $4 + $5)::double precision / j.rate)
          END,
        update_time = $10, last_error = '', version = j.version + 1
    WHERE j.fleet_id = $1 AND j.job_id = $2
    RETURNING )" BIRTHMARK_DEVICE_JOB_COLUMNS};

// Times in the database are whole seconds, but for the throttle's.
absl::Time Second(absl::Time now) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(now));
}

DeviceJobOutcome Stored(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return DeviceJobOutcome::kDone;
    case Outcome::kUnchanged:
      return DeviceJobOutcome::kUnchanged;
    case Outcome::kFailed:
      break;
  }
  return DeviceJobOutcome::kFailed;
}

// What a step came to.
struct Account {
  int64_t done = 0;
  int64_t unchanged = 0;
  int64_t failed = 0;
  int64_t certificates = 0;

  void Add(const DeviceActResult& result) {
    done += result.outcome == Outcome::kDone ? 1 : 0;
    unchanged += result.outcome == Outcome::kUnchanged ? 1 : 0;
    failed += result.outcome == Outcome::kFailed ? 1 : 0;
    certificates += result.certificates;
  }
};

Account Act(Session& session, const DeviceJobPlace& place, absl::Time now,
            int limit, const DeviceJobStore::Makers& makers) {
  const DeviceJobRow& job = place.job;
  std::vector<std::string> uids;
  for (const auto& row :
       session.Exec(kNextItems, Text(job.fleet_id), Text(job.job_id),
                    Int(place.next_item), Int(limit))) {
    uids.push_back(ReadText(row[0]));
  }
  Account account;
  if (uids.empty()) {
    return account;
  }
  SmallintArray outcomes;
  TextArray errors;
  for (const DeviceActResult& result :
       ActOnDevices(session, job.fleet_id, uids,
                    {.kind = job.action,
                    .reason = job.reason,
                    .playbook = job.playbook,
                    .actor = job.create_actor,
                    .job_id = job.job_id,
                    .time = Second(now)},
                    makers.new_id, [&](const DeviceActResult& changed) {
                      return makers.entries_for(job, changed);
                    })) {
    account.Add(result);
    outcomes.Add(static_cast<int>(Stored(result.outcome)));
    if (result.outcome == Outcome::kFailed) {
      errors.Add(result.error_reason);
    } else {
      errors.AddNull();
    }
  }
  session.Exec(kOutcomes, Text(job.fleet_id), Text(job.job_id),
               Int(place.next_item), outcomes.Take(), errors.Take());
  return account;
}

}  // namespace

DeviceJobRow CollectStep(Session& session, const DeviceJobPlace& place,
                         const DevicePage& page, absl::Time now,
                         const DeviceJobStore::Makers& makers) {
  const DeviceJobRow& job = place.job;
  std::vector<std::string> uids;
  uids.reserve(page.devices.size());
  for (const DeviceRow& device : page.devices) {
    uids.push_back(device.device_uid);
  }
  DeviceJobRow after = job;
  const int64_t added = AddDeviceJobItems(session, job, uids);
  if (page.next_cursor.empty()) {
    after.items += added;
    after.needs_approval = makers.needs_approval(after);
    after.state = after.needs_approval ? DeviceJobState::kPendingApproval
                                       : DeviceJobState::kRunning;
  }
  const auto collected = session.Exec(
      kCollected, Text(job.fleet_id), Text(job.job_id), Int(added),
      Bytes(page.next_cursor), Int(static_cast<int>(after.state)),
      Text(after.needs_approval ? "t" : "f"), At(now), At(Second(now)));
  return ReadDeviceJob(collected[0]).job;
}

DeviceJobRow ActStep(Session& session, const DeviceJobPlace& place,
                     absl::Time now, int limit,
                     const DeviceJobStore::Makers& makers) {
  const DeviceJobRow& job = place.job;
  if (job.rate > 0) {
    limit = std::min(limit, job.rate);
  }
  const Account account = Act(session, place, now, limit, makers);
  const bool last =
      place.next_item + account.done + account.unchanged + account.failed >
      job.items;
  const auto advanced = session.Exec(
      kAdvance, Text(job.fleet_id), Text(job.job_id), Int(account.done),
      Int(account.unchanged), Int(account.failed), Int(account.certificates),
      Int(static_cast<int>(last ? DeviceJobState::kDone : job.state)),
      last ? At(Second(now)) : Param(), At(now), At(Second(now)));
  DeviceJobRow after = ReadDeviceJob(advanced[0]).job;
  if (last) {
    RecordAudit(session, {makers.end_for(after)});
  }
  return after;
}

}  // namespace birthmark::storage
