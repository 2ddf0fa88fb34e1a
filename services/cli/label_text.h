// Labels of devices as people type and read them. Pure functions; errors are
// INVALID_ARGUMENT / USAGE.

#ifndef BIRTHMARK_SERVICES_CLI_LABEL_TEXT_H_
#define BIRTHMARK_SERVICES_CLI_LABEL_TEXT_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "birthmark/device/v1/device_service.pb.h"

namespace birthmark::cli {

// ParseLabel takes "site=berlin", a text, or "rack:=42", "spare:=true",
// "until:=2027-01-01T00:00:00Z": a number, a flag, a time. Returns key and
// label, which is not marked personal.
absl::StatusOr<std::pair<std::string, device::v1::Label>> ParseLabel(
    absl::string_view text);

// CheckLabelKey tells whether `key` has the form of a label's key.
absl::Status CheckLabelKey(absl::string_view key);

// LabelValueText returns the value as filters compare it: 42, true,
// 2027-01-01T00:00:00Z.
std::string LabelValueText(const device::v1::Label& label);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_LABEL_TEXT_H_
