// fields has the checks of request fields that handlers share. All fail with
// kInvalidArgument / INVALID_FIELD, metadata field. Pure functions.

#ifndef BIRTHMARK_LIB_RPC_FIELDS_H_
#define BIRTHMARK_LIB_RPC_FIELDS_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace birthmark::rpc {

// InvalidField returns the error that says `text` of `field`.
absl::Status InvalidField(absl::string_view field, absl::string_view text);

// CheckId: the last segment of a name that the caller chooses, [a-z0-9-] and 1
// to 63 characters. Not `-` alone, which means "all" in parents.
absl::Status CheckId(absl::string_view id, absl::string_view field);

// CheckText: `min` to `max` characters of UTF-8, none of them a control
// character.
absl::Status CheckText(absl::string_view text, absl::string_view field,
                       size_t min, size_t max);

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_FIELDS_H_
