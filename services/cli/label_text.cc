#include "services/cli/label_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/timestamp.h"
#include "services/cli/error_report.h"
#include "services/cli/names.h"
#include "services/cli/output.h"

namespace birthmark::cli {
namespace {

using device::v1::Label;

constexpr size_t kMaxKey = 63;

bool IsLabelKey(absl::string_view key) {
  if (key.empty() || key.size() > kMaxKey || key[0] < 'a' || key[0] > 'z') {
    return false;
  }
  for (const char c : key) {
    if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-') {
      return false;
    }
  }
  return true;
}

absl::StatusOr<Label> Typed(absl::string_view key, absl::string_view value) {
  Label label;
  int64_t number = 0;
  if (value == "true" || value == "false") {
    label.set_flag(value == "true");
  } else if (absl::SimpleAtoi(value, &number)) {
    label.set_integer(number);
  } else if (const absl::StatusOr<absl::Time> time = ParseTime(value);
             time.ok()) {
    *label.mutable_time() = rpc::ToTimestamp(*time);
  } else {
    return UsageError(absl::StrCat(
        "'", value,
        "' is no number, no flag (true, false) and no time such as ",
        "2027-01-01T00:00:00Z; a text is written ", key, "=", value));
  }
  return label;
}

}  // namespace

absl::Status CheckLabelKey(absl::string_view key) {
  if (!IsLabelKey(key)) {
    return UsageError(absl::StrCat(
        "'", key, "' is no key of a label: want [a-z][a-z0-9_-]*, at most ",
        kMaxKey, " characters"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::pair<std::string, Label>> ParseLabel(
    absl::string_view text) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos) {
    return UsageError(
        absl::StrCat("'", text, "' is no label: want KEY=TEXT or KEY:=VALUE"));
  }
  const bool typed = equals > 0 && text[equals - 1] == ':';
  const std::string key(text.substr(0, typed ? equals - 1 : equals));
  const absl::string_view value = text.substr(equals + 1);
  BIRTHMARK_RETURN_IF_ERROR(CheckLabelKey(key));
  if (value.empty()) {
    return UsageError(absl::StrCat("the label ", key,
                                   " has no value; --remove-label ", key,
                                   " removes it"));
  }
  Label label;
  if (typed) {
    BIRTHMARK_ASSIGN_OR_RETURN(label, Typed(key, value));
  } else {
    label.set_text(std::string(value));
  }
  return std::make_pair(key, label);
}

std::string LabelValueText(const Label& label) {
  switch (label.value_case()) {
    case Label::kText:
      return label.text();
    case Label::kInteger:
      return absl::StrCat(label.integer());
    case Label::kFlag:
      return label.flag() ? "true" : "false";
    case Label::kTime:
      return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ",
                              absl::FromUnixSeconds(label.time().seconds()),
                              absl::UTCTimeZone());
    case Label::VALUE_NOT_SET:
      return "";
  }
  return "";
}

}  // namespace birthmark::cli
