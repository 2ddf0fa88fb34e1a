#include "services/cli/device_export.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/json_util.h"
#include "lib/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "services/cli/csv.h"
#include "services/cli/device_text.h"
#include "services/cli/error_report.h"
#include "services/cli/label_text.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"
#include "services/cli/retry_policy.h"

namespace birthmark::cli {
namespace {

using device::v1::Device;
using device::v1::FirmwareState;
using device::v1::Label;
using device::v1::ListDevicesRequest;
using device::v1::ListDevicesResponse;

constexpr absl::Duration kReportEvery = absl::Seconds(2);

std::string ExportTime(const google::protobuf::Timestamp& timestamp) {
  const absl::Time time = ToTime(timestamp);
  return time == absl::InfinitePast()
             ? ""
             : absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time,
                                absl::UTCTimeZone());
}

// Labels in one column, as JSON, since every device has others.
std::string ExportLabels(const Device& device) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [key, label] : device.labels()) {
    switch (label.value_case()) {
      case Label::kInteger:
        json[key] = label.integer();
        break;
      case Label::kFlag:
        json[key] = label.flag();
        break;
      default:
        json[key] = LabelValueText(label);
    }
  }
  return json.empty() ? ""
                      : json.dump(-1, ' ', false,
                                  nlohmann::json::error_handler_t::replace);
}

std::string ExportFirmware(const Device& device) {
  return absl::StrJoin(
      device.firmware(), ";", [](std::string* out, const FirmwareState& state) {
        absl::StrAppend(out, state.component(), "=", state.version());
      });
}

// The page of `request`, however often it takes.
absl::StatusOr<ListDevicesResponse> Page(rpc::Channel& inventory,
                                         const ListDevicesRequest& request,
                                         const ExportOptions& options,
                                         Context& context) {
  Backoff backoff(options.pause, options.longest_pause);
  const absl::Duration begin = context.clock.MonotonicNow();
  bool told = false;
  while (true) {
    absl::StatusOr<ListDevicesResponse> page =
        inventory.Unary<ListDevicesResponse>(
            "birthmark.device.v1.DeviceService.ListDevices", request);
    if (page.ok() || !IsPassing(page.status()) ||
        context.clock.MonotonicNow() - begin > options.patience) {
      return page;
    }
    if (!told) {
      context.err << ErrorLine(page.status()) << "; asking again" << std::endl;
      told = true;
    }
    absl::SleepFor(backoff.Next(page.status()));
  }
}

}  // namespace

std::string SpreadsheetText(absl::string_view text) {
  constexpr absl::string_view kStarts = "=+-@\t\r";
  return !text.empty() && kStarts.find(text[0]) != absl::string_view::npos
             ? absl::StrCat("'", text)
             : std::string(text);
}

std::string ExportHeading() {
  return CsvLine({"name", "uid", "state", "model", "serial_number",
                  "hardware_revision", "line", "batch", "display_name",
                  "labels", "firmware", "renewal_denied", "create_time",
                  "last_contact_time", "decommission_time"});
}

std::string ExportRow(const Device& device, bool raw) {
  std::vector<std::string> fields = {device.name(),
                                     device.uid(),
                                     DeviceStateText(device.state()),
                                     device.model(),
                                     device.serial_number(),
                                     device.hardware_revision(),
                                     device.line(),
                                     device.batch(),
                                     device.display_name(),
                                     ExportLabels(device),
                                     ExportFirmware(device),
                                     device.renewal_denied() ? "true" : "false",
                                     ExportTime(device.create_time()),
                                     ExportTime(device.last_contact_time()),
                                     ExportTime(device.decommission_time())};
  if (!raw) {
    for (std::string& field : fields) {
      field = SpreadsheetText(field);
    }
  }
  return CsvLine(fields);
}

std::string ExportJson(const Device& device) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(device, &text, options)
           .ok()) {
    text = "{}";
  }
  return absl::StrCat(text, "\n");
}

absl::StatusOr<int64_t> ExportDevices(rpc::Channel& inventory,
                                      ListDevicesRequest request,
                                      const ExportOptions& options,
                                      std::ostream& out, Context& context) {
  request.set_page_size(kPageSize);
  if (!options.as_json) {
    out << ExportHeading();
  }
  int64_t count = 0;
  absl::Duration reported = context.clock.MonotonicNow();
  do {
    BIRTHMARK_ASSIGN_OR_RETURN(const ListDevicesResponse page,
                               Page(inventory, request, options, context));
    for (const Device& device : page.devices()) {
      out << (options.as_json ? ExportJson(device)
                              : ExportRow(device, options.raw));
    }
    if (!out) {
      return count;
    }
    count += page.devices_size();
    request.set_page_token(page.next_page_token());
    if (context.clock.MonotonicNow() - reported >= kReportEvery) {
      reported = context.clock.MonotonicNow();
      context.err << CountText(count, "device") << " so far" << std::endl;
    }
  } while (!request.page_token().empty());
  return count;
}

}  // namespace birthmark::cli
