// ParseJsonObject reads JSON that somebody else wrote. Pure function.

#ifndef BIRTHMARK_LIB_BASE_JSON_OBJECT_H_
#define BIRTHMARK_LIB_BASE_JSON_OBJECT_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace birthmark {

// kMaxJsonDepth bounds how deep objects and arrays stand in one another.
inline constexpr size_t kMaxJsonDepth = 16;

// ParseJsonObject reads one JSON object (RFC 8259) in UTF-8 without a byte
// order mark. An object whose members do not all have different names is
// refused at any depth: readers that differ in which of two they take must not
// be played off against each other. kInvalidArgument; no error repeats any of
// the text.
absl::StatusOr<nlohmann::json> ParseJsonObject(absl::string_view text);

}  // namespace birthmark

#endif  // BIRTHMARK_LIB_BASE_JSON_OBJECT_H_
