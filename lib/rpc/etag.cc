#include "lib/rpc/etag.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"

namespace birthmark::rpc {

std::string MakeEtag(int64_t version) {
  return absl::StrCat("\"", version, "\"");
}

absl::StatusOr<int64_t> ParseEtag(absl::string_view etag,
                                  absl::string_view field) {
  int64_t version = 0;
  if (etag.size() < 3 ||
      !absl::SimpleAtoi(etag.substr(1, etag.size() - 2), &version) ||
      version <= 0 || MakeEtag(version) != etag) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, reasons::kInvalidField,
        absl::StrCat(field, etag.empty() ? " is missing" : " is malformed",
                     ": send the etag of the resource as it was last read"),
        {{"field", field}});
  }
  return version;
}

absl::StatusOr<std::optional<int64_t>> ParseOptionalEtag(
    absl::string_view etag, absl::string_view field) {
  if (etag.empty()) {
    return std::optional<int64_t>();
  }
  absl::StatusOr<int64_t> version = ParseEtag(etag, field);
  if (!version.ok()) {
    return version.status();
  }
  return std::optional<int64_t>(*version);
}

}  // namespace birthmark::rpc
