#include "services/inventory/device_job_runner.h"

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lib/audit/new_entry.h"
#include "lib/base/resource_name.h"
#include "lib/crypto/ids.h"
#include "lib/telemetry/log.h"
#include "services/inventory/convert.h"
#include "services/inventory/device_filter.h"
#include "services/inventory/device_job_convert.h"

namespace birthmark::inventory {
namespace {

using storage::DeviceActKind;
using storage::DeviceActResult;
using storage::DeviceJobRow;
using storage::DeviceJobState;

// As the methods for one device have it.
absl::string_view ActionOf(DeviceActKind kind) {
  switch (kind) {
    case DeviceActKind::kQuarantine:
      return "device.quarantine";
    case DeviceActKind::kRelease:
      return "device.release";
    case DeviceActKind::kDecommission:
      break;
  }
  return "device.decommission";
}

}  // namespace

DeviceJobRunner::DeviceJobRunner(storage::DeviceJobStore& jobs,
                                 int64_t approval_threshold, Clock& clock,
                                 Metrics& metrics)
    : jobs_(jobs),
      approval_threshold_(approval_threshold),
      clock_(clock),
      metrics_(metrics),
      makers_(NewMakers()),
      thread_([this] {
        const bool busy = Step();
        const absl::Duration rest =
            busy ? absl::ZeroDuration() : schedule_.Rest(clock_.Now());
        metrics_.device_jobs.Set(static_cast<double>(schedule_.size()));
        return rest;
      }) {}

storage::DeviceJobStore::Makers DeviceJobRunner::NewMakers() const {
  return {.filter_of =
              [](const DeviceJobRow& job) {
                return ParseDeviceFilter(job.filter, job.fleet_id);
              },
          .needs_approval =
              [this](const DeviceJobRow& job) {
                return job.items > approval_threshold_;
              },
          .new_id = [this] { return crypto::NewUid(clock_); },
          .entries_for =
              [this](const DeviceJobRow& job, const DeviceActResult& result) {
                return std::vector<audit::Entry>{audit::NewEntry(
                    clock_, job.create_actor, ActionOf(job.action),
                    FormatName(kDevicePattern, {result.device.fleet_id,
                                                result.device.device_uid}),
                    {{"event", result.event.event_id},
                     {"job", DeviceJobName(job)}})};
              },
          .end_for =
              [this](const DeviceJobRow& job) {
                return audit::NewEntry(clock_, job.create_actor,
                                       "device_job.finish", DeviceJobName(job),
                                       DeviceJobAccount(job));
              }};
}

bool DeviceJobRunner::Step() {
  std::optional<DeviceJobRow> before;
  const absl::StatusOr<std::optional<DeviceJobRow>> after =
      jobs_.Step(clock_.Now(), kStepSize, makers_, before);
  if (!after.ok()) {
    NoteFailure(before, after.status());
    return false;
  }
  if (!after->has_value()) {
    return false;
  }
  NoteStep(DeviceJobName(**after), *before, **after);
  return true;
}

void DeviceJobRunner::NoteStep(const std::string& name,
                               const DeviceJobRow& before,
                               const DeviceJobRow& after) {
  const auto gone_through = [](const DeviceJobRow& job) {
    return job.done + job.unchanged + job.failed;
  };
  metrics_.job_devices.Increment(
      static_cast<double>(gone_through(after) - gone_through(before)));
  if (after.state == DeviceJobState::kRunning ||
      after.state == DeviceJobState::kCollecting) {
    schedule_.Went(name, after.next_step_time);
    return;
  }
  schedule_.Ended(name);
  if (after.state == DeviceJobState::kDone) {
    telemetry::Log(telemetry::Level::kInfo, "device_job_done",
                   {{"job", name},
                    {"done", after.done},
                    {"unchanged", after.unchanged},
                    {"failed", after.failed}});
  }
}

void DeviceJobRunner::NoteFailure(const std::optional<DeviceJobRow>& job,
                                  const absl::Status& status) {
  metrics_.job_errors.Increment();
  const std::string name = job.has_value() ? DeviceJobName(*job) : "";
  telemetry::Log(telemetry::Level::kWarning, "device_job_failed",
                 {{"job", name}, {"error", status.ToString()}});
  if (!job.has_value()) {
    return;
  }
  const absl::Time until = clock_.Now() + schedule_.Backoff(name);
  if (jobs_.Postpone(*job, JobErrorText(status), until).ok()) {
    schedule_.Postponed(name, until);
  }
}

}  // namespace birthmark::inventory
