#include <signal.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/ids.h"
#include "lib/base/status_macros.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/crl_delivery.h"
#include "services/cli/crl_set.h"
#include "services/cli/crl_sync.h"
#include "services/cli/error_report.h"
#include "services/cli/grpc_crl_source.h"
#include "services/cli/output.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

constexpr char kIssuersFile[] = "issuers.pem";
constexpr size_t kCrlFileLimit = size_t{1} << 30;

std::atomic<bool> stop{false};

void OnStop(int /*signal*/) { stop = true; }

absl::StatusOr<std::string> Read(const std::string& path,
                                 size_t limit = kDefaultFileLimit) {
  absl::StatusOr<std::string> bytes = ReadFile(path, limit);
  return bytes.ok() ? bytes : FileError(bytes.status(), path);
}

absl::StatusOr<std::vector<std::string>> Issuers(const Arguments& args) {
  std::vector<std::string> issuers =
      absl::StrSplit(args.Text("--issuer"), ',', absl::SkipEmpty());
  for (const std::string& issuer : issuers) {
    if (!IsResourceId(issuer)) {
      return UsageError(absl::StrCat("--issuer: ", issuer, " is no id"));
    }
  }
  if (issuers.empty()) {
    return UsageError("--issuer must name at least one");
  }
  return issuers;
}

absl::StatusOr<CrlDelivery::Options> DeliveryOf(const Arguments& args) {
  CrlDelivery::Options options;
  options.path = args.Text("--out");
  mode_t mode = 0;
  for (const char digit : args.Text("--mode")) {
    if (digit < '0' || digit > '7' || mode > 0777) {
      return UsageError("--mode must be octal, e.g. 0644");
    }
    mode = mode * 8 + static_cast<mode_t>(digit - '0');
  }
  if ((mode & 0400) == 0 || mode > 0777) {
    return UsageError("--mode must be octal, e.g. 0644");
  }
  options.mode = mode;
  options.pid_file = args.Text("--signal-pid-file");
  BIRTHMARK_ASSIGN_OR_RETURN(options.signal,
                             ParseSignal(args.Text("--signal")));
  options.command = absl::StrSplit(args.Text("--exec"), absl::ByAnyChar(" \t"),
                                   absl::SkipEmpty());
  return options;
}

// --check looks at the file alone.
absl::StatusOr<int> Check(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const CrlFileState state,
                             ReadCrlFile(args.Text("--out")));
  const std::string text =
      absl::StrCat(CountText(state.crls, "CRL"), ", the first runs out at ",
                   TimeText(state.next_update));
  if (state.next_update - context.clock.Now() <=
      args.Duration("--warn-before")) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kCrlExpires,
                     absl::StrCat(args.Text("--out"), ": ", text),
                     {{"path", args.Text("--out")}});
  }
  context.out << text << '\n';
  return kExitOk;
}

absl::StatusOr<int> Sync(const Arguments& args, Context& context) {
  if (args.Switch("--check")) {
    return Check(args, context);
  }
  if (!args.Has("--identity")) {
    return UsageError("--identity is required");
  }
  CrlSync::Options options;
  BIRTHMARK_ASSIGN_OR_RETURN(options.issuers, Issuers(args));
  options.warn_before = args.Duration("--warn-before");
  options.status_file = args.Text("--status-file");
  BIRTHMARK_ASSIGN_OR_RETURN(const CrlDelivery::Options delivery,
                             DeliveryOf(args));
  const std::string dir = args.Text("--identity");
  BIRTHMARK_ASSIGN_OR_RETURN(const config::v1::ClientConfig config,
                             LoadIdentity(dir));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const std::string issuers,
      Read(args.Has("--issuers-file") ? args.Text("--issuers-file")
                                      : absl::StrCat(dir, "/", kIssuersFile)));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string roots,
                             Read(config.roots_file()));
  BIRTHMARK_ASSIGN_OR_RETURN(CrlSet set, CrlSet::New(issuers, roots));
  const absl::StatusOr<std::string> before = Read(delivery.path, kCrlFileLimit);
  if (before.ok()) {
    set.Load(*before, context.clock.Now());
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      auto channel, Connect(config, Role::kRegistration, context.clock));
  GrpcCrlSource source(std::move(channel));
  CrlSync sync(std::move(options), source, std::move(set),
               CrlDelivery(delivery, context.clock), context.clock,
               context.err);
  if (args.Switch("--once")) {
    BIRTHMARK_RETURN_IF_ERROR(sync.RunOnce());
    context.out << sync.StatusJson();
    return kExitOk;
  }
  stop = false;
  struct sigaction action = {};
  action.sa_handler = OnStop;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  sync.Run(stop);
  return kExitOk;
}

}  // namespace

std::vector<Command> SyncCrlCommands() {
  return {{
      .path = "sync-crl",
      .summary = "Keeps a broker's file of CRLs current.",
      .details =
          "Follows the revocations with the identity of an enforcement point,\n"
          "gets the CRLs that change within a second, checks their signatures\n"
          "and that none is older than the one before, replaces FILE (PEM) in\n"
          "one step, tells the broker, and reports what is enforced. If the\n"
          "service is away the file stays; as a CRL comes near to its end "
          "there\n"
          "is an alarm: a line on standard error, and `alarm` in the status\n"
          "file. Runs until SIGTERM.\n"
          "\n"
          "With --check: says whether FILE is good for longer than\n"
          "--warn-before, by exit code, without the service.",
      .examples =
          "birthmark sync-crl --identity broker-1 --out "
          "/etc/mosquitto/crls.pem --signal-pid-file /run/mosquitto.pid\n"
          "birthmark sync-crl --identity gate-2 --out crls.pem --exec "
          "\"nginx -s reload\" --status-file status.json\n"
          "birthmark sync-crl --out crls.pem --check --warn-before 12h",
      .params =
          {{.name = "--identity",
            .value = "DIR",
            .help = "the folder that `enforcement-point create` made"},
           {.name = "--out",
            .value = "FILE",
            .help = "the file that the broker reads",
            .required = true},
           {.name = "--issuer",
            .value = "I1,I2",
            .help = "whose CRLs: those of all clients that the broker knows",
            .default_value = "idevid,ldevid"},
           {.name = "--issuers-file",
            .value = "FILE",
            .help = "certificates of the issuers (PEM) [default: "
                    "DIR/issuers.pem]"},
           {.name = "--mode",
            .value = "MODE",
            .help = "permissions of the file",
            .default_value = "0644"},
           {.name = "--signal-pid-file",
            .value = "FILE",
            .help = "after a change, signal the process whose id is in here"},
           {.name = "--signal",
            .value = "NAME",
            .help = "HUP, USR1 or USR2",
            .default_value = "HUP"},
           {.name = "--exec",
            .value = "COMMAND",
            .help = "after a change, run this: split at spaces, no shell, ten "
                    "seconds at most"},
           {.name = "--warn-before",
            .value = "TIME",
            .help = "alarm if a CRL runs out sooner than that",
            .kind = ParamKind::kDuration,
            .default_value = "6h"},
           {.name = "--status-file",
            .value = "FILE",
            .help = "write the state here as JSON, for monitoring"},
           {.name = "--once",
            .help = "get everything once and end; fails on an alarm too",
            .kind = ParamKind::kSwitch},
           {.name = "--check",
            .help = "look at FILE alone",
            .kind = ParamKind::kSwitch}},
      .run = Sync,
  }};
}

}  // namespace birthmark::cli
