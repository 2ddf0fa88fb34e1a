#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "birthmark/provisioning/v1/provisioning_service.pb.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/ids.h"
#include "lib/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/csv.h"
#include "services/cli/error_report.h"
#include "services/cli/identity_folder.h"
#include "services/cli/lock_file.h"
#include "services/cli/output.h"
#include "services/cli/provision_plan.h"
#include "services/cli/provisioner.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

using provisioning::v1::Batch;
using provisioning::v1::CreateBatchRequest;
using provisioning::v1::IssueBatchRequest;
using provisioning::v1::IssueBatchResponse;

constexpr char kFailuresFile[] = "failures.csv";
constexpr char kLockFile[] = ".provision.lock";
constexpr mode_t kPublic = 0644;
// Between lines of progress where no terminal shows it.
constexpr absl::Duration kReportEvery = absl::Seconds(5);
// Failures that are shown; failures.csv has them all.
constexpr size_t kShownFailures = 5;

std::atomic<int> interruptions{0};

void OnInterrupt(int /*signal*/) {
  if (++interruptions > 2) {
    _exit(kExitInterrupted);
  }
}

// InterruptionGuard counts SIGINT and SIGTERM while it lives.
class InterruptionGuard {
 public:
  InterruptionGuard() {
    interruptions = 0;
    struct sigaction action = {};
    action.sa_handler = OnInterrupt;
    sigaction(SIGINT, &action, &old_int_);
    sigaction(SIGTERM, &action, &old_term_);
  }
  ~InterruptionGuard() {
    sigaction(SIGINT, &old_int_, nullptr);
    sigaction(SIGTERM, &old_term_, nullptr);
  }
  InterruptionGuard(const InterruptionGuard&) = delete;
  InterruptionGuard& operator=(const InterruptionGuard&) = delete;

 private:
  struct sigaction old_int_ = {};
  struct sigaction old_term_ = {};
};

double Rate(const ProvisionProgress& progress) {
  const double seconds = absl::ToDoubleSeconds(progress.elapsed);
  return seconds > 0 ? static_cast<double>(progress.issued) / seconds : 0;
}

// ProgressPrinter rewrites one line on a terminal, and prints a line every few
// seconds elsewhere.
class ProgressPrinter : public ProvisionObserver {
 public:
  explicit ProgressPrinter(Context& context) : context_(context) {}

  void OnProgress(const ProvisionProgress& progress) override {
    if (!context_.err_is_terminal &&
        progress.elapsed - reported_ < kReportEvery) {
      return;
    }
    reported_ = progress.elapsed;
    const size_t settled =
        progress.issued + progress.already_there + progress.failed;
    const std::string line =
        absl::StrFormat("%d of %d, %d failed, %.0f/s", settled, progress.total,
                        progress.failed, Rate(progress));
    if (context_.err_is_terminal) {
      context_.err << "\r\x1b[K" << line << std::flush;
      open_line_ = true;
    } else {
      context_.err << line << std::endl;
    }
  }

  void OnRetry(const absl::Status& why, absl::Duration delay) override {
    EndLine();
    context_.err << absl::StrFormat("%s; trying again in %.1f s",
                                    ErrorLine(why),
                                    absl::ToDoubleSeconds(delay))
                 << std::endl;
  }

  void EndLine() {
    if (open_line_) {
      context_.err << "\r\x1b[K" << std::flush;
      open_line_ = false;
    }
  }

 private:
  Context& context_;
  absl::Duration reported_ = absl::ZeroDuration();
  bool open_line_ = false;
};

// BatchStreams opens streams of one batch, which it creates at first.
class BatchStreams {
 public:
  BatchStreams(rpc::GrpcChannel& channel, CreateBatchRequest request)
      : channel_(channel), request_(std::move(request)) {}

  absl::StatusOr<std::unique_ptr<IssueStream>> Open() {
    if (!created_) {
      BIRTHMARK_RETURN_IF_ERROR(
          channel_
              .Unary<Batch>(
                  "birthmark.provisioning.v1.ProvisioningService.CreateBatch",
                  request_)
              .status());
      created_ = true;
    }
    return std::make_unique<IssueStream>(
        channel_.Bidi<IssueBatchRequest, IssueBatchResponse>(
            "birthmark.provisioning.v1.ProvisioningService.IssueBatch"));
  }

 private:
  rpc::GrpcChannel& channel_;
  const CreateBatchRequest request_;
  bool created_ = false;
};

absl::Status WriteFailures(const std::string& path,
                           const std::vector<PlannedItem>& plan,
                           const std::vector<ItemFailure>& failures) {
  std::string csv = CsvLine({"id", "code", "reason", "message"});
  for (const ItemFailure& failure : failures) {
    absl::StrAppend(
        &csv,
        CsvLine({plan[failure.item].id,
                 absl::StatusCodeToString(failure.status.code()),
                 Reason(failure.status), OneLine(failure.status.message())}));
  }
  return FileError(WriteFileAtomically(path, csv, kPublic), path);
}

size_t Unfinished(const ProvisionProgress& progress) {
  return progress.total - progress.issued - progress.already_there -
         progress.failed;
}

void PrintSummary(const ProvisionOutcome& outcome,
                  const std::vector<PlannedItem>& plan,
                  const std::string& failures_path, Context& context) {
  const ProvisionProgress& progress = outcome.progress;
  const double seconds = absl::ToDoubleSeconds(progress.elapsed);
  if (context.json) {
    context.out
        << nlohmann::ordered_json{{"total", progress.total},
                                  {"issued", progress.issued},
                                  {"already_there", progress.already_there},
                                  {"failed", progress.failed},
                                  {"unfinished", Unfinished(progress)},
                                  {"busy", progress.busy},
                                  {"waited_seconds",
                                   absl::ToDoubleSeconds(progress.waited)},
                                  {"seconds", seconds},
                                  {"rate", Rate(progress)},
                                  {"failures_file", failures_path}}
               .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
        << '\n';
    return;
  }
  context.out << absl::StrFormat("%d issued, %d already there, %d failed",
                                 progress.issued, progress.already_there,
                                 progress.failed);
  if (Unfinished(progress) > 0) {
    context.out << ", " << Unfinished(progress) << " not finished";
  }
  context.out << absl::StrFormat(" (%.1f s, %.0f/s)\n", seconds,
                                 Rate(progress));
  for (size_t i = 0; i < outcome.failures.size() && i < kShownFailures; ++i) {
    const ItemFailure& failure = outcome.failures[i];
    context.out << "  " << OneLine(plan[failure.item].id) << ": "
                << ErrorLine(failure.status) << '\n';
  }
  if (!outcome.failures.empty()) {
    context.out << "failures: " << failures_path << '\n';
  }
}

absl::StatusOr<int> RunProvision(const Arguments& args, Context& context) {
  if (!IsResourceId(args.Text("--batch"))) {
    return UsageError("--batch must match [a-z0-9-]{1,63}");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const config::v1::ClientConfig config,
                             LoadIdentity(args.Text("--line")));
  if (config.line().empty()) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, reasons::kInputMalformed,
        absl::StrCat(args.Text("--line"), " is not the identity of a line"),
        {{"path", args.Text("--line")}});
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto channel, Connect(config, Role::kRegistration, context.clock));

  const std::string csr_dir = args.Text("--csr-dir");
  const std::string out_dir = args.Text("--out");
  BIRTHMARK_ASSIGN_OR_RETURN(
      const ProvisionPlan plan,
      ReadPlan(csr_dir, args.Has("--csv")
                            ? args.Text("--csv")
                            : absl::StrCat(csr_dir, "/devices.csv")));
  for (const std::string& warning : plan.warnings) {
    context.err << "warning: " << OneLine(warning) << '\n';
  }
  // Not MakeFolder: certificates are public, and a folder that is shared with
  // others is the factory's affair.
  std::error_code error;
  std::filesystem::create_directory(out_dir, error);
  BIRTHMARK_ASSIGN_OR_RETURN(
      const LockFile lock,
      LockFile::Acquire(absl::StrCat(out_dir, "/", kLockFile)));

  CreateBatchRequest batch;
  batch.set_parent(config.line());
  batch.set_batch_id(args.Text("--batch"));
  if (args.Has("--profile")) {
    batch.mutable_batch()->set_profile(
        absl::StrCat("profiles/", LastSegment(args.Text("--profile"))));
  }
  ProvisionOptions options;
  options.batch = absl::StrCat(config.line(), "/batches/", batch.batch_id());
  options.retry_for = args.Duration("--retry-for");
  options.interruptions = [] { return interruptions.load(); };
  BatchStreams streams(*channel, std::move(batch));
  const ItemFiles files(csr_dir, out_dir);
  files.RemoveLeftovers();
  ProgressPrinter printer(context);
  ProvisionOutcome outcome;
  {
    const InterruptionGuard guard;
    outcome = Provision(
        options, plan.items, files, [&streams] { return streams.Open(); },
        context.clock, printer);
  }
  printer.EndLine();

  const std::string failures_path = absl::StrCat(out_dir, "/", kFailuresFile);
  const absl::Status written =
      WriteFailures(failures_path, plan.items, outcome.failures);
  PrintSummary(outcome, plan.items, failures_path, context);
  BIRTHMARK_RETURN_IF_ERROR(outcome.status);
  BIRTHMARK_RETURN_IF_ERROR(written);
  return outcome.failures.empty() ? kExitOk : kExitRefused;
}

}  // namespace

std::vector<Command> ProvisionCommands() {
  return {{
      .path = "provision",
      .summary = "As a line: has a folder of CSRs certified.",
      .details =
          "Reads ID.csr (PEM or DER) and a CSV with the columns id, model,\n"
          "serial_number and hardware_revision, and writes ID.pem: the birth\n"
          "certificate and its issuer. Goes on by itself after a lost "
          "connection; run\nagain, it does what is missing. What failed is in "
          "OUT/failures.csv.",
      .examples = "birthmark provision --line line-1 --batch 2026-11-a "
                  "--csr-dir csrs --out certs",
      .params = {{.name = "--line",
                  .value = "DIR",
                  .help = "the line's identity folder",
                  .required = true},
                 {.name = "--batch",
                  .value = "NAME",
                  .help = "made if it does not exist; the same name resumes",
                  .required = true},
                 {.name = "--csr-dir",
                  .value = "DIR",
                  .help = "where ID.csr are",
                  .required = true},
                 {.name = "--out",
                  .value = "DIR",
                  .help = "where ID.pem go",
                  .required = true},
                 {.name = "--csv",
                  .value = "FILE",
                  .help = "the devices [default: CSR-DIR/devices.csv]"},
                 {.name = "--profile",
                  .value = "PROFILE",
                  .help = "certificate profile of a new batch [default: the "
                          "fleet's]"},
                 {.name = "--retry-for",
                  .value = "TIME",
                  .help = "give up after this long without progress",
                  .kind = ParamKind::kDuration,
                  .default_value = "10m"}},
      .run = RunProvision,
  }};
}

}  // namespace birthmark::cli
