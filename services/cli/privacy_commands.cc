#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "birthmark/device/v1/privacy_service.pb.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "services/cli/ask.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/device_record.h"
#include "services/cli/device_text.h"
#include "services/cli/error_report.h"
#include "services/cli/label_text.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"

namespace birthmark::cli {
namespace {

using device::v1::Device;
using device::v1::ErasePersonalDataRequest;
using device::v1::ErasePersonalDataResponse;
using device::v1::ExportPersonalDataRequest;
using device::v1::ExportPersonalDataResponse;
using device::v1::PersonalData;

absl::StatusOr<ExportPersonalDataRequest> ExportFrom(const Arguments& args,
                                                     rpc::Channel& channel) {
  ExportPersonalDataRequest request;
  if (args.Has("DEVICE")) {
    BIRTHMARK_ASSIGN_OR_RETURN(const Device device,
                               FetchDevice(channel, args.Text("DEVICE")));
    request.set_parent(
        device.name().substr(0, device.name().find("/devices/")));
    request.set_device(device.name());
    return request;
  }
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_parent(),
                             FleetName(args.Text("--fleet")));
  BIRTHMARK_ASSIGN_OR_RETURN(auto label, ParseLabel(args.Text("--label")));
  request.mutable_label()->set_key(label.first);
  *request.mutable_label()->mutable_value() = std::move(label.second);
  return request;
}

absl::StatusOr<int> Export(const Arguments& args, Context& context) {
  const bool by_label = args.Has("--label") && args.Has("--fleet");
  if (args.Has("DEVICE") == by_label ||
      args.Has("--label") != args.Has("--fleet")) {
    return UsageError(
        "say whose data: DEVICE; or --fleet FLEET and --label KEY=VALUE");
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const ExportPersonalDataRequest request,
                             ExportFrom(args, *channel));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      ListAll<ExportPersonalDataResponse>(
          *channel, "birthmark.device.v1.PrivacyService.ExportPersonalData",
          request, [](const auto& r) { return r.personal_data_size(); }));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  for (const PersonalData& data : response.personal_data()) {
    Device device;
    *device.mutable_labels() = data.labels();
    PrintFields(context.out, {{"Device", data.device()},
                              {"Name", data.display_name()},
                              {"Labels", LabelsText(device)}});
  }
  context.out << CountText(response.personal_data_size(), "device")
              << " with personal data\n";
  return kExitOk;
}

absl::StatusOr<int> Erase(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const Device device,
                             FetchDevice(*channel, args.Text("DEVICE")));
  if (!args.Switch("--yes")) {
    int64_t labels = 0;
    for (const auto& [key, label] : device.labels()) {
      labels += label.personal();
    }
    PrintFields(
        context.err,
        {{"Device", device.name()},
         {"To be erased",
          absl::StrCat(CountText(labels, "personal label"),
                       device.display_name().empty() ? "" : " and the name")}});
    BIRTHMARK_RETURN_IF_ERROR(
        Ask("Nobody can bring it back. Erase it?", context));
  }
  ErasePersonalDataRequest request;
  request.set_name(device.name());
  request.set_etag(device.etag());
  request.set_reason(args.Text("--reason"));
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      channel->Unary<ErasePersonalDataResponse>(
          "birthmark.device.v1.PrivacyService.ErasePersonalData", request));
  if (context.json) {
    PrintJson(context.out, response);
    return kExitOk;
  }
  context.out << device.name() << ": "
              << CountText(response.erased_labels(), "personal label")
              << (response.erased_display_name() ? " and the name" : "")
              << " erased\n";
  return kExitOk;
}

}  // namespace

std::vector<Command> PrivacyCommands() {
  Param device = DeviceParam();
  device.required = false;
  return {
      {.path = "privacy export",
       .summary = "Tells all that is personal of a person.",
       .details = "Of whoever has a device, or of whoever a personal label is "
                  "about, on whichever\ndevices of a fleet. That it was told "
                  "is recorded.",
       .examples = "birthmark privacy export GW7-000001\n"
                   "birthmark privacy export --fleet acme --label \"owner=Ann "
                   "Lee\" --json",
       .params = {device,
                  {.name = "--fleet",
                   .value = "FLEET",
                   .help = "for --label: where to look"},
                  {.name = "--label",
                   .value = "KEY=VALUE",
                   .help = "the person, as a label names them"},
                  IdentityParam()},
       .run = Export},
      {.path = "privacy erase",
       .summary = "Erases what is personal of a device, for good.",
       .details = "Personal labels and its name. The audit log keeps "
                  "commitments that nobody can open\nany more. Shows it and "
                  "asks, unless --yes is given.",
       .examples =
           "birthmark privacy erase GW7-000001 --reason \"request 4711\"",
       .params = {DeviceParam(),
                  {.name = "--reason",
                   .value = "TEXT",
                   .help = "why, for the record; nothing personal",
                   .required = true},
                  {.name = "--yes",
                   .help = "do not ask",
                   .kind = ParamKind::kSwitch},
                  IdentityParam()},
       .run = Erase},
  };
}

}  // namespace birthmark::cli
