#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "birthmark/device/v1/device_job_service.pb.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "services/cli/ask.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/device_job_text.h"
#include "services/cli/error_report.h"
#include "services/cli/event_text.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"

namespace birthmark::cli {
namespace {

using device::v1::ApproveDeviceJobRequest;
using device::v1::CancelDeviceJobRequest;
using device::v1::DeviceJob;
using device::v1::DeviceJobItem;
using device::v1::DeviceJobOutcome;
using device::v1::GetDeviceJobRequest;
using device::v1::ListDeviceJobItemsRequest;
using device::v1::ListDeviceJobItemsResponse;
using device::v1::ListDeviceJobsRequest;
using device::v1::ListDeviceJobsResponse;
using device::v1::PauseDeviceJobRequest;
using device::v1::ResumeDeviceJobRequest;

constexpr char kOutcomePrefix[] = "DEVICE_JOB_OUTCOME_";

std::string Method(absl::string_view name) {
  return absl::StrCat("birthmark.device.v1.DeviceJobService.", name);
}

int Print(const DeviceJob& job, Context& context) {
  if (context.json) {
    PrintJson(context.out, job);
  } else {
    PrintDeviceJob(context.out, job);
  }
  return kExitOk;
}

absl::StatusOr<DeviceJob> Fetch(rpc::Channel& channel,
                                const std::string& name) {
  GetDeviceJobRequest request;
  request.set_name(name);
  return channel.Unary<DeviceJob>(Method("GetDeviceJob"), request);
}

absl::StatusOr<int> Get(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string name,
                             DeviceJobName(args.Text("JOB")));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceJob job, Fetch(*channel, name));
  return Print(job, context);
}

absl::StatusOr<int> Watch(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string name,
                             DeviceJobName(args.Text("JOB")));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const DeviceJob job,
      WatchDeviceJob(*channel, name, /*until_approval=*/false, WatchOptions(),
                     context));
  Print(job, context);
  return DeviceJobExitCode(job);
}

absl::StatusOr<int> List(const Arguments& args, Context& context) {
  ListDeviceJobsRequest request;
  request.set_parent("fleets/-");
  if (args.Has("--fleet")) {
    BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_parent(),
                               FleetName(args.Text("--fleet")));
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      ListAll<ListDeviceJobsResponse>(
          *channel, Method("ListDeviceJobs"), request,
          [](const auto& r) { return r.device_jobs_size(); }));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  Table table({"JOB", "ACTION", "STATE", "DEVICES", "DONE", "FAILED", "REASON",
               "CREATED BY", "CREATED"});
  table.AlignRight(3).AlignRight(4).AlignRight(5);
  for (const DeviceJob& job : response.device_jobs()) {
    table.Add({ShortName(job.name()), DeviceJobActionText(job.action()),
               DeviceJobStateText(job), absl::StrCat(job.device_count()),
               absl::StrCat(job.done_count() + job.unchanged_count()),
               absl::StrCat(job.failed_count()), job.reason(),
               ActorText(job.create_actor()), TimeText(job.create_time())});
  }
  table.Print(context.out);
  context.out << CountText(response.device_jobs_size(), "job") << '\n';
  return kExitOk;
}

absl::StatusOr<DeviceJobOutcome> OutcomeFrom(const Arguments& args) {
  DeviceJobOutcome outcome = device::v1::DEVICE_JOB_OUTCOME_UNSPECIFIED;
  if (args.Has("--outcome") &&
      (!device::v1::DeviceJobOutcome_Parse(
           absl::StrCat(kOutcomePrefix,
                        absl::AsciiStrToUpper(args.Text("--outcome"))),
           &outcome) ||
       outcome == device::v1::DEVICE_JOB_OUTCOME_UNSPECIFIED)) {
    return UsageError("--outcome wants waiting, done, unchanged or failed");
  }
  return outcome;
}

absl::StatusOr<int> Items(const Arguments& args, Context& context) {
  ListDeviceJobItemsRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_parent(),
                             DeviceJobName(args.Text("JOB")));
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceJobOutcome outcome, OutcomeFrom(args));
  request.set_outcome(outcome);
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response, ListAll<ListDeviceJobItemsResponse>(
                               *channel, Method("ListDeviceJobItems"), request,
                               [](const auto& r) { return r.items_size(); },
                               args.Integer("--limit")));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  Table table({"DEVICE", "OUTCOME", "WHY"});
  for (const DeviceJobItem& item : response.items()) {
    table.Add({item.device(),
               EnumText(device::v1::DeviceJobOutcome_Name(item.outcome()),
                        kOutcomePrefix),
               item.error_reason()});
  }
  table.Print(context.out);
  context.out << CountText(response.items_size(), "device")
              << (response.next_page_token().empty() ? "" : ", more exist")
              << '\n';
  return kExitOk;
}

template <typename Request>
absl::StatusOr<int> Send(rpc::Channel& channel, const std::string& name,
                         absl::string_view method, Context& context) {
  Request request;
  request.set_name(name);
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceJob job,
                             channel.Unary<DeviceJob>(Method(method), request));
  return Print(job, context);
}

template <typename Request>
absl::StatusOr<int> Order(const Arguments& args, Context& context,
                          absl::string_view method) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string name,
                             DeviceJobName(args.Text("JOB")));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  return Send<Request>(*channel, name, method, context);
}

absl::StatusOr<int> Approve(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string name,
                             DeviceJobName(args.Text("JOB")));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  if (!args.Switch("--yes")) {
    BIRTHMARK_ASSIGN_OR_RETURN(const DeviceJob job, Fetch(*channel, name));
    PrintDeviceJob(context.err, job);
    BIRTHMARK_RETURN_IF_ERROR(
        Ask(absl::StrCat("It starts at once. Approve it, for ",
                         CountText(job.device_count(), "device"), "?"),
            context));
  }
  return Send<ApproveDeviceJobRequest>(*channel, name, "ApproveDeviceJob",
                                       context);
}

absl::StatusOr<int> Pause(const Arguments& args, Context& context) {
  return Order<PauseDeviceJobRequest>(args, context, "PauseDeviceJob");
}

absl::StatusOr<int> Resume(const Arguments& args, Context& context) {
  return Order<ResumeDeviceJobRequest>(args, context, "ResumeDeviceJob");
}

absl::StatusOr<int> Cancel(const Arguments& args, Context& context) {
  if (!args.Switch("--yes")) {
    BIRTHMARK_RETURN_IF_ERROR(
        Ask("It cannot be resumed (`pause` can), and what is done stays done. "
            "Cancel it?",
            context));
  }
  return Order<CancelDeviceJobRequest>(args, context, "CancelDeviceJob");
}

}  // namespace

std::vector<Command> DeviceJobCommands() {
  const Param job = {.name = "JOB",
                     .help = "FLEET/NAME, as `device-job list` shows it",
                     .required = true};
  const Param yes = {
      .name = "--yes", .help = "do not ask", .kind = ParamKind::kSwitch};
  const Param limit = {.name = "--limit",
                       .value = "N",
                       .help = "at most this many; 0: all",
                       .kind = ParamKind::kInteger,
                       .default_value = "0"};
  return {
      {.path = "device-job list",
       .summary = "Lists changes of many devices, oldest first.",
       .details = "`device quarantine`, `device release` and `device "
                  "decommission` create them.",
       .examples = "birthmark device-job list --fleet acme",
       .params = {{.name = "--fleet",
                   .value = "FLEET",
                   .help = "only those of this fleet"},
                  IdentityParam()},
       .run = List},
      {.path = "device-job get",
       .summary = "Shows one: how far it is, what it needs.",
       .examples = "birthmark device-job get acme/eol-gw5",
       .params = {job, IdentityParam()},
       .run = Get},
      {.path = "device-job watch",
       .summary = "Follows one to its end.",
       .details = "The exit code is 1 if it was cancelled, or some devices "
                  "could not be done.",
       .examples = "birthmark device-job watch acme/eol-gw5",
       .params = {job, IdentityParam()},
       .run = Watch},
      {.path = "device-job items",
       .summary = "Lists the devices of one, with what became of each.",
       .examples = "birthmark device-job items acme/eol-gw5 --outcome failed",
       .params = {job,
                  {.name = "--outcome",
                   .value = "OUTCOME",
                   .help = "only those: waiting, done, unchanged or failed"},
                  limit,
                  IdentityParam()},
       .run = Items},
      {.path = "device-job approve",
       .summary = "Lets another operator's job start.",
       .details = "Shows it and asks. Whoever created it cannot approve it.",
       .examples = "birthmark device-job approve acme/eol-gw5 --identity "
                   "second-operator",
       .params = {job, yes, IdentityParam()},
       .run = Approve},
      {.path = "device-job pause",
       .summary = "Stops one for now.",
       .details = "At once, without asking. What is done stays done.",
       .examples = "birthmark device-job pause acme/eol-gw5",
       .params = {job, IdentityParam()},
       .run = Pause},
      {.path = "device-job resume",
       .summary = "Lets a paused one go on.",
       .examples = "birthmark device-job resume acme/eol-gw5",
       .params = {job, IdentityParam()},
       .run = Resume},
      {.path = "device-job cancel",
       .summary = "Ends one that is not done.",
       .details = "What is done stays done.",
       .examples = "birthmark device-job cancel acme/eol-gw5",
       .params = {job, yes, IdentityParam()},
       .run = Cancel},
  };
}

}  // namespace birthmark::cli
