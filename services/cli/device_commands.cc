#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "services/cli/ask.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/device_record.h"
#include "services/cli/error_report.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"

namespace birthmark::cli {
namespace {

using certificate::v1::Certificate;
using device::v1::DecommissionDeviceRequest;
using device::v1::Device;
using device::v1::DeviceKey;
using device::v1::FirmwareState;
using device::v1::ListDevicesRequest;
using device::v1::ListDevicesResponse;

// The terms of the API's filter that have an option.
struct FilterOption {
  const char* option;
  const char* field;
};
constexpr FilterOption kFilters[] = {{"--state", "state"},
                                     {"--model", "model"},
                                     {"--serial-number", "serial_number"},
                                     {"--line", "line"},
                                     {"--batch", "batch"}};

std::string Filter(const Arguments& args) {
  std::vector<std::string> terms;
  for (const FilterOption& filter : kFilters) {
    if (!args.Has(filter.option)) {
      continue;
    }
    std::string value = args.Text(filter.option);
    if (std::string(filter.field) == "state") {
      value = absl::AsciiStrToUpper(value);
    }
    terms.push_back(absl::StrCat(
        filter.field, " = \"",
        absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\""));
  }
  return absl::StrJoin(terms, " AND ");
}

std::string FirmwareText(const Device& device) {
  return absl::StrJoin(device.firmware(), ", ",
                       [](std::string* out, const FirmwareState& firmware) {
                         absl::StrAppend(out, firmware.component(), " ",
                                         firmware.version());
                       });
}

absl::StatusOr<int> List(const Arguments& args, Context& context) {
  ListDevicesRequest request;
  request.set_parent("fleets/-");
  if (args.Has("--fleet")) {
    BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_parent(),
                               FleetName(args.Text("--fleet")));
  }
  request.set_filter(Filter(args));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
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

absl::StatusOr<int> Get(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceRecord record,
                             FetchRecord(*channel, args.Text("DEVICE")));
  if (context.json) {
    PrintRecordJson(record, context.out);
  } else {
    PrintRecord(record, context.clock.Now(), context.out);
  }
  return kExitOk;
}

absl::StatusOr<int> Events(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const Device device,
                             FetchDevice(*channel, args.Text("DEVICE")));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto events,
                             FetchEvents(*channel, device.name()));
  if (context.json) {
    PrintJson(context.out, events);
  } else {
    PrintEvents(events, context.out, "");
  }
  return kExitOk;
}

void PrintConsequences(const DeviceRecord& record, std::ostream& out) {
  int64_t certificates = 0;
  for (const Certificate& certificate : record.certificates.certificates()) {
    certificates +=
        certificate.state() != certificate::v1::CERTIFICATE_STATE_REVOKED;
  }
  int64_t keys = 0;
  for (const DeviceKey& key : record.keys.keys()) {
    keys += key.state() == device::v1::KEY_STATE_ACTIVE;
  }
  const Device& device = record.device;
  PrintFields(out, {{"Device", device.name()},
                    {"State", DeviceStateText(device.state())},
                    {"Model", device.model()},
                    {"Serial number", device.serial_number()}});
  out << "This retires it for good: " << CountText(certificates, "certificate")
      << " will be revoked and " << CountText(keys, "key")
      << " retired for ever.\n";
}

absl::StatusOr<int> Decommission(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  // The etag is that of what the person is shown: if the device changes while
  // they think about it, nothing happens.
  BIRTHMARK_ASSIGN_OR_RETURN(const DeviceRecord record,
                             FetchRecord(*channel, args.Text("DEVICE")));
  if (!args.Switch("--yes")) {
    PrintConsequences(record, context.err);
    BIRTHMARK_RETURN_IF_ERROR(Ask("Decommission it?", context));
  }
  DecommissionDeviceRequest request;
  request.set_name(record.device.name());
  request.set_etag(record.device.etag());
  request.set_reason(args.Text("--reason"));
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const Device device,
      channel->Unary<Device>(
          "birthmark.device.v1.DeviceService.DecommissionDevice", request));
  if (context.json) {
    PrintJson(context.out, device);
  } else {
    context.out << device.name() << " is " << DeviceStateText(device.state())
                << '\n';
  }
  return kExitOk;
}

}  // namespace

std::vector<Command> DeviceCommands() {
  const Param device = {.name = "DEVICE",
                        .help = "its uid, or fleets/FLEET/devices/UID",
                        .required = true};
  return {
      {.path = "device list",
       .summary = "Lists devices, oldest first.",
       .examples = "birthmark device list --fleet acme --state active",
       .params = {{.name = "--fleet",
                   .value = "FLEET",
                   .help = "only those of this fleet"},
                  {.name = "--state",
                   .value = "STATE",
                   .help = "registered, active, quarantined, decommissioning "
                           "or decommissioned"},
                  {.name = "--model",
                   .value = "MODEL",
                   .help = "only this model"},
                  {.name = "--serial-number",
                   .value = "TEXT",
                   .help = "only this serial number"},
                  {.name = "--line",
                   .value = "LINE",
                   .help = "only those made by this line"},
                  {.name = "--batch",
                   .value = "BATCH",
                   .help = "only those of this batch"},
                  {.name = "--limit",
                   .value = "N",
                   .help = "at most this many; 0: all",
                   .kind = ParamKind::kInteger,
                   .default_value = "0"},
                  IdentityParam()},
       .run = List},
      {.path = "device get",
       .summary = "Shows all about one device.",
       .details = "State, firmware, certificates, keys, and what happened to "
                  "it. With --json, one\nobject with device, keys, "
                  "certificates and events.",
       .examples = "birthmark device get 019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8",
       .params = {device, IdentityParam()},
       .run = Get},
      {.path = "device events",
       .summary = "Lists what happened to a device, oldest first.",
       .examples =
           "birthmark device events 019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8",
       .params = {device, IdentityParam()},
       .run = Events},
      {.path = "device decommission",
       .summary = "Retires a device for good.",
       .details = "Revokes its certificates and retires its keys for ever. "
                  "Shows what will happen\nand asks, unless --yes is given.",
       .examples = "birthmark device decommission "
                   "019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8 --reason scrapped",
       .params = {device,
                  {.name = "--reason",
                   .value = "TEXT",
                   .help = "why, for the record",
                   .required = true},
                  {.name = "--yes",
                   .help = "do not ask",
                   .kind = ParamKind::kSwitch},
                  IdentityParam()},
       .run = Decommission},
  };
}

}  // namespace birthmark::cli
