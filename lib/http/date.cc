#include "lib/http/date.h"

#include "absl/time/civil_time.h"

namespace birthmark::http {
namespace {

constexpr char kFormat[] = "%a, %d %b %Y %H:%M:%S GMT";
constexpr absl::string_view kExample = "Sun, 06 Nov 1994 08:49:37 GMT";

}  // namespace

std::string HttpDate(absl::Time time) {
  return absl::FormatTime("%a, %d %b %E4Y %H:%M:%S GMT", time,
                          absl::UTCTimeZone());
}

std::optional<absl::Time> ParseHttpDate(absl::string_view text) {
  if (text.size() != kExample.size()) {
    return std::nullopt;
  }
  absl::Time time;
  std::string error;
  // abseil takes more spellings than there are: the one that it writes counts.
  if (!absl::ParseTime(kFormat, text, absl::UTCTimeZone(), &time, &error) ||
      HttpDate(time) != text) {
    return std::nullopt;
  }
  return time;
}

}  // namespace birthmark::http
