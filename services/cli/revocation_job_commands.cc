#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "birthmark/revocation/v1/revocation_service.pb.h"
#include "lib/base/error.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "lib/rpc/timestamp.h"
#include "services/cli/ask.h"
#include "services/cli/certificate_selector.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/error_report.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"
#include "services/cli/reasons.h"
#include "services/cli/revocation_job_text.h"
#include "services/cli/revocation_job_watch.h"

namespace birthmark::cli {
namespace {

using revocation::v1::ApproveRevocationJobRequest;
using revocation::v1::CancelRevocationJobRequest;
using revocation::v1::CreateRevocationJobRequest;
using revocation::v1::GetRevocationJobRequest;
using revocation::v1::ListRevocationJobsRequest;
using revocation::v1::ListRevocationJobsResponse;
using revocation::v1::PauseRevocationJobRequest;
using revocation::v1::ResumeRevocationJobRequest;
using revocation::v1::RevocationJob;

// Counting may read every certificate there is.
constexpr absl::Duration kCountTimeout = absl::Minutes(5);
constexpr int64_t kHighestRate = 1000 * 1000;

std::string Method(absl::string_view name) {
  return absl::StrCat("birthmark.revocation.v1.RevocationService.", name);
}

absl::StatusOr<RevocationJob> JobFrom(const Arguments& args) {
  RevocationJob job;
  BIRTHMARK_ASSIGN_OR_RETURN(*job.mutable_selector(), SelectorFrom(args));
  BIRTHMARK_ASSIGN_OR_RETURN(const certificate::v1::RevocationReason reason,
                             ParseReason(args.Text("--reason")));
  if (reason == certificate::v1::REVOCATION_REASON_CERTIFICATE_HOLD) {
    return UsageError(
        "a mass revocation is for good; `birthmark certificate hold` puts one "
        "certificate on hold");
  }
  job.set_reason(reason);
  if (args.Has("--invalidity-time")) {
    BIRTHMARK_ASSIGN_OR_RETURN(const absl::Time time,
                               ParseTime(args.Text("--invalidity-time")));
    *job.mutable_invalidity_time() = rpc::ToTimestamp(time);
  }
  if (args.Has("--rate")) {
    const int64_t rate = args.Integer("--rate");
    if (rate < 1 || rate > kHighestRate) {
      return UsageError(
          absl::StrCat("--rate wants a number from 1 to ", kHighestRate));
    }
    job.set_rate(static_cast<int32_t>(rate));
  }
  return job;
}

absl::StatusOr<RevocationJob> Count(rpc::Channel& channel,
                                    const RevocationJob& job) {
  CreateRevocationJobRequest request;
  *request.mutable_job() = job;
  request.set_validate_only(true);
  return channel.Unary<RevocationJob>(Method("CreateRevocationJob"), request,
                                      kCountTimeout);
}

int Print(const RevocationJob& job, Context& context) {
  if (context.json) {
    PrintJson(context.out, job);
  } else {
    PrintJob(context.out, job);
  }
  return kExitOk;
}

absl::StatusOr<int> Preview(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const RevocationJob job, JobFrom(args));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const RevocationJob preview, Count(*channel, job));
  if (context.json) {
    PrintJson(context.out, preview);
  } else {
    PrintPreview(context.out, preview);
    context.out << (preview.expected_count() == 0
                        ? "All of them are revoked or expired, or a name is "
                          "misspelt.\n"
                        : "Nothing was changed.\n");
  }
  return kExitOk;
}

absl::StatusOr<int> Create(const Arguments& args, Context& context) {
  CreateRevocationJobRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string name,
                             RevocationJobName(args.Text("NAME")));
  request.set_job_id(LastSegment(name));
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_job(), JobFrom(args));
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const RevocationJob preview,
                             Count(*channel, request.job()));
  PrintPreview(context.err, preview);
  if (preview.expected_count() == 0) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kNothingSelected,
                     "nothing is left to be revoked, or a name is misspelt; no "
                     "job was created");
  }
  if (!args.Switch("--yes")) {
    BIRTHMARK_RETURN_IF_ERROR(Ask(
        absl::StrCat("They are refused everywhere from then on, for good. "
                     "Revoke ",
                     CountText(preview.expected_count(), "certificate"), "?"),
        context));
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const RevocationJob job,
      channel->Unary<RevocationJob>(Method("CreateRevocationJob"), request,
                                    kCountTimeout));
  return Print(job, context);
}

absl::StatusOr<RevocationJob> Fetch(rpc::Channel& channel,
                                    const std::string& name) {
  GetRevocationJobRequest request;
  request.set_name(name);
  return channel.Unary<RevocationJob>(Method("GetRevocationJob"), request);
}

absl::StatusOr<int> Get(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string name,
                             RevocationJobName(args.Text("NAME")));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  if (!args.Switch("--watch")) {
    BIRTHMARK_ASSIGN_OR_RETURN(const RevocationJob job, Fetch(*channel, name));
    return Print(job, context);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const RevocationJob job,
      WatchRevocationJob(*channel, name, WatchOptions(), context));
  Print(job, context);
  return job.state() == revocation::v1::REVOCATION_JOB_STATE_DONE
             ? kExitOk
             : kExitRefused;
}

absl::StatusOr<int> List(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      ListAll<ListRevocationJobsResponse>(
          *channel, Method("ListRevocationJobs"), ListRevocationJobsRequest(),
          [](const auto& r) { return r.revocation_jobs_size(); }));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  Table table({"JOB", "STATE", "REVOKED", "EXPECTED", "SELECTED", "REASON",
               "CREATED BY", "CREATED"});
  table.AlignRight(2).AlignRight(3);
  for (const RevocationJob& job : response.revocation_jobs()) {
    table.Add({LastSegment(job.name()), JobStateText(job),
               absl::StrCat(job.revoked_count()),
               absl::StrCat(job.expected_count()), SelectorText(job.selector()),
               ReasonText(job.reason()), LastSegment(job.create_actor()),
               TimeText(job.create_time())});
  }
  table.Print(context.out);
  context.out << CountText(response.revocation_jobs_size(), "job") << '\n';
  return kExitOk;
}

absl::StatusOr<int> Approve(const Arguments& args, Context& context) {
  ApproveRevocationJobRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_name(),
                             RevocationJobName(args.Text("NAME")));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const RevocationJob job,
                             Fetch(*channel, request.name()));
  if (!args.Switch("--yes")) {
    PrintJob(context.err, job);
    BIRTHMARK_RETURN_IF_ERROR(
        Ask(absl::StrCat("It starts at once. Revoke ",
                         CountText(job.expected_count(), "certificate"), "?"),
            context));
  }
  request.set_etag(job.etag());
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const RevocationJob approved,
      channel->Unary<RevocationJob>(Method("ApproveRevocationJob"), request));
  return Print(approved, context);
}

// Pause, resume and cancel: the same request under three names.
template <typename Request>
absl::StatusOr<int> Order(const Arguments& args, Context& context,
                          absl::string_view method) {
  Request request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_name(),
                             RevocationJobName(args.Text("NAME")));
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, ConnectOperator(args, Role::kRegistration, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const RevocationJob job,
      channel->Unary<RevocationJob>(Method(method), request));
  return Print(job, context);
}

absl::StatusOr<int> Pause(const Arguments& args, Context& context) {
  return Order<PauseRevocationJobRequest>(args, context, "PauseRevocationJob");
}

absl::StatusOr<int> Resume(const Arguments& args, Context& context) {
  return Order<ResumeRevocationJobRequest>(args, context,
                                           "ResumeRevocationJob");
}

absl::StatusOr<int> Cancel(const Arguments& args, Context& context) {
  if (!args.Switch("--yes")) {
    BIRTHMARK_RETURN_IF_ERROR(
        Ask("It cannot be resumed (`pause` can), and what is revoked stays so. "
            "Cancel it?",
            context));
  }
  return Order<CancelRevocationJobRequest>(args, context,
                                           "CancelRevocationJob");
}

// What preview and create have in common.
std::vector<Param> JobParams(std::vector<Param> first) {
  for (Param& param : SelectorParams()) {
    first.push_back(std::move(param));
  }
  const std::vector<Param> rest = {
      {.name = "--reason",
       .value = "REASON",
       .help = "why",
       .default_value = "unspecified"},
      {.name = "--invalidity-time",
       .value = "TIME",
       .help = "since when the keys are suspected, in UTC"},
      {.name = "--rate",
       .value = "N",
       .help = "certificates a second, at most [default: 1000]",
       .kind = ParamKind::kInteger}};
  first.insert(first.end(), rest.begin(), rest.end());
  return first;
}

constexpr char kSelection[] =
    "Revokes all certificates that every given option agrees with, of those\n"
    "issued before now. ";

}  // namespace

std::vector<Command> RevocationJobCommands() {
  const Param name = {
      .name = "NAME", .help = "the job, e.g. leak-42", .required = true};
  const Param yes = {
      .name = "--yes", .help = "do not ask", .kind = ParamKind::kSwitch};
  std::vector<Param> preview = JobParams({});
  preview.push_back(IdentityParam());
  std::vector<Param> create = JobParams({name});
  create.push_back(yes);
  create.push_back(IdentityParam());
  return {
      {.path = "revocation-job preview",
       .summary = "Counts what a mass revocation would revoke.",
       .details = "Changes nothing. Says how many certificates, on how many "
                  "CRL shards, and\nby how much these grow.",
       .examples = "birthmark revocation-job preview --fleet acme --model "
                   "gateway-7 --firmware application=4.1.0",
       .params = std::move(preview),
       .run = Preview},
      {.path = "revocation-job create",
       .summary = "Revokes many certificates at once.",
       .details = absl::StrCat(
           kSelection,
           "Counts first and asks. If they are many, nothing\n"
           "happens until a second operator approves.\n\nReasons: ",
           ReasonNames(), "."),
       .examples =
           "birthmark revocation-job create leak-42 --batch acme/line-1/first "
           "--reason keyCompromise --invalidity-time 2026-01-31\n"
           "birthmark revocation-job create eol-gw5 --fleet acme --model "
           "gateway-5 --reason cessationOfOperation --rate 200 --yes",
       .params = std::move(create),
       .run = Create},
      {.path = "revocation-job get",
       .summary = "Shows a mass revocation: how far it is, what it needs.",
       .details = "With --watch it stays until the job is over; the exit code "
                  "is 1 if the job was\ncancelled.",
       .examples = "birthmark revocation-job get leak-42 --watch",
       .params = {name,
                  {.name = "--watch",
                   .help = "show the progress until it is over",
                   .kind = ParamKind::kSwitch},
                  IdentityParam()},
       .run = Get},
      {.path = "revocation-job list",
       .summary = "Lists mass revocations, oldest first.",
       .examples = "birthmark revocation-job list",
       .params = {IdentityParam()},
       .run = List},
      {.path = "revocation-job approve",
       .summary = "Lets another operator's mass revocation start.",
       .details = "Shows it and asks. Whoever created it cannot approve it.",
       .examples = "birthmark revocation-job approve leak-42 --identity "
                   "second-operator",
       .params = {name, yes, IdentityParam()},
       .run = Approve},
      {.path = "revocation-job pause",
       .summary = "Stops a mass revocation for now.",
       .details = "At once, without asking. What is revoked stays so.",
       .examples = "birthmark revocation-job pause leak-42",
       .params = {name, IdentityParam()},
       .run = Pause},
      {.path = "revocation-job resume",
       .summary = "Lets a paused mass revocation go on.",
       .examples = "birthmark revocation-job resume leak-42",
       .params = {name, IdentityParam()},
       .run = Resume},
      {.path = "revocation-job cancel",
       .summary = "Ends a mass revocation that is not done.",
       .details = "What is revoked stays so.",
       .examples = "birthmark revocation-job cancel leak-42",
       .params = {name, yes, IdentityParam()},
       .run = Cancel},
  };
}

}  // namespace birthmark::cli
