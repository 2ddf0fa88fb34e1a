#include "services/cli/device_job_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "lib/base/status_macros.h"
#include "services/cli/device_text.h"
#include "services/cli/error_report.h"
#include "services/cli/event_text.h"
#include "services/cli/names.h"
#include "services/cli/output.h"

namespace birthmark::cli {
namespace {

using device::v1::DeviceJob;
using device::v1::DeviceJobAction;
using device::v1::GetDeviceJobRequest;
using device::v1::StateCount;

std::string WhatItDoes(DeviceJobAction action) {
  switch (action) {
    case device::v1::DEVICE_JOB_ACTION_QUARANTINE:
      return "isolates devices: refused at once, their certificates on hold; "
             "`release` undoes it";
    case device::v1::DEVICE_JOB_ACTION_RELEASE:
      return "releases devices: the certificates that the quarantine held are "
             "good again";
    case device::v1::DEVICE_JOB_ACTION_DECOMMISSION:
      return "RETIRES DEVICES FOR GOOD: certificates revoked, keys never used "
             "again, personal data erased";
    default:
      return "";
  }
}

std::string CertificateWord(DeviceJobAction action) {
  switch (action) {
    case device::v1::DEVICE_JOB_ACTION_QUARANTINE:
      return "put on hold";
    case device::v1::DEVICE_JOB_ACTION_RELEASE:
      return "taken off hold";
    default:
      return "revoked";
  }
}

std::string StatesText(const DeviceJob& job) {
  return absl::StrJoin(job.preview(), ", ",
                       [](std::string* out, const StateCount& count) {
                         absl::StrAppend(out, count.devices(), " ",
                                         DeviceStateText(count.state()));
                       });
}

std::string RateText(const DeviceJob& job) {
  return job.rate() > 0
             ? absl::StrCat("at most ", job.rate(), " devices a second")
             : "as fast as it goes";
}

JobView ViewOf(const DeviceJob& job) {
  return {.state = DeviceJobStateText(job),
          .is_running = job.state() == device::v1::DEVICE_JOB_STATE_RUNNING,
          .is_over = DeviceJobIsOver(job),
          .done = job.done_count() + job.unchanged_count() + job.failed_count(),
          .expected = job.device_count(),
          .done_word = absl::StrCat("devices, ", job.failed_count(), " failed"),
          .last_error = job.last_error(),
          .next_step = DeviceJobNextStep(job)};
}

}  // namespace

std::string DeviceJobStateText(const DeviceJob& job) {
  return absl::StrReplaceAll(
      EnumText(device::v1::DeviceJobState_Name(job.state()),
               "DEVICE_JOB_STATE_"),
      {{"_", " "}});
}

std::string DeviceJobActionText(DeviceJobAction action) {
  return EnumText(device::v1::DeviceJobAction_Name(action),
                  "DEVICE_JOB_ACTION_");
}

bool DeviceJobIsOver(const DeviceJob& job) {
  return job.state() == device::v1::DEVICE_JOB_STATE_DONE ||
         job.state() == device::v1::DEVICE_JOB_STATE_CANCELLED;
}

std::string DeviceJobNextStep(const DeviceJob& job) {
  const std::string name = ShortName(job.name());
  switch (job.state()) {
    case device::v1::DEVICE_JOB_STATE_COLLECTING:
      return job.filter().empty()
                 ? absl::StrCat(
                       "nothing is done yet: its list is not complete; to drop "
                       "it: birthmark device-job cancel ",
                       name)
                 : "it collects its devices";
    case device::v1::DEVICE_JOB_STATE_PENDING_APPROVAL:
      return absl::StrCat(
          "nothing is done yet: it waits for a second operator (not ",
          ActorText(job.create_actor()),
          "), who runs: birthmark device-job approve ", name);
    case device::v1::DEVICE_JOB_STATE_RUNNING:
      return absl::StrCat("it works; to watch it: birthmark device-job watch ",
                          name);
    case device::v1::DEVICE_JOB_STATE_PAUSED:
      return absl::StrCat(
          "it does nothing until somebody runs: birthmark device-job resume ",
          name);
    case device::v1::DEVICE_JOB_STATE_CANCELLED:
      return "what is done stays done; for the rest create another job";
    case device::v1::DEVICE_JOB_STATE_DONE:
      return job.failed_count() == 0
                 ? ""
                 : absl::StrCat(
                       "which failed, and why: birthmark device-job "
                       "items ",
                       name, " --outcome failed");
    default:
      return "";
  }
}

void PrintDeviceJobPreview(std::ostream& out, const std::string& fleet,
                           const DeviceJob& job) {
  const std::string word = CertificateWord(job.action());
  std::string devices = absl::StrCat(job.device_count());
  if (job.preview_size() > 0) {
    absl::StrAppend(&devices, ": ", StatesText(job));
  }
  PrintFields(
      out, {{"The job", WhatItDoes(job.action())},
            {"Fleet", fleet},
            {"Selected", job.filter()},
            {"Devices", devices},
            {"Certificates",
             absl::StrCat(job.expected_certificates(), " would be ", word,
                          job.expected_crl_bytes() > 0
                              ? absl::StrCat("; CRLs grow by ",
                                             SizeText(job.expected_crl_bytes()))
                              : "")},
            {"Pace", RateText(job)},
            {"Reason", job.reason()},
            {"Playbook", job.playbook()},
            {"Approval", job.needs_approval()
                             ? "by a second operator, before anything is done"
                             : "not needed"}});
}

void PrintDeviceJob(std::ostream& out, const DeviceJob& job) {
  PrintFields(
      out, {{"Device job", job.name()},
            {"State", DeviceJobStateText(job)},
            {"It", WhatItDoes(job.action())},
            {"Selected", job.filter().empty() ? "by a list" : job.filter()},
            {"Reason", job.reason()},
            {"Playbook", job.playbook()},
            {"Devices", absl::StrCat(job.device_count())},
            {DeviceJobIsOver(job) ? "Account" : "So far",
             absl::StrCat(job.done_count(), " done, ", job.unchanged_count(),
                          " were so already, ", job.failed_count(), " failed; ",
                          CountText(job.certificate_count(), "certificate"),
                          " ", CertificateWord(job.action()))},
            {"Held up by", job.last_error()},
            {"Pace", RateText(job)},
            {"Created", absl::StrCat(TimeText(job.create_time()), " by ",
                                     ActorText(job.create_actor()))},
            {"Approved by",
             job.approve_actor().empty() ? "" : ActorText(job.approve_actor())},
            {"Ended", job.has_end_time() ? TimeText(job.end_time()) : ""},
            {"Next", DeviceJobNextStep(job)}});
}

absl::StatusOr<DeviceJob> WatchDeviceJob(rpc::Channel& inventory,
                                         const std::string& name,
                                         bool until_approval,
                                         const WatchOptions& options,
                                         Context& context) {
  GetDeviceJobRequest request;
  request.set_name(name);
  DeviceJob job;
  BIRTHMARK_RETURN_IF_ERROR(WatchJob(
      [&]() -> absl::StatusOr<JobView> {
        BIRTHMARK_ASSIGN_OR_RETURN(
            job,
            inventory.Unary<DeviceJob>(
                "birthmark.device.v1.DeviceJobService.GetDeviceJob", request));
        JobView view = ViewOf(job);
        view.is_over |=
            until_approval &&
            job.state() == device::v1::DEVICE_JOB_STATE_PENDING_APPROVAL;
        return view;
      },
      options, context));
  return job;
}

int DeviceJobExitCode(const DeviceJob& job) {
  return job.state() == device::v1::DEVICE_JOB_STATE_DONE &&
                 job.failed_count() == 0
             ? kExitOk
             : kExitRefused;
}

}  // namespace birthmark::cli
