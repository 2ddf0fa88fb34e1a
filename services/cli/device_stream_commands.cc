#include <cerrno>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/device_export.h"
#include "services/cli/device_selection.h"
#include "services/cli/device_watch.h"
#include "services/cli/error_report.h"
#include "services/cli/names.h"
#include "services/cli/output.h"

namespace birthmark::cli {
namespace {

using device::v1::ListDevicesRequest;
using device::v1::WatchDevicesRequest;
using device::v1::WatchDevicesResponse;

// PartFile is written beside the file that it becomes when it is whole.
class PartFile {
 public:
  explicit PartFile(const std::string& path)
      : path_(path), part_(absl::StrCat(path, ".part")) {
    errno = 0;
    out_.open(part_, std::ios::binary | std::ios::trunc);
  }
  ~PartFile() {
    if (!done_) {
      out_.close();
      std::remove(part_.c_str());
    }
  }

  std::ostream& out() { return out_; }

  // Status is what the disk said, if it said something.
  absl::Status Status() {
    return out_
               ? absl::OkStatus()
               : FileError(absl::ErrnoToStatus(errno != 0 ? errno : EIO, part_),
                           part_);
  }

  absl::Status Finish() {
    out_.close();
    BIRTHMARK_RETURN_IF_ERROR(Status());
    if (std::rename(part_.c_str(), path_.c_str()) != 0) {
      return FileError(absl::ErrnoToStatus(errno, path_), path_);
    }
    done_ = true;
    return absl::OkStatus();
  }

 private:
  const std::string path_;
  const std::string part_;
  std::ofstream out_;
  bool done_ = false;
};

absl::StatusOr<int> Export(const Arguments& args, Context& context) {
  ListDevicesRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(DeviceSelection selection,
                             DeviceSelectionFrom(args, context.clock.Now()));
  request.set_parent(std::move(selection.parent));
  request.set_filter(std::move(selection.filter));
  request.set_order_by(args.Text("--order-by"));
  ExportOptions options;
  const std::string format = args.Text("--format");
  if (format != "csv" && format != "jsonl") {
    return UsageError("--format wants csv or jsonl");
  }
  options.as_json = format == "jsonl";
  options.raw = args.Switch("--raw");
  options.patience = args.Duration("--retry-for");
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  int64_t count = 0;
  if (args.Has("--output")) {
    PartFile file(args.Text("--output"));
    BIRTHMARK_RETURN_IF_ERROR(file.Status());
    BIRTHMARK_ASSIGN_OR_RETURN(
        count, ExportDevices(*channel, std::move(request), options, file.out(),
                             context));
    BIRTHMARK_RETURN_IF_ERROR(file.Status());
    BIRTHMARK_RETURN_IF_ERROR(file.Finish());
  } else {
    BIRTHMARK_ASSIGN_OR_RETURN(
        count, ExportDevices(*channel, std::move(request), options, context.out,
                             context));
  }
  context.err << CountText(count, "device") << " exported" << std::endl;
  return kExitOk;
}

absl::StatusOr<std::string> TokenFrom(const Arguments& args) {
  if (args.Has("--resume-token") || !args.Has("--token-file")) {
    return args.Text("--resume-token");
  }
  const std::string path = args.Text("--token-file");
  absl::StatusOr<std::string> token = ReadFile(path);
  if (absl::IsNotFound(token.status())) {
    return "";
  }
  if (!token.ok()) {
    return FileError(token.status(), path);
  }
  return std::string(absl::StripAsciiWhitespace(*token));
}

// One stream, read to its end or until nobody wants more.
absl::Status ReadFeed(rpc::GrpcChannel& channel,
                      const WatchDevicesRequest& request,
                      const OnDeviceNews& news) {
  auto stream = channel.Bidi<WatchDevicesRequest, WatchDevicesResponse>(
      "birthmark.device.v1.DeviceService.WatchDevices");
  if (stream.Write(request)) {
    stream.WritesDone();
  }
  for (WatchDevicesResponse message; stream.Read(message);) {
    if (!news(message)) {
      stream.Cancel();
      break;
    }
  }
  for (WatchDevicesResponse rest; stream.Read(rest);) {
  }
  return stream.Finish();
}

absl::StatusOr<int> Watch(const Arguments& args, Context& context) {
  DeviceWatchOptions options;
  options.parent = "fleets/-";
  if (args.Has("--fleet") && args.Text("--fleet") != "-") {
    BIRTHMARK_ASSIGN_OR_RETURN(options.parent, FleetName(args.Text("--fleet")));
  }
  BIRTHMARK_ASSIGN_OR_RETURN(options.token, TokenFrom(args));
  options.token_file = args.Text("--token-file");
  BIRTHMARK_ASSIGN_OR_RETURN(const config::v1::ClientConfig config,
                             LoadIdentity(OperatorDir(args)));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             Connect(config, Role::kInventory, context.clock));
  BIRTHMARK_RETURN_IF_ERROR(WatchDevices(
      [&](const WatchDevicesRequest& request, const OnDeviceNews& news) {
        return ReadFeed(*channel, request, news);
      },
      options, context));
  return kExitOk;
}

}  // namespace

std::vector<Command> DeviceStreamCommands() {
  std::vector<Param> params = DeviceSelectionParams();
  const std::vector<Param> rest = {
      {.name = "--order-by",
       .value = "ORDER",
       .help = "create_time (the default), \"create_time desc\", "
               "serial_number or last_contact_time"},
      {.name = "--format",
       .value = "FORMAT",
       .help = "csv or jsonl: one JSON object a line",
       .default_value = "csv"},
      {.name = "--output",
       .value = "FILE",
       .help = "write it there when it is whole [default: standard output]"},
      {.name = "--raw",
       .help = "CSV for programs, not spreadsheets: no apostrophes",
       .kind = ParamKind::kSwitch},
      {.name = "--retry-for",
       .value = "TIME",
       .help = "how long to ask a service that is away",
       .kind = ParamKind::kDuration,
       .default_value = "5m"},
      IdentityParam()};
  params.insert(params.end(), rest.begin(), rest.end());
  return {
      {.path = "device export",
       .summary = "Writes devices as CSV or lines of JSON, however many.",
       .details =
           "Page after page: memory does not grow. In CSV, text that starts "
           "with = + - @ gets an\napostrophe in front, or a spreadsheet would "
           "take it for a formula; --raw leaves it.\nLabels are one column of "
           "JSON, firmware is component=version;... What it writes,\n--csv of "
           "quarantine, release and decommission reads. Personal data is in "
           "it.",
       .examples = "birthmark device export --fleet acme --output acme.csv\n"
                   "birthmark device export --state active --format jsonl | "
                   "jq .serial_number",
       .params = std::move(params),
       .run = Export},
      {.path = "device watch",
       .summary = "Follows what happens to devices, until it is ended.",
       .details =
           "A line for each event, in the order of commits; with --json a JSON "
           "object a line, the\nlast of each message with the member "
           "resume_token. From there --resume-token goes\non, without a gap; "
           "--token-file keeps the token and goes on from it by itself. When\n"
           "the service is away, it waits and goes on.",
       .examples = "birthmark device watch --fleet acme\n"
                   "birthmark device watch --json --token-file feed.token",
       .params = {{.name = "--fleet",
                   .value = "FLEET",
                   .help = "only the devices of this fleet"},
                  {.name = "--resume-token",
                   .value = "TOKEN",
                   .help = "go on from there [default: from now on]"},
                  {.name = "--token-file",
                   .value = "FILE",
                   .help = "go on from the token in it, and keep it current"},
                  IdentityParam()},
       .run = Watch},
  };
}

}  // namespace birthmark::cli
