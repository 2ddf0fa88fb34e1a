#include "lib/policy/device_fields.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/status_macros.h"

namespace birthmark::policy {
namespace {

absl::Status Invalid(absl::string_view field, absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                   absl::StrCat(field, ": ", text), {{"field", field}});
}

bool IsPrintableStringChar(char c) {
  return absl::ascii_isalnum(c) ||
         absl::string_view(" '()+,-./:=?").find(c) != absl::string_view::npos;
}

bool HasOuterSpace(absl::string_view value) {
  return !value.empty() && (value.front() == ' ' || value.back() == ' ');
}

absl::Status CheckText(absl::string_view value, absl::string_view field,
                       bool (*allowed)(char), absl::string_view alphabet) {
  if (value.empty() || value.size() > kMaxFieldLength) {
    return Invalid(field, absl::StrCat("must have 1 to ", kMaxFieldLength,
                                       " characters, has ", value.size()));
  }
  if (!std::all_of(value.begin(), value.end(), allowed)) {
    return Invalid(field, absl::StrCat("must hold ", alphabet, " only"));
  }
  if (HasOuterSpace(value)) {
    return Invalid(field, "must not begin or end with a space");
  }
  return absl::OkStatus();
}

bool IsPrintableAscii(char c) { return absl::ascii_isprint(c); }

}  // namespace

absl::Status CheckSerialNumber(absl::string_view value,
                               absl::string_view field) {
  return CheckText(value, field, IsPrintableStringChar,
                   "A-Z a-z 0-9 space ' ( ) + , - . / : = ?");
}

absl::Status CheckModel(absl::string_view value, absl::string_view field) {
  return CheckText(value, field, IsPrintableAscii, "printable ASCII");
}

absl::Status CheckHardwareRevision(absl::string_view value,
                                   absl::string_view field) {
  if (value.empty()) {
    return absl::OkStatus();
  }
  return CheckText(value, field, IsPrintableAscii, "printable ASCII");
}

absl::Status CheckModels(absl::Span<const std::string> models,
                         absl::string_view field) {
  if (models.empty() || models.size() > kMaxModels) {
    return Invalid(field, absl::StrCat("must have 1 to ", kMaxModels,
                                       " models, has ", models.size()));
  }
  for (const std::string& model : models) {
    BIRTHMARK_RETURN_IF_ERROR(CheckModel(model, field));
  }
  std::vector<absl::string_view> sorted(models.begin(), models.end());
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return Invalid(field, "a model stands twice");
  }
  return absl::OkStatus();
}

absl::Status CheckModelAllowed(absl::Span<const std::string> models,
                               absl::string_view model) {
  if (std::find(models.begin(), models.end(), model) != models.end()) {
    return absl::OkStatus();
  }
  return MakeError(
      absl::StatusCode::kFailedPrecondition, reasons::kModelNotAllowed,
      absl::StrCat("the line may not make devices of model ", model),
      {{"model", model}});
}

}  // namespace birthmark::policy
