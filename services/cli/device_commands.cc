#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/device_record.h"
#include "services/cli/device_text.h"
#include "services/cli/error_report.h"
#include "services/cli/event_text.h"
#include "services/cli/label_text.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"

namespace birthmark::cli {
namespace {

using device::v1::Device;
using device::v1::Label;
using device::v1::ListDeviceKeysRequest;
using device::v1::ListDeviceKeysResponse;
using device::v1::ListFirmwareReportsRequest;
using device::v1::ListFirmwareReportsResponse;
using device::v1::UpdateDeviceRequest;

std::string Method(absl::string_view name) {
  return absl::StrCat("birthmark.device.v1.DeviceService.", name);
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
    PrintTimeline(events.events(), context.out, "");
  }
  return kExitOk;
}

absl::StatusOr<int> Keys(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const Device device,
                             FetchDevice(*channel, args.Text("DEVICE")));
  ListDeviceKeysRequest request;
  request.set_parent(device.name());
  BIRTHMARK_ASSIGN_OR_RETURN(const auto response,
                             ListAll<ListDeviceKeysResponse>(
                                 *channel, Method("ListDeviceKeys"), request,
                                 [](const auto& r) { return r.keys_size(); }));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  PrintKeys(response.keys(), /*whole_ids=*/true, context.out, "");
  context.out << CountText(response.keys_size(), "key") << '\n';
  return kExitOk;
}

absl::StatusOr<int> Firmware(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const Device device,
                             FetchDevice(*channel, args.Text("DEVICE")));
  ListFirmwareReportsRequest request;
  request.set_parent(device.name());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response, ListAll<ListFirmwareReportsResponse>(
                               *channel, Method("ListFirmwareReports"), request,
                               [](const auto& r) { return r.reports_size(); },
                               args.Integer("--limit")));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  PrintFirmware(response.reports(), context.clock.Now(), context.out, "");
  context.out << CountText(response.reports_size(), "report")
              << (response.next_page_token().empty() ? "" : ", more exist")
              << '\n';
  return kExitOk;
}

absl::Status AddLabels(const Arguments& args, const char* option, bool personal,
                       UpdateDeviceRequest& request) {
  auto& labels = *request.mutable_device()->mutable_labels();
  for (const std::string& text : args.Texts(option)) {
    BIRTHMARK_ASSIGN_OR_RETURN(auto label, ParseLabel(text));
    label.second.set_personal(personal);
    if (!labels.insert({label.first, label.second}).second) {
      return UsageError(
          absl::StrCat("the label ", label.first, " is given twice"));
    }
    request.mutable_update_mask()->add_paths(
        absl::StrCat("labels.", label.first));
  }
  return absl::OkStatus();
}

absl::StatusOr<UpdateDeviceRequest> UpdateFrom(const Arguments& args) {
  UpdateDeviceRequest request;
  BIRTHMARK_RETURN_IF_ERROR(
      AddLabels(args, "--label", /*personal=*/false, request));
  BIRTHMARK_RETURN_IF_ERROR(
      AddLabels(args, "--personal-label", /*personal=*/true, request));
  for (const std::string& key : args.Texts("--remove-label")) {
    BIRTHMARK_RETURN_IF_ERROR(CheckLabelKey(key));
    if (request.device().labels().count(key) > 0) {
      return UsageError(
          absl::StrCat("the label ", key, " cannot be set and removed"));
    }
    request.mutable_update_mask()->add_paths(absl::StrCat("labels.", key));
  }
  if (args.Has("--display-name")) {
    request.mutable_device()->set_display_name(args.Text("--display-name"));
    request.mutable_update_mask()->add_paths("display_name");
  }
  if (request.update_mask().paths().empty()) {
    return UsageError(
        "say what to change: --label, --personal-label, "
        "--remove-label or --display-name");
  }
  return request;
}

absl::StatusOr<int> Update(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(UpdateDeviceRequest request, UpdateFrom(args));
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const Device before,
                             FetchDevice(*channel, args.Text("DEVICE")));
  request.mutable_device()->set_name(before.name());
  request.mutable_device()->set_etag(before.etag());
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const Device device,
      channel->Unary<Device>(Method("UpdateDevice"), request));
  if (context.json) {
    PrintJson(context.out, device);
    return kExitOk;
  }
  PrintFields(context.out, {{"Device", device.name()},
                            {"Name", device.display_name()},
                            {"Labels", LabelsText(device)}});
  return kExitOk;
}

}  // namespace

std::vector<Command> DeviceCommands() {
  const Param device = DeviceParam();
  return {
      {.path = "device get",
       .summary = "Shows all about one device.",
       .details =
           "Its state, since when, by whom and why; findings, certificates, "
           "keys, firmware,\nand what happened last. With --json, one object "
           "with device, keys, certificates,\nfindings, events, and "
           "decommission where there is one.",
       .examples = "birthmark device get 019ab2c3-d4e5-7f60-8182-93a4b5c6d7e8\n"
                   "birthmark device get GW7-000001",
       .params = {device, IdentityParam()},
       .run = Get},
      {.path = "device events",
       .summary = "Lists what happened to a device, oldest first.",
       .examples = "birthmark device events GW7-000001",
       .params = {device, IdentityParam()},
       .run = Events},
      {.path = "device keys",
       .summary = "Lists every key that a device ever had, oldest first.",
       .examples = "birthmark device keys GW7-000001",
       .params = {device, IdentityParam()},
       .run = Keys},
      {.path = "device firmware",
       .summary = "Lists what a device reported of its firmware, newest first.",
       .examples = "birthmark device firmware GW7-000001 --limit 20",
       .params = {device,
                  {.name = "--limit",
                   .value = "N",
                   .help = "at most this many; 0: all",
                   .kind = ParamKind::kInteger,
                   .default_value = "0"},
                  IdentityParam()},
       .run = Firmware},
      {.path = "device update",
       .summary = "Changes labels and name of a device.",
       .details =
           "KEY=TEXT is a text; KEY:=VALUE a number, true or false, or a time. "
           "What tells\nsomething of a person (a name, an address) must be a "
           "personal label: only then is\nit kept out of the audit log and can "
           "be erased. The name always counts as personal.",
       .examples =
           "birthmark device update GW7-000001 --label site=berlin --label "
           "rack:=42\n"
           "birthmark device update GW7-000001 --personal-label \"owner=Ann "
           "Lee\" --remove-label rack --display-name Lobby",
       .params = {device,
                  {.name = "--label",
                   .value = "KEY=VALUE",
                   .help = "set this label",
                   .kind = ParamKind::kTexts},
                  {.name = "--personal-label",
                   .value = "KEY=VALUE",
                   .help = "set this label, which is about a person",
                   .kind = ParamKind::kTexts},
                  {.name = "--remove-label",
                   .value = "KEY",
                   .help = "remove this label",
                   .kind = ParamKind::kTexts},
                  {.name = "--display-name",
                   .value = "TEXT",
                   .help = "a name for people; \"\" removes it"},
                  IdentityParam()},
       .run = Update},
  };
}

}  // namespace birthmark::cli
