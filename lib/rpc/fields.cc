#include "lib/rpc/fields.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"

namespace birthmark::rpc {

absl::Status InvalidField(absl::string_view field, absl::string_view text) {
  return MakeError(absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
                   absl::StrCat(field, ": ", text), {{"field", field}});
}

absl::Status CheckId(absl::string_view id, absl::string_view field) {
  if (!IsResourceId(id) || id == "-") {
    return InvalidField(field,
                        "must have 1 to 63 characters of a-z, 0-9 and -");
  }
  return absl::OkStatus();
}

absl::Status CheckText(absl::string_view text, absl::string_view field,
                       size_t min, size_t max) {
  // Protobuf has seen to it that this is UTF-8: count what starts a character.
  const size_t length = static_cast<size_t>(
      std::count_if(text.begin(), text.end(),
                    [](unsigned char c) { return (c & 0xC0) != 0x80; }));
  if (length < min || length > max) {
    return InvalidField(field, absl::StrCat("must have ", min, " to ", max,
                                            " characters, has ", length));
  }
  if (std::any_of(text.begin(), text.end(),
                  [](unsigned char c) { return absl::ascii_iscntrl(c); })) {
    return InvalidField(field, "must not hold control characters");
  }
  return absl::OkStatus();
}

}  // namespace birthmark::rpc
