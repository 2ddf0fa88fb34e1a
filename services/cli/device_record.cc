#include "services/cli/device_record.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "lib/base/bytes.h"
#include "lib/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "services/cli/certificate_text.h"
#include "services/cli/error_report.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"

namespace birthmark::cli {
namespace {

using certificate::v1::Certificate;
using certificate::v1::ListCertificatesRequest;
using certificate::v1::ListCertificatesResponse;
using device::v1::Device;
using device::v1::DeviceEvent;
using device::v1::DeviceKey;
using device::v1::DeviceState;
using device::v1::FirmwareState;
using device::v1::GetDeviceRequest;
using device::v1::ListDeviceEventsRequest;
using device::v1::ListDeviceEventsResponse;
using device::v1::ListDeviceKeysRequest;
using device::v1::ListDeviceKeysResponse;

constexpr size_t kShortId = 16;

std::string ShortId(absl::string_view id) {
  return id.size() <= kShortId ? std::string(id)
                               : absl::StrCat(id.substr(0, kShortId), "…");
}

void PrintHeading(absl::string_view text, std::ostream& out) {
  out << '\n' << text << '\n';
}

void PrintFirmware(const Device& device, absl::Time now, std::ostream& out) {
  PrintHeading("Firmware", out);
  Table table({"COMPONENT", "VERSION", "SECURITY", "SHA-256", "REPORTED"});
  table.AlignRight(2);
  for (const FirmwareState& firmware : device.firmware()) {
    table.Add({firmware.component(), firmware.version(),
               absl::StrCat(firmware.security_version()),
               ShortId(HexEncode(firmware.digest())),
               AgeText(ToTime(firmware.report_time()), now)});
  }
  table.Print(out, "  ");
  if (table.size() == 0) {
    out << "  nothing reported\n";
  }
}

void PrintCertificates(const ListCertificatesResponse& certificates,
                       std::ostream& out) {
  PrintHeading("Certificates", out);
  Table table({"ISSUER", "SERIAL", "STATE", "NOT AFTER"});
  for (const Certificate& certificate : certificates.certificates()) {
    // issuers/{issuer}/certificates/{serial}
    const std::string& name = certificate.name();
    const size_t start = name.find('/') + 1;
    table.Add({name.substr(start, name.find('/', start) - start),
               LastSegment(name), CertificateStateText(certificate),
               TimeText(certificate.not_after_time())});
  }
  table.Print(out, "  ");
}

void PrintKeys(const ListDeviceKeysResponse& keys, std::ostream& out) {
  PrintHeading("Keys", out);
  Table table({"USE", "STATE", "ALGORITHM", "KEY", "SEEN"});
  for (const DeviceKey& key : keys.keys()) {
    std::string algorithm = key.algorithm();
    if (algorithm == "rsa") {
      absl::StrAppend(&algorithm, "-", key.bits());
    }
    table.Add({EnumText(device::v1::KeyUsage_Name(key.usage()), "KEY_USAGE_"),
               EnumText(device::v1::KeyState_Name(key.state()), "KEY_STATE_"),
               algorithm, ShortId(LastSegment(key.name())),
               TimeText(key.create_time())});
  }
  table.Print(out, "  ");
}

nlohmann::ordered_json ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options)
           .ok()) {
    return nlohmann::ordered_json::object();
  }
  return nlohmann::ordered_json::parse(text, nullptr, false);
}

nlohmann::ordered_json Member(const google::protobuf::Message& message,
                              const char* name) {
  const nlohmann::ordered_json json = ToJson(message);
  const auto found = json.find(name);
  return found == json.end() ? nlohmann::ordered_json::array() : *found;
}

}  // namespace

std::string DeviceStateText(DeviceState state) {
  return EnumText(device::v1::DeviceState_Name(state), "DEVICE_STATE_");
}

absl::StatusOr<Device> FetchDevice(rpc::Channel& inventory,
                                   absl::string_view name) {
  GetDeviceRequest request;
  BIRTHMARK_ASSIGN_OR_RETURN(*request.mutable_name(), DeviceName(name));
  return inventory.Unary<Device>("birthmark.device.v1.DeviceService.GetDevice",
                                 request);
}

absl::StatusOr<ListDeviceEventsResponse> FetchEvents(rpc::Channel& inventory,
                                                     const std::string& name) {
  ListDeviceEventsRequest request;
  request.set_parent(name);
  return ListAll<ListDeviceEventsResponse>(
      inventory, "birthmark.device.v1.DeviceService.ListDeviceEvents", request,
      [](const auto& r) { return r.events_size(); });
}

absl::StatusOr<DeviceRecord> FetchRecord(rpc::Channel& inventory,
                                         absl::string_view name) {
  DeviceRecord record;
  BIRTHMARK_ASSIGN_OR_RETURN(record.device, FetchDevice(inventory, name));
  ListDeviceKeysRequest keys;
  keys.set_parent(record.device.name());
  BIRTHMARK_ASSIGN_OR_RETURN(
      record.keys,
      ListAll<ListDeviceKeysResponse>(
          inventory, "birthmark.device.v1.DeviceService.ListDeviceKeys", keys,
          [](const auto& r) { return r.keys_size(); }));
  ListCertificatesRequest certificates;
  certificates.set_parent("issuers/-");
  certificates.set_device(record.device.name());
  BIRTHMARK_ASSIGN_OR_RETURN(
      record.certificates,
      ListAll<ListCertificatesResponse>(
          inventory,
          "birthmark.certificate.v1.CertificateService.ListCertificates",
          certificates, [](const auto& r) { return r.certificates_size(); }));
  BIRTHMARK_ASSIGN_OR_RETURN(record.events,
                             FetchEvents(inventory, record.device.name()));
  return record;
}

void PrintRecord(const DeviceRecord& record, absl::Time now,
                 std::ostream& out) {
  const Device& device = record.device;
  out << OneLine(device.model()) << ' ' << OneLine(device.serial_number())
      << "  " << absl::AsciiStrToUpper(DeviceStateText(device.state())) << '\n';
  PrintFields(out,
              {{"Device", device.name()},
               {"Name", device.display_name()},
               {"Hardware", device.hardware_revision()},
               {"Made by", device.line()},
               {"Batch", LastSegment(device.batch())},
               {"Made", TimeText(device.create_time())},
               {"Last contact",
                device.has_last_contact_time()
                    ? absl::StrCat(
                          TimeText(device.last_contact_time()), " (",
                          AgeText(ToTime(device.last_contact_time()), now), ")")
                    : "never"},
               {"Decommissioned", device.has_decommission_time()
                                      ? TimeText(device.decommission_time())
                                      : ""}},
              "  ");
  PrintFirmware(device, now, out);
  PrintCertificates(record.certificates, out);
  PrintKeys(record.keys, out);
  PrintHeading("Timeline", out);
  PrintEvents(record.events, out, "  ");
}

void PrintRecordJson(const DeviceRecord& record, std::ostream& out) {
  nlohmann::ordered_json json;
  json["device"] = ToJson(record.device);
  json["keys"] = Member(record.keys, "keys");
  json["certificates"] = Member(record.certificates, "certificates");
  json["events"] = Member(record.events, "events");
  out << json.dump(2) << '\n';
}

void PrintEvents(const ListDeviceEventsResponse& events, std::ostream& out,
                 absl::string_view indent) {
  Table table({"TIME", "EVENT", "STATE", "ACTOR", "REASON"});
  for (const DeviceEvent& event : events.events()) {
    std::string state = DeviceStateText(event.to_state());
    if (event.from_state() != event.to_state() &&
        event.from_state() != device::v1::DEVICE_STATE_UNSPECIFIED) {
      state = absl::StrCat(DeviceStateText(event.from_state()), " → ", state);
    }
    table.Add({TimeText(event.create_time()), event.kind(), state,
               event.actor(), event.reason()});
  }
  table.Print(out, indent);
}

}  // namespace birthmark::cli
