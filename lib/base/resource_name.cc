#include "lib/base/resource_name.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/base/reasons.h"

namespace birthmark {
namespace {

bool IsVariable(absl::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

bool IsValue(absl::string_view text, bool allow_all) {
  // A lone dash would be a valid resource id; it always means "all of them".
  if (text == "-") {
    return allow_all;
  }
  return IsResourceId(text) || IsKeyId(text);
}

absl::StatusOr<std::vector<std::string>> Match(absl::string_view pattern,
                                               absl::string_view name,
                                               absl::string_view field,
                                               bool allow_all) {
  const std::vector<absl::string_view> wanted = absl::StrSplit(pattern, '/');
  const std::vector<absl::string_view> found = absl::StrSplit(name, '/');
  bool matches = wanted.size() == found.size();
  std::vector<std::string> values;
  for (size_t i = 0; matches && i < wanted.size(); ++i) {
    if (IsVariable(wanted[i])) {
      matches = IsValue(found[i], allow_all);
      values.emplace_back(found[i]);
    } else {
      matches = wanted[i] == found[i];
    }
  }
  if (!matches) {
    return MakeError(absl::StatusCode::kInvalidArgument,
                     reasons::kBadResourceName,
                     absl::StrCat("the field ", field, " must be ", pattern),
                     {{"field", field}, {"expected", pattern}});
  }
  return values;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseName(absl::string_view pattern,
                                                   absl::string_view name,
                                                   absl::string_view field) {
  return Match(pattern, name, field, /*allow_all=*/false);
}

absl::StatusOr<std::vector<std::string>> ParseParent(absl::string_view pattern,
                                                     absl::string_view name,
                                                     absl::string_view field) {
  return Match(pattern, name, field, /*allow_all=*/true);
}

std::string FormatName(absl::string_view pattern,
                       std::initializer_list<absl::string_view> values) {
  std::string name;
  auto value = values.begin();
  for (const absl::string_view segment : absl::StrSplit(pattern, '/')) {
    if (!name.empty()) {
      name.push_back('/');
    }
    absl::StrAppend(&name, IsVariable(segment) && value != values.end()
                               ? *value++
                               : segment);
  }
  return name;
}

}  // namespace birthmark
