#include "services/cli/device_text.h"

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "lib/base/bytes.h"
#include "services/cli/certificate_text.h"
#include "services/cli/finding_text.h"
#include "services/cli/label_text.h"
#include "services/cli/names.h"
#include "services/cli/output.h"

namespace birthmark::cli {
namespace {

using certificate::v1::Certificate;
using device::v1::Decommission;
using device::v1::Device;
using device::v1::DeviceKey;
using device::v1::DeviceState;
using device::v1::Finding;
using device::v1::FirmwareState;
using google::protobuf::RepeatedPtrField;
using google::protobuf::Timestamp;

constexpr size_t kShortId = 16;

}  // namespace

std::string DeviceStateText(DeviceState state) {
  return EnumText(device::v1::DeviceState_Name(state), "DEVICE_STATE_");
}

std::string FirmwareText(const Device& device) {
  return absl::StrJoin(device.firmware(), ", ",
                       [](std::string* out, const FirmwareState& firmware) {
                         absl::StrAppend(out, firmware.component(), " ",
                                         firmware.version());
                       });
}

std::string LabelsText(const Device& device) {
  std::map<std::string, std::string> texts;
  for (const auto& [key, label] : device.labels()) {
    texts[key] = absl::StrCat(key, "=", LabelValueText(label),
                              label.personal() ? " (personal)" : "");
  }
  std::vector<std::string> parts;
  for (auto& [key, text] : texts) {
    parts.push_back(std::move(text));
  }
  return absl::StrJoin(parts, ", ");
}

std::string ShortId(absl::string_view id) {
  return id.size() <= kShortId ? std::string(id)
                               : absl::StrCat(id.substr(0, kShortId), "…");
}

std::string WhenText(const Timestamp& time, absl::Time now) {
  const absl::Time when = ToTime(time);
  return when == absl::InfinitePast()
             ? "never"
             : absl::StrCat(TimeText(when), " (", AgeText(when, now), ")");
}

std::string WipeText(const Decommission& decommission, absl::Time now) {
  switch (decommission.wipe_outcome()) {
    case device::v1::WIPE_OUTCOME_WAITING:
      return absl::StrCat("NOT CONFIRMED yet; the device may confirm it until ",
                          WhenText(decommission.wipe_deadline_time(), now));
    case device::v1::WIPE_OUTCOME_CONFIRMED:
      return absl::StrCat("confirmed by the device at ",
                          TimeText(decommission.wipe_time()));
    case device::v1::WIPE_OUTCOME_TIMED_OUT:
      return absl::StrCat("NOT CONFIRMED: the device did not come until ",
                          TimeText(decommission.wipe_deadline_time()));
    case device::v1::WIPE_OUTCOME_NOT_ASKED:
      return "not asked for: the device was not in the field, or its fleet "
             "does not wait";
    default:
      return "";
  }
}

void PrintFirmware(const RepeatedPtrField<FirmwareState>& firmware,
                   absl::Time now, std::ostream& out,
                   absl::string_view indent) {
  Table table({"COMPONENT", "VERSION", "SECURITY", "SHA-256", "REPORTED"});
  table.AlignRight(2);
  for (const FirmwareState& state : firmware) {
    std::string security = absl::StrCat(state.security_version());
    if (state.highest_security_version() > state.security_version()) {
      absl::StrAppend(&security, " (had ", state.highest_security_version(),
                      ")");
    }
    table.Add({state.component(), state.version(), security,
               ShortId(HexEncode(state.digest())),
               AgeText(ToTime(state.report_time()), now)});
  }
  table.Print(out, indent);
}

void PrintCertificates(const RepeatedPtrField<Certificate>& certificates,
                       std::ostream& out, absl::string_view indent) {
  Table table({"KIND", "SERIAL", "STATUS", "VALID FROM", "UNTIL"});
  for (const Certificate& certificate : certificates) {
    table.Add({LastSegment(certificate.profile()),
               ShortId(LastSegment(certificate.name())),
               CertificateStateText(certificate),
               TimeText(certificate.not_before_time()),
               TimeText(certificate.not_after_time())});
  }
  table.Print(out, indent);
}

void PrintKeys(const RepeatedPtrField<DeviceKey>& keys, bool whole_ids,
               std::ostream& out, absl::string_view indent) {
  Table table({"USE", "ALGORITHM", "LIVES IN", "STATE", "KEY", "SEEN",
               "FIRST USED", "LAST USED"});
  for (const DeviceKey& key : keys) {
    std::string algorithm = key.algorithm();
    if (algorithm == "rsa") {
      absl::StrAppend(&algorithm, "-", key.bits());
    }
    const std::string protection = absl::StrReplaceAll(
        EnumText(device::v1::KeyProtection_Name(key.protection()),
                 "KEY_PROTECTION_"),
        {{"_", " "}});
    const std::string id = LastSegment(key.name());
    table.Add({EnumText(device::v1::KeyUsage_Name(key.usage()), "KEY_USAGE_"),
               algorithm, protection == "unspecified" ? "not said" : protection,
               EnumText(device::v1::KeyState_Name(key.state()), "KEY_STATE_"),
               whole_ids ? id : ShortId(id), TimeText(key.create_time()),
               TimeText(key.first_use_time()), TimeText(key.last_use_time())});
  }
  table.Print(out, indent);
}

void PrintFindings(const RepeatedPtrField<Finding>& findings, bool with_device,
                   absl::Time now, std::ostream& out,
                   absl::string_view indent) {
  std::vector<std::string> heading = {"FINDING", "WHAT",  "STATE",
                                      "COSTS",   "TIMES", "LAST"};
  if (with_device) {
    heading.push_back("DEVICE");
  }
  Table table(heading);
  table.AlignRight(4);
  for (const Finding& finding : findings) {
    std::vector<std::string> row = {ShortName(finding.name()),
                                    FindingText(finding),
                                    FindingStateText(finding),
                                    FindingEffectText(finding),
                                    absl::StrCat(finding.times()),
                                    AgeText(ToTime(finding.last_time()), now)};
    if (with_device) {
      row.push_back(LastSegment(finding.device()));
    }
    table.Add(std::move(row));
  }
  table.Print(out, indent);
}

}  // namespace birthmark::cli
