// etag turns row versions into etags and back: the decimal number in quotation
// marks. Pure functions.

#ifndef BIRTHMARK_LIB_RPC_ETAG_H_
#define BIRTHMARK_LIB_RPC_ETAG_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace birthmark::rpc {

// MakeEtag returns the etag of a row version.
std::string MakeEtag(int64_t version);

// ParseEtag returns the version in an etag. kInvalidArgument / INVALID_FIELD if
// it is empty, or nothing that MakeEtag makes.
absl::StatusOr<int64_t> ParseEtag(absl::string_view etag,
                                  absl::string_view field = "etag");

// ParseOptionalEtag is ParseEtag, and nothing for an empty etag.
absl::StatusOr<std::optional<int64_t>> ParseOptionalEtag(
    absl::string_view etag, absl::string_view field = "etag");

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_ETAG_H_
