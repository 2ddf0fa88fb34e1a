#include "services/cli/device_bulk.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "services/cli/ask.h"
#include "services/cli/client.h"
#include "services/cli/device_job_text.h"
#include "services/cli/device_list_file.h"
#include "services/cli/device_selection.h"
#include "services/cli/error_report.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/reasons.h"
#include "services/cli/retry_policy.h"

namespace birthmark::cli {
namespace {

using device::v1::AddDeviceJobItemsRequest;
using device::v1::CreateDeviceJobRequest;
using device::v1::DeviceJob;
using device::v1::DeviceJobAction;
using device::v1::StartDeviceJobRequest;

// Counting may read every device of a fleet.
constexpr absl::Duration kCountTimeout = absl::Minutes(5);
constexpr size_t kItemsPerCall = 5000;
constexpr int64_t kHighestRate = 1000 * 1000;
constexpr absl::Duration kPatience = absl::Minutes(5);
constexpr size_t kSuffix = 6;

std::string Method(absl::string_view name) {
  return absl::StrCat("birthmark.device.v1.DeviceJobService.", name);
}

// Again repeats a call that may be repeated while the service is away.
template <typename Request>
absl::StatusOr<DeviceJob> Again(rpc::Channel& channel, absl::string_view method,
                                const Request& request, Context& context) {
  Backoff backoff(absl::Milliseconds(200), absl::Seconds(10));
  const absl::Duration begin = context.clock.MonotonicNow();
  while (true) {
    absl::StatusOr<DeviceJob> job =
        channel.Unary<DeviceJob>(Method(method), request, kCountTimeout);
    if (job.ok() || !IsPassing(job.status()) ||
        context.clock.MonotonicNow() - begin > kPatience) {
      return job;
    }
    absl::SleepFor(backoff.Next(job.status()));
  }
}

std::string NewJobId(DeviceJobAction action, absl::Time now) {
  return absl::StrCat(
      DeviceJobActionText(action), "-",
      absl::FormatTime("%Y%m%d-%H%M%S", now, absl::UTCTimeZone()), "-",
      crypto::NewRequestId().substr(0, kSuffix));
}

absl::StatusOr<CreateDeviceJobRequest> RequestFrom(DeviceJobAction action,
                                                   const Arguments& args,
                                                   Context& context) {
  CreateDeviceJobRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceSelection selection,
                             DeviceSelectionFrom(args, context.clock.Now()));
  if (selection.parent == "fleets/-") {
    return UsageError(
        "a job is about the devices of one fleet: name it with "
        "--fleet");
  }
  if (selection.filter.empty() != args.Has("--csv")) {
    return UsageError(
        args.Has("--csv")
            ? "give either --csv or options that select, not both"
            : "that would be the whole fleet: say which devices, with --csv or "
              "with options that select, e.g. --state active");
  }
  request.set_parent(selection.parent);
  request.set_request_id(crypto::NewRequestId());
  DeviceJob& job = *request.mutable_device_job();
  job.set_action(action);
  job.set_filter(selection.filter);
  job.set_reason(args.Text("--reason"));
  job.set_playbook(args.Text("--playbook"));
  if (args.Has("--rate")) {
    const int64_t rate = args.Integer("--rate");
    if (rate < 1 || rate > kHighestRate) {
      return UsageError(
          absl::StrCat("--rate wants a number from 1 to ", kHighestRate));
    }
    job.set_rate(static_cast<int32_t>(rate));
  }
  request.set_device_job_id(NewJobId(action, context.clock.Now()));
  if (args.Has("--job")) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        const std::string name,
        DeviceJobName(absl::StrCat(LastSegment(request.parent()), "/",
                                   args.Text("--job"))));
    request.set_device_job_id(LastSegment(name));
  }
  return request;
}

absl::Status NothingSelected() {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   reasons::kNothingSelected,
                   "no device is selected, or a name is misspelt; no job was "
                   "created");
}

// Creates a job by filter, after it was shown and agreed to.
absl::StatusOr<DeviceJob> ByFilter(rpc::Channel& channel,
                                   CreateDeviceJobRequest request,
                                   const Arguments& args, Context& context) {
  CreateDeviceJobRequest preview_request = request;
  preview_request.set_validate_only(true);
  preview_request.clear_request_id();
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceJob preview,
      channel.Unary<DeviceJob>(Method("CreateDeviceJob"), preview_request,
                               kCountTimeout));
  if (preview.device_count() == 0) {
    return NothingSelected();
  }
  PrintDeviceJobPreview(context.err, request.parent(), preview);
  if (!args.Switch("--yes")) {
    BIRTHMARK_RETURN_IF_ERROR(
        Ask(absl::StrCat("Create the job ", request.device_job_id(), ", about ",
                         CountText(preview.device_count(), "device"), "?"),
            context));
  }
  return Again(channel, "CreateDeviceJob", request, context);
}

// Creates a job by list, lists its devices, and starts it.
absl::StatusOr<DeviceJob> ByList(rpc::Channel& channel,
                                 const CreateDeviceJobRequest& request,
                                 const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::vector<std::string> uids,
      ReadDeviceList(args.Text("--csv"), request.parent()));
  if (uids.empty()) {
    return NothingSelected();
  }
  if (!args.Switch("--yes")) {
    PrintFields(context.err, {{"Fleet", request.parent()},
                              {"List", args.Text("--csv")},
                              {"Devices", absl::StrCat(uids.size())},
                              {"Reason", request.device_job().reason()}});
    BIRTHMARK_RETURN_IF_ERROR(Ask(
        absl::StrCat(request.device_job().action() ==
                             device::v1::DEVICE_JOB_ACTION_DECOMMISSION
                         ? "They are retired for good. "
                         : "",
                     "Create the job ", request.device_job_id(), ", to ",
                     DeviceJobActionText(request.device_job().action()), " ",
                     CountText(static_cast<int64_t>(uids.size()), "device"),
                     "?"),
        context));
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      DeviceJob job, Again(channel, "CreateDeviceJob", request, context));
  const auto not_started = [&](const absl::Status& status) {
    context.err << "the job " << ShortName(job.name())
                << " was not started; to drop it: birthmark device-job cancel "
                << ShortName(job.name()) << std::endl;
    return status;
  };
  for (size_t start = 0; start < uids.size(); start += kItemsPerCall) {
    AddDeviceJobItemsRequest items;
    items.set_name(job.name());
    const size_t end = std::min(start + kItemsPerCall, uids.size());
    for (size_t i = start; i < end; ++i) {
      items.add_device_uids(uids[i]);
    }
    const absl::Status status =
        Again(channel, "AddDeviceJobItems", items, context).status();
    if (!status.ok()) {
      return not_started(status);
    }
    if (uids.size() > kItemsPerCall) {
      context.err << end << " of " << uids.size() << " devices listed"
                  << std::endl;
    }
  }
  StartDeviceJobRequest start;
  start.set_name(job.name());
  start.set_request_id(crypto::NewRequestId());
  absl::StatusOr<DeviceJob> started =
      Again(channel, "StartDeviceJob", start, context);
  if (!started.ok()) {
    return not_started(started.status());
  }
  return started;
}

}  // namespace

std::vector<Param> BulkParams() {
  std::vector<Param> params = DeviceSelectionParams();
  const std::vector<Param> rest = {
      {.name = "--csv",
       .value = "FILE",
       .help = "those listed there: a column uid or name, as `device export` "
               "writes it"},
      {.name = "--job",
       .value = "NAME",
       .help = "the job's name [default: made of action and time]"},
      {.name = "--rate",
       .value = "N",
       .help = "devices a second, at most [default: as fast as it goes]",
       .kind = ParamKind::kInteger},
      {.name = "--detach",
       .help = "do not wait for the end of the job",
       .kind = ParamKind::kSwitch}};
  params.insert(params.end(), rest.begin(), rest.end());
  return params;
}

absl::StatusOr<bool> IsBulk(const Arguments& args) {
  for (const Param& param : BulkParams()) {
    if (args.Has(param.name) && args.Has("DEVICE")) {
      return UsageError(absl::StrCat(param.name, " is about many devices, but ",
                                     args.Text("DEVICE"),
                                     " is named too: give one of them"));
    }
  }
  return !args.Has("DEVICE");
}

absl::StatusOr<int> RunBulk(DeviceJobAction action, const Arguments& args,
                            Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const CreateDeviceJobRequest request,
                             RequestFrom(action, args, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(DeviceJob job,
                             args.Has("--csv")
                                 ? ByList(*channel, request, args, context)
                                 : ByFilter(*channel, request, args, context));
  const bool follow = !args.Switch("--detach");
  if (follow) {
    BIRTHMARK_ASSIGN_OR_RETURN(
        job, WatchDeviceJob(*channel, job.name(), /*until_approval=*/true,
                            {.interval = absl::Milliseconds(500)}, context));
  }
  // Whoever has to wait for somebody else need not wait here.
  const bool waits =
      job.state() == device::v1::DEVICE_JOB_STATE_PENDING_APPROVAL;
  if (context.json) {
    PrintJson(context.out, job);
  } else {
    PrintDeviceJob(context.out, job);
  }
  return follow && !waits ? DeviceJobExitCode(job) : kExitOk;
}

}  // namespace birthmark::cli
