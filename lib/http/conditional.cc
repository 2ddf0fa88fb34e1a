#include "lib/http/conditional.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "lib/http/date.h"

namespace birthmark::http {
namespace {

bool IsTagCharacter(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return octet == 0x21 || (octet >= 0x23 && octet != 0x7f);
}

// TakeTag takes an opaque-tag, quotes included, off the front of `list`. Empty
// if there is none.
absl::string_view TakeTag(absl::string_view& list) {
  if (!absl::StartsWith(list, "\"")) {
    return {};
  }
  size_t end = 1;
  while (end < list.size() && IsTagCharacter(list[end])) {
    ++end;
  }
  if (end == list.size() || list[end] != '"') {
    return {};
  }
  const absl::string_view tag = list.substr(0, end + 1);
  list.remove_prefix(end + 1);
  return tag;
}

}  // namespace

bool EtagMatches(absl::string_view if_none_match, absl::string_view etag) {
  absl::string_view list = absl::StripAsciiWhitespace(if_none_match);
  if (list == "*") {
    return true;
  }
  absl::ConsumePrefix(&etag, "W/");
  while (!list.empty()) {
    if (absl::ConsumePrefix(&list, ",")) {
      list = absl::StripLeadingAsciiWhitespace(list);
      continue;
    }
    absl::ConsumePrefix(&list, "W/");
    const absl::string_view tag = TakeTag(list);
    if (tag.empty()) {
      return false;
    }
    if (tag == etag) {
      return true;
    }
    list = absl::StripLeadingAsciiWhitespace(list);
    if (!list.empty() && list.front() != ',') {
      return false;
    }
  }
  return false;
}

bool IsNotModified(const Request& request, absl::string_view etag,
                   std::optional<absl::Time> last_modified) {
  if (request.method != Method::kGet && request.method != Method::kHead) {
    return false;
  }
  if (!request.if_none_match.empty()) {
    return EtagMatches(request.if_none_match, etag);
  }
  if (request.if_modified_since.empty() || !last_modified.has_value()) {
    return false;
  }
  const std::optional<absl::Time> since =
      ParseHttpDate(request.if_modified_since);
  // The field has whole seconds.
  return since.has_value() && *last_modified < *since + absl::Seconds(1);
}

}  // namespace birthmark::http
