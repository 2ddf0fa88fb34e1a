#include "services/cli/finding_text.h"

#include "absl/strings/str_cat.h"

namespace birthmark::cli {
namespace {

using device::v1::Finding;

constexpr size_t kShortKey = 16;

std::string Detail(const Finding& finding, const char* name) {
  const auto found = finding.details().find(name);
  return found == finding.details().end() ? "" : found->second;
}

}  // namespace

std::string FindingText(const Finding& finding) {
  switch (finding.kind()) {
    case device::v1::FINDING_KIND_FIRMWARE_ROLLBACK: {
      std::string text =
          absl::StrCat("firmware rollback of ", finding.subject());
      const std::string now = Detail(finding, "security_version");
      const std::string highest = Detail(finding, "highest");
      if (!now.empty() && !highest.empty()) {
        absl::StrAppend(&text, ": security version ", now, ", it had ",
                        highest);
      }
      return text;
    }
    case device::v1::FINDING_KIND_FIRMWARE_DIGEST:
      return absl::StrCat("another image under the version ",
                          Detail(finding, "firmware_version"), " of ",
                          finding.subject());
    case device::v1::FINDING_KIND_SHARED_PRIME:
      return absl::StrCat("the RSA key ",
                          finding.subject().substr(0, kShortKey),
                          "… shares a prime with another: it is broken");
    default:
      return finding.subject();
  }
}

std::string FindingStateText(const Finding& finding) {
  return EnumText(device::v1::FindingState_Name(finding.state()),
                  "FINDING_STATE_");
}

std::string FindingEffectText(const Finding& finding) {
  switch (finding.effect()) {
    case device::v1::FINDING_EFFECT_DENY_RENEWAL:
      return "denies renewal";
    case device::v1::FINDING_EFFECT_QUARANTINE:
      return "quarantined it";
    default:
      return "nothing";
  }
}

}  // namespace birthmark::cli
