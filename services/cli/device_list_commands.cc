#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/base/status_macros.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/device_selection.h"
#include "services/cli/device_text.h"
#include "services/cli/error_report.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"

namespace birthmark::cli {
namespace {

using device::v1::CountDevicesRequest;
using device::v1::CountDevicesResponse;
using device::v1::CountDimension;
using device::v1::Device;
using device::v1::ListDevicesRequest;
using device::v1::ListDevicesResponse;

struct Dimension {
  const char* name;
  CountDimension dimension;
  const char* heading;
};
constexpr Dimension kDimensions[] = {
    {"fleet", device::v1::COUNT_DIMENSION_FLEET, "FLEET"},
    {"model", device::v1::COUNT_DIMENSION_MODEL, "MODEL"},
    {"hardware-revision", device::v1::COUNT_DIMENSION_HARDWARE_REVISION,
     "HARDWARE"},
    {"state", device::v1::COUNT_DIMENSION_STATE, "STATE"},
    {"firmware-version", device::v1::COUNT_DIMENSION_FIRMWARE_VERSION,
     "FIRMWARE"},
};

// CountDevices counts by few things; for other filters all pages are read.
absl::StatusOr<int64_t> CountByPages(rpc::Channel& channel,
                                     ListDevicesRequest request) {
  request.set_page_size(kPageSize);
  int64_t count = 0;
  do {
    BIRTHMARK_ASSIGN_OR_RETURN(
        const auto page,
        channel.Unary<ListDevicesResponse>(
            "birthmark.device.v1.DeviceService.ListDevices", request));
    count += page.devices_size();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return count;
}

absl::StatusOr<int> List(const Arguments& args, Context& context) {
  ListDevicesRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(DeviceSelection selection,
                             DeviceSelectionFrom(args, context.clock.Now()));
  request.set_parent(std::move(selection.parent));
  request.set_filter(std::move(selection.filter));
  request.set_order_by(args.Text("--order-by"));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  if (args.Switch("--count")) {
    BIRTHMARK_ASSIGN_OR_RETURN(const int64_t count,
                               CountByPages(*channel, std::move(request)));
    if (context.json) {
      CountDevicesResponse response;
      response.set_total(count);
      PrintJson(context.out, response);
    } else {
      context.out << count << '\n';
    }
    return kExitOk;
  }
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      ListAll<ListDevicesResponse>(
          *channel, "birthmark.device.v1.DeviceService.ListDevices", request,
          [](const auto& r) { return r.devices_size(); },
          args.Integer("--limit")));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  const absl::Time now = context.clock.Now();
  Table table({"DEVICE", "STATE", "MODEL", "SERIAL NUMBER", "FIRMWARE",
               "LAST CONTACT"});
  for (const Device& device : response.devices()) {
    table.Add({device.name(), DeviceStateText(device.state()), device.model(),
               device.serial_number(), FirmwareText(device),
               AgeText(ToTime(device.last_contact_time()), now)});
  }
  table.Print(context.out);
  context.out << CountText(response.devices_size(), "device")
              << (response.next_page_token().empty() ? "" : ", more exist")
              << '\n';
  return kExitOk;
}

absl::StatusOr<std::vector<Dimension>> DimensionsFrom(const Arguments& args) {
  std::vector<Dimension> dimensions;
  for (const absl::string_view word :
       absl::StrSplit(args.Text("--by"), ',', absl::SkipEmpty())) {
    const std::string name = absl::StrReplaceAll(
        absl::AsciiStrToLower(absl::StripAsciiWhitespace(word)), {{"_", "-"}});
    const auto found =
        std::find_if(std::begin(kDimensions), std::end(kDimensions),
                     [&](const Dimension& d) { return d.name == name; });
    if (found == std::end(kDimensions)) {
      return UsageError(absl::StrCat(
          "cannot count by '", word,
          "': want fleet, model, hardware-revision, state, firmware-version"));
    }
    dimensions.push_back(*found);
  }
  return dimensions;
}

std::string Cell(const CountDevicesResponse::Count& count,
                 CountDimension dimension) {
  switch (dimension) {
    case device::v1::COUNT_DIMENSION_FLEET:
      return LastSegment(count.fleet());
    case device::v1::COUNT_DIMENSION_MODEL:
      return count.model();
    case device::v1::COUNT_DIMENSION_HARDWARE_REVISION:
      return count.hardware_revision();
    case device::v1::COUNT_DIMENSION_STATE:
      return DeviceStateText(count.state());
    case device::v1::COUNT_DIMENSION_FIRMWARE_VERSION:
      return count.firmware_version().empty() ? "not reported"
                                              : count.firmware_version();
    default:
      return "";
  }
}

absl::StatusOr<int> Count(const Arguments& args, Context& context) {
  CountDevicesRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(DeviceSelection selection,
                             DeviceSelectionFrom(args, context.clock.Now()));
  request.set_parent(std::move(selection.parent));
  request.set_filter(std::move(selection.filter));
  request.set_component(args.Text("--component"));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::vector<Dimension> dimensions,
                             DimensionsFrom(args));
  Table table([&] {
    std::vector<std::string> heading;
    for (const Dimension& dimension : dimensions) {
      heading.push_back(dimension.heading);
    }
    heading.push_back("DEVICES");
    return heading;
  }());
  table.AlignRight(dimensions.size());
  for (const Dimension& dimension : dimensions) {
    if (dimension.dimension == device::v1::COUNT_DIMENSION_FIRMWARE_VERSION &&
        request.component().empty()) {
      return UsageError(
          "the firmware versions of which component? e.g. --component "
          "application");
    }
    request.add_group_by(dimension.dimension);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      channel->Unary<CountDevicesResponse>(
          "birthmark.device.v1.DeviceService.CountDevices", request));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  if (!dimensions.empty()) {
    for (const auto& count : response.counts()) {
      std::vector<std::string> row;
      for (const Dimension& dimension : dimensions) {
        row.push_back(Cell(count, dimension.dimension));
      }
      row.push_back(absl::StrCat(count.devices()));
      table.Add(std::move(row));
    }
    table.Print(context.out);
  }
  context.out << CountText(response.total(), "device") << '\n';
  return kExitOk;
}

std::vector<Param> With(std::vector<Param> params, std::vector<Param> more) {
  for (Param& param : more) {
    params.push_back(std::move(param));
  }
  params.push_back(IdentityParam());
  return params;
}

}  // namespace

std::vector<Command> DeviceListCommands() {
  return {
      {.path = "device list",
       .summary = "Lists devices.",
       .details = "Those that every given option agrees with; without any, all "
                  "of them.",
       .examples =
           "birthmark device list --fleet acme --state active --limit 50\n"
           "birthmark device list --firmware application=4.1.0 --label "
           "site=berlin --count\n"
           "birthmark device list --silent-for 30d --order-by "
           "last_contact_time",
       .params =
           With(DeviceSelectionParams(),
                {{.name = "--order-by",
                  .value = "ORDER",
                  .help = "create_time (the default), \"create_time desc\", "
                          "serial_number or last_contact_time"},
                 {.name = "--limit",
                  .value = "N",
                  .help = "at most this many; 0: all",
                  .kind = ParamKind::kInteger,
                  .default_value = "0"},
                 {.name = "--count",
                  .help = "only how many; reads all of them: `device count` "
                          "is quicker where it can count",
                  .kind = ParamKind::kSwitch}}),
       .run = List},
      {.path = "device count",
       .summary = "Counts devices, at once however many there are.",
       .details = "Options that select: --fleet, --state, --model, "
                  "--hardware-revision, --firmware.\nFor others, `device list "
                  "--count`.",
       .examples = "birthmark device count --by model,state\n"
                   "birthmark device count --fleet acme --by firmware-version "
                   "--component application",
       .params = With(DeviceSelectionParams(),
                      {{.name = "--by",
                        .value = "LIST",
                        .help = "of fleet, model, hardware-revision, state, "
                                "firmware-version"},
                       {.name = "--component",
                        .value = "NAME",
                        .help = "whose versions firmware-version means"}}),
       .run = Count},
  };
}

}  // namespace birthmark::cli
