#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/base/status_macros.h"
#include "lib/crypto/ids.h"
#include "services/cli/ask.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/device_bulk.h"
#include "services/cli/device_record.h"
#include "services/cli/device_text.h"
#include "services/cli/error_report.h"
#include "services/cli/names.h"
#include "services/cli/output.h"

namespace birthmark::cli {
namespace {

using certificate::v1::Certificate;
using device::v1::DecommissionDeviceRequest;
using device::v1::Device;
using device::v1::DeviceKey;
using device::v1::QuarantineDeviceRequest;
using device::v1::ReleaseDeviceRequest;

std::string Method(absl::string_view name) {
  return absl::StrCat("birthmark.device.v1.DeviceService.", name);
}

absl::StatusOr<int> Quarantine(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const bool is_bulk, IsBulk(args));
  if (is_bulk) {
    return RunBulk(device::v1::DEVICE_JOB_ACTION_QUARANTINE, args, context);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  // No etag: what is wrong with it does not wait for a second look.
  BIRTHMARK_ASSIGN_OR_RETURN(const Device found,
                             FetchDevice(*channel, args.Text("DEVICE")));
  QuarantineDeviceRequest request;
  request.set_name(found.name());
  request.set_reason(args.Text("--reason"));
  request.set_playbook(args.Text("--playbook"));
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const Device device,
      channel->Unary<Device>(Method("QuarantineDevice"), request));
  if (context.json) {
    PrintJson(context.out, device);
    return kExitOk;
  }
  context.out << device.name() << " is " << DeviceStateText(device.state())
              << (found.state() == device.state() ? " already, since "
                                                  : " since ")
              << TimeText(device.quarantine().create_time()) << ": "
              << CountText(device.quarantine().held_certificates_size(),
                           "certificate")
              << " on hold\n";
  return kExitOk;
}

absl::StatusOr<int> Release(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const bool is_bulk, IsBulk(args));
  if (is_bulk) {
    return RunBulk(device::v1::DEVICE_JOB_ACTION_RELEASE, args, context);
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const Device found,
                             FetchDevice(*channel, args.Text("DEVICE")));
  ReleaseDeviceRequest request;
  request.set_name(found.name());
  request.set_etag(found.etag());
  request.set_reason(args.Text("--reason"));
  request.set_request_id(crypto::NewRequestId());
  BIRTHMARK_ASSIGN_OR_RETURN(
      const Device device,
      channel->Unary<Device>(Method("ReleaseDevice"), request));
  if (context.json) {
    PrintJson(context.out, device);
    return kExitOk;
  }
  context.out << device.name() << " is " << DeviceStateText(device.state());
  if (found.has_quarantine()) {
    context.out << ": " << found.quarantine().held_certificates_size()
                << " of its certificates were on hold for that";
  }
  context.out << '\n';
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
                    {"Serial number", device.serial_number()},
                    {"Name", device.display_name()}});
  out << "This retires it for good: " << CountText(certificates, "certificate")
      << " will be revoked and " << CountText(keys, "key")
      << " retired for ever; it is asked to wipe itself, and what is personal "
         "is erased.\n";
}

absl::StatusOr<int> Decommission(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const bool is_bulk, IsBulk(args));
  if (is_bulk) {
    return RunBulk(device::v1::DEVICE_JOB_ACTION_DECOMMISSION, args, context);
  }
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
      channel->Unary<Device>(Method("DecommissionDevice"), request));
  if (context.json) {
    PrintJson(context.out, device);
    return kExitOk;
  }
  context.out << device.name() << " is " << DeviceStateText(device.state())
              << '\n';
  if (device.state() == device::v1::DEVICE_STATE_DECOMMISSIONING) {
    context.out << "It is told to wipe itself when it next calls; until then: "
                   "birthmark device decommission-status "
                << device.uid() << '\n';
  }
  return kExitOk;
}

std::vector<Param> ActParams(std::vector<Param> own) {
  Param device = DeviceParam();
  device.required = false;
  device.help = "one device: its uid, name, or serial number";
  std::vector<Param> params = {device,
                               {.name = "--reason",
                                .value = "TEXT",
                                .help = "why, for the record; nothing personal",
                                .required = true}};
  params.insert(params.end(), own.begin(), own.end());
  for (Param& param : BulkParams()) {
    params.push_back(std::move(param));
  }
  params.push_back(
      {.name = "--yes", .help = "do not ask", .kind = ParamKind::kSwitch});
  params.push_back(IdentityParam());
  return params;
}

constexpr char kMany[] =
    "\n\nMany at a time: name a fleet and options that select, or a CSV. It is "
    "counted and\nshown first, and asked about unless --yes is given; then a "
    "job of the service does\nit, which is followed to its end. Above a number "
    "of devices a second operator must\napprove. The exit code is 1 if some of "
    "them could not be done.";

}  // namespace

std::vector<Command> DeviceActCommands() {
  return {
      {.path = "device quarantine",
       .summary = "Isolates devices, reversibly.",
       .details = absl::StrCat(
           "At once, without asking, for one device: it is refused "
           "everywhere, and its\ncertificates are put on hold.",
           kMany),
       .examples = "birthmark device quarantine GW7-000001 --reason \"strange "
                   "traffic\" --playbook https://wiki/ir-7\n"
                   "birthmark device quarantine --fleet acme --firmware "
                   "application=4.1.0 --reason \"recalled firmware\"",
       .params = ActParams({{.name = "--playbook",
                             .value = "TEXT",
                             .help = "which playbook is being followed: a name "
                                     "or a link"}}),
       .run = Quarantine},
      {.path = "device release",
       .summary = "Takes devices out of quarantine.",
       .details = absl::StrCat(
           "Exactly the certificates that the quarantine put on hold are good "
           "again. Findings\nstay open: `birthmark finding close` closes them.",
           kMany),
       .examples = "birthmark device release GW7-000001 --reason \"false "
                   "alarm\"\n"
                   "birthmark device release --fleet acme --state quarantined "
                   "--model gateway-7 --reason \"fixed\"",
       .params = ActParams({}),
       .run = Release},
      {.path = "device decommission",
       .summary = "Retires devices for good.",
       .details = absl::StrCat(
           "Revokes all certificates, retires all keys for ever, asks the "
           "device to wipe\nitself, erases what is personal, and in the end "
           "gives a signed certificate. Shows\nwhat will happen and asks, "
           "unless --yes is given.",
           kMany),
       .examples = "birthmark device decommission GW7-000001 --reason "
                   "scrapped\n"
                   "birthmark device decommission --fleet acme --model "
                   "gateway-5 --reason \"end of life\" --job eol-gw5\n"
                   "birthmark device decommission --fleet acme --csv "
                   "scrapped.csv --reason scrapped --yes --detach",
       .params = ActParams({}),
       .run = Decommission},
  };
}

}  // namespace birthmark::cli
