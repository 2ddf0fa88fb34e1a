// Conditional requests (RFC 9110, 13). Pure functions.

#ifndef BIRTHMARK_LIB_HTTP_CONDITIONAL_H_
#define BIRTHMARK_LIB_HTTP_CONDITIONAL_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/http/message.h"

namespace birthmark::http {

// EtagMatches says whether the value of an If-None-Match field, a list of
// entity tags or `*`, names `etag` (with its quotes), by weak comparison. A
// list that is malformed matches nothing beyond its first error.
bool EtagMatches(absl::string_view if_none_match, absl::string_view etag);

// IsNotModified says whether a GET or HEAD is to be answered 304 for a
// representation with this tag and time. If-None-Match, if it is there, decides
// alone.
bool IsNotModified(const Request& request, absl::string_view etag,
                   std::optional<absl::Time> last_modified);

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_CONDITIONAL_H_
