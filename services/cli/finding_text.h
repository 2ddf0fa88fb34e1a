// Findings in plain words. Pure functions.

#ifndef BIRTHMARK_SERVICES_CLI_FINDING_TEXT_H_
#define BIRTHMARK_SERVICES_CLI_FINDING_TEXT_H_

#include <string>

#include "absl/time/time.h"
#include "birthmark/device/v1/finding_service.pb.h"
#include "services/cli/output.h"

namespace birthmark::cli {

// FindingText returns "firmware rollback of application: security version 1,
// it had 2".
std::string FindingText(const device::v1::Finding& finding);

// FindingStateText returns "open", "acknowledged", "closed".
std::string FindingStateText(const device::v1::Finding& finding);

// FindingEffectText returns what it costs: "nothing", "denies renewal",
// "quarantined".
std::string FindingEffectText(const device::v1::Finding& finding);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_FINDING_TEXT_H_
