// Dates of HTTP header fields (RFC 9110, 5.6.7). Pure functions.

#ifndef BIRTHMARK_LIB_HTTP_DATE_H_
#define BIRTHMARK_LIB_HTTP_DATE_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace birthmark::http {

// HttpDate writes `time`, cut to its second, as IMF-fixdate:
// "Sun, 06 Nov 1994 08:49:37 GMT". Years 0 to 9999.
std::string HttpDate(absl::Time time);

// ParseHttpDate reads what HttpDate writes. Nothing for any other text, the
// two obsolete formats and a wrong day of the week included: a condition that
// is not understood does not hold.
std::optional<absl::Time> ParseHttpDate(absl::string_view text);

}  // namespace birthmark::http

#endif  // BIRTHMARK_LIB_HTTP_DATE_H_
