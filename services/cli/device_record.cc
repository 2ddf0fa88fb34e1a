#include "services/cli/device_record.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/util/json_util.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "services/cli/device_selection.h"
#include "services/cli/device_text.h"
#include "services/cli/error_report.h"
#include "services/cli/event_text.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/paging.h"

namespace birthmark::cli {
namespace {

using certificate::v1::ListCertificatesRequest;
using certificate::v1::ListCertificatesResponse;
using device::v1::Decommission;
using device::v1::Device;
using device::v1::DeviceEvent;
using device::v1::GetDecommissionRequest;
using device::v1::GetDeviceRequest;
using device::v1::ListDeviceEventsRequest;
using device::v1::ListDeviceEventsResponse;
using device::v1::ListDeviceKeysRequest;
using device::v1::ListDeviceKeysResponse;
using device::v1::ListDevicesRequest;
using device::v1::ListDevicesResponse;
using device::v1::ListFindingsRequest;
using device::v1::ListFindingsResponse;

constexpr char kListDevices[] = "birthmark.device.v1.DeviceService.ListDevices";
constexpr char kListEvents[] =
    "birthmark.device.v1.DeviceService.ListDeviceEvents";
// Shown, and looked through for the last change of state.
constexpr int kTimeline = 15;
constexpr int kTimelineSought = 100;
// More candidates than this help nobody to choose.
constexpr int64_t kCandidates = 20;

absl::StatusOr<std::vector<Device>> Find(rpc::Channel& inventory,
                                         absl::string_view field,
                                         absl::string_view value) {
  ListDevicesRequest request;
  request.set_parent("fleets/-");
  request.set_filter(FilterTerm(field, value));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const auto response,
      ListAll<ListDevicesResponse>(
          inventory, kListDevices, request,
          [](const auto& r) { return r.devices_size(); }, kCandidates));
  return std::vector<Device>(response.devices().begin(),
                             response.devices().end());
}

// The one that is meant, of those with what was typed.
absl::StatusOr<Device> Choose(absl::string_view text,
                              const std::vector<Device>& found) {
  if (found.empty()) {
    return MakeError(
        absl::StatusCode::kNotFound, birthmark::reasons::kDeviceNotFound,
        absl::StrCat("no device has the serial number, certificate or key '",
                     text, "'"),
        {{"resource", std::string(text)}});
  }
  std::vector<const Device*> living;
  for (const Device& device : found) {
    if (device.state() != device::v1::DEVICE_STATE_DECOMMISSIONED) {
      living.push_back(&device);
    }
  }
  if (found.size() == 1) {
    return found.front();
  }
  if (living.size() == 1) {
    return *living.front();
  }
  return UsageError(absl::StrCat(
      found.size(), " devices have the serial number '", text,
      "': name one of ",
      absl::StrJoin(found, ", ", [](std::string* out, const Device& device) {
        absl::StrAppend(out, device.name(), " (", device.model(), ", ",
                        DeviceStateText(device.state()), ")");
      })));
}

// The filter wants whatever openssl prints in the form that is stored.
std::string PlainHex(absl::string_view text) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(text), {{":", ""}});
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

// How the device came into its state.
struct Change {
  absl::Time time = absl::InfinitePast();
  std::string actor;
  std::string reason;
};

Change LastChange(const DeviceRecord& record) {
  const Device& device = record.device;
  if (device.has_quarantine()) {
    return {ToTime(device.quarantine().create_time()),
            device.quarantine().actor(), device.quarantine().reason()};
  }
  if (record.decommission.has_value()) {
    const Decommission& end = *record.decommission;
    return {ToTime(end.has_end_time() ? end.end_time() : end.create_time()),
            end.actor(), end.reason()};
  }
  for (const DeviceEvent& event : record.events.events()) {
    if (event.from_state() != event.to_state() &&
        event.to_state() == device.state()) {
      return {ToTime(event.create_time()), event.actor(), event.reason()};
    }
  }
  return {};
}

void PrintHead(const DeviceRecord& record, absl::Time now, std::ostream& out) {
  const Device& device = record.device;
  const Change change = LastChange(record);
  out << OneLine(device.model()) << ' ' << OneLine(device.serial_number())
      << ": " << absl::AsciiStrToUpper(DeviceStateText(device.state()));
  if (change.time != absl::InfinitePast()) {
    out << " since " << TimeText(change.time) << " ("
        << AgeText(change.time, now) << ")";
  }
  out << '\n';
  std::vector<std::pair<std::string, std::string>> fields = {
      {"By", ActorText(change.actor)}, {"Because", change.reason}};
  if (device.has_quarantine()) {
    fields.push_back({"Playbook", device.quarantine().playbook()});
    fields.push_back(
        {"Holds", CountText(device.quarantine().held_certificates_size(),
                            "certificate")});
    fields.push_back({"To undo", absl::StrCat("birthmark device release ",
                                              device.uid(), " --reason TEXT")});
  }
  if (record.decommission.has_value()) {
    const Decommission& end = *record.decommission;
    fields.push_back({"Part of the job", ShortName(end.job())});
    fields.push_back({"Wipe", WipeText(end, now)});
    fields.push_back(
        {"Signed certificate",
         end.certificate_jws().empty()
             ? "none yet"
             : absl::StrCat("birthmark device decommission-certificate ",
                            device.uid())});
  }
  if (device.renewal_denied()) {
    fields.push_back(
        {"Renewal", "DENIED, until the findings below are closed"});
  }
  PrintFields(out, fields, "  ");
}

void PrintIdentity(const Device& device, absl::Time now, std::ostream& out) {
  PrintFields(out,
              {{"Device", device.name()},
               {"Name", device.display_name()},
               {"Hardware", device.hardware_revision()},
               {"Made", TimeText(device.create_time())},
               {"Made by", device.line()},
               {"Batch", LastSegment(device.batch())},
               {"Of this fleet since",
                device.has_fleet_time() ? TimeText(device.fleet_time()) : ""},
               {"Replaces", device.replaces()},
               {"Replaced by", device.replaced_by()},
               {"Labels", LabelsText(device)},
               {"Last contact", WhenText(device.last_contact_time(), now)}},
              "  ");
}

void PrintHeading(absl::string_view text, bool is_empty,
                  absl::string_view if_empty, std::ostream& out) {
  out << '\n'
      << text << (is_empty ? ": " : "") << (is_empty ? if_empty : "") << '\n';
}

}  // namespace

absl::StatusOr<Device> FetchDevice(rpc::Channel& inventory,
                                   absl::string_view text) {
  if (absl::StatusOr<std::string> name = DeviceName(text);
      name.ok() || absl::StrContains(text, '/')) {
    if (!name.ok()) {
      return std::move(name).status();
    }
    GetDeviceRequest request;
    request.set_name(*std::move(name));
    return inventory.Unary<Device>(
        "birthmark.device.v1.DeviceService.GetDevice", request);
  }
  if (text.empty()) {
    return DeviceName(text).status();
  }
  const std::string hex = PlainHex(text);
  if (IsKeyId(hex)) {
    BIRTHMARK_ASSIGN_OR_RETURN(const auto found, Find(inventory, "key", hex));
    return Choose(text, found);
  }
  // An asterisk at the end would mean a prefix.
  BIRTHMARK_ASSIGN_OR_RETURN(
      std::vector<Device> found,
      absl::EndsWith(text, "*")
          ? absl::StatusOr<std::vector<Device>>(std::vector<Device>())
          : Find(inventory, "serial_number", text));
  if (found.empty() && IsSerial(hex)) {
    BIRTHMARK_ASSIGN_OR_RETURN(found, Find(inventory, "certificate", hex));
  }
  return Choose(text, found);
}

absl::StatusOr<ListDeviceEventsResponse> FetchEvents(rpc::Channel& inventory,
                                                     const std::string& name) {
  ListDeviceEventsRequest request;
  request.set_parent(name);
  return ListAll<ListDeviceEventsResponse>(
      inventory, kListEvents, request,
      [](const auto& r) { return r.events_size(); });
}

absl::StatusOr<Decommission> FetchDecommission(rpc::Channel& inventory,
                                               const std::string& name) {
  GetDecommissionRequest request;
  request.set_name(name);
  return inventory.Unary<Decommission>(
      "birthmark.device.v1.DeviceService.GetDecommission", request);
}

absl::StatusOr<DeviceRecord> FetchRecord(rpc::Channel& inventory,
                                         absl::string_view text) {
  DeviceRecord record;
  BIRTHMARK_ASSIGN_OR_RETURN(record.device, FetchDevice(inventory, text));
  const std::string& name = record.device.name();
  ListDeviceKeysRequest keys;
  keys.set_parent(name);
  BIRTHMARK_ASSIGN_OR_RETURN(
      record.keys,
      ListAll<ListDeviceKeysResponse>(
          inventory, "birthmark.device.v1.DeviceService.ListDeviceKeys", keys,
          [](const auto& r) { return r.keys_size(); }));
  ListCertificatesRequest certificates;
  certificates.set_parent("issuers/-");
  certificates.set_device(name);
  BIRTHMARK_ASSIGN_OR_RETURN(
      record.certificates,
      ListAll<ListCertificatesResponse>(
          inventory,
          "birthmark.certificate.v1.CertificateService.ListCertificates",
          certificates, [](const auto& r) { return r.certificates_size(); }));
  ListFindingsRequest findings;
  findings.set_parent(name.substr(0, name.find("/devices/")));
  findings.set_device(name);
  BIRTHMARK_ASSIGN_OR_RETURN(
      record.findings,
      ListAll<ListFindingsResponse>(
          inventory, "birthmark.device.v1.FindingService.ListFindings",
          findings, [](const auto& r) { return r.findings_size(); }));
  ListDeviceEventsRequest events;
  events.set_parent(name);
  events.set_newest_first(true);
  BIRTHMARK_ASSIGN_OR_RETURN(
      record.events,
      ListAll<ListDeviceEventsResponse>(
          inventory, kListEvents, events,
          [](const auto& r) { return r.events_size(); }, kTimelineSought));
  if (record.device.state() == device::v1::DEVICE_STATE_DECOMMISSIONING ||
      record.device.state() == device::v1::DEVICE_STATE_DECOMMISSIONED) {
    absl::StatusOr<Decommission> end = FetchDecommission(inventory, name);
    if (end.ok()) {
      record.decommission = *std::move(end);
    } else if (!absl::IsNotFound(end.status())) {
      return std::move(end).status();
    }
  }
  return record;
}

void PrintRecord(const DeviceRecord& record, absl::Time now,
                 std::ostream& out) {
  const Device& device = record.device;
  PrintHead(record, now, out);
  out << '\n';
  PrintIdentity(device, now, out);
  PrintHeading("Findings that are not closed",
               record.findings.findings_size() == 0, "none", out);
  PrintFindings(record.findings.findings(), /*with_device=*/false, now, out,
                "  ");
  PrintHeading("Certificates", record.certificates.certificates_size() == 0,
               "none", out);
  PrintCertificates(record.certificates.certificates(), out, "  ");
  PrintHeading("Keys", record.keys.keys_size() == 0, "none", out);
  PrintKeys(record.keys.keys(), /*whole_ids=*/false, out, "  ");
  PrintHeading("Firmware", device.firmware_size() == 0, "nothing reported",
               out);
  PrintFirmware(device.firmware(), now, out, "  ");
  const int count = record.events.events_size();
  const bool cut =
      count > kTimeline || !record.events.next_page_token().empty();
  PrintHeading(cut ? "Timeline, newest first (all of it: birthmark device "
                     "events)"
                   : "Timeline, newest first",
               count == 0, "nothing yet", out);
  google::protobuf::RepeatedPtrField<DeviceEvent> shown =
      record.events.events();
  if (count > kTimeline) {
    shown.DeleteSubrange(kTimeline, count - kTimeline);
  }
  PrintTimeline(shown, out, "  ");
}

void PrintRecordJson(const DeviceRecord& record, std::ostream& out) {
  nlohmann::ordered_json json;
  json["device"] = ToJson(record.device);
  json["keys"] = Member(record.keys, "keys");
  json["certificates"] = Member(record.certificates, "certificates");
  json["findings"] = Member(record.findings, "findings");
  if (record.decommission.has_value()) {
    json["decommission"] = ToJson(*record.decommission);
  }
  json["events"] = Member(record.events, "events");
  out << json.dump(2) << '\n';
}

}  // namespace birthmark::cli
