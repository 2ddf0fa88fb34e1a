#include "services/cli/event_text.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "services/cli/output.h"

namespace birthmark::cli {
namespace {

using device::v1::DeviceEvent;

struct Words {
  absl::string_view kind;
  absl::string_view text;
};

// A kind that is not here is told by its name.
constexpr Words kWords[] = {
    {"provisioned", "made: the line had its birth certificate issued"},
    {"registered", "registered by its birth certificate"},
    {"renewed", "got a new operational certificate"},
    {"firmware_reported", "reported its firmware"},
    {"certificate_revoked", "a certificate was revoked"},
    {"certificate_held", "a certificate was put on hold"},
    {"certificate_released", "a certificate was taken off hold"},
    {"key_blocked", "a key was blocked for ever"},
    {"updated", "labels or name changed"},
    {"quarantined", "put in quarantine"},
    {"released", "released from quarantine"},
    {"finding_raised", "FINDING"},
    {"finding_acknowledged", "a finding was acknowledged"},
    {"finding_closed", "a finding was closed"},
    {"decommissioning", "decommissioning ordered"},
    {"decommissioned", "decommissioned for good"},
    {"wipe_confirmed", "confirmed its wipe by a signed receipt"},
    {"personal_data_erased", "personal data erased"},
    {"transfer_offered", "offered to another fleet"},
    {"transfer_cancelled", "the offer to another fleet ended"},
    {"transferred", "came from another fleet"},
    {"transferred_away", "given to another fleet"},
    {"replacement_requested", "its replacement was asked for"},
    {"replaces", "took the place of another board"},
    {"replaced", "another board took its place"},
};

// The details that a person looks for, by kind; where the rest is, `device
// events --json` says.
constexpr Words kTelling[] = {
    {"firmware_reported", ""},      {"quarantined", "held"},
    {"released", "released"},       {"decommissioning", "revoked"},
    {"decommissioned", "revoked"},  {"certificate_revoked", "serial"},
    {"certificate_held", "serial"}, {"certificate_released", "serial"},
};

// "4.1.0" of "4.1.0 <SHA-256 in hex>": who wants the digest asks for firmware.
std::string WithoutDigest(const std::string& text) {
  constexpr size_t kDigest = 64;
  const size_t space = text.rfind(' ');
  return space != std::string::npos && text.size() - space - 1 == kDigest
             ? text.substr(0, space)
             : text;
}

std::string Telling(const DeviceEvent& event) {
  const auto& details = event.details();
  if (event.kind() == "firmware_reported") {
    std::vector<std::string> parts;
    for (const auto& [component, version] :
         std::map<std::string, std::string>(details.begin(), details.end())) {
      parts.push_back(absl::StrCat(component, " ", WithoutDigest(version)));
    }
    return absl::StrJoin(parts, ", ");
  }
  for (const Words& telling : kTelling) {
    const auto found = details.find(std::string(telling.text));
    if (telling.kind != event.kind() || found == details.end()) {
      continue;
    }
    return telling.text == "serial"
               ? found->second
               : absl::StrCat(found->second, " of its certificates ",
                              telling.text == "held"       ? "put on hold"
                              : telling.text == "released" ? "good again"
                                                           : "revoked");
  }
  return "";
}

}  // namespace

std::string EventText(const DeviceEvent& event) {
  std::string text = absl::StrReplaceAll(event.kind(), {{"_", " "}});
  for (const Words& words : kWords) {
    if (words.kind == event.kind()) {
      text = std::string(words.text);
    }
  }
  const std::string telling = Telling(event);
  if (!telling.empty()) {
    absl::StrAppend(&text, " (", telling, ")");
  }
  if (!event.reason().empty()) {
    absl::StrAppend(&text, ": ", event.reason());
  }
  return text;
}

std::string ActorText(absl::string_view actor) {
  if (actor == "birthmark:policy") {
    return "the fleet's policy";
  }
  if (absl::StartsWith(actor, "idevid:")) {
    return "the device, by its birth certificate";
  }
  // spiffe://{trust domain}/{kind}/{name}, .../fleet/{fleet}/{kind}/{name}
  const std::vector<absl::string_view> parts = absl::StrSplit(actor, '/');
  if (!absl::StartsWith(actor, "spiffe://") || parts.size() < 5) {
    return std::string(actor);
  }
  const absl::string_view kind = parts[parts.size() - 2];
  return kind == "device" ? "the device"
                          : absl::StrCat(kind, " ", parts.back());
}

void PrintTimeline(
    const google::protobuf::RepeatedPtrField<DeviceEvent>& events,
    std::ostream& out, absl::string_view indent) {
  Table table({"TIME", "WHAT", "BY"});
  for (const DeviceEvent& event : events) {
    table.Add({TimeText(event.create_time()), EventText(event),
               ActorText(event.actor())});
  }
  table.Print(out, indent);
}

}  // namespace birthmark::cli
